"""A wall that is taken away is missed where it stood; a fence is never said to stand; chance is told from change."""

from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pytest
import xarray as xr
from scipy.ndimage import gaussian_filter, shift
from shapely.affinity import rotate, translate
from shapely.geometry import Point, Polygon, box
from shapely.ops import unary_union

from detection.desecuritisation.verdict import UNSEEN, Answer, weigh_desecuritisation
from detection.perimeter import ArcState, Perimeter, PerimeterParams, watch_perimeter
from detection.perimeter.result import LOSSES
from geo.grid import Grid
from geo.scene import Quantity, Stack
from geo.sources.simulated.coverage import coverage_on
from geo.sun import sun_on

GRID = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=130, height_px=130)
SITE = rotate(box(500_500, 4_799_250, 500_800, 4_799_550), 20)
TOWER = Point(SITE.exterior.coords[0]).buffer(2.5)
SUMMERS = [date(year, 5, 1) + timedelta(days=12 * index) for year in (2019, 2020) for index in range(6)]
PARAMS = PerimeterParams(copies=400)
BANDS = ("B02", "B03", "B04")


def images(seed: int, walls: list[Polygon | None], days: list[date], *, grid: Grid = GRID) -> Stack:
    """Draw ground with texture, haze, noise and shifts of 0.15 pixels, and on each date the wall as it stands then."""
    rng = np.random.default_rng(seed)
    ground = (
        0.25
        + 0.03 * gaussian_filter(rng.normal(size=grid.shape), 1)
        + 0.2 * gaussian_filter(rng.normal(size=grid.shape), 6)
    )
    looks = []
    for wall, day in zip(walls, days, strict=True):
        image = gaussian_filter(ground - 0.15 * shaded(wall, day, grid), 0.42)
        image = shift(image, rng.normal(0, 0.15, 2), order=1, mode="nearest")
        image += rng.normal(0, 0.004, grid.shape) + 0.08 * gaussian_filter(rng.normal(size=grid.shape), 2)
        looks.append(np.stack([image * gain for gain in (0.8, 1.0, 1.1)]).astype(np.float32))
    values = np.stack(looks)
    dataset = xr.Dataset(
        {name: (("time", "y", "x"), values[:, index]) for index, name in enumerate(BANDS)},
        coords={
            "time": np.array(days, dtype="datetime64[ns]"),
            "y": grid.y_m,
            "x": grid.x_m,
            "scene_id": ("time", [str(day) for day in days]),
            "platform": ("time", ["s"] * len(days)),
        },
    )
    return Stack(dataset=dataset, grid=grid, quantity=Quantity.REFLECTANCE)


def shaded(wall: Polygon | None, day: date, grid: Grid) -> np.ndarray:
    """Return the share of each pixel under a wall 3.5 m high and its shadow."""
    if wall is None or wall.is_empty:
        return np.zeros(grid.shape)
    east, north = sun_on(day, lat_deg=43.3).shadow_m(3.5)
    swept = unary_union([translate(wall, east * share, north * share) for share in np.linspace(0, 1, 20)])
    return np.asarray(np.sum([coverage_on(part, grid) for part in getattr(swept, "geoms", [swept])], axis=0))


def strip(width_m: float) -> Polygon:
    return SITE.exterior.buffer(width_m / 2, join_style="mitre")


@lru_cache(maxsize=8)
def watched(kind: str, seed: int = 1) -> Perimeter:
    """Watch one story: six looks before and six after."""
    west = box(500_000, 4_790_000, 500_610, 4_810_000)
    before, after = {
        "removed": (strip(4), None),
        "third": (strip(4), strip(4).difference(west)),
        "stays": (strip(4), strip(4)),
        "fence": (strip(0.1), None),
        "tower of a fence": (unary_union([strip(0.1), TOWER]), strip(0.1)),
        "tower of a wall": (unary_union([strip(4), TOWER]), strip(4)),
        "built": (None, strip(4)),
        "nothing": (None, None),
    }[kind]
    return watch_perimeter(images(seed, [before] * 6 + [after] * 6, SUMMERS), SITE.exterior, PARAMS)


def test_a_wall_that_is_taken_away_is_gone_and_dated() -> None:
    found = watched("removed")
    assert found.share(ArcState.GONE) >= 0.8
    assert found.loss_p < 0.001
    gone = [arc for arc in found.arcs if arc.state is ArcState.GONE]
    for arc in gone:
        assert arc.changed_after is not None
        assert arc.changed_by is not None
        assert arc.changed_after <= SUMMERS[5] < SUMMERS[6] <= arc.changed_by
    assert np.mean([arc.contrast_before for arc in gone]) == pytest.approx(-0.15, abs=0.06)
    assert np.mean([arc.contrast_after for arc in gone]) == pytest.approx(0, abs=0.04)


def test_only_the_arcs_that_lost_their_wall_are_gone() -> None:
    found = watched("third")
    lost = [arc for arc in found.arcs if arc.state in {ArcState.GONE, ArcState.WEAKENED}]
    assert lost
    assert {arc.line_m.centroid.x < 500_640 for arc in lost} == {True}
    assert found.share(ArcState.PRESENT) > 0.4
    assert found.loss_p < 0.01


def test_a_wall_that_stays_is_present_and_no_chance_is_called_a_change() -> None:
    found = watched("stays")
    assert found.share(ArcState.PRESENT) >= 0.8
    assert found.share(ArcState.GONE, ArcState.WEAKENED) == 0
    assert found.loss_p > 0.01


def test_a_line_that_comes_to_stand_out_is_measured_but_never_called_a_wall() -> None:
    found = watched("built")
    assert found.gain_p < 0.001
    assert found.share(ArcState.CANNOT_TELL) >= 0.7
    assert sum("where none did before" in arc.reason for arc in found.arcs) >= 0.7 * len(found.arcs)


@pytest.mark.parametrize("kind", ["fence", "nothing"])
def test_a_fence_that_goes_is_never_told_and_never_called_no_change(kind: str) -> None:
    found = watched(kind)
    assert {arc.state for arc in found.arcs} == {ArcState.CANNOT_TELL}
    assert all(arc.reason for arc in found.arcs)
    assert "fence" in {word for arc in found.arcs for word in arc.reason.replace(",", "").split()}
    fence_m = 0.1 * 0.15
    assert all(arc.smallest_m > 5 * fence_m for arc in found.arcs)


@pytest.mark.parametrize("kind", ["tower of a fence", "tower of a wall"])
def test_a_single_tower_that_goes_is_no_loss_and_the_answer_is_cannot_tell(kind: str) -> None:
    found = watched(kind)
    assert found.share(*LOSSES) == 0
    assert found.loss_p > 0.01
    told = weigh_desecuritisation(found, (), ())
    assert told.answer is Answer.CANNOT_TELL
    assert UNSEEN in told.text


def test_there_is_no_state_that_says_that_nothing_changed() -> None:
    assert {state.value for state in ArcState} == {"present", "weakened", "gone", "cannot_tell"}


@pytest.mark.slow
def test_chance_is_as_rare_as_it_says_where_a_wall_stands_unchanged() -> None:
    p = np.array([arc.change_p for seed in range(20) for arc in watched("stays", seed + 100).arcs])
    for level in (0.1, 0.03):
        spread = 3 * np.sqrt(level / len(p)) + 0.02
        assert (p <= level).mean() <= 2 * level + spread  # the rarer of loss and gain was taken
    assert (p <= 0.001).mean() <= 0.008


@pytest.mark.parametrize(
    ("days", "walls"),
    [(SUMMERS[:5], 5), (SUMMERS[:1], 1)],
    ids=["too few looks", "one look"],
)
def test_too_few_looks_tell_nothing(days: list[date], walls: int) -> None:
    found = watch_perimeter(images(1, [strip(4)] * walls, days), SITE.exterior, PARAMS)
    assert {arc.state for arc in found.arcs} == {ArcState.CANNOT_TELL}
    assert found.note
    assert found.share(ArcState.CANNOT_TELL) == pytest.approx(1)


def test_seasons_that_one_side_has_not_are_not_compared() -> None:
    days = SUMMERS[:6] + [date(2019, 12, 1) + timedelta(days=12 * index) for index in range(6)]
    found = watch_perimeter(images(1, [strip(4)] * 6 + [None] * 6, days), SITE.exterior, PARAMS)
    assert {arc.state for arc in found.arcs} == {ArcState.CANNOT_TELL}
    assert all("season" in arc.reason for arc in found.arcs if arc.present_after_p < 0.01)


@pytest.mark.parametrize("pixel_m", [1.0, 3.0])
def test_finer_imagery_shows_a_thin_wall_that_goes_by_the_same_code(pixel_m: float) -> None:
    size = round(420 / pixel_m)
    fine = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=pixel_m, width_px=size, height_px=size)
    site = rotate(box(500_150, 4_799_720, 500_270, 4_799_850), 20)
    thin = site.exterior.buffer(0.5, join_style="mitre")
    params = PerimeterParams(copies=150, arc_m=60, reach_m=20, outline_error_m=2, beside_m=10)
    found = {}
    for kind, after in (("goes", None), ("stays", thin)):
        stack = images(5, [thin] * 4 + [after] * 4, SUMMERS[2:10], grid=fine)
        found[kind] = watch_perimeter(stack, site.exterior, params)
    assert found["goes"].share(ArcState.GONE, ArcState.WEAKENED) >= 0.8
    assert found["goes"].loss_p <= 0.01  # the least that so few copies can tell
    assert found["stays"].share(*LOSSES) == 0
    assert found["stays"].share(ArcState.PRESENT) >= 0.8


@pytest.mark.parametrize("bands", [("B04",), ("B02", "B04")])
def test_whatever_bands_there_are_serve(bands: tuple[str, ...]) -> None:
    stack = images(1, [strip(4)] * 6 + [None] * 6, SUMMERS)
    part = Stack(dataset=stack.dataset[list(bands)], grid=GRID, quantity=stack.quantity)
    found = watch_perimeter(part, SITE.exterior, PARAMS)
    assert found.loss_p < 0.001
    assert found.share(*LOSSES) >= 0.8


def test_without_room_for_copies_nothing_is_told() -> None:
    stack = images(1, [None] * 12, SUMMERS)
    found = watch_perimeter(stack, SITE.exterior, PerimeterParams(copies=50, reach_m=500))
    assert {arc.state for arc in found.arcs} == {ArcState.CANNOT_TELL}
    assert "room" in found.note


def test_clouds_over_everything_tell_nothing() -> None:
    stack = images(1, [strip(4)] * 12, SUMMERS)
    hidden = stack.with_values(np.full_like(stack.values, np.nan))
    found = watch_perimeter(hidden, SITE.exterior, PARAMS)
    assert {arc.state for arc in found.arcs} == {ArcState.CANNOT_TELL}
    assert all(np.isinf(arc.smallest_m) for arc in found.arcs)


def test_the_same_looks_give_the_same_answer() -> None:
    first = watch_perimeter(images(3, [strip(4)] * 12, SUMMERS), SITE.exterior, PARAMS)
    again = watch_perimeter(images(3, [strip(4)] * 12, SUMMERS), SITE.exterior, PARAMS)
    assert [arc.change_p for arc in first.arcs] == [arc.change_p for arc in again.arcs]
