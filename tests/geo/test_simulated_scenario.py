"""The simulated worlds: their truth, their seasons, and that what is rendered agrees with what is told."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from geo.crs import reproject
from geo.errors import ConfigError
from geo.sources.simulated import (
    BANDS,
    SCENARIO_NAMES,
    NoiseSettings,
    Scenario,
    SimulatedEvent,
    SimulatedSource,
    Structure,
    Surface,
    scenario,
)
from geo.sources.simulated.spectra import SEASONS, SPECTRA, Crop, green_share
from geo.sun import sun_on

OPENED = {"opening": 3_000, "fence": 60}
"""Worlds in which what encloses a camp goes: so many square metres of it at least."""
EVENT_OF = {"compound": "construction", "park": "expansion", "removal": "demolition"}


def values(world: Scenario, day: date, *bands: str) -> NDArray[np.float32]:
    """Return bands of the look of `day`, shape (band, y, x), NaN where not clear."""
    source = SimulatedSource(world)
    (ref,) = source.search(world.grid.footprint_4326, first=day, last=day)
    scene = source.read(ref, world.grid, bands=bands)
    return np.stack([np.where(scene.is_clear, scene.bands[band], np.nan) for band in bands])


def clear_skies(world: Scenario) -> Scenario:
    return replace(world, cloudiness=0.0, noise=replace(NoiseSettings(), snow=0.0, dust_share=0.0, haze=0.0))


def ndvi(world: Scenario, day: date) -> NDArray[np.float32]:
    red, infrared = values(world, day, "B04", "B08")
    result: NDArray[np.float32] = (infrared - red) / (infrared + red)
    return result


@pytest.mark.parametrize("name", SCENARIO_NAMES)
@pytest.mark.parametrize("seed", [0, 1, 7])
def test_every_named_world_keeps_its_events_inside_its_time_and_its_watched_areas(name: str, seed: int) -> None:
    world = scenario(name, seed=seed)
    truth = world.truth()
    known = EVENT_OF | dict.fromkeys(OPENED, "desecuritisation")
    expected = sorted(EVENT_OF.values()) if name == "demo" else [known[name]] if name in known else []
    assert sorted(truth["event"]) == expected
    assert 24 <= len(world.days) <= 36
    for row in truth.itertuples():
        assert world.first < row.started_on.date() < row.completed_on.date() <= world.last
        assert any(area.polygon_4326.contains(row.geometry) for area in world.areas())
        metric = reproject(row.geometry, from_epsg=4326, to_epsg=world.grid.epsg)
        assert row.area_m2 == pytest.approx(metric.area, rel=1e-4)
        assert OPENED.get(name, 8_000) < row.area_m2 < 400_000


@pytest.mark.parametrize("name", ["compound", "park", "removal"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_other_seeds_are_other_worlds_with_their_event_in_time(name: str, seed: int) -> None:
    (row,) = scenario(name, seed=seed).truth().itertuples()
    (other,) = scenario(name, seed=seed + 1).truth().itertuples()
    assert row.completed_on.date() < scenario(name, seed=seed).last
    assert not row.geometry.equals(other.geometry)


def test_known_places_say_that_they_are_made_up_and_carry_chinese_names() -> None:
    places = scenario("demo").known_places()
    assert {place.kind for place in places} == {"industrial_park", "camp", "factory"}
    for place in places:
        assert any(word in place.names[1] for word in ("模拟", "虚拟", "假设"))


def test_an_unknown_scenario_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="'prison'; expected one of demo, compound, park, removal, quiet"):
        scenario("prison")
    with pytest.raises(ConfigError, match="seed"):
        scenario("demo", seed=-1)


def test_truth_of_two_roofs_is_worked_out_by_hand() -> None:
    base = scenario("quiet")
    left, top = base.grid.left_m, base.grid.top_m

    def roof(column: int, day: date) -> Structure:
        x = left + 10 * column
        footprint = box(x, top - 50, x + 45, top - 30)
        return Structure(footprint_m=footprint, surface=Surface.WHITE_ROOF, stands_from=day)

    days = (date(2022, 6, 1), date(2022, 9, 1))
    event = SimulatedEvent(name="two roofs", kind="expansion", structures=(roof(0, days[0]), roof(10, days[1])))
    world = replace(base, events=(event,), scenery=())
    (row,) = world.truth().itertuples()
    assert (row.started_on.date(), row.completed_on.date()) == days
    assert row.area_m2 == pytest.approx(2 * 45 * 20)
    share = world.changed_share(world.grid, days[0])
    assert share[3, :6].tolist() == pytest.approx([1, 1, 1, 1, 0.5, 0], abs=1e-3)
    assert [int(world.truth_mask(world.grid, day).sum()) for day in (days[0] - timedelta(days=1), *days)] == [0, 10, 20]
    assert share.sum() * 100 == pytest.approx(900, rel=1e-3)


@pytest.mark.parametrize("name", ["compound", "park", "removal"])
def test_what_the_truth_calls_changed_changes_more_than_the_rest(name: str) -> None:
    world = clear_skies(scenario(name, seed=3))
    last = world.days[-1]
    same_season = min(world.days[:12], key=lambda day: abs((last - timedelta(days=365) - day).days))
    before, after = values(world, same_season, *BANDS), values(world, last, *BANDS)
    change = np.sqrt(np.nanmean((after - before) ** 2, axis=0))
    is_changed = world.truth_mask(world.grid, last)
    is_desert = ~is_changed
    is_desert[140:] = False
    assert np.nanmedian(change[is_changed]) > 2.5 * np.nanmedian(change[is_desert])


def test_nothing_but_noise_and_seasons_happens_in_quiet() -> None:
    world = scenario("quiet", seed=4)
    assert world.truth().empty
    assert not world.truth_mask(world.grid, world.last).any()
    still = clear_skies(world)
    days = [day for day in still.days if day.month in {6, 7, 8}]
    looks = np.stack([values(still, day, "B04")[0] for day in (days[0], days[-1])])
    desert = looks[:, :120]
    change = desert[1] - desert[0] * np.nanmedian(desert[1]) / np.nanmedian(desert[0])
    assert np.nanstd(change) < 0.012
    assert 0.0015 < np.nanmedian(np.abs(change)) < 0.01


def test_farmland_greens_up_in_summer_and_the_desert_does_not() -> None:
    world = clear_skies(scenario("quiet", seed=2))
    by_month = {day.month: ndvi(world, day) for day in world.days if day.year == 2022}
    summer, winter = by_month[7], by_month[12]
    fields = (slice(175, 195), slice(20, 180))
    desert = (slice(5, 40), slice(5, 195))
    assert np.nanmean(summer[fields]) > np.nanmean(winter[fields]) + 0.15
    assert abs(np.nanmean(summer[desert]) - np.nanmean(winter[desert])) < 0.03
    assert -0.05 < np.nanmean(summer[desert]) < 0.15


def test_fields_change_their_crop_from_year_to_year() -> None:
    world = replace(clear_skies(scenario("quiet", seed=2)), revisit_days=1)
    first, second = (ndvi(world, date(year, 7, 20))[170:195] for year in (2022, 2023))
    assert np.nanmean(np.abs(first - second) > 0.3) > 0.15


def test_a_drying_pond_is_in_the_demo_and_not_in_its_truth() -> None:
    world = scenario("demo", seed=0)
    water = [part for part in world.scenery if part.surface is Surface.WATER]
    assert sum(part.changed_between(world.first, world.last) for part in water) >= 3
    for event in world.events:
        assert not event.footprint_m(world.first, world.last).intersects(water[0].footprint_m)


@pytest.mark.parametrize("crop", list(Crop))
def test_green_cover_is_a_share_and_none_in_winter(crop: Crop) -> None:
    course = [green_share(crop, doy) for doy in range(1, 366)]
    assert min(course) >= 0
    assert max(course) <= SEASONS[crop].cover_share
    assert course[14] < 0.02 > course[350]


@pytest.mark.parametrize("surface", list(Surface))
def test_spectra_lie_between_0_and_1(surface: Surface) -> None:
    assert SPECTRA[surface].shape == (len(BANDS),)
    assert (SPECTRA[surface] > 0).all()
    assert (SPECTRA[surface] < 1).all()


@pytest.mark.parametrize(
    ("day", "elevation"),
    [
        pytest.param(date(2023, 3, 21), 44.7, id="equinox"),
        pytest.param(date(2023, 6, 21), 66.1, id="midsummer"),
        pytest.param(date(2023, 12, 21), 21.9, id="midwinter"),
    ],
)
def test_the_sun_stands_as_high_as_the_almanac_says(day: date, elevation: float) -> None:
    sun = sun_on(day, lat_deg=43.0)
    assert sun.elevation_deg == pytest.approx(elevation, abs=1.5)
    assert 120 < sun.azimuth_deg < 170
    east_m, north_m = sun.shadow_m(10.0)
    assert east_m < 0 < north_m


def test_what_has_a_height_must_be_convex() -> None:
    corner = Polygon([(0, 0), (4, 0), (4, 1), (1, 1), (1, 4), (0, 4)])
    with pytest.raises(ValueError, match="convex"):
        Structure(footprint_m=corner, surface=Surface.WALL, height_m=3)
    assert Structure(footprint_m=corner, surface=Surface.ASPHALT).height_m == 0


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="haze"):
        NoiseSettings(haze=-0.1)
    with pytest.raises(ValueError, match="even"):
        replace(scenario("quiet"), size_px=(21, 20))
