"""The share of known sites follows from the words of their notes and from the power that was measured."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from aoi.read.aspi import read_aspi
from benchmarks.perimeter_share import counted, main, power_of, share_rows


def row(contrast: float, removed: float, *, power: float, runs: int = 20, **others: object) -> dict[str, object]:
    one: dict[str, object] = {"width_m": 4.0, "contrast": contrast, "removed": removed, "looks": "6+6", "runs": runs}
    return one | {"power": power} | others


ROWS = [
    row(0.05, 1.0, power=1.0),
    row(0.05, 1.0, power=0.5),
    row(0.05, 0.33, power=0.5),
    row(0.15, 1.0, power=1.0),
    row(0.05, 1.0, power=0.0, width_m=2.0),
    row(0.05, 1.0, power=0.0, looks="3+3"),
]


def test_power_is_pooled_over_grounds_of_the_same_case_alone() -> None:
    found = power_of(ROWS, contrast=0.05, removed=1.0)
    assert found is not None
    assert found == pytest.approx((0.75, 0.588, 0.873), abs=0.001)  # 30 of 40, Clopper and Pearson
    assert power_of(ROWS, contrast=0.02, removed=1.0) is None


def test_sites_are_weighed_with_the_power_of_what_they_lost() -> None:
    sites: Mapping[str, int] = {"flagged": 10, "whole": 4, "part": 2, "building": 2}
    (found,) = share_rows(sites, ROWS, (0.25, 0.75))
    low = 4 * 0.588 + 2 * 0.272 + 2 * 0.25
    high = 4 * 0.873 + 2 * 0.728 + 2 * 0.75
    assert found["contrast"] == 0.05
    assert found["sites"] == f"{low:.1f} to {high:.1f} of 10"
    assert found["share"] == f"{low / 10:.0%} to {high / 10:.0%}"


@pytest.mark.realdata
def test_the_notes_of_the_real_table_name_ten_walls_five_of_them_in_part(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = shared_data / "reference" / "facilities" / "aspi_xjdp_CampDataset_v1.csv"
    assert counted(read_aspi(path).records) == {"flagged": 59, "whole": 5, "part": 5, "building": 3}
    (tmp_path / "power.json").write_text(json.dumps(ROWS), encoding="utf-8")
    assert main([str(path), str(tmp_path / "power.json")]) == 0
    assert "of 59" in capsys.readouterr().out
