"""An object is followed by its own pixels: odd first looks and moving shadows do not begin it."""

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from detection.changes import map_changes
from detection.objects.features import layers
from detection.objects.outline import Patch, group_patches
from detection.params import DetectParams
from detection.series.course import Watch
from detection.series.onset import Course, follow

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

PARAMS = DetectParams()
SIDE = 90
SITE = np.s_[30:60, 30:62]


def ground(dates: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.standard_normal((4, SIDE, SIDE)), (0, 1.2, 1.2))
    base = 0.2 + 0.01 * texture / texture.std()
    return np.asarray(base + 0.003 * rng.standard_normal((dates, 4, SIDE, SIDE)), dtype=np.float32)


def roofs(brightness: float = 0.2) -> NDArray[np.float32]:
    """Return rows of roofs on the site."""
    image = np.zeros((SIDE, SIDE), dtype=np.float32)
    part = image[SITE]
    for row in range(2, 28, 6):
        part[row : row + 3, 2:-2] = brightness
    part[:, ::9] = -0.06
    return image


def followed(make_stack: "MakeStack", values: NDArray[np.float32]) -> tuple[Watch, Patch, Course]:
    """Return the course of the largest object."""
    changes = map_changes(make_stack(values), PARAMS)
    steps = changes.steps
    is_calm = ~changes.is_changed & (np.nan_to_num(steps.score_z, nan=np.inf) < PARAMS.grow_z)
    watch = Watch.over(changes, layers(steps, changes.stack.bands, is_calm), PARAMS.beginnings)
    patches = group_patches(changes.is_changed, steps.score_z, changes.stack.grid, gap_m=60, min_area_m2=1500)
    patch = max(patches, key=lambda found: found.area_m2)
    return watch, patch, watch.course(patch)


def bounds(course: Course) -> tuple[int, int]:
    growth = follow(course, PARAMS.onset)
    return growth.seen[growth.looks_before - 1], growth.seen[growth.onset]


def test_the_grading_of_a_part_begins_the_site_and_not_its_roofs(make_stack: "MakeStack") -> None:
    values = ground(20)
    values[7:, :, 30:60, 30:38] += np.float32(0.03)
    values[9:, :, *SITE] += np.float32(0.03)
    values[12:] += roofs()
    _, _, course = followed(make_stack, values)
    assert bounds(course) == (6, 7)
    assert not course.is_taken_down


def test_an_odd_first_look_begins_nothing(make_stack: "MakeStack") -> None:
    values = ground(18)
    values[0] += (0.05 * ndimage.gaussian_filter(np.random.default_rng(4).standard_normal((SIDE, SIDE)), 4)).astype(
        np.float32
    ) / 0.05
    values[10:] += roofs()
    _, _, course = followed(make_stack, values)
    assert bounds(course) == (9, 10)


def test_what_is_taken_down_is_told_and_dated_by_its_clearest_step(make_stack: "MakeStack") -> None:
    values = ground(18) + roofs()
    values[10:] -= roofs()
    _, _, course = followed(make_stack, values)
    assert course.is_taken_down
    after, by = bounds(course)
    assert (after, by) == (8, 10)  # the look before may already miss a wall


def test_shadows_that_come_and_go_with_the_year_do_not_begin_a_demolition(make_stack: "MakeStack") -> None:
    dates = 24
    days = [date(2022, 1, 5) + timedelta(days=25 * index) for index in range(dates)]
    winter = np.array([np.cos(2 * np.pi * (day.timetuple().tm_yday - 5) / 365) for day in days])
    shade = np.roll(roofs(), 3, axis=0)
    values = ground(dates) + roofs() - (0.25 * winter[:, None, None] * shade)[:, None].astype(np.float32)
    values[16:] = ground(dates, seed=0)[16:]
    _, _, course = followed(make_stack, values)
    after, by = bounds(course)
    assert after < 16 <= by <= 17


def test_structure_is_counted_in_units_of_calm_ground(make_stack: "MakeStack") -> None:
    values = ground(16)
    values[8:] += roofs()
    watch, patch, _ = followed(make_stack, values)
    structure = watch.structure(patch, range(16))
    assert np.mean(structure[:8]) == pytest.approx(1, abs=0.4)
    assert min(structure[8:]) > 3
