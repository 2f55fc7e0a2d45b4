"""Whatever a file holds: a result, or one line of error that names it; soon, in little memory, with no row lost.

``SITEWATCH_FUZZ=10000`` reads so many damaged files for each importer; 25 without it.
"""

import os
from pathlib import Path

import pytest

from benchmarks.fuzz import MOST_GROWTH_MB, check_rows, fuzz, grown_mb
from benchmarks.fuzz_importers import Importer, Taken, importers

INPUTS = int(os.environ.get("SITEWATCH_FUZZ", "25"))


@pytest.mark.parametrize("importer", importers(), ids=lambda one: one.name.replace(" ", "-"))
def test_no_damaged_file_breaks_an_importer(tmp_path: Path, importer: Importer) -> None:
    grown = grown_mb(lambda: fuzz(importer, INPUTS, tmp_path / "fuzz"))
    assert grown < MOST_GROWTH_MB


@pytest.mark.parametrize(
    ("taken", "rows"),
    [
        pytest.param(Taken(read=3, kept=2, rejected=0, is_one_to_one=True), None, id="one-vanished"),
        pytest.param(Taken(read=2, kept=2), 3, id="one-was-never-read"),
        pytest.param(Taken(read=1, kept=0, rejected=2), None, id="more-rejected-than-read"),
    ],
)
def test_the_count_of_rows_would_notice(taken: Taken, rows: int | None) -> None:
    with pytest.raises(AssertionError):
        check_rows(taken, rows)


def test_a_crash_would_be_found(tmp_path: Path) -> None:
    def crash(path: Path) -> Taken:
        if b"<" in path.read_bytes():
            raise KeyError("a bug")
        return Taken()

    fragile = Importer(name="fragile", file_name="x.txt", content=b"sound\ntext", read=crash)
    with pytest.raises((KeyError, ExceptionGroup)):
        fuzz(fragile, 400, tmp_path / "fuzz")
