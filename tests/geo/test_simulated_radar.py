"""The simulated radar: power worked out by hand, the geometry of walls, speckle, tracks, and wrong questions."""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from math import inf, tan

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Point, Polygon, box

from geo.errors import SourceError
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.simulated import (
    TRACKS,
    NoiseSettings,
    RadarNoise,
    RadarTrack,
    Scenario,
    SimulatedRadarSource,
    SimulatedSource,
    Structure,
    Surface,
)
from geo.sources.simulated.backscatter import BACKSCATTER, STRIP_M, double_bounce, facing_strips
from geo.sources.simulated.radar import moisture_db

EVER = {"first": date(1990, 1, 1), "last": date(2100, 1, 1)}
BARE = Scenario(
    name="bare",
    seed=3,
    centre_lon=91.62,
    centre_lat=41.93,
    size_px=(60, 40),
    first=date(2022, 6, 1),
    last=date(2022, 12, 31),
    cloudiness=0.0,
    noise=NoiseSettings.none(),
)
LEFT_M, TOP_M = BARE.grid.left_m, BARE.grid.top_m
FROM_WEST = RadarTrack(relative_orbit=7, look_azimuth_deg=90.0, incidence_deg=45.0, solar_hour=18.0, first_day=0)


def at(east_m: tuple[float, float], south_m: tuple[float, float]) -> Polygon:
    return box(LEFT_M + east_m[0], TOP_M - south_m[1], LEFT_M + east_m[1], TOP_M - south_m[0])


def refs_of(source: SimulatedRadarSource) -> list[SceneRef]:
    return list(source.search(source.scenario.grid.footprint_4326, **EVER))


def seen(world: Scenario, *, noise: RadarNoise | None = None, track: RadarTrack = FROM_WEST, look: int = 0) -> Scene:
    source = SimulatedRadarSource(world, noise=noise or RadarNoise.none(), tracks=(track,))
    return source.read(refs_of(source)[look], world.grid, bands=("VV", "VH"))


def test_it_is_a_source_that_says_what_it_is() -> None:
    source: ImagerySource = SimulatedRadarSource(BARE)
    assert source.credit == SimulatedSource(BARE).credit == "Simulated imagery, not an observation"
    assert {ref.quantity for ref in refs_of(SimulatedRadarSource(BARE))} == {Quantity.GAMMA0}


def test_two_tracks_pass_every_twelve_days_and_are_told_apart() -> None:
    refs = refs_of(SimulatedRadarSource(BARE))
    stamps = [ref.observed_at for ref in refs]
    assert stamps == sorted(stamps)
    for track in TRACKS:
        days = [ref.observed_at for ref in refs if ref.relative_orbit == track.relative_orbit]
        assert {(later - earlier).days for earlier, later in pairwise(days)} == {12}


def test_bare_gravel_without_noise_shows_what_the_table_says() -> None:
    scene = seen(BARE)
    for number, band in enumerate(("VV", "VH")):
        assert scene.bands[band] == pytest.approx(BACKSCATTER[Surface.GRAVEL][number], rel=1e-5)
    assert scene.relative_orbit == FROM_WEST.relative_orbit
    assert scene.is_clear.all()


def test_a_road_covers_its_share_of_a_pixel() -> None:
    road = Structure(footprint_m=at((203, 206), (0, 400)), surface=Surface.ASPHALT)
    row = seen(replace(BARE, scenery=(road,))).bands["VV"][10]
    gravel, asphalt = BACKSCATTER[Surface.GRAVEL][0], BACKSCATTER[Surface.ASPHALT][0]
    assert row[20] == pytest.approx(0.7 * gravel + 0.3 * asphalt, rel=1e-4)
    assert row[19] == pytest.approx(gravel, rel=1e-4)


def building(height_m: float = 10.0) -> Structure:
    """Return a hall of 40 x 40 m from 200 m east and 200 m south on."""
    return Structure(footprint_m=at((200, 240), (200, 240)), surface=Surface.GREY_ROOF, height_m=height_m)


def test_a_hall_bounces_before_its_facing_wall_lays_over_and_throws_a_radar_shadow() -> None:
    """Seen from the west at 45 degrees, a hall of 10 m: the roof lies 10 m to the west, the shadow 10 m to the east."""
    row = seen(replace(BARE, scenery=(building(),))).bands["VV"][21]
    gravel, roof = BACKSCATTER[Surface.GRAVEL][0], BACKSCATTER[Surface.GREY_ROOF][0]
    wall = double_bounce(10.0, 0.0)[0] * STRIP_M / 10
    assert row[18] == pytest.approx(gravel, rel=1e-4)
    assert row[19] == pytest.approx(gravel + roof + wall, rel=1e-4)
    assert row[20:23] == pytest.approx(roof, rel=1e-4)
    assert row[23:25] == pytest.approx(0, abs=1e-6)
    assert row[25] == pytest.approx(gravel, rel=1e-4)


def test_the_other_track_lights_the_other_wall() -> None:
    world = replace(BARE, scenery=(building(),))
    from_east = replace(FROM_WEST, look_azimuth_deg=270.0)
    west, east = (seen(world, track=track).bands["VV"][21] for track in (FROM_WEST, from_east))
    assert int(west.argmax()) == 19
    assert int(east.argmax()) == 24


@pytest.mark.parametrize(
    ("angle_deg", "walls"), [pytest.param(0.0, [0.0], id="aligned"), pytest.param(30.0, [30.0, 60.0], id="askew")]
)
def test_walls_that_face_the_radar_get_a_strip_with_their_angle(angle_deg: float, walls: list[float]) -> None:
    turned = replace(FROM_WEST, look_azimuth_deg=90.0 + angle_deg)
    strips = facing_strips(at((200, 240), (200, 230)), turned)
    assert sorted(askew for _, askew in strips) == pytest.approx(walls, abs=1e-6)
    if not angle_deg:
        assert strips[0][0].equals(at((200 - STRIP_M, 200), (200, 230)))


def test_layover_and_shadow_follow_the_incidence() -> None:
    track = replace(FROM_WEST, incidence_deg=30.0)
    assert track.layover_m(10.0) == pytest.approx((-10 / tan(np.deg2rad(30)), 0), abs=1e-9)
    assert track.shadow_m(10.0) == pytest.approx((10 * tan(np.deg2rad(30)), 0), abs=1e-9)


def test_an_aligned_wall_outshines_one_askew_in_both_polarisations() -> None:
    assert (double_bounce(8.0, 0.0) > double_bounce(8.0, 30.0)).all()
    assert double_bounce(8.0, 20.0) == pytest.approx(2 * double_bounce(4.0, 20.0))


def speckle(looks: float) -> NDArray[np.float64]:
    """Return ten looks at bare gravel, relative to it."""
    world = replace(BARE, size_px=(160, 160))
    noise = replace(RadarNoise.none(), looks=looks, speckle_px=1.2)
    images = [seen(world, noise=noise, look=look).bands["VV"] for look in range(10)]
    return np.asarray(np.stack(images) / BACKSCATTER[Surface.GRAVEL][0], dtype=np.float64)


def test_speckle_has_mean_one_the_looks_asked_for_and_a_reach_of_two_pixels() -> None:
    images = speckle(4.4)
    assert images.mean() == pytest.approx(1, abs=0.01)
    assert 1 / images.var() == pytest.approx(4.4, rel=0.06)
    rest = images - images.mean()
    near, far = ((rest[:, :, lag:] * rest[:, :, :-lag]).mean() / rest.var() for lag in (1, 4))
    assert 0.6 < near < 0.75
    assert abs(far) < 0.05
    assert np.corrcoef(rest[0].ravel(), rest[1].ravel())[0, 1] == pytest.approx(0, abs=0.05)


def test_infinite_looks_are_no_speckle() -> None:
    assert speckle(inf) == pytest.approx(1, rel=1e-5)


def test_moisture_moves_the_whole_scene_alike() -> None:
    noise = replace(RadarNoise.none(), moisture_db=1.0)
    levels = []
    for look in range(6):
        decibels = 10 * np.log10(seen(BARE, noise=noise, look=look).bands["VV"])
        assert np.ptp(decibels) == pytest.approx(0, abs=1e-4)
        levels.append(float(decibels.mean()))
    assert np.ptp(levels) > 0.2
    assert moisture_db(BARE, BARE.first, RadarNoise.none()) == 0


def test_a_window_shows_the_same_bits_as_the_whole() -> None:
    world = replace(BARE, scenery=(building(),))
    source = SimulatedRadarSource(world)
    ref = refs_of(source)[3]
    whole = source.read(ref, world.grid, bands=("VH",)).bands["VH"]
    part = replace(world.grid, left_m=LEFT_M + 150, top_m=TOP_M - 130, width_px=12, height_px=14)
    assert np.array_equal(source.read(ref, part, bands=("VH",)).bands["VH"], whole[13:27, 15:27])


def test_what_lies_outside_is_not_seen() -> None:
    far = Grid(epsg=BARE.grid.epsg, left_m=LEFT_M + 90_000, top_m=TOP_M, pixel_m=10, width_px=4, height_px=4)
    source = SimulatedRadarSource(BARE)
    scene = source.read(refs_of(source)[0], far, bands=("VV",))
    assert np.isnan(scene.bands["VV"]).all()
    assert not scene.is_clear.any()
    assert list(source.search(Point(0, 0).buffer(0.1), **EVER)) == []


def test_wrong_questions_are_refused_by_name() -> None:
    source = SimulatedRadarSource(BARE)
    ref = refs_of(source)[0]
    with pytest.raises(SourceError, match="no band B04; it offers VV, VH"):
        source.read(ref, BARE.grid, bands=("B04",))
    with pytest.raises(SourceError, match="no radar look of the simulated scenario bare"):
        source.read(replace(ref, scene_id="SIM_bare_20220601"), BARE.grid, bands=("VV",))


def test_a_stack_knows_the_track_of_each_look() -> None:
    source = SimulatedRadarSource(BARE)
    stack = Stack.of([source.read(ref, BARE.grid, bands=("VV",)) for ref in refs_of(source)[:3]])
    assert stack.relative_orbits == tuple(ref.relative_orbit for ref in refs_of(source)[:3])
    optical = SimulatedSource(BARE)
    first = optical.search(BARE.grid.footprint_4326, **EVER)[0]
    assert Stack.of([optical.read(first, BARE.grid, bands=("B04",))]).relative_orbits == (None,)


def test_negative_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="looks"):
        RadarNoise(looks=0)
