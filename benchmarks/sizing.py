"""What do a prefecture, all of Xinjiang and 10,000 sites cost: imagery, processor hours, storage, processing units?

    python -m benchmarks.sizing [--units FILE]               # the table, from unit figures that were measured
    python -m benchmarks.sizing --measure [--units FILE]     # measure them on this machine first, and write them down

A reader with other figures writes them into a file of their own. Unit figures are measured on areas of two sizes, so
that what an area costs whatever its size is told apart from what each square kilometre and look costs; on simulated
imagery in real files, which compresses worse than real imagery. Processing units are those of `geo.cost`.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from benchmarks.scale_world import World, make_world
from flows.area.outcome import State
from flows.runs.run import run_workspace
from geo.cost import processing_units

UNITS_PATH = Path(__file__).with_name("sizing_units.json")
_PIXEL_M = 10.0
_BLOCKS_PX, _BLOCKS_MB = 480, 500
"""An area that does not fit into so much memory."""
_SETTINGS = {"cache": {"enabled": True}, "monitor": {"enabled": True}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """What one of each costs."""

    cpu_s_per_area: float
    """A full pass over an area, whatever its size: tables, pictures, pages."""
    cpu_s_per_km2_look: float
    """The rest of it, of an area that fits into memory."""
    cpu_s_per_km2_look_blocks: float
    """The same of one that is worked on in blocks: surroundings are looked at several times."""
    screen_cpu_s_per_km2: float
    """Screening one new date, with the publication of a run of one area."""
    mb_per_km2_look_band: float
    """Imagery that is kept, and its masks."""
    product_mb_per_km2: float
    """Maps, pictures and tables of an area."""
    full_pass_days: int = 90
    """All dates are looked at together at least so often."""
    acquisitions_per_year: float = 73.0
    """Sentinel-2, one orbit."""
    read_share: float = 0.6
    """Of those, the share that is clear enough to be read."""
    years: float = 9.0
    """How far a first run looks back."""
    bands: int = 6
    """That are read and charged; the classification comes free."""

    @property
    def looks_a_year(self) -> float:
        """Dates that are read."""
        return self.acquisitions_per_year * self.read_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something to be watched."""

    name: str
    areas: int
    side_km: float
    """Of one area."""
    margin_km: float = 0.3
    is_screened: bool = True
    """Whether it fits into memory, and new dates are screened between full passes: large areas are not."""

    @property
    def read_km2(self) -> float:
        """Ground that is read for one area."""
        return (self.side_km + 2 * self.margin_km) ** 2


TILE_KM = 20.0
CASES = (
    Case(name="10,000 sites of 1 km2", areas=10_000, side_km=1.0),
    Case(name="a prefecture, 160,000 km2", areas=ceil(160_000 / TILE_KM**2), side_km=TILE_KM, is_screened=False),
    Case(name="Xinjiang, 1,660,000 km2", areas=ceil(1_660_000 / TILE_KM**2), side_km=TILE_KM, is_screened=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What a case costs."""

    name: str
    when: str
    looks: float
    imagery_gb: float
    """That comes in and is kept."""
    cpu_hours: float
    product_gb: float
    """Of the newest products."""
    processing_units: float
    """If all of it is asked for by account; open files cost none."""


def size_of(case: Case, units: Units, when: str) -> Size:
    """Return what a case costs, "first run" or "a month"."""
    is_first = when == "first run"
    looks = units.looks_a_year * (units.years if is_first else 1 / 12)
    known = units.looks_a_year * units.years
    passes = 1.0 if is_first else (30 / units.full_pass_days if case.is_screened else 1.0)
    a_look_s = units.cpu_s_per_km2_look if case.is_screened else units.cpu_s_per_km2_look_blocks
    cpu_s = passes * (units.cpu_s_per_area + a_look_s * case.read_km2 * known)
    if not is_first and case.is_screened:
        cpu_s += looks * units.screen_cpu_s_per_km2 * case.read_km2
    side_px = round((case.side_km + 2 * case.margin_km) * 1000 / _PIXEL_M)
    return Size(
        name=case.name,
        when=when,
        looks=looks,
        imagery_gb=case.areas * case.read_km2 * looks * units.bands * units.mb_per_km2_look_band / 1e3,
        cpu_hours=case.areas * cpu_s / 3_600,
        product_gb=case.areas * case.read_km2 * units.product_mb_per_km2 / 1e3,
        processing_units=case.areas * looks * processing_units(side_px, side_px, units.bands),
    )


def measure(sides_px: Sequence[int] = (100, 240), *, dates: int = 16) -> Units:
    """Measure the unit figures on areas of two sizes."""
    passes, screens, kept, products = [], [], 0.0, 0.0
    with TemporaryDirectory() as name:
        _warm_up(Path(name) / "warm")
        for side in sides_px:
            world = World(areas=1, side_px=side, dates=dates)
            root = make_world(Path(name) / str(side), World(areas=1, side_px=side, dates=dates + 1), _SETTINGS)
            newest = max((root.parent / "imagery").iterdir())
            later = newest.rename(root.parent / newest.name)
            passes.append((world.area_km2, _cpu_s(root, State.DONE)))
            kept = _mb(root / "imagery") / world.area_km2 / dates / 4  # with its masks, of four bands
            products = _mb(root / "state" / "areas") / world.area_km2
            later.rename(newest)
            screens.append((world.area_km2, _cpu_s(root, None)))
        world = World(areas=1, side_px=_BLOCKS_PX, dates=dates)
        root = make_world(Path(name) / "blocks", world, {"limits": {"memory_mb": _BLOCKS_MB}})
        in_blocks = (_cpu_s(root, State.DONE), world.area_km2)
    (small, one), (large, two) = passes
    per_km2 = (two - one) / (large - small)
    (_, least), (_, most) = screens
    return Units(
        cpu_s_per_area=max(0.0, one - per_km2 * small),
        cpu_s_per_km2_look=per_km2 / dates,
        cpu_s_per_km2_look_blocks=(in_blocks[0] - max(0.0, one - per_km2 * small)) / in_blocks[1] / dates,
        screen_cpu_s_per_km2=max(0.0, (most - least) / (large - small)),
        mb_per_km2_look_band=kept,
        product_mb_per_km2=products,
    )


def _warm_up(folder: Path) -> None:
    """Compile what is compiled once, and load what is loaded once."""
    root = make_world(folder, World(areas=1, side_px=80, dates=9), _SETTINGS)
    newest = max((root.parent / "imagery").iterdir())
    later = newest.rename(root.parent / newest.name)
    run_workspace(root)
    later.rename(newest)
    run_workspace(root)


def _cpu_s(root: Path, wanted: State | None) -> float:
    began = process_time()
    report = run_workspace(root)
    (outcome,) = report.outcomes
    if wanted is not None and outcome.state is not wanted:
        raise SystemExit(f"expected an area that is {wanted}; got {outcome.state}: {outcome.reason}")
    return process_time() - began


def _mb(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def show(units: Units) -> list[Size]:
    """Print the table; return its rows."""
    for name, value in asdict(units).items():
        print(f"{name:<24} {value:g}")
    sizes = [size_of(case, units, when) for case in CASES for when in ("first run", "a month")]
    print(f"{'':<28}{'':<11}{'looks':>7}{'imagery GB':>12}{'CPU hours':>12}{'products GB':>13}{'units':>16}")
    for one in sizes:
        print(
            f"{one.name:<28}{one.when:<11}{one.looks:>7.1f}{one.imagery_gb:>12,.0f}{one.cpu_hours:>12,.0f}"
            f"{one.product_gb:>13,.0f}{one.processing_units:>16,.0f}"
        )
    return sizes


def main() -> None:
    """Measure if asked to, print, and write down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--units", type=Path, default=UNITS_PATH)
    parser.add_argument("--measure", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.measure:
        given.units.write_text(json.dumps(asdict(measure()), indent=1) + "\n", encoding="utf-8")
    document: dict[str, Any] = json.loads(given.units.read_text(encoding="utf-8"))
    sizes = show(Units(**document))
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in sizes], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
