"""Scenes and stacks that cannot be right are refused; those that are keep order, values and gaps."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.errors import GridMismatchError
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack

GRID = Grid(epsg=32645, left_m=0, top_m=0, pixel_m=10, width_px=4, height_px=3)
OTHER_GRID = Grid(epsg=32645, left_m=10, top_m=0, pixel_m=10, width_px=4, height_px=3)
NOON = datetime(2022, 5, 1, 12, tzinfo=UTC)


def scene(name: str = "s", **others: Any) -> Scene:  # noqa: ANN401 - any field of a scene
    fields: dict[str, Any] = {
        "scene_id": name,
        "observed_at": NOON,
        "platform": "sentinel-2a",
        "quantity": Quantity.REFLECTANCE,
        "grid": GRID,
        "bands": {"B02": np.full(GRID.shape, 0.1, np.float32), "B03": np.full(GRID.shape, 0.2, np.float32)},
        "is_clear": np.ones(GRID.shape, dtype=bool),
    }
    return Scene(**(fields | others))


def days_later(days: int, **others: Any) -> Scene:  # noqa: ANN401 - any field of a scene
    return scene(f"day-{days}", observed_at=NOON + timedelta(days=days), **others)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        pytest.param({"observed_at": datetime(2022, 5, 1)}, ValueError, "s: observed_at must be aware", id="naive"),  # noqa: DTZ001
        pytest.param({"bands": {}}, ValueError, "s: a scene needs at least one band", id="no-band"),
        pytest.param(
            {"bands": {"B02": np.zeros((4, 3), np.float32)}},
            GridMismatchError,
            r"B02 has shape \(4, 3\)",
            id="band-turned",
        ),
        pytest.param({"is_clear": np.ones((3, 3), bool)}, GridMismatchError, "is_clear has shape", id="mask-narrow"),
    ],
)
def test_a_scene_that_cannot_be_right_is_refused(fields: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        scene(**fields)


def test_the_day_is_that_of_utc() -> None:
    in_urumqi = datetime(2022, 5, 1, 4, 30, tzinfo=timezone(timedelta(hours=8)))
    assert scene(observed_at=in_urumqi).observed_on == date(2022, 4, 30)


def test_the_bands_of_a_scene_cannot_be_exchanged() -> None:
    given_bands = {"B02": np.zeros(GRID.shape, np.float32)}
    one = scene(bands=given_bands)
    given_bands["B99"] = np.zeros(GRID.shape, np.float32)
    assert list(one.bands) == ["B02"]
    with pytest.raises(TypeError):
        one.bands["B02"] = np.ones(GRID.shape, np.float32)  # type: ignore[index]


@given(order=st.permutations([0, 3, 10, 11, 40]))
def test_a_stack_is_in_order_of_time_whatever_order_it_is_made_in(order: list[int]) -> None:
    stack = Stack.of([days_later(days, bands={"B02": np.full(GRID.shape, days, np.float32)}) for days in order])
    assert stack.scene_ids == ("day-0", "day-3", "day-10", "day-11", "day-40")
    assert stack.days[1] == date(2022, 5, 4)
    assert stack.values[:, 0, 0, 0].tolist() == [0, 3, 10, 11, 40]


def test_a_stack_has_the_bands_that_all_scenes_have_in_the_order_of_the_first() -> None:
    grey = np.zeros(GRID.shape, np.float32)
    stack = Stack.of(
        [
            days_later(1, bands={"B04": grey, "B08": grey + 1, "B02": grey}),
            days_later(0, bands={"B08": grey + 2, "B04": grey, "B11": grey}),
        ]
    )
    assert stack.bands == ("B08", "B04")
    assert stack.values.shape == (2, 2, 3, 4)
    assert stack.values[:, 0, 0, 0].tolist() == [2, 1]


def test_what_is_not_clear_is_nan_in_every_band() -> None:
    is_clear = np.ones(GRID.shape, dtype=bool)
    is_clear[1, 2] = False
    stack = Stack.of([days_later(0), days_later(1, is_clear=is_clear)])
    np.testing.assert_array_equal(np.isnan(stack.values[1, 0]), ~is_clear)
    np.testing.assert_array_equal(stack.is_clear[1], is_clear)
    assert stack.is_clear[0].all()


def test_a_pixel_missing_in_one_band_is_not_clear() -> None:
    broken = np.full(GRID.shape, 0.1, np.float32)
    broken[0, 0] = np.nan
    stack = Stack.of([days_later(0, bands={"B02": np.ones(GRID.shape, np.float32), "B03": broken})])
    assert not stack.is_clear[0, 0, 0]
    assert stack.is_clear.sum() == 11


@pytest.mark.parametrize(
    ("second", "error", "message"),
    [
        pytest.param({"grid": OTHER_GRID}, GridMismatchError, "day-1 lies on", id="another-grid"),
        pytest.param({"quantity": Quantity.DISPLAY}, ValueError, "cannot be compared", id="another-quantity"),
        pytest.param(
            {"bands": {"B11": np.zeros(GRID.shape, np.float32)}}, ValueError, "no band is common", id="no-common-band"
        ),
        pytest.param({"observed_at": NOON}, ValueError, "must ascend, each once", id="the-same-time"),
    ],
)
def test_scenes_that_do_not_belong_together_are_refused(
    second: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Stack.of([scene(), scene("day-1", **({"observed_at": NOON + timedelta(days=1)} | second))])


def test_a_stack_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one scene"):
        Stack.of([])


def test_a_stack_must_fit_its_grid() -> None:
    stack = Stack.of([scene()])
    wider = Grid(epsg=32645, left_m=0, top_m=0, pixel_m=10, width_px=5, height_px=3)
    with pytest.raises(GridMismatchError, match="3 x 4 pixels"):
        Stack(dataset=stack.dataset, grid=wider, quantity=stack.quantity)


def test_other_values_keep_bands_dates_and_names() -> None:
    stack = Stack.of([days_later(0), days_later(1)])
    values = np.arange(48, dtype=np.float32).reshape(2, 2, 3, 4)
    other = stack.with_values(values)
    np.testing.assert_array_equal(other.values, values)
    assert (other.bands, other.days, other.scene_ids) == (stack.bands, stack.days, stack.scene_ids)
    assert float(stack.values.max()) == pytest.approx(0.2)
    assert other.shifts_px is None


def test_measured_shifts_are_kept_until_others_are_given() -> None:
    stack = Stack.of([days_later(0), days_later(1)])
    shifts = np.array([[0.0, 0.0], [0.5, -0.25]])
    moved = stack.with_values(stack.values, shifts_px=shifts)
    assert moved.with_values(stack.values).shifts_px is shifts
