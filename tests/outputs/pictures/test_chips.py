from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import box

from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from outputs.pictures.chips import Chip, chip, chip_grid, choose_looks, days_apart_in_season

GRID = Grid(epsg=32645, left_m=400_005, top_m=4_800_005, pixel_m=10, width_px=40, height_px=30)


def _stack(days: list[date], *, names: tuple[str, ...] = ("B02", "B03", "B04")) -> Stack:
    scenes = [
        Scene(
            scene_id=f"s{index}",
            observed_at=datetime(day.year, day.month, day.day, tzinfo=UTC),
            platform="sentinel-2a",
            quantity=Quantity.REFLECTANCE,
            grid=GRID,
            bands={
                name: (np.arange(1200).reshape(30, 40) + 10_000 * number).astype(np.float32)
                for number, name in enumerate(names)
            },
            is_clear=np.ones(GRID.shape, np.bool_),
        )
        for index, day in enumerate(days)
    ]
    return Stack.of(scenes)


def _looks(days_and_shares: list[tuple[str, float]]) -> Chip:
    return Chip(
        rgb=np.zeros((len(days_and_shares), 2, 2, 3), np.float32),
        grid=Grid(epsg=32645, left_m=0, top_m=0, pixel_m=10, width_px=2, height_px=2),
        days=tuple(date.fromisoformat(day) for day, _ in days_and_shares),
        clear_share=np.array([share for _, share in days_and_shares]),
        is_true_colour=True,
    )


@given(
    left=st.floats(0, 390), width=st.floats(1, 100), top=st.floats(0, 290), height=st.floats(1, 100),
    margin_m=st.floats(0, 200),
)  # fmt: skip
def test_a_chip_lies_on_the_pixels_of_its_grid_and_holds_the_outline(
    left: float, width: float, top: float, height: float, margin_m: float
) -> None:
    right, bottom = min(left + width, 400), min(top + height, 300)
    assume(right - left > 0.01)
    assume(bottom - top > 0.01)
    outline = box(GRID.left_m + left, GRID.top_m - bottom, GRID.left_m + right, GRID.top_m - top)
    window = chip_grid(GRID, outline, margin_m=margin_m)
    first, second = window.bounds_m[:2], window.bounds_m[2:]
    assert (window.left_m - GRID.left_m) % 10 == pytest.approx(0, abs=1e-6)
    assert (GRID.top_m - window.top_m) % 10 == pytest.approx(0, abs=1e-6)
    assert first[0] >= GRID.bounds_m[0]
    assert first[1] >= GRID.bounds_m[1]
    assert second[0] <= GRID.bounds_m[2]
    assert second[1] <= GRID.bounds_m[3]
    assert box(*window.bounds_m).buffer(0.001).covers(outline)


def test_a_chip_is_square_where_the_grid_allows() -> None:
    outline = box(400_105, 4_799_845, 400_205, 4_799_885)
    assert chip_grid(GRID, outline, margin_m=50).shape == (20, 20)


def test_an_outline_off_the_grid_is_refused() -> None:
    with pytest.raises(GridMismatchError, match="outside the grid"):
        chip_grid(GRID, box(0, 0, 10, 10), margin_m=50)


def test_a_chip_holds_the_same_pixels_as_the_stack_in_red_green_blue() -> None:
    stack = _stack([date(2017, 1, 1), date(2018, 1, 1)])
    cut = chip(stack, box(400_105, 4_799_855, 400_125, 4_799_875), margin_m=10)
    # 100 m from the left edge less the margin: column 9; 130 m from the top less the margin: row 12
    assert cut.rgb.shape == (2, 4, 4, 3)
    assert cut.rgb[0, 0, 0].tolist() == [12 * 40 + 9 + 20_000, 12 * 40 + 9 + 10_000, 12 * 40 + 9]
    assert cut.grid.left_m == GRID.left_m + 90
    assert cut.grid.top_m == GRID.top_m - 120
    assert cut.is_true_colour
    assert cut.days == stack.days


def test_without_visible_bands_one_band_is_shown_in_grey() -> None:
    cut = chip(_stack([date(2017, 1, 1)], names=("VV", "VH")), box(400_105, 4_799_855, 400_125, 4_799_875), margin_m=0)
    assert not cut.is_true_colour
    assert (cut.rgb[..., 0] == cut.rgb[..., 2]).all()


def test_a_clear_chip_whose_outline_is_hidden_does_not_count_as_clear() -> None:
    stack = _stack([date(2017, 1, 1)])
    values = stack.values.copy()
    values[0, :, 13:15, 10:12] = np.nan
    hidden = stack.with_values(values)
    cut = chip(hidden, box(400_105, 4_799_855, 400_125, 4_799_875), margin_m=100)
    assert np.isfinite(cut.rgb).mean() > 0.95
    assert cut.clear_share.tolist() == [0.0]


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param(
            [("2016-06-01", 1), ("2017-05-01", 1), ("2017-06-01", 1), ("2018-06-05", 1)], (1, 3), id="latest-in-season"
        ),
        pytest.param(
            [("2016-06-01", 1), ("2017-03-01", 1), ("2017-06-01", 1), ("2018-06-05", 1)], (0, 3), id="season-first"
        ),
        pytest.param(
            [("2016-06-01", 0.8), ("2017-03-01", 0.9), ("2017-06-01", 1), ("2018-06-05", 1)], (1, 3), id="clear-first"
        ),
        pytest.param(
            [("2012-06-01", 1), ("2017-03-01", 1), ("2017-06-01", 1), ("2018-06-05", 1)], (1, 3), id="not-too-old"
        ),
        pytest.param([("2017-03-01", 1), ("2017-06-01", 1), ("2018-06-05", 0.5)], (0, 1), id="clear-after"),
        pytest.param(
            [("2016-03-01", 0.7), ("2017-03-01", 0.6), ("2017-06-01", 0.3), ("2018-06-05", 0.3)], (0, 3), id="clearest"
        ),
        pytest.param([("2017-03-01", 1), ("2017-06-01", 1), ("2019-06-05", 1)], (0, 1), id="not-after-the-last-day"),
    ],
)
def test_which_looks_are_shown(looks: list[tuple[str, float]], expected: tuple[int, int]) -> None:
    onset = {"onset_after": date(2017, 5, 2), "onset_by": date(2017, 6, 1)}
    assert choose_looks(_looks(looks), **onset, last_on=date(2018, 12, 31)) == expected


@given(shares=st.lists(st.floats(0, 1), min_size=4, max_size=12), before=st.integers(0, 2), gap=st.integers(1, 2))
def test_the_looks_never_cross_the_onset(shares: list[float], before: int, gap: int) -> None:
    days = [f"201{index % 10}-0{1 + index // 10}-15" for index in range(len(shares))]
    looks = _looks(sorted(zip(days, shares, strict=True)))
    assume(before + gap < len(shares))
    first, second = choose_looks(looks, onset_after=looks.days[before], onset_by=looks.days[before + gap])
    assert first <= before
    assert second >= before + gap


def test_a_missing_side_is_said() -> None:
    with pytest.raises(ValueError, match="2017-03-01"):
        choose_looks(_looks([("2017-03-01", 1)]), onset_after=date(2017, 3, 1), onset_by=date(2017, 6, 1))


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [("2016-12-31", "2018-01-01", 1), ("2016-06-01", "2019-06-01", 0), ("2017-01-01", "2017-07-02", 182)],
)
def test_seasons_wrap_around_the_year(first: str, second: str, apart: int) -> None:
    assert days_apart_in_season(date.fromisoformat(first), date.fromisoformat(second)) == pytest.approx(apart, abs=1)
