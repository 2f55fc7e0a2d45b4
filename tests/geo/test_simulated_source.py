"""The simulated source: geometry of what is seen, determinism, windows, masks, and its answers to wrong questions."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon, box
from skimage.registration import phase_cross_correlation

from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import SCL_CLEAR
from geo.scene import Scene
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.simulated import (
    BANDS,
    NoiseSettings,
    Scenario,
    SimulatedSource,
    Structure,
    Surface,
    scenario,
)
from geo.sources.simulated.spectra import SPECTRA
from geo.sources.simulated.weather import weather_on

EVER = {"first": date(1990, 1, 1), "last": date(2100, 1, 1)}
BARE = Scenario(
    name="bare",
    seed=3,
    centre_lon=91.62,
    centre_lat=41.93,
    size_px=(60, 40),
    first=date(2022, 6, 1),
    last=date(2023, 5, 31),
    revisit_days=30,
    cloudiness=0.0,
    noise=NoiseSettings.none(),
)
LEFT_M, TOP_M = BARE.grid.left_m, BARE.grid.top_m
COMPOUND = scenario("compound", seed=5)
SOURCE = SimulatedSource(COMPOUND)


def refs_of(source: SimulatedSource) -> list[SceneRef]:
    return list(source.search(source.scenario.grid.footprint_4326, **EVER))


def seen(world: Scenario, *, look: int = 0, bands: tuple[str, ...] = BANDS) -> Scene:
    source = SimulatedSource(world)
    return source.read(refs_of(source)[look], world.grid, bands=bands)


def at(east_m: tuple[float, float], south_m: tuple[float, float]) -> Polygon:
    return box(LEFT_M + east_m[0], TOP_M - south_m[1], LEFT_M + east_m[1], TOP_M - south_m[0])


def part_of(grid: Grid, *, row: int, column: int, shape: tuple[int, int]) -> Grid:
    return replace(
        grid,
        left_m=grid.left_m + column * grid.pixel_m,
        top_m=grid.top_m - row * grid.pixel_m,
        height_px=shape[0],
        width_px=shape[1],
    )


def contrast(world: Scenario, surface: Surface, band: str, *, look: int = 0) -> np.ndarray:
    """Return the share of `surface` in each pixel as its contrast to even gravel tells it."""
    brightness = world.sun(world.days[look]).brightness
    number = BANDS.index(band)
    ground, other = (SPECTRA[name][number] * brightness for name in (Surface.GRAVEL, surface))
    share: np.ndarray = (seen(world, look=look).bands[band] - ground) / (other - ground)
    return share


def test_it_is_a_source() -> None:
    source: ImagerySource = SOURCE
    assert source.credit == "Simulated imagery, not an observation"


@pytest.mark.parametrize(
    ("wall", "row", "expected"),
    [
        pytest.param(at((203, 206), (0, 400)), 10, {19: 0, 20: 0.3, 21: 0}, id="inside-a-column"),
        pytest.param(at((199, 202), (0, 400)), 10, {18: 0, 19: 0.1, 20: 0.2, 21: 0}, id="across-two-columns"),
        pytest.param(at((0, 600), (104.5, 107.5)), 10, {0: 0.3, 30: 0.3, 59: 0.3}, id="along-a-row"),
    ],
)
def test_a_wall_of_three_metres_has_the_contrast_of_its_share(
    wall: Polygon, row: int, expected: dict[int, float]
) -> None:
    world = replace(BARE, scenery=(Structure(footprint_m=wall, surface=Surface.WALL),))
    share = contrast(world, Surface.WALL, "B04")
    for column, value in expected.items():
        assert share[row, column] == pytest.approx(value, abs=0.003)


def test_blur_spreads_a_wall_but_loses_none_of_it() -> None:
    wall = Structure(footprint_m=at((203, 206), (0, 400)), surface=Surface.WALL)
    world = replace(BARE, scenery=(wall,), noise=replace(NoiseSettings.none(), psf_sigma_px=0.45))
    share = contrast(world, Surface.WALL, "B04")
    assert share[20].sum() == pytest.approx(0.3, abs=0.003)
    assert 0.1 < share[20, 20] < 0.25


@given(angle=st.floats(0, 90), size=st.floats(15, 120))
@settings(max_examples=15)
def test_the_contrast_of_a_roof_sums_to_its_area(angle: float, size: float) -> None:
    turn = np.deg2rad(angle)
    along = np.array([np.cos(turn), np.sin(turn)]) * size
    across = np.array([-np.sin(turn), np.cos(turn)]) * size / 2
    corner = np.array([LEFT_M + 300, TOP_M - 250])
    roof = Polygon([corner, corner + along, corner + along + across, corner + across])
    world = replace(BARE, scenery=(Structure(footprint_m=roof, surface=Surface.BLUE_ROOF),))
    share = contrast(world, Surface.BLUE_ROOF, "B02")
    assert share.sum() * 100 == pytest.approx(size * size / 2, rel=0.01)


def test_a_shadow_falls_north_and_is_longer_in_winter() -> None:
    roof = Structure(footprint_m=at((250, 350), (250, 270)), surface=Surface.GREY_ROOF, height_m=12)
    world = replace(BARE, scenery=(roof,))
    dark_m2 = [
        float((1 - seen(world, look=look).bands["B08"] / seen(BARE, look=look).bands["B08"])[15:25].sum())
        for look in (0, 6)
    ]
    assert world.days[6].month in {11, 12}
    assert dark_m2[1] > 3 * dark_m2[0] > 0
    south = seen(world, look=6).bands["B08"][28:] / seen(BARE, look=6).bands["B08"][28:]
    assert south == pytest.approx(np.ones_like(south))


def test_a_structure_is_seen_from_its_first_day_to_the_one_before_its_last() -> None:
    first, second, third = BARE.days[2:5]
    roof = Structure(
        footprint_m=at((200, 300), (200, 300)), surface=Surface.WHITE_ROOF, stands_from=second, stands_until=third
    )
    world = replace(BARE, scenery=(roof,))
    is_there = [bool(contrast(world, Surface.WHITE_ROOF, "B02", look=look)[25, 25] > 0.9) for look in (2, 3, 4)]
    assert (first < second < third, is_there) == (True, [False, True, False])


def test_the_shift_of_a_date_is_what_an_independent_measure_finds() -> None:
    noise = replace(NoiseSettings.none(), texture=1.0, psf_sigma_px=0.42, shift_sd_px=0.3)
    still = replace(COMPOUND, noise=noise, cloudiness=0.0)
    unshifted = replace(still, noise=replace(still.noise, shift_sd_px=0.0))
    for look in (0, 2, 5):
        reference, moved = (_windowed(seen(world, look=look).bands["B04"]) for world in (unshifted, still))
        move, *_ = phase_cross_correlation(reference, moved, upsample_factor=50, normalization=None)
        assert -move == pytest.approx(still.shift_px(still.days[look]), abs=0.04)


def _windowed(image: np.ndarray) -> np.ndarray:
    """Return the desert faded out towards its edges, which do not move and would hold the measure back."""
    desert = image[4:132]
    faded: np.ndarray = (desert - desert.mean()) * np.outer(np.hanning(desert.shape[0]), np.hanning(desert.shape[1]))
    return faded


def test_shifts_spread_as_the_settings_say() -> None:
    world = replace(BARE, noise=NoiseSettings(shift_sd_px=0.3), first=date(2010, 1, 1), revisit_days=5)
    shifts = np.array([world.shift_px(day) for day in world.days])
    assert shifts.std(axis=0) == pytest.approx([0.3, 0.3], abs=0.03)
    assert shifts.mean(axis=0) == pytest.approx([0, 0], abs=0.03)


def test_the_same_question_gets_the_same_bits_whatever_was_asked_before() -> None:
    refs = refs_of(SOURCE)
    later = SimulatedSource(scenario("compound", seed=5))
    for ref in reversed(refs[:4]):
        later.read(ref, COMPOUND.grid, bands=("B12",))
    again = later.read(refs[1], COMPOUND.grid, bands=("SCL", "B11", "B02"))
    once = SOURCE.read(refs[1], COMPOUND.grid, bands=BANDS)
    assert np.array_equal(again.bands["B02"], once.bands["B02"])
    assert np.array_equal(again.bands["B11"], once.bands["B11"])
    assert np.array_equal(again.is_clear, once.is_clear)


@given(row=st.integers(0, 150), column=st.integers(0, 150), height=st.integers(1, 50), width=st.integers(1, 50))
@settings(max_examples=12)
def test_a_window_shows_the_same_bits_as_the_whole(row: int, column: int, height: int, width: int) -> None:
    ref = refs_of(SOURCE)[16]
    whole = SOURCE.read(ref, COMPOUND.grid, bands=("B04", "B11"))
    part = SOURCE.read(ref, part_of(COMPOUND.grid, row=row, column=column, shape=(height, width)), bands=("B04", "B11"))
    cut = (slice(row, row + height), slice(column, column + width))
    assert np.array_equal(part.bands["B04"], whole.bands["B04"][cut])
    assert np.array_equal(part.bands["B11"], whole.bands["B11"][cut])
    assert np.array_equal(part.is_clear, whole.is_clear[cut])


def test_another_seed_is_another_world_with_another_fingerprint() -> None:
    other = SimulatedSource(scenario("compound", seed=6))
    mine, theirs = refs_of(SOURCE)[0], refs_of(other)[0]
    assert mine.scene_id == theirs.scene_id == "SIM_compound_20220210"
    assert mine.fingerprint != theirs.fingerprint
    assert mine.fingerprint == refs_of(SimulatedSource(scenario("compound", seed=5)))[0].fingerprint


def test_a_world_with_one_roof_moved_by_a_metre_has_another_fingerprint() -> None:
    roofs = [Structure(footprint_m=at((200 + east, 240), (200, 240)), surface=Surface.WHITE_ROOF) for east in (0, 1)]
    first, second = (refs_of(SimulatedSource(replace(BARE, scenery=(roof,))))[0] for roof in roofs)
    assert first.fingerprint != second.fingerprint


def test_beyond_the_scenario_nothing_is_recorded_and_nothing_is_clear() -> None:
    beyond = part_of(COMPOUND.grid, row=-10, column=190, shape=(20, 30))
    scene = SOURCE.read(refs_of(SOURCE)[0], beyond, bands=("B04", "SCL"))
    assert np.isnan(scene.bands["B04"][:10]).all()
    assert np.isnan(scene.bands["B04"][:, 10:]).all()
    assert np.isfinite(scene.bands["B04"][10:, :10]).all()
    assert not scene.is_clear[:10].any()
    assert (scene.bands["SCL"][:10] == 0).all()
    far = SOURCE.read(refs_of(SOURCE)[0], part_of(COMPOUND.grid, row=900, column=0, shape=(3, 3)), bands=("B04",))
    assert np.isnan(far.bands["B04"]).all()
    assert not far.is_clear.any()


def test_a_grid_off_by_half_a_pixel_gets_the_mean_of_two() -> None:
    grid = COMPOUND.grid
    ref = refs_of(SOURCE)[0]
    whole = SOURCE.read(ref, grid, bands=("B04",)).bands["B04"]
    half = replace(part_of(grid, row=20, column=30, shape=(10, 12)), left_m=grid.left_m + 305)
    expected = (whole[20:30, 30:42] + whole[20:30, 31:43]) / 2
    assert SOURCE.read(ref, half, bands=("B04",)).bands["B04"] == pytest.approx(expected, abs=1e-6)


def test_a_grid_in_another_zone_sees_the_same_place() -> None:
    middle = Point(COMPOUND.centre_lon, COMPOUND.centre_lat).buffer(0.004)
    here = Grid.around(middle, pixel_m=10)
    there = Grid.covering(_bounds_in_zone_45(middle), epsg=32645, pixel_m=10)
    ref = refs_of(SOURCE)[0]
    mine = SOURCE.read(ref, here, bands=("B08",)).bands["B08"]
    other = SOURCE.read(ref, there, bands=("B08",)).bands["B08"]
    assert np.isfinite(other).all()
    assert float(other.mean()) == pytest.approx(float(mine.mean()), rel=0.03)


def _bounds_in_zone_45(shape: Polygon) -> tuple[float, float, float, float]:
    from geo.crs import reproject  # noqa: PLC0415 - used here alone

    left, bottom, right, top = reproject(shape, from_epsg=4326, to_epsg=32645).bounds
    return (left, bottom, right, top)


def test_a_missing_band_is_named_with_what_there_is() -> None:
    ref = refs_of(SOURCE)[0]
    with pytest.raises(SourceError, match=r"SIM_compound_20220210: no band B05; it offers B02, .*SCL"):
        SOURCE.read(ref, COMPOUND.grid, bands=("B04", "B05"))


@pytest.mark.parametrize(
    ("scene_id", "day"),
    [
        pytest.param("SIM_compound_20220211", 11, id="no-look-on-that-day"),
        pytest.param("SIM_park_20220210", 10, id="of-another-scenario"),
    ],
)
def test_a_look_of_elsewhere_is_refused(scene_id: str, day: int) -> None:
    ref = replace(refs_of(SOURCE)[0], scene_id=scene_id, observed_at=datetime(2022, 2, day, 5, tzinfo=UTC))
    with pytest.raises(SourceError, match=scene_id):
        SOURCE.read(ref, COMPOUND.grid, bands=("B04",))


def test_a_search_answers_in_order_of_time_and_within_its_days() -> None:
    found = SOURCE.search(COMPOUND.grid.footprint_4326, first=COMPOUND.days[3], last=COMPOUND.days[7])
    assert [ref.observed_at.date() for ref in found] == list(COMPOUND.days[3:8])
    assert SOURCE.search(Point(10, 50).buffer(0.1), **EVER) == []


def test_reflectance_lies_between_0_and_1_and_classes_are_legal_on_every_date() -> None:
    for world in (COMPOUND, scenario("park", seed=1)):
        for look in range(0, len(world.days), 3):
            scene = seen(world, look=look, bands=(*BANDS, "SCL"))
            for band in BANDS:
                assert 0 < scene.bands[band].min() <= scene.bands[band].max() <= 1
            assert set(np.unique(scene.bands["SCL"])) <= set(range(1, 12))
            assert not (scene.is_clear & ~np.isin(scene.bands["SCL"], SCL_CLEAR)).any()


def test_the_coarse_bands_have_pixels_of_20_m() -> None:
    swir = seen(COMPOUND, look=3).bands["B11"]
    blocks = swir.reshape(100, 2, 100, 2)
    assert np.array_equal(blocks[:, :1, :, :1].repeat(2, 1).repeat(2, 3), blocks)
    assert np.ptp(seen(COMPOUND, look=3).bands["B04"].reshape(100, 2, 100, 2), axis=(1, 3)).mean() > 0


def test_the_cloud_mask_is_mostly_right_but_not_perfect() -> None:
    caught = missed = false = clear = 0
    for world in (COMPOUND, scenario("park", seed=2)):
        for look, day in enumerate(world.days):
            weather = weather_on(world, day)
            is_hidden = (weather.cloud > 0.15) | (weather.cloud_shadow > 0.35) | (weather.snow > 0.5)
            is_clear = seen(world, look=look, bands=("B04",)).is_clear
            caught += int((is_hidden & ~is_clear).sum())
            missed += int((is_hidden & is_clear).sum())
            false += int((~is_hidden & (weather.cloud == 0) & (weather.snow < 0.2) & ~is_clear).sum())
            clear += int((~is_hidden).sum())
    assert 0.85 < caught / (caught + missed) < 0.9995
    assert 0 < false / clear < 0.10


def test_bright_roofs_are_sometimes_taken_for_clouds() -> None:
    world = replace(scenario("park", seed=0), cloudiness=0.0, revisit_days=10)
    flagged = [weather_on(world, day).mistakes_bright_roofs for day in world.days]
    assert 0 < sum(flagged) < len(flagged) / 2
    hidden = [
        float((~seen(world, look=flagged.index(value), bands=("B04",)).is_clear).mean()) for value in (True, False)
    ]
    assert hidden[0] > hidden[1]


def test_snow_is_bright_in_the_visible_dark_in_the_shortwave_infrared_and_masked() -> None:
    world = replace(BARE, noise=replace(NoiseSettings.none(), snow=30.0), revisit_days=5)
    depth = [float(weather_on(world, day).snow.mean()) for day in world.days]
    scene = seen(world, look=int(np.argmax(depth)), bands=(*BANDS, "SCL"))
    assert max(depth) > 0.6
    assert np.median(scene.bands["B04"]) > 0.4
    assert np.median(scene.bands["B11"]) < 0.25
    assert (scene.bands["SCL"] == 11).mean() > 0.5
    summer = [day.month in {5, 6, 7, 8, 9} for day in world.days]
    assert max(value for value, is_summer in zip(depth, summer, strict=True) if is_summer) == 0


def test_noise_is_alike_on_near_dates_and_unlike_on_far_ones() -> None:
    world = scenario("quiet", seed=1)
    first, near, far = (
        weather_on(world, date.fromordinal(world.first.toordinal() + days)).drift.ravel() for days in (0, 5, 150)
    )
    assert np.corrcoef(first, near)[0, 1] > 0.8
    assert abs(np.corrcoef(first, far)[0, 1]) < 0.25
