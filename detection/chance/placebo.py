"""How often does nothing at all look like this?

Every claim that something was built or torn down is put beside places where nothing is known to have happened, and
goes through the same arithmetic there (a placebo, as in the trials of medicine):

1. Space: the surroundings that were read with the area, cut into cells of the object's size. Each gives the highest
   score that an object of this size and shape reaches anywhere in it, as the object itself is the highest of its place.
   Where there are more than `MOST_PLACEBOS` cells, so many are drawn at random, always the same.
2. Time: the same map made of the looks up to a year before the series ended, or up to the look before the claim, if
   that is earlier; pretending that the series ended there, anywhere in the area and around it.

The rank of the object among these is its placebo p-value, (1 + exceeding) / (1 + placebos): with few placebos it cannot
be small, whatever the object. A real change beside the area counts as a placebo, too, which errs on the safe side.

How often evidence as strong is raised in a year on a square kilometre where nothing happens
(`false_alerts_per_site_year`) is counted in evidence, the log-odds of a claim, over real and simulated places known to
be quiet (`POOLED`). What the surroundings and the earlier years of the area itself raised is added: a restless place
needs stronger evidence.
"""

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import exp
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely import STRtree
from shapely.geometry.base import BaseGeometry

from detection.changes import ChangeMap, map_until
from detection.kernels.copies import highest_means, runs_of
from detection.objects.events import BUILT_EVENTS
from detection.objects.outline import pixels_of
from detection.params import DetectParams
from detection.room import Room
from detection.schema import Status
from geo.grid import Grid

_CLAIMS = frozenset(event.value for event in BUILT_EVENTS)
_YEAR = timedelta(days=365)
_DAYS_A_YEAR = 365.25
_M2_PER_KM2 = 1e6
_MOSTLY = 0.8
_MOST_VALUES = 100_000_000

MOST_PLACEBOS = 1000
"""Cells that are asked for one claim in space, and as many in time: of more, so many are drawn.

A p-value p then has a standard error of sqrt(p (1 - p) / 2000), 0.005 at 0.05, and is at least 0.0005."""
_MOST_CELL_PX = 4_000_000
"""Pixels of these cells together…"""
_LEAST_PLACEBOS = 100
"""… unless they are fewer than this."""
_PLACES_ACROSS = 16
"""In a cell wider than twice this the copy is not put on each pixel: scores are means over windows, and a large
copy's mean hardly changes from one pixel to the next."""

POOLED: Sequence[tuple[float, float]] = (
    (-4.0, 1.18),
    (-3.0, 1.18),
    (-2.0, 0.85),
    (-1.0, 0.66),
    (0.0, 0.33),
    (0.5, 0.26),
    (1.0, 0.14),
    (1.5, 0.08),
    (3.0, 0.08),
    (3.5, 0.03),
)
"""Log-odds of a claim, and how often a quiet square kilometre raised one at least as strong in a year.

`python -m benchmarks.calibration` prints it from the rows of `benchmarks.silent`: the higher of the rates on real and
on simulated quiet places, but not less than that of both together with half an alert added (Jeffreys): never 0.
"""
POOLED_KM2_YEARS = 5.0
"""As how much watching of the site itself the pooled rate counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the site itself raised where nothing is known to have happened."""

    log_odds: tuple[float, ...]
    """Of each claim, ascending whatever order they are given in."""
    km2_years: float
    """Ground times time in which that was."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_odds", tuple(sorted(self.log_odds)))

    def raised(self, log_odds: float) -> int:
        """Return how many claims are at least this strong."""
        return len(self.log_odds) - bisect_left(self.log_odds, log_odds)


NOTHING = Exposure(log_odds=(), km2_years=0.0)


class Teller(Protocol):
    """Tells the objects of one change map: at once (`detection.objects.rows.Whole`) or tile by tile."""

    @property
    def changes(self) -> ChangeMap:
        """What the objects are made from."""

    def rows(self, here: NDArray[np.bool_]) -> list[dict[str, Any]]:
        """Return one row of the detections table for each object that touches `here`, shape (y, x)."""

    def anew(self, changes: ChangeMap) -> "Teller":
        """Return the same for another map of the same ground."""


def weigh_against_placebos(
    rows: Sequence[dict[str, Any]],
    teller: Teller,
    inside: NDArray[np.bool_],
    params: DetectParams,
    *,
    room: Room | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of the detections table with their rate of false alerts; a claim with too high a rate stays open.

    A claim gets ``placebo`` in its evidence: ``p``, on how many placebos in space and in time it rests, and on what
    its rate does. Rows that claim nothing built or torn down are returned as they are.

    Args:
        rows: Of one area, those of all objects that touch `inside`.
        teller: Who told them.
        inside: Shape (y, x): the pixels of the area.
        params: How changes were found.
        room: The memory that may be used for a map of earlier looks.

    """
    claims = [row for row in rows if row["event"] in _CLAIMS]
    if not claims:
        return list(rows)
    earlier = earlier_map(teller.changes, claims, params, room=room)
    exposure = site_exposure(teller, earlier, claims, inside)
    ground = _Ground.of(teller.changes, earlier, claims, inside)
    needed = iter(needed_rates(claims, params))
    return [
        _judged(row, ground.space_and_time(row["geometry"]), exposure, needed=next(needed))
        if row["event"] in _CLAIMS
        else row
        for row in rows
    ]


def false_alert_rate(log_odds: float, exposure: Exposure = NOTHING) -> float:
    """Return how often a quiet site of a square kilometre raises a claim at least this strong, in a year.

    The mean of a gamma distribution: the pooled rate counts as `POOLED_KM2_YEARS` of watching, to which what the site
    itself raised, and how long it was watched, are added.
    """
    levels, rates = (np.array(column) for column in zip(*POOLED, strict=True))
    pooled = exp(float(np.interp(log_odds, levels, np.log(rates))))
    return (pooled * POOLED_KM2_YEARS + exposure.raised(log_odds)) / (POOLED_KM2_YEARS + exposure.km2_years)


def needed_rates(claims: Sequence[Mapping[str, Any]], params: DetectParams) -> list[float]:
    """Return the rate of false alerts a site and year at which each of the claims of an area may still be confirmed.

    What is small, or lies apart from all other claims without being large, needs stronger evidence.
    """
    placebo = params.placebo
    shapes = [claim["geometry"] for claim in claims]
    near, _ = STRtree(shapes).query(shapes, predicate="dwithin", distance=placebo.apart_m)
    neighbours = np.bincount(near, minlength=len(shapes)) - 1  # each is near itself
    return [
        placebo.max_false_alerts
        / (
            placebo.doubt_factor
            if claim["area_m2"] < placebo.small_m2 or (not count and claim["area_m2"] < placebo.large_m2)
            else 1.0
        )
        for claim, count in zip(claims, neighbours.tolist(), strict=True)
    ]


def p_value(score: float, placebos: NDArray[np.float64]) -> float | None:
    """Return the share of placebos that reach `score`, itself counted among them; None without any."""
    return (1 + int((placebos >= score).sum())) / (1 + placebos.size) if placebos.size else None


def earlier_map(
    changes: ChangeMap, claims: Sequence[Mapping[str, Any]], params: DetectParams, *, room: Room | None = None
) -> ChangeMap | None:
    """Return the map of the looks that end a year before the series does, and before all of the claims.

    None where these are too few to tell a lasting step from an odd look, or where the area is larger than any site.
    """
    days = changes.stack.days
    end = min(days[-1] - _YEAR, *(row["onset_after"] for row in claims))
    looks = sum(day <= end for day in days)
    if looks < params.placebo.least_looks or changes.values.size > _MOST_VALUES:
        return None
    coarse = replace(params, steps=replace(params.steps, max_cuts=params.placebo.earlier_cuts))
    return map_until(changes, looks, coarse, room=room)


def site_exposure(
    teller: Teller, earlier: ChangeMap | None, claims: Sequence[Mapping[str, Any]], inside: NDArray[np.bool_]
) -> Exposure:
    """Return what the surroundings, and the site before its claims, raised: all of it counts as false."""
    changes = teller.changes
    grid = changes.stack.grid
    is_around = ~inside & np.isfinite(changes.steps.score_z)
    around = [row for row in teller.rows(is_around) if row["event"] in _CLAIMS]
    shapes = [row["geometry"] for row in around]
    tree = STRtree([claim["geometry"] for claim in claims])
    known = set(tree.query(np.array(shapes, dtype=object), predicate="intersects")[0].tolist())
    raised = [row for index, row in enumerate(around) if index not in known]
    km2_years = float(is_around.sum()) * grid.pixel_area_m2 / _M2_PER_KM2 * _years(changes)
    if earlier is not None:
        is_seen = np.isfinite(earlier.steps.score_z)
        raised += [row for row in teller.anew(earlier).rows(is_seen) if row["event"] in _CLAIMS]
        km2_years += float((is_seen & inside).sum()) * grid.pixel_area_m2 / _M2_PER_KM2 * _years(earlier)
    return Exposure(log_odds=tuple(_log_odds(row) for row in raised), km2_years=km2_years)


def cell_scores(
    score_z: NDArray[np.float32], shape: NDArray[np.bool_], is_placebo: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the highest mean score that an object reaches in each cell of its own size, or in some of the cells.

    Args:
        score_z: Shape (y, x), NaN where not seen.
        shape: The object's pixels in its bounding box.
        is_placebo: Shape (y, x): where it may be put. Cells of which less than four fifths are such give none.

    """
    height, width = shape.shape
    count = (score_z.shape[0] // height) * (score_z.shape[1] // width)
    most = min(MOST_PLACEBOS, max(_LEAST_PLACEBOS, _MOST_CELL_PX // shape.size))
    cells = np.arange(count)
    if count > most:
        cells = np.sort(np.random.default_rng(0).choice(count, most, replace=False, shuffle=False))
    steps = (max(1, height // _PLACES_ACROSS), max(1, width // _PLACES_ACROSS))
    best = np.empty(cells.size)
    highest_means(score_z, is_placebo, runs_of(shape), shape.shape, cells, steps, _MOSTLY, best)
    return best[np.isfinite(best)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Ground:
    """Where the placebos of all claims of an area may be put."""

    grid: Grid
    score_z: NDArray[np.float32]
    is_free: NDArray[np.bool_]
    """Shape (y, x): all but the claims inside of the area."""
    earlier_z: NDArray[np.float32] | None
    everywhere: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        changes: ChangeMap,
        earlier: ChangeMap | None,
        claims: Sequence[Mapping[str, Any]],
        inside: NDArray[np.bool_],
    ) -> "_Ground":
        grid = changes.stack.grid
        is_unclaimed = geometry_mask([claim["geometry"] for claim in claims], grid.shape, grid.transform)
        return cls(
            grid=grid,
            score_z=np.ascontiguousarray(changes.steps.score_z, dtype=np.float32),
            is_free=is_unclaimed | ~inside,
            earlier_z=None if earlier is None else np.ascontiguousarray(earlier.steps.score_z, dtype=np.float32),
            everywhere=np.ones(grid.shape, dtype=bool),
        )

    def space_and_time(self, outline: BaseGeometry) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Return the score of the object, and of its placebos in space and in time."""
        window, shape = pixels_of(outline, self.grid)
        own_z = self.score_z[window][shape & np.isfinite(self.score_z[window])]
        was_free = self.is_free[window].copy()
        self.is_free[window] &= ~shape
        space = cell_scores(self.score_z, shape, self.is_free)
        self.is_free[window] = was_free
        time = np.zeros(0) if self.earlier_z is None else cell_scores(self.earlier_z, shape, self.everywhere)
        return (float(own_z.mean()) if own_z.size else 0.0, space, time)


def _judged(
    row: dict[str, Any],
    scores: tuple[float, NDArray[np.float64], NDArray[np.float64]],
    exposure: Exposure,
    *,
    needed: float,
) -> dict[str, Any]:
    score, space, time = scores
    rate = false_alert_rate(_log_odds(row), exposure)
    p = p_value(score, np.concatenate([space, time]))
    told = {
        "p": None if p is None else round(p, 4),
        "placebos_in_space": int(space.size),
        "placebos_in_time": int(time.size),
        "false_alerts_per_site_year": round(rate, 4),
        "needed": round(needed, 4),
        "rests_on": "other quiet places" if not exposure.km2_years else "other quiet places and this one",
        "own_km2_years": round(exposure.km2_years, 3),
        "own_alerts": exposure.raised(_log_odds(row)),
    }
    evidence = json.dumps({**json.loads(row["evidence"]), "placebo": told})
    is_held_back = row["status"] == Status.CONFIRMED.value and rate > needed
    held_back = {"status": Status.CANDIDATE.value, "confirmed_on": None} if is_held_back else {}
    return {**row, **held_back, "evidence": evidence, "false_alerts_per_site_year": rate}


def _log_odds(row: Mapping[str, Any]) -> float:
    """Return the sum of the terms of a row's confidence."""
    terms = json.loads(row["evidence"])["features"].values()
    return float(sum(term["contribution"] for term in terms))


def _years(changes: ChangeMap) -> float:
    return (changes.stack.days[-1] - changes.stack.days[0]).days / _DAYS_A_YEAR
