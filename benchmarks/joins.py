"""Does the probability that a supplier stands on a flagged site beat drawing a circle, and is it true?

    python -m benchmarks.joins [--seeds 0 1 2] [--suppliers 10000] [--plots 20000] [--sites 1500] [--json FILE]

A square of 120 km holds the plots of firms, of which some are flagged. A quarter of the suppliers stand on flagged
plots, others on further known plots, the rest on plots that are in no register. Each is geocoded as building, street,
town or county, with the stated radius, and misplaced by an error that in the first world is the one that the method
presumes and in the others is not. Rules are compared on whether a supplier stands on any flagged plot: the stated
position lies in the outline, within 1 or 5 km of it, or the posterior is at least one half. The expected calibration
error is over all suppliers that get a probability, in ten bins of equal width.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from aoi.facilities import Facility
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from benchmarks.trials import table
from outputs.risk.kernels import SIGMAS_AT_95, metres_a_degree
from outputs.risk.places import FINE, Located, PlaceJoin, join_places

Floats = NDArray[np.float64]
MIDDLE = (82.0, 41.5)
SIDE_M = 120_000.0
CLASSES = (Precision.BUILDING, Precision.STREET, Precision.TOWNSHIP, Precision.COUNTY)
CLASS_SHARES = (0.15, 0.30, 0.35, 0.20)
SIGMAS_M = np.array([25.0, 300.0, 3_000.0, 12_000.0])
BUFFERS_M = (0.0, 1_000.0, 5_000.0)
NAMES = {0.0: "point in polygon", 1_000.0: "buffer 1 km", 5_000.0: "buffer 5 km"}
FAR_SHARE = 0.05
MOVED_SHARE = 0.4
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How a simulated list comes about."""

    error: Callable[[Generator, Floats], Floats]
    """Turns standard deviations into errors in metres, shape (supplier, 2)."""
    on_flagged: float = 0.25
    on_unknown: float = 0.15
    towns: int = 0
    """Into how many towns all firms crowd; 0: they are spread out."""


def assumed(rng: Generator, sigma: Floats) -> Floats:
    """Nineteen of twenty Gaussian, the rest far off: what the method presumes."""
    return np.where(
        rng.random((len(sigma), 1)) < FAR_SHARE, _t2(rng, np.full(len(sigma), 15_000.0)), _normal(rng, sigma)
    )


def heavy(rng: Generator, sigma: Floats) -> Floats:
    """A t of two degrees of freedom of the stated width: no Gaussian core at all."""
    return _t2(rng, sigma)


def shifted(rng: Generator, sigma: Floats) -> Floats:
    """Four of ten moved by half a kilometre to the same side, as between two datums that were confused."""
    moved = np.where(rng.random((len(sigma), 1)) < MOVED_SHARE, np.array([420.0, -280.0]), 0.0)
    return assumed(rng, sigma) + moved


def mixed(rng: Generator, sigma: Floats) -> Floats:
    """Most better than stated, three of ten two and a half times worse, one of ten anywhere within 6 km."""
    kind = rng.choice(3, size=len(sigma), p=(0.6, 0.3, 0.1))
    anywhere = rng.uniform(-6_000, 6_000, (len(sigma), 2))
    scale = np.choose(kind, (0.7, 2.5, 1.0))[:, None]
    return np.where(kind[:, None] == 2, anywhere, scale * _normal(rng, sigma))  # noqa: PLR2004 - the third kind


def boastful(rng: Generator, sigma: Floats) -> Floats:
    """Three times as wrong as stated."""
    return assumed(rng, 3 * sigma)


def _normal(rng: Generator, sigma: Floats) -> Floats:
    return rng.normal(size=(len(sigma), 2)) * sigma[:, None]


def _t2(rng: Generator, scale: Floats) -> Floats:
    return _normal(rng, scale) / np.sqrt(rng.chisquare(2, len(scale)) / 2)[:, None]


WORLDS: Mapping[str, World] = {
    "as presumed": World(error=assumed),
    "heavier tails": World(error=heavy),
    "shifted datum": World(error=shifted),
    "mixture": World(error=mixed),
    "three times worse": World(error=boastful),
    "few flagged": World(error=assumed, on_flagged=0.03),
    "poor register": World(error=assumed, on_unknown=0.45),
    "in towns": World(error=assumed, towns=60),
    "in towns, mixture, poor register": World(error=mixed, towns=60, on_unknown=0.35),
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulated:
    """A list with its truth."""

    located: tuple[Located, ...]
    sites: tuple[Facility, ...]
    plots: tuple[Facility, ...]
    classes: NDArray[np.int64]
    stated_m: Floats
    site: NDArray[np.int64]
    """Number of the flagged site on which each supplier stands; -1: on none."""
    outlines_m: "NDArray[np.object_]" = field(repr=False)
    """Of the sites."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is simulated."""

    suppliers: int = 10_000
    plots: int = 20_000
    sites: int = 1_500


def simulate(world: World, size: Size, seed: int) -> Simulated:
    """Make one list."""
    rng = np.random.default_rng(seed)
    _, outlines_m = _plots(rng, world, size)
    _, hidden = _plots(rng, world, Size(plots=size.plots, sites=0))
    draw = rng.random(size.suppliers)
    on_flagged, on_unknown = draw < world.on_flagged, draw > 1 - world.on_unknown
    plot = rng.integers(size.sites, size.plots, size.suppliers)
    plot[on_flagged] = rng.integers(0, size.sites, on_flagged.sum())
    true = np.where(on_unknown[:, None], _within(rng, hidden, plot), _within(rng, outlines_m, plot))
    classes = rng.choice(len(CLASSES), size=size.suppliers, p=CLASS_SHARES)
    sigma = SIGMAS_M[classes]
    stated = true + world.error(rng, sigma)
    return Simulated(
        located=tuple(_located(number, *row) for number, row in enumerate(zip(classes, stated, strict=True))),
        sites=tuple(_facility(number, shape) for number, shape in enumerate(outlines_m[: size.sites])),
        plots=tuple(_facility(number + size.sites, shape) for number, shape in enumerate(outlines_m[size.sites :])),
        classes=classes,
        stated_m=stated,
        site=np.where(on_flagged, plot, -1),
        outlines_m=outlines_m[: size.sites],
    )


def _plots(rng: Generator, world: World, size: Size) -> "tuple[Floats, NDArray[np.object_]]":
    """Return the middles and outlines of plots, in metres from the middle of the square."""
    middles = rng.uniform(-SIDE_M / 2, SIDE_M / 2, (size.plots, 2))
    if world.towns:
        # The towns are those of the world, not of the draw: registered and unregistered firms share them.
        towns = np.random.default_rng(world.towns).uniform(-SIDE_M / 2, SIDE_M / 2, (world.towns, 2))
        middles = towns[rng.integers(0, world.towns, size.plots)] + rng.normal(0, 2_500, (size.plots, 2))
    half = 0.5 * rng.lognormal(np.log(200), 0.4, (size.plots, 2))
    low, high = middles - half, middles + half
    return middles, shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])


def _within(rng: Generator, outlines_m: "NDArray[np.object_]", chosen: NDArray[np.int64]) -> Floats:
    bounds = shapely.bounds(outlines_m)[chosen]
    return np.asarray(bounds[:, :2] + rng.random((len(chosen), 2)) * (bounds[:, 2:] - bounds[:, :2]))


def _in_degrees(xy: Floats) -> Floats:
    east, north = metres_a_degree(np.array(MIDDLE[1]))
    return np.asarray(np.array(MIDDLE) + xy / np.array([float(east), float(north)]))


def _located(number: int, kind: int, stated: Floats) -> Located:
    lon, lat = _in_degrees(stated)
    radius_m = float(SIGMAS_M[kind] * SIGMAS_AT_95)
    place = Place(place_id="x", level=Level.COUNTY, names=("x",), lon_lat=(lon, lat), radius_m=radius_m)
    code = Geocode(
        place=place,
        lineage=(place,),
        lon_lat=(float(lon), float(lat)),
        radius_m=radius_m,
        precision=CLASSES[kind],
        probability=1.0,
    )
    return Located(supplier_id=f"s{number}", geocodes=(code,))


def _facility(number: int, outline_m: shapely.Polygon) -> Facility:
    name = f"p{number}"
    return Facility(facility_id=name, names=(name,), location_4326=shapely.transform(outline_m, _in_degrees))


def measure(world: Simulated, joined: PlaceJoin) -> dict[str, Any]:
    """Return how each rule does, and how true the probabilities are."""
    truth = world.site >= 0
    told = np.array([_of(joined, number) for number in range(len(truth))])
    is_fine = np.isin(world.classes, [CLASSES.index(one) for one in CLASSES if one in FINE])
    stated = np.where(is_fine, told, 0.0)
    rules = {NAMES[buffer]: _within_m(world, buffer) for buffer in BUFFERS_M}
    rows = [_scores(name, found, truth, world.classes) for name, found in rules.items()]
    rows.append(_scores("posterior >= 0.5", stated >= 0.5, truth, world.classes))  # noqa: PLR2004 - as in its name
    for row in rows:
        found = rules.get(row["rule"], stated >= 0.5)  # noqa: PLR2004 - as in its name
        row["posterior_at_its_recall"] = _precision_at(stated[is_fine], truth[is_fine], found[is_fine])
    return {
        "rules": rows,
        "ece": calibration_error(told[is_fine], truth[is_fine]),
        "ece_pairs": _pairs_error(world, joined),
        "flagged_share": joined.rates.flagged_share,
        "true_share": float(truth[is_fine].mean()),
        "coarse_named": sum(world.classes[int(link.supplier_id[1:])] > 1 for link in joined.links),
        "rounds": joined.rates.rounds,
    }


def _of(joined: PlaceJoin, number: int) -> float:
    found = joined.flagged.get(f"s{number}")
    return 0.0 if found is None else found.inside


def _within_m(world: Simulated, buffer_m: float) -> NDArray[np.bool_]:
    tree = shapely.STRtree(world.outlines_m)
    points = shapely.points(world.stated_m)
    hit = tree.query(points, predicate="dwithin", distance=buffer_m)[0]
    return np.isin(np.arange(len(points)), hit)


def _scores(
    name: str, found: NDArray[np.bool_], truth: NDArray[np.bool_], classes: NDArray[np.int64]
) -> dict[str, Any]:
    row: dict[str, Any] = {"rule": name, **_precision_recall(found, truth)}
    for number, kind in enumerate(CLASSES):
        here = classes == number
        part = _precision_recall(found[here], truth[here])
        row[kind.value] = f"{part['precision']:.2f}/{part['recall']:.2f}"
    return row


def _precision_recall(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> dict[str, float]:
    right = float((found & truth).sum())
    precision = right / found.sum() if found.any() else float("nan")
    recall = right / truth.sum() if truth.any() else float("nan")
    return {"precision": precision, "recall": recall, "f1": 2 * right / max(float(found.sum() + truth.sum()), 1.0)}


def _precision_at(stated: Floats, truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> float:
    """Return the posterior's precision at the threshold where it finds as many as the rule did, both on fine fixes."""
    order = np.argsort(-stated, kind="stable")
    right = np.cumsum(truth[order])
    wanted = (found & truth).sum()
    last = int(np.searchsorted(right, max(wanted, 1)))
    return float(right[last] / (last + 1)) if last < len(right) else float("nan")


def calibration_error(stated: Floats, truth: NDArray[np.bool_], *, bins: int = _BINS) -> float:
    """Return the mean distance between what was stated and what was true, over bins of equal width."""
    which = np.minimum((stated * bins).astype(np.int64), bins - 1)
    count = np.bincount(which, minlength=bins)
    gap = np.bincount(which, weights=stated, minlength=bins) - np.bincount(which, weights=truth, minlength=bins)
    return float(np.abs(gap).sum() / count.sum())


def _pairs_error(world: Simulated, joined: PlaceJoin) -> float:
    """Return the calibration error of the links named one by one."""
    stated = np.array([link.inside for link in joined.links])
    truth = np.array([world.site[int(link.supplier_id[1:])] == int(link.site_id[1:]) for link in joined.links])
    return calibration_error(stated, truth) if len(stated) else float("nan")


def run(names: Sequence[str], size: Size, seeds: Sequence[int]) -> dict[str, Any]:
    """Run all worlds and return their tables, means over the seeds."""
    rules: list[dict[str, Any]] = []
    worlds = []
    for name in names:
        found = []
        seconds = []
        for seed in seeds:
            world = simulate(WORLDS[name], size, seed)
            begun = time.process_time()
            joined = join_places(world.located, world.sites, world.plots)
            seconds.append(time.process_time() - begun)
            found.append(measure(world, joined))
        rules += [{"world": name, **_mean([one["rules"][number] for one in found])} for number in range(4)]
        keys = [key for key in found[0] if key != "rules"]
        means = _mean([{key: one[key] for key in keys} for one in found])
        worst = max(one["ece"] for one in found)
        worlds.append({"world": name, **means, "ece_worst": worst, "cpu_s": float(np.mean(seconds))})
    return {"size": {"suppliers": size.suppliers, "plots": size.plots, "sites": size.sites}, "rules": rules,
            "worlds": worlds, "seeds": list(seeds)}  # fmt: skip


def _mean(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, str) else float(np.nanmean([row[key] for row in rows]))
        for key, value in rows[0].items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.joins", description=str(__doc__).splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--suppliers", type=int, default=Size().suppliers)
    parser.add_argument("--plots", type=int, default=Size().plots)
    parser.add_argument("--sites", type=int, default=Size().sites)
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    size = Size(suppliers=options.suppliers, plots=options.plots, sites=options.sites)
    result = run(options.worlds, size, options.seeds)
    print(f"{size.suppliers} suppliers, {size.plots} plots, {size.sites} of them flagged, seeds {options.seeds}")
    print(f"\nis it on a flagged plot? precision/recall\n{table(result['rules'])}")
    print(f"\nare the probabilities true?\n{table(result['worlds'])}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
