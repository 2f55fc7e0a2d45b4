"""The named scenarios. Each seed gives another world: other places, angles, numbers of blocks and dates.

They lie in open desert east of Turpan where nothing of the kind stands, and all names say that they are made up
(模拟 simulated, 虚拟 virtual, 假设 supposed).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
from shapely.geometry import Polygon
from shapely.ops import unary_union

from geo.crs import LON_LAT_EPSG, reproject
from geo.errors import ConfigError
from geo.grid import Grid
from geo.sources.simulated.land import drying_pond, farmland, quiet_factory, resurfaced, road, tank, tracks
from geo.sources.simulated.scenario import Field, KnownPlace, Scenario, SimulatedArea, native_grid
from geo.sources.simulated.spectra import Surface
from geo.sources.simulated.structures import (
    Frame,
    SimulatedEvent,
    Structure,
    compound_plan,
    dated,
    enclosure,
    park_plan,
    torn_down,
)

CENTRE_LON, CENTRE_LAT = 91.62, 41.93
_LONG_AGO = date(2012, 1, 1)
_WORLD_STREAM = 31
_SITE_FIRST, _SITE_LAST = date(2022, 2, 10), date(2023, 9, 10)
_DEMO_FIRST, _DEMO_LAST = date(2022, 1, 8), date(2023, 12, 30)
_AREA_MARGIN_M = 260.0


@dataclass(kw_only=True)
class _World:
    """What has been put into a world so far."""

    name: str
    seed: int
    first: date
    last: date
    grid: Grid
    rng: np.random.Generator
    fields: list[Field] = field(default_factory=list)
    towns: list[Polygon] = field(default_factory=list)
    scenery: list[Structure] = field(default_factory=list)
    events: list[SimulatedEvent] = field(default_factory=list)
    areas: list[SimulatedArea] = field(default_factory=list)
    places: list[KnownPlace] = field(default_factory=list)

    @classmethod
    def empty(cls, name: str, seed: int, *, size_px: tuple[int, int], period: tuple[date, date]) -> "_World":
        grid = native_grid(CENTRE_LON, CENTRE_LAT, size_px)
        kind = list(_BUILDERS).index(name)
        rng = np.random.default_rng([seed, _WORLD_STREAM, kind])
        return cls(name=name, seed=seed, first=period[0], last=period[1], grid=grid, rng=rng)

    def frame(self, east_m: float, south_m: float, *, angle_deg: float = 0.0) -> Frame:
        """Return a frame so far from the north-western corner."""
        return Frame(x_m=self.grid.left_m + east_m, y_m=self.grid.top_m - south_m, angle_deg=angle_deg)

    @property
    def tilled(self) -> list[Polygon]:
        """The outlines of all fields, with the ditches between them."""
        return [land.outline_m.buffer(4) for land in self.fields]

    def day(self, share: float) -> date:
        """Return the day at which `share` of the world's time is over."""
        return self.first + timedelta(days=round(share * (self.last - self.first).days))

    def days(self, share: float) -> float:
        """Return `share` of the world's time in days."""
        return share * (self.last - self.first).days

    def degrees(self, polygon_m: Polygon) -> Polygon:
        """Return `polygon_m` in longitude and latitude."""
        return reproject(polygon_m, from_epsg=self.grid.epsg, to_epsg=LON_LAT_EPSG)

    def watch(self, area_id: str, name: str, around_m: Polygon) -> None:
        """Add an area to watch: the box around `around_m` with a margin, within the world."""
        shape = around_m.envelope.buffer(_AREA_MARGIN_M, join_style="mitre")
        left, bottom, right, top = self.grid.bounds_m
        shape = shape.intersection(Polygon([(left, bottom), (right, bottom), (right, top), (left, top)]).buffer(-40))
        self.areas.append(SimulatedArea(area_id=area_id, name=name, polygon_4326=self.degrees(shape)))

    def know(self, place_id: str, names: tuple[str, ...], kind: str, outline_m: Polygon) -> None:
        """Add a place that is known beforehand."""
        self.places.append(KnownPlace(place_id=place_id, names=names, kind=kind, geometry_4326=self.degrees(outline_m)))

    def scenario(self, *, revisit_days: int) -> Scenario:
        """Close the world."""
        return Scenario(
            name=self.name,
            seed=self.seed,
            centre_lon=CENTRE_LON,
            centre_lat=CENTRE_LAT,
            size_px=(self.grid.width_px, self.grid.height_px),
            first=self.first,
            last=self.last,
            revisit_days=revisit_days,
            fields=tuple(self.fields),
            towns=tuple(self.towns),
            scenery=tuple(self.scenery),
            events=tuple(self.events),
            watched=tuple(self.areas),
            places=tuple(self.places),
        )


def scenario(name: str, *, seed: int = 0) -> Scenario:
    """Return the scenario called `name`, one of `SCENARIO_NAMES`.

    ``compound``, ``park``, ``removal``, ``quiet``, ``opening`` (the wall of a camp is taken away) and ``fence`` (only a
    mesh fence is) are 2 km wide with one subject and 24 looks; ``demo`` is 5.6 x 4 km with the first four of them,
    farmland and an old town, in 33 looks over two years.

    Raises:
        ConfigError: There is no such scenario, or `seed` is negative.

    """
    if name not in _BUILDERS:
        raise ConfigError(f"no simulated scenario {name!r}; expected one of {', '.join(_BUILDERS)}")
    if seed < 0:
        raise ConfigError(f"the seed of a simulated scenario is 0 or more; got {seed}")
    return _BUILDERS[name](name, seed)


def _compound(world: _World, frame: Frame) -> None:
    rng = world.rng
    length, width = float(rng.uniform(320, 560)), float(rng.uniform(230, 380))
    begin, days = world.day(float(rng.uniform(0.30, 0.42))), world.days(float(rng.uniform(0.30, 0.44)))
    plan = compound_plan(rng, frame, length_m=length, width_m=width)
    outline = frame.box((-length / 2, length / 2), (-width / 2, width / 2))
    structures = dated(plan, begin=begin, days=days)
    world.events.append(SimulatedEvent(name="Xuni compound (simulated)", kind="construction", structures=structures))
    world.watch("sim-compound", "Desert plain at Xuni (simulated)", outline)


def _park(world: _World, frame: Frame, *, columns: int, rows: int) -> None:
    rng = world.rng
    free_count = int(rng.integers(2, 5))
    plan = park_plan(rng, frame, columns=columns, rows=rows, free_count=free_count)
    world.scenery += dated(plan.standing, begin=_LONG_AGO, days=1)
    begins = np.sort(rng.uniform(0.28, 0.68, free_count))
    built = [
        dated(plot, begin=world.day(float(begin)), days=world.days(0.22))
        for plot, begin in zip(plan.plots, begins, strict=True)
    ]
    world.events.append(
        SimulatedEvent(
            name="Growth of the Moni park (simulated)",
            kind="expansion",
            structures=tuple(part for plot in built for part in plot),
        )
    )
    names = ("Moni Textile Industrial Park", "模拟纺织工业园区", "Moni Fangzhi Gongye Yuanqu")
    world.know("sim-park", names, "industrial_park", plan.outline_m)
    world.watch("sim-park", "Moni park and surroundings (simulated)", plan.outline_m)


def _removal(world: _World, frame: Frame) -> None:
    rng = world.rng
    length, width = float(rng.uniform(260, 420)), float(rng.uniform(200, 320))
    plan = compound_plan(rng, frame, length_m=length, width_m=width)
    standing = dated(plan, begin=_LONG_AGO, days=200)
    stay_share = float(rng.choice([0.0, 0.0, 0.3]))
    stays = [
        part.height_m == 0 or (part.surface is not Surface.WALL and rng.random() < stay_share) for part in standing
    ]
    world.scenery += [part for part, is_kept in zip(standing, stays, strict=True) if is_kept]
    gone = [part for part, is_kept in zip(standing, stays, strict=True) if not is_kept]
    begin, days = world.day(float(rng.uniform(0.38, 0.55))), world.days(float(rng.uniform(0.06, 0.18)))
    world.events.append(
        SimulatedEvent(
            name="Clearing of the Xuni camp (simulated)",
            kind="demolition",
            structures=torn_down(gone, begin=begin, days=days),
        )
    )
    outline = frame.box((-length / 2, length / 2), (-width / 2, width / 2))
    names = ("Xuni Education and Training Centre", "虚拟教育培训中心", "Xuni Jiaoyu Peixun Zhongxin")
    world.know("sim-camp", names, "camp", outline)
    world.watch("sim-removal", "Xuni camp and surroundings (simulated)", outline)


def _opened(world: _World, frame: Frame, *, fence: bool) -> None:
    """Put a camp there whose blocks stay while what encloses it goes within ten days: a wall, or a mesh fence."""
    rng = world.rng
    length, width = float(rng.uniform(280, 400)), float(rng.uniform(220, 320))
    plan = compound_plan(rng, frame, length_m=length, width_m=width)
    world.scenery += [part for part in dated(plan, begin=_LONG_AGO, days=200) if part.surface is not Surface.WALL]
    begin = world.day(float(rng.uniform(0.5, 0.56)))
    sides = enclosure(frame, length_m=length, width_m=width, fence=fence)
    gone = [replace(side, stands_until=begin + timedelta(days=3 * index)) for index, side in enumerate(sides)]
    world.events.append(
        SimulatedEvent(name="Opening of the Xuni camp (simulated)", kind="desecuritisation", structures=tuple(gone))
    )
    outline = frame.box((-length / 2, length / 2), (-width / 2, width / 2))
    names = ("Xuni Education and Training Centre", "虚拟教育培训中心", "Xuni Jiaoyu Peixun Zhongxin")
    world.know("sim-camp", names, "camp", outline)
    world.watch("sim-opening", "Xuni camp and surroundings (simulated)", outline)


def _quiet(world: _World, frame: Frame) -> None:
    outline, buildings = quiet_factory(world.rng, frame)
    world.scenery += buildings
    names = ("Jiashe Garment Factory", "假设服装厂", "Jiashe Fuzhuangchang")
    world.know("sim-factory", names, "factory", outline)
    world.watch("sim-quiet", "Jiashe factory and fields (simulated)", outline)


def _site_world(name: str, seed: int, put: Callable[[_World, Frame], None]) -> Scenario:
    """Build a world of 2 x 2 km: the subject in the desert, a road, farmland in the south."""
    world = _World.empty(name, seed, size_px=(200, 200), period=(_SITE_FIRST, _SITE_LAST))
    rng = world.rng
    tilt = float(rng.uniform(-8, 8))
    world.fields += farmland(rng, world.frame(1000, 1830, angle_deg=tilt), length_m=2600, width_m=520)
    road_frame = world.frame(1000, 1545, angle_deg=tilt)
    world.scenery += tracks(
        rng, world.frame(1000, 700), reach_m=900, count=int(rng.integers(3, 7)), clear_of=world.tilled
    )
    world.scenery += road([road_frame.point(u, 0) for u in (-1300, 1300)], width_m=9, surface=Surface.ASPHALT)
    put(world, world.frame(*rng.uniform((900, 620), (1100, 800)).tolist(), angle_deg=float(rng.uniform(-40, 40))))
    return world.scenario(revisit_days=25)


def _compound_world(name: str, seed: int) -> Scenario:
    return _site_world(name, seed, _compound)


def _park_world(name: str, seed: int) -> Scenario:
    return _site_world(name, seed, lambda world, frame: _park(world, frame, columns=4, rows=4))


def _removal_world(name: str, seed: int) -> Scenario:
    return _site_world(name, seed, _removal)


def _opening_world(name: str, seed: int) -> Scenario:
    return _site_world(name, seed, lambda world, frame: _opened(world, frame, fence=False))


def _fence_world(name: str, seed: int) -> Scenario:
    return _site_world(name, seed, lambda world, frame: _opened(world, frame, fence=True))


def _quiet_world(name: str, seed: int) -> Scenario:
    return _site_world(name, seed, _quiet)


def _demo_world(name: str, seed: int) -> Scenario:
    """Build a world of 5.6 x 4 km with all subjects, farmland, an old town and things that change unbuilt."""
    world = _World.empty(name, seed, size_px=(560, 400), period=(_DEMO_FIRST, _DEMO_LAST))
    rng = world.rng
    tilt = float(rng.uniform(-6, 6))
    _demo_land(world, tilt)

    def near(east_m: float, south_m: float, *, angle_deg: float) -> Frame:
        step = rng.uniform(-70, 70, 2)
        return world.frame(east_m + step[0], south_m + step[1], angle_deg=angle_deg)

    _compound(world, near(1150, 900, angle_deg=float(rng.uniform(-25, 25))))
    _removal(world, near(4500, 850, angle_deg=float(rng.uniform(-25, 25))))
    _park(world, near(3650, 2200, angle_deg=tilt), columns=5, rows=3)
    _quiet(world, near(1000, 2180, angle_deg=tilt))
    return world.scenario(revisit_days=22)


def _demo_land(world: _World, tilt: float) -> None:
    rng = world.rng
    world.fields += farmland(rng, world.frame(1900, 3300, angle_deg=tilt), length_m=4300, width_m=1300)
    town = world.frame(4750, 3350, angle_deg=tilt + 12)
    blocks = [town.box((-520, 180), (-380, 330)), town.box((-250, 460), (-300, 430))]
    world.towns.append(unary_union(blocks))
    world.scenery += tracks(rng, world.frame(2800, 1000), reach_m=2200, count=9, clear_of=[*world.tilled, *world.towns])
    middle = world.frame(2800, 2575, angle_deg=tilt)
    along, down = [middle.point(u, 0) for u in (-3200, 3200)], [middle.point(1750, v) for v in (0, -1600)]
    world.scenery += road(along, width_m=12, surface=Surface.ASPHALT)
    world.scenery += road(down, width_m=9, surface=Surface.ASPHALT)
    world.scenery += road([middle.point(-700, v) for v in (0, -2700)], width_m=7, surface=Surface.CONCRETE)
    part = [middle.point(u, 0) for u in (-1500, 300)]
    world.scenery += resurfaced(part, width_m=12, on=world.day(float(rng.uniform(0.4, 0.7))))
    dry_on = [world.day(share) for share in np.sort(rng.uniform(0.35, 0.9, 5)).tolist()]
    world.scenery += drying_pond(rng, world.frame(2450, 1650, angle_deg=30), radius_m=170, dry_on=dry_on)
    world.scenery.append(tank(world.frame(2250, 2380), radius_m=12))


_BUILDERS: Mapping[str, Callable[[str, int], Scenario]] = MappingProxyType(
    {
        "demo": _demo_world,
        "compound": _compound_world,
        "park": _park_world,
        "removal": _removal_world,
        "quiet": _quiet_world,
        "opening": _opening_world,
        "fence": _fence_world,
    }
)
SCENARIO_NAMES = tuple(_BUILDERS)
"""What `scenario` knows."""
