"""The series of an object are means of its own pixels and of a ring around it; its past tells what is usual."""

from datetime import date

import numpy as np
import pytest
from shapely.geometry import box

from geo.grid import Grid
from outputs.pictures.course import MAD_TO_SIGMA, courses

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_800_000, pixel_m=10, width_px=60, height_px=60)
OUTLINE = box(600_250, 4_799_700, 600_350, 4_799_800)
"""Rows 20 to 29, columns 25 to 34."""
DAYS = (
    date(2016, 7, 1),
    date(2017, 1, 10),
    date(2017, 6, 20),
    date(2017, 7, 10),
    date(2018, 1, 5),
    date(2018, 7, 5),
    date(2019, 7, 1),
)
INSIDE = (0.20, 0.50, 0.24, 0.22, 0.52, 0.40, 0.42)


def _bands() -> dict[str, np.ndarray]:
    values = np.full((len(DAYS), 60, 60), 0.1, dtype=np.float32)
    values[:, 20:30, 25:35] = np.array(INSIDE)[:, None, None]
    values[:, 18:20, 25:35] = 9.0  # nearer than 30 m: neither inside nor around
    return {"B02": values, "B03": values, "B04": values, "B08": 3 * values}


def test_each_look_is_the_mean_inside_and_around() -> None:
    brightness, index = courses(_bands(), DAYS, GRID, OUTLINE, onset_after=date(2018, 1, 5))
    assert brightness.name == "Brightness"
    np.testing.assert_allclose(brightness.inside, INSIDE, rtol=1e-6)
    np.testing.assert_allclose(brightness.around, 0.1, rtol=1e-6)
    np.testing.assert_allclose(index.inside, 0.5, rtol=1e-6)  # (3 - 1) / (3 + 1)


def test_what_is_usual_is_told_by_the_past_of_the_same_season() -> None:
    brightness, _ = courses(_bands(), DAYS, GRID, OUTLINE, onset_after=date(2018, 1, 5))
    # July of 2018: the summers before, 0.20, 0.24 and 0.22; their distances from the median are 0.02, 0.02 and 0
    assert brightness.usual[5] == pytest.approx(0.22)
    assert brightness.spread[5] == pytest.approx(MAD_TO_SIGMA * 0.02)
    # winter has two looks: too few, so all five of the past tell
    assert brightness.usual[4] == pytest.approx(0.24)


def test_without_a_past_nothing_is_called_usual() -> None:
    brightness, _ = courses(_bands(), DAYS, GRID, OUTLINE, onset_after=date(2016, 1, 1))
    assert np.isnan(brightness.usual).all()
    assert np.isnan(brightness.spread).all()


def test_a_past_of_two_looks_has_a_median_and_no_band() -> None:
    brightness, _ = courses(_bands(), DAYS, GRID, OUTLINE, onset_after=date(2017, 2, 1))
    np.testing.assert_allclose(brightness.usual, 0.35)
    assert np.isnan(brightness.spread).all()


def test_a_look_that_hides_more_than_half_of_the_object_has_no_value() -> None:
    bands = _bands()
    for values in bands.values():
        values[2, 20:26, 25:35] = np.nan  # 60 of 100 pixels
        values[3, 20:25, 25:35] = np.nan  # 50
    brightness, _ = courses(bands, DAYS, GRID, OUTLINE, onset_after=date(2018, 1, 5))
    assert np.isnan(brightness.inside[2])
    assert brightness.inside[3] == pytest.approx(INSIDE[3])


def test_one_band_alone_is_its_brightness() -> None:
    (only,) = courses({"B08": _bands()["B08"]}, DAYS, GRID, OUTLINE, onset_after=date(2018, 1, 5))
    np.testing.assert_allclose(only.inside, 3 * np.array(INSIDE), rtol=1e-6)


def test_an_outline_smaller_than_a_pixel_has_a_value() -> None:
    small = box(600_251, 4_799_751, 600_254, 4_799_754)
    brightness, _ = courses(_bands(), DAYS, GRID, small, onset_after=date(2018, 1, 5))
    np.testing.assert_allclose(brightness.inside, INSIDE, rtol=1e-6)
