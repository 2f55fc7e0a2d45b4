"""The picture of a time series shows every look, the hidden ones too, and where it began."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.image import imread

from outputs.pictures.course import Course
from outputs.pictures.series import Series, _figure, write_series

DAYS = tuple(date(2017, 1, 1) + timedelta(days=40 * index) for index in range(12))


def _series(**changes: object) -> Series:
    inside = np.where(np.arange(12) < 6, 0.2, 0.4)
    inside[3] = np.nan
    course = Course(
        name="Brightness", inside=inside, around=np.full(12, 0.21), usual=np.full(12, 0.2), spread=np.full(12, 0.01)
    )
    series = Series(
        detection_id="home-1",
        area_name="Dabancheng 达坂城",
        event="construction",
        days=DAYS,
        courses=(course,),
        hidden_days=(DAYS[3], date(2017, 2, 2)),
        onset_after=DAYS[5],
        onset_by=DAYS[6],
        growth=((DAYS[5], 0.0), (DAYS[6], 12_300.0), (DAYS[11], 42_000.0)),
        credit="Contains modified Copernicus Sentinel data 2017-2018",
    )
    return replace(series, **changes)  # type: ignore[arg-type]  # each test knows what it changes


def _number(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def test_the_same_series_gives_the_same_bytes(tmp_path: Path) -> None:
    write_series(tmp_path / "a.png", _series())
    write_series(tmp_path / "b.png", _series())
    content = (tmp_path / "a.png").read_bytes()
    assert content == (tmp_path / "b.png").read_bytes()
    assert b"Copernicus" in content
    assert b"matplotlib" not in content


def test_every_clear_look_is_a_point_and_every_hidden_one_a_tick() -> None:
    axes = _figure(_series()).axes[0]
    points = {line.get_label(): np.asarray(line.get_xdata()) for line in axes.lines}
    assert points["inside the outline"].tolist() == [_number(day) for index, day in enumerate(DAYS) if index != 3]
    (ticks,) = (made for made in axes.collections if isinstance(made, LineCollection))
    drawn = sorted(segment[0][0] for segment in ticks.get_segments())
    assert drawn == sorted(map(_number, _series().hidden_days))


def test_the_onset_interval_is_shaded_from_the_one_day_to_the_other() -> None:
    for axes in _figure(_series()).axes:
        spans = [made for made in axes.patches if made.get_hatch()]
        left, right = (
            spans[0].get_extents().transformed(axes.transData.inverted()).x0,
            spans[0].get_extents().transformed(axes.transData.inverted()).x1,
        )
        assert (left, right) == (pytest.approx(_number(DAYS[5])), pytest.approx(_number(DAYS[6])))


def test_growth_is_drawn_in_hectares_where_there_is_one() -> None:
    with_growth, without = _figure(_series()), _figure(_series(growth=()))
    assert len(with_growth.axes) == 2
    assert len(without.axes) == 1
    (steps,) = with_growth.axes[1].lines
    np.testing.assert_allclose(np.asarray(steps.get_ydata()), [0, 1.23, 4.2, 4.2])


def test_simulated_imagery_is_banned_in_large_letters(tmp_path: Path) -> None:
    write_series(tmp_path / "a.png", _series(credit="Simulated imagery, not an observation"))
    pixels = imread(tmp_path / "a.png")
    top = pixels[:30].reshape(-1, pixels.shape[2])[:, :3]
    assert (np.abs(top - np.array([0x8F, 0, 0]) / 255) < 0.02).all(axis=1).sum() > 500


def test_a_series_without_any_past_or_hidden_look_is_drawn(tmp_path: Path) -> None:
    nothing = np.full(12, np.nan)
    course = replace(_series().courses[0], usual=nothing, spread=nothing, around=nothing)
    write_series(tmp_path / "a.png", _series(courses=(course,), hidden_days=(), event="new_event"))
    assert imread(tmp_path / "a.png").shape[1] == 900
