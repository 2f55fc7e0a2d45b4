"""Roofs taken for clouds are unmasked; clouds, which move, never are."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl
from geo.persistence import PersistenceParams, lasting_surfaces, without_false_clouds
from geo.scene import Quantity, Scene
from geo.sources.simulated import SimulatedSource, scenario
from geo.sources.simulated.weather import weather_on

SIDE = 60
FIRST = date(2022, 1, 1)
ROOF = np.s_[20:24, 30:36]


def sky(dates: int, *, step_days: int = 10) -> tuple[NDArray[np.uint8], list[date]]:
    """Return open ground (class 5) on all dates, and their days."""
    days = [FIRST + timedelta(days=step_days * index) for index in range(dates)]
    return np.full((dates, SIDE, SIDE), 5, dtype=np.uint8), days


def scene(classes: NDArray[np.uint8], day: date) -> Scene:
    return Scene(
        scene_id=f"s{day:%Y%m%d}",
        observed_at=datetime(day.year, day.month, day.day, tzinfo=UTC),
        platform="p",
        quantity=Quantity.REFLECTANCE,
        grid=Grid(epsg=32645, left_m=0, top_m=0, pixel_m=10, width_px=SIDE, height_px=SIDE),
        bands={"B04": np.full((SIDE, SIDE), 0.4, dtype=np.float32), "SCL": classes.astype(np.float32)},
        is_clear=clear_from_scl(classes.astype(np.float32), MaskParams()),
        hidden_share={"cloud": 0.01},
    )


def test_the_same_outline_on_three_dates_within_two_months_is_a_surface() -> None:
    classes, days = sky(6)
    for index in (1, 2, 4):
        classes[index][ROOF] = 8
    found = lasting_surfaces(classes, days, PersistenceParams())
    np.testing.assert_array_equal(found, classes == 8)


def test_two_dates_are_not_enough() -> None:
    classes, days = sky(6)
    classes[1][ROOF] = classes[2][ROOF] = 8
    assert not lasting_surfaces(classes, days, PersistenceParams()).any()


@pytest.mark.parametrize(("dates", "is_surface"), [(20, True), (90, False)])
def test_far_apart_in_time_a_share_of_all_dates_is_asked_for(dates: int, is_surface: bool) -> None:  # noqa: FBT001
    classes, days = sky(dates, step_days=40)
    for index in (0, 7, 15):
        classes[index][ROOF] = 9
    assert lasting_surfaces(classes, days, PersistenceParams()).any() == is_surface


def test_only_dates_on_which_the_place_can_be_judged_count_against_it() -> None:
    classes, days = sky(90, step_days=40)
    classes[16:] = 9
    for index in (0, 7, 15):
        classes[index][ROOF] = 9
    found = lasting_surfaces(classes, days, PersistenceParams())
    assert np.flatnonzero(found.any(axis=(1, 2))).tolist() == [0, 7, 15]


def test_a_cloud_that_moves_stays_masked() -> None:
    classes, days = sky(12, step_days=5)
    for index in range(12):
        classes[index, 10:16, 4 * index : 4 * index + 6] = 8
    assert not lasting_surfaces(classes, days, PersistenceParams()).any()


def test_a_cloud_over_everything_stays_masked_whenever_it_comes() -> None:
    classes, days = sky(5, step_days=5)
    classes[:] = 9
    assert not lasting_surfaces(classes, days, PersistenceParams()).any()


def test_a_roof_under_a_true_cloud_stays_masked_on_that_date() -> None:
    classes, days = sky(6)
    for index in (1, 2, 4):
        classes[index][ROOF] = 8
    classes[5, 10:40, 20:50] = 9
    found = lasting_surfaces(classes, days, PersistenceParams())
    assert found[[1, 2, 4]].any(axis=(1, 2)).all()
    assert not found[5].any()


def test_zero_dates_leave_all_masks_as_they_are() -> None:
    classes, days = sky(6)
    classes[:, 20:24, 30:36] = 8
    assert not lasting_surfaces(classes, days, PersistenceParams(min_dates=0)).any()


def test_scenes_come_back_with_the_roof_in_sight_and_their_values_untouched() -> None:
    classes, days = sky(4)
    for index in (0, 1, 2):
        classes[index][ROOF] = 8
    classes[1, 25:29, 30:36] = 3  # a true shadow beside it, whose rim reaches over the roof
    before = [scene(layer, day) for layer, day in zip(classes, days, strict=True)]
    after = without_false_clouds(before, MaskParams(), PersistenceParams(max_hidden_around=0.3))
    assert after[0].is_clear.all()
    assert dict(after[0].hidden_share) == {}
    assert after[3] is before[3]
    lowest_roof_row = after[1].is_clear[23, 30:36]
    assert not lowest_roof_row.any()
    assert after[1].is_clear[20, 30:36].all()
    for one, other in zip(before, after, strict=True):
        assert one.bands["B04"] is other.bands["B04"]


def test_at_the_edge_of_the_grid_nothing_is_unmasked() -> None:
    classes, days = sky(4)
    classes[:3, 0:5, 30:36] = 8
    after = without_false_clouds(
        [scene(layer, day) for layer, day in zip(classes, days, strict=True)], MaskParams(), PersistenceParams()
    )
    assert not after[0].is_clear[:2, 30:36].any()
    assert after[0].is_clear[2:].all()


def test_scenes_without_classes_come_back_as_they_are() -> None:
    classes, days = sky(1)
    whole = scene(classes[0], days[0])
    bare = Scene(
        scene_id="x",
        observed_at=whole.observed_at,
        platform="p",
        quantity=Quantity.REFLECTANCE,
        grid=whole.grid,
        bands={"B04": whole.bands["B04"]},
        is_clear=~whole.is_clear,
    )
    assert without_false_clouds([bare], MaskParams(), PersistenceParams()) == [bare]


@pytest.mark.parametrize(
    "wrong", [{"min_overlap": 1.5}, {"min_dates": -1}, {"max_hidden_around": -0.1}], ids=lambda one: next(iter(one))
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PersistenceParams(**wrong)  # type: ignore[arg-type]  # as settings come


@pytest.mark.slow
def test_simulated_roofs_are_restored_and_simulated_clouds_are_not() -> None:
    restored = falsely = wrongly = cloudy = 0
    for name, seed in (("park", 1), ("quiet", 1)):
        world = scenario(name, seed=seed)
        source = SimulatedSource(world)
        refs = source.search(world.grid.footprint_4326, first=world.first, last=world.last)
        classes = np.stack([source.read(ref, world.grid, bands=("SCL",)).bands["SCL"] for ref in refs]).astype(np.uint8)
        days = [ref.observed_at.date() for ref in refs]
        found = lasting_surfaces(classes, days, PersistenceParams())
        is_masked = np.isin(classes, (8, 9))
        is_cloud = is_masked & np.stack([_has_cloud(weather_on(world, day).cloud) for day in days])
        restored += int(np.count_nonzero(found & ~is_cloud))
        falsely += int(np.count_nonzero(is_masked & ~is_cloud))
        wrongly += int(np.count_nonzero(found & is_cloud))
        cloudy += int(np.count_nonzero(is_cloud))
    assert restored / falsely > 0.6
    assert wrongly / cloudy < 0.001


def _has_cloud(cloud: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which 20 m pixels the simulated classification can know to be cloud."""
    blocks = cloud.reshape(cloud.shape[0] // 2, 2, -1, 2).mean(axis=(1, 3))
    return np.asarray(blocks.repeat(2, axis=0).repeat(2, axis=1) > 0.10)
