"""Pictures are named after their detections, and every credit line names the right years."""

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.area.pictures import credit_line, most_telling
from flows.runs.run import run_workspace

if TYPE_CHECKING:
    from tests.flows.conftest import Site


@pytest.mark.parametrize(
    ("years", "expected"),
    [
        pytest.param([2017], "of 2017", id="one"),
        pytest.param([2019, 2017, 2018, 2018], "of 2017-2019", id="a-span"),
        pytest.param([2017, 2020, 2021], "of 2017, 2020-2021", id="a-gap"),
        pytest.param([], "of no year", id="none"),
    ],
)
def test_years_are_written_short(years: list[int], expected: str) -> None:
    assert credit_line("of {years}", years) == expected


@given(years=st.sets(st.integers(1990, 2050), min_size=1))
def test_the_years_written_are_the_years_given(years: set[int]) -> None:
    said: set[int] = set()
    for span in credit_line("{years}", years).split(", "):
        first, *last = span.split("-")
        said |= set(range(int(first), int((last or [first])[0]) + 1))
    assert said == years


def test_a_credit_line_with_other_braces_stays_as_it_is() -> None:
    assert credit_line("{name} {years}", [2017]) == "{name} 2017"


def test_confirmed_detections_are_drawn_before_candidates() -> None:
    table = gpd.GeoDataFrame({"status": ["candidate", "confirmed", "confirmed"], "confidence": [0.99, 0.5, 0.7]})
    assert most_telling(table, 2).index.tolist() == [2, 1]
    assert most_telling(table, 0).empty


def test_no_more_pictures_are_drawn_than_allowed(site: "Site") -> None:
    site.configure(limits={"pictures": 0})
    report = run_workspace(site.root)
    assert report.run_dir is not None
    assert list((report.run_dir / "pictures").iterdir()) == []


def test_pictures_hold_no_path_of_this_machine(ran: "Site") -> None:
    for picture in (ran.root / "latest" / "pictures").iterdir():
        assert str(Path.cwd()).encode() not in picture.read_bytes()
