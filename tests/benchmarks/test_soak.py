"""A month of nightly runs: nothing grows that the data do not explain; and the judge of that can find fault."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.soak import soak
from benchmarks.soak_measures import Sample, stands_still


@pytest.mark.slow
def test_a_month_of_runs_grows_only_by_what_the_data_explain(tmp_path: Path) -> None:
    found = soak(tmp_path, runs=30, repeats=4)
    noisy = "memory, "  # a few runs tell nothing of the allocator: the benchmark's five hundred do
    assert [one for one in found.judged if not one.is_fine and not one.what.startswith(noisy)] == []
    kinds = [one.kind for one in found.samples]
    assert kinds.count("idle") >= 20
    assert kinds.count("repeated") == 4
    assert found.account.published == kinds.count("worked") + 4


def sample(number: int, **values: float) -> Sample:
    made = Sample(
        number=number,
        kind="idle",
        seconds=1.0,
        rss_kb=500_000.0,
        open_files=20,
        threads=4,
        files={},
        size_bytes={},
        rows={},
    )
    return replace(made, **values)  # type: ignore[arg-type]  # figures of the sample


@pytest.mark.parametrize(
    ("name", "step", "is_fine"),
    [
        pytest.param("rss_kb", 100.0, False, id="memory-grows"),
        pytest.param("rss_kb", 1.0, True, id="memory-is-noisy"),
        pytest.param("open_files", 1, False, id="files-stay-open"),
        pytest.param("threads", 1, False, id="threads-stay"),
    ],
)
def test_what_grows_where_nothing_happens_is_found(name: str, step: float, *, is_fine: bool) -> None:
    samples = [sample(number, **{name: getattr(sample(0), name) + step * number}) for number in range(30)]
    assert all(one.is_fine for one in stands_still(samples, "idle", 40.0)) is is_fine


def test_a_late_jump_is_no_growth() -> None:
    samples = [sample(number, rss_kb=500_000.0 + (60_000.0 if number > 26 else 0.0)) for number in range(30)]
    assert all(one.is_fine for one in stands_still(samples, "idle", 40.0))
