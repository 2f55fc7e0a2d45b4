"""The table of scenes can be read back, and is harmless to open."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi.read.imported import formula_safe
from outputs.scenes.table import COLUMNS, Fate, SceneRow, join_scenes, write_scenes


def row(**changes: object) -> SceneRow:
    told: dict[str, object] = {
        "area_id": "west",
        "scene_id": "S2A_1",
        "observed_at": datetime(2022, 5, 1, 8, 30, tzinfo=timezone(timedelta(hours=3))),
        "platform": "sentinel-2a",
        "fate": Fate.USED,
        "clear_share": 0.75,
        "hidden_shares": {"cloud": 0.2, "beside": 0.05},
        "shift_px": (-0.3, 0.125),
        **changes,
    }
    return SceneRow(**told)  # type: ignore[arg-type]  # as a test wants it


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_used_scene_is_told_in_full(tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes.csv", [row()])
    (told,) = read(tmp_path / "scenes.csv")
    assert tuple(told) == COLUMNS
    assert (told["observed_at"], told["is_used"], told["fate"]) == ("2022-05-01T05:30:00Z", "true", "used")
    assert (told["clear_share"], told["cloud_share"], told["snow_share"]) == ("0.75", "0.2", "0")
    assert (told["shift_down_px"], told["shift_right_px"]) == ("-0.3", "0.125")


def test_what_is_not_known_is_empty_and_not_nought(tmp_path: Path) -> None:
    unread = row(
        fate=Fate.UNREADABLE, reason="a.tif: damaged\nor cut", clear_share=None, hidden_shares=None, shift_px=None
    )
    write_scenes(tmp_path / "scenes.csv", [unread])
    (told,) = read(tmp_path / "scenes.csv")
    assert told["reason"] == "a.tif: damaged or cut"
    unknown = ("clear_share", "cloud_share", "nodata_share", "restored_share", "shift_down_px", "relative_orbit")
    assert {told[name] for name in unknown} == {""}


@given(text=st.text(max_size=20))
def test_no_text_can_begin_a_formula(text: str) -> None:
    made = formula_safe(text)
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert made.removeprefix("'") == text.removeprefix("'")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x")'])
def test_names_from_outside_stay_text(tmp_path: Path, text: str) -> None:
    write_scenes(tmp_path / "scenes.csv", [row(scene_id=text, platform=text, fate=Fate.MURKY, reason=text)])
    (told,) = read(tmp_path / "scenes.csv")
    assert told["scene_id"] == told["platform"] == told["reason"] == f"'{text}"


def test_tables_of_several_areas_become_one(tmp_path: Path) -> None:
    parts = [tmp_path / "a.csv", tmp_path / "missing.csv", tmp_path / "b.csv"]
    write_scenes(
        parts[0], [row(area_id="a", scene_id="=x"), row(area_id="a", observed_at=datetime(2023, 1, 1, tzinfo=UTC))]
    )
    write_scenes(parts[2], [row(area_id="b", reason='says "no", twice', fate=Fate.TOO_HIDDEN)])
    join_scenes(tmp_path / "all.csv", parts)
    assert read(tmp_path / "all.csv") == read(parts[0]) + read(parts[2])


def test_no_scene_leaves_a_header(tmp_path: Path) -> None:
    join_scenes(tmp_path / "all.csv", [])
    assert (tmp_path / "all.csv").read_text(encoding="utf-8") == ",".join(COLUMNS) + "\n"
