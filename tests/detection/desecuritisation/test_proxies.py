"""A strip that is greened, a road that is led through and lights that go out are told from chance, each by its name."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache

import numpy as np
import pytest
from shapely.geometry import LineString, Polygon, box
from shapely.geometry.base import BaseGeometry

from benchmarks.walls import SIMULATED, Ground, ground_of, ring_on
from detection.desecuritisation.proxies import Proxy, night_light_proxy, strip_proxies
from detection.perimeter import PerimeterParams
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from geo.sources.simulated.coverage import coverage_on

PARAMS = PerimeterParams(copies=400)


@lru_cache(maxsize=4)
def ground(seed: int) -> tuple[Ground, Polygon]:
    rng = np.random.default_rng(seed)
    made = ground_of(SIMULATED, None, looks=6, rng=rng)
    return made, ring_on(made, rng)


def measured(seed: int, where: Callable[[Polygon], BaseGeometry], by: tuple[float, float, float]) -> dict[str, Proxy]:
    """Add `by` to blue, green and red of what `where` makes of the site, in the later half of the looks."""
    made, site = ground(seed)
    values = made.stack.values.copy()
    shape = where(site)
    for part in getattr(shape, "geoms", [shape]):
        share = coverage_on(part, made.stack.grid)
        values[made.looks_before :] += np.array(by, dtype=np.float32)[:, None, None] * share
    found = strip_proxies(made.stack.with_values(values), site.exterior, PARAMS)
    return {proxy.kind.value: proxy for proxy in found}


def outside(site: Polygon) -> BaseGeometry:
    return site.buffer(60).difference(site.buffer(20))


def test_a_strip_that_is_planted_is_greener_and_dated() -> None:
    found = measured(1, outside, (0, 0.06, 0))
    assert found["strip_greened"].p < 0.01
    assert found["strip_greened"].change > 0
    assert found["strip_greened"].changed is not None
    made, _ = ground(1)
    cut = made.stack.days[made.looks_before]
    assert found["strip_greened"].changed[0] < cut <= found["strip_greened"].changed[1]
    assert found["yard_greened"].p > 0.01


def test_yards_that_turn_green_are_told_apart_from_the_strip() -> None:
    found = measured(2, lambda site: site.buffer(-20), (0, 0.06, 0))
    assert found["yard_greened"].p < 0.01 < found["strip_greened"].p


@pytest.mark.parametrize(("by", "kind"), [(0.08, "strip_brighter"), (-0.08, "strip_darker")])
def test_a_strip_that_is_paved_is_brighter_or_darker(by: float, kind: str) -> None:
    found = measured(3, outside, (by, by, by))
    assert found[kind].p < 0.01


def test_a_road_led_through_the_line_is_found() -> None:
    def road(site: Polygon) -> BaseGeometry:
        middle = np.mean([site.exterior.coords[0], site.exterior.coords[1]], axis=0)
        away = middle - np.array(site.centroid.coords[0])
        away /= np.hypot(*away)
        return LineString([middle - 90 * away, middle + 90 * away]).buffer(5, cap_style="flat")

    assert measured(4, road, (0.12, 0.12, 0.12))["road_through"].p < 0.01


def test_where_nothing_changes_chance_is_no_sign() -> None:
    p = [proxy.p for seed in (5, 6) for proxy in measured(seed, outside, (0, 0, 0)).values()]
    assert len(p) == 10
    assert np.isfinite(p).all()
    assert sum(value < 0.01 for value in p) == 0


def test_too_few_looks_tell_nothing() -> None:
    made, site = ground(7)
    few = Stack(dataset=made.stack.dataset.isel(time=slice(0, 4)), grid=made.stack.grid, quantity=Quantity.REFLECTANCE)
    found = strip_proxies(few, site.exterior, PARAMS)
    assert len(found) == 5
    assert all(np.isnan(proxy.p) and "few" in proxy.note for proxy in found)


LIGHTS = Grid(epsg=32645, left_m=600_000, top_m=4_810_000, pixel_m=500, width_px=40, height_px=40)
LIT = box(609_800, 4_799_800, 610_200, 4_800_200)


def lights(after: float, *, months: int = 24) -> Stack:
    rng = np.random.default_rng(1)
    scenes = []
    for month in range(months):
        image = 5 * np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.05, LIGHTS.shape))
        image[19:21, 19:21] *= after if month >= months // 2 else 1
        scenes.append(
            Scene(
                scene_id=str(month),
                observed_at=datetime(2018 + month // 12, month % 12 + 1, 15, tzinfo=UTC),
                platform="night",
                quantity=Quantity.DISPLAY,
                grid=LIGHTS,
                bands={"DNB": image.astype(np.float32)},
                is_clear=np.ones(LIGHTS.shape, dtype=bool),
            )
        )
    return Stack.of(scenes)


CHANGED = (date(2018, 12, 31), date(2019, 1, 1))


def test_lights_that_go_out_are_seen_against_the_surroundings() -> None:
    found = night_light_proxy(lights(0.5), LIT, CHANGED)
    assert found.p < 0.001
    assert -0.4 < found.change < -0.1
    assert night_light_proxy(lights(1.0), LIT, CHANGED).p > 0.01
    assert night_light_proxy(lights(1.5), LIT, CHANGED).p > 0.9


def test_few_months_or_composites_elsewhere_tell_nothing() -> None:
    assert "months" in night_light_proxy(lights(0.5, months=8), LIT, CHANGED).note
    elsewhere = box(700_000, 4_700_000, 700_100, 4_700_100)
    assert np.isnan(night_light_proxy(lights(0.5), elsewhere, CHANGED).p)
