"""With which probability does a supplier lie in, or near, a flagged site?

Never because it is near enough: a supplier known to ± r may stand on the flagged site, on any other known place within
reach, or on ground that nobody has registered, and all of them compete (`outputs.risk.rates`). What is known only to
its township, county or wider is never put on a place at all: there the answer is how many of the known places of
that unit are flagged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import csr_array
from shapely.geometry import MultiPolygon, Polygon

from aoi.facilities import Facility
from aoi.gazetteer.place import Geocode, Precision
from outputs.risk.ground import Ground, Pairs, Shapes, ground_of, masses, on_globe, pairs_within, tree_of, widened
from outputs.risk.kernels import SIGMAS_AT_95, Floats, Form, Ints, offsets_m
from outputs.risk.rates import (
    STEADY_COUNT,
    STEPS,
    BaseRates,
    Evidence,
    Fit,
    PlaceParams,
    fit_rates,
    list_density,
    tail_sums,
    widths_m,
)

FINE = (Precision.BUILDING, Precision.STREET, Precision.PARK)
"""What may be put on a place."""
UNITS = (Precision.TOWNSHIP, Precision.COUNTY, Precision.PREFECTURE)
"""Of what flagged places are counted; of a province or a country such a count tells nothing."""
_LEAST_UNIT = 0.05
_LEAST_RADIUS_M = 20.0
_LEAST_REACH_M = 2_000.0
_REACH_SIGMAS = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A supplier and the readings of its address, the best first."""

    supplier_id: str
    geocodes: tuple[Geocode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceLink:
    """How probably a supplier lies in a site."""

    supplier_id: str
    site_id: str
    inside: float
    """0 to 1: within its outline."""
    near: float
    """0 to 1: within its outline or the distance that counts as near."""
    alone: float
    """What the position alone would say of inside, as if no other place existed: for comparison only."""
    distance_m: float
    """From the stated position to the outline's edge; 0 inside."""
    radius_m: float
    """The stated position is known to ± this much (95 %)."""
    precision: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceContext:
    """What can be said of a supplier that is known only to a wide unit: no site is named."""

    supplier_id: str
    place_id: str
    place_name: str
    precision: Precision
    probability: float
    """Of this reading of the address."""
    flagged: int
    known: int
    """Known places in the unit, flagged or not."""
    is_outlined: bool
    """Counted within the unit's outline; else within its radius."""

    def __str__(self) -> str:
        return (
            f"known only to {self.place_name} ({self.precision.value}): "
            f"{self.flagged} flagged of {self.known} known places there"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """How probably a supplier lies in, or near, any flagged site."""

    inside: float
    near: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceJoin:
    """What came of joining a list with flagged sites."""

    links: tuple[PlaceLink, ...]
    """By supplier, the most probable first."""
    contexts: tuple[PlaceContext, ...]
    flagged: Mapping[str, Flagged]
    """Supplier id to what holds of all flagged sites together; only suppliers that are known finely enough."""
    rates: BaseRates


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fixes:
    """All readings that are fine enough."""

    owners: tuple[str, ...]
    lon_lat: Floats
    sigma_m: Floats
    weights: Floats
    classes: Ints
    radius_m: Floats


def join_places(
    located: Sequence[Located],
    sites: Sequence[Facility],
    plots: Sequence[Facility] = (),
    params: PlaceParams | None = None,
    *,
    units: Mapping[str, Polygon | MultiPolygon] | None = None,
) -> PlaceJoin:
    """Return how probably each supplier lies in or near each flagged site.

    Args:
        located: Suppliers with the readings of their addresses; one without readings has no answer.
        sites: Flagged places.
        plots: Other known places, which compete: the more of them are known, the better the answers.
        params: What is presumed.
        units: Outlines of administrative units by place id, where there are some, for counting within them.

    """
    params = params or PlaceParams()
    ground = ground_of(sites, plots)
    fixes = _fixes(located)
    pairs = _pairs(fixes, ground)
    evidence = _evidence(fixes, ground, pairs, params)
    fit = fit_rates(evidence, params, classes=len(FINE))
    links, flagged = _posterior(fixes, ground, pairs, (evidence, fit), params)
    return PlaceJoin(
        links=links,
        contexts=tuple(_contexts(located, ground, units or {})),
        flagged=flagged,
        rates=_told(fit, evidence, params),
    )


def _fixes(located: Sequence[Located]) -> Fixes:
    rows = [(one.supplier_id, code) for one in located for code in one.geocodes if code.precision in FINE]
    radius_m = np.array([max(code.radius_m, _LEAST_RADIUS_M) for _, code in rows])
    return Fixes(
        owners=tuple(owner for owner, _ in rows),
        lon_lat=np.array([code.lon_lat for _, code in rows], dtype=np.float64).reshape(-1, 2),
        sigma_m=radius_m / SIGMAS_AT_95,
        weights=np.array([code.probability for _, code in rows], dtype=np.float64),
        classes=np.array([FINE.index(code.precision) for _, code in rows], dtype=np.int64),
        radius_m=radius_m,
    )


def _pairs(fixes: Fixes, ground: Ground) -> Pairs:
    reach_m = np.maximum(_REACH_SIGMAS * widths_m(fixes.sigma_m, STEPS[-1]), _LEAST_REACH_M)
    return pairs_within(fixes.lon_lat, reach_m, ground)


def _evidence(fixes: Fixes, ground: Ground, pairs: Pairs, params: PlaceParams) -> Evidence:
    """Sum up for each position what each kind of place and each component of the error would make of it."""
    i, j = pairs.fix, pairs.place
    kind = np.where(ground.is_flagged[j], 0, 1)
    sums = np.zeros((len(fixes.owners), 2, len(STEPS) + 1))
    for number, step in enumerate(STEPS):
        shares = masses(pairs, widths_m(fixes.sigma_m[i], step), ground, Form.GAUSSIAN)
        np.add.at(sums[:, :, number], (i, kind), shares / ground.area_m2[j])
    steady = list_density(fixes.lon_lat, fixes.weights, ground.centres, added=STEADY_COUNT)
    here = list_density(fixes.lon_lat, fixes.weights, fixes.lon_lat, added=STEADY_COUNT)
    # A far miss comes rather from where many of the list are than from where few are.
    sums[:, :, -1] = tail_sums(fixes.lon_lat, ground, steady, params.tail_scale_m) / here[:, None]
    # Only suppliers with a flagged site within reach tell how often a supplier there stands on one.
    is_used = sums[:, 0, :].sum(axis=1) > 0
    at_places = list_density(fixes.lon_lat[is_used], fixes.weights[is_used], ground.centres)
    exposure = np.array([at_places[ground.is_flagged].sum(), at_places[~ground.is_flagged].sum()])
    return Evidence(
        sums=sums,
        weights=np.where(is_used, fixes.weights, 0.0),
        classes=fixes.classes,
        exposure=exposure * 1e6 / params.firms_per_km2,
    )


def _posterior(
    fixes: Fixes, ground: Ground, pairs: Pairs, found: tuple[Evidence, Fit], params: PlaceParams
) -> tuple[tuple[PlaceLink, ...], dict[str, Flagged]]:
    """Weigh each flagged site against all else."""
    evidence, fit = found
    wide = widened(ground, params.near_m)
    touching = _touching(wide.shapes, ground)
    is_used = np.zeros(len(ground), dtype=bool)
    is_used[touching.indices] = True
    pairs = pairs.where(is_used[pairs.place])
    unknown = np.full(len(fixes.owners), fit.unknown * params.firms_per_km2 / 1e6)
    weighed = evidence.sums * fit.firms[None, :, None] * fit.ladder[fixes.classes][:, None, :]
    total = weighed.sum(axis=(1, 2)) + unknown

    inside_mass = _mixed(fixes, ground, pairs, fit, params)
    firms = np.where(ground.is_flagged, fit.firms[0], fit.firms[1])
    on_place = firms[pairs.place] * inside_mass / ground.area_m2[pairs.place] / total[pairs.fix]
    places = csr_array((on_place, (pairs.fix, pairs.place)), shape=(len(fixes.owners), len(ground)))
    is_site = ground.is_flagged[pairs.place]
    pairs, inside_mass, on_place = pairs.where(is_site), inside_mass[is_site], on_place[is_site]
    i, j = pairs.fix, pairs.place
    inside = np.minimum(on_place + unknown[i] * inside_mass / total[i], 1.0)
    wide_mass = _mixed(fixes, wide, pairs, fit, params)  # flagged places stand first, in the same order
    on_near = places @ touching.T
    near = np.asarray(on_near[i, j]).ravel() + unknown[i] * wide_mass / total[i]
    near = np.clip(near, inside, 1.0)
    links = _links(fixes, ground, (i, j), np.column_stack([inside, near, inside_mass]), params)
    # Of all sites together also what a far miss would mean, for which no site can be named.
    any_inside = weighed[:, 0, :].sum(axis=1) / total
    any_near = any_inside + places[:, ~ground.is_flagged].sum(axis=1)
    np.add.at(any_inside, i, unknown[i] * inside_mass / total[i])
    np.add.at(any_near, i, unknown[i] * wide_mass / total[i])
    return links, _any(fixes, np.minimum(any_inside, 1.0), np.minimum(any_near, 1.0))


def _touching(wide: Shapes, ground: Ground) -> csr_array:
    """Return which places have their middle within the wide outline of which flagged site, shape (site, place)."""
    if len(wide) == 0:
        return csr_array((0, len(ground)))
    tree = shapely.STRtree(shapely.points(ground.centres))
    site, place = tree.query(wide, predicate="intersects")
    site, place = np.append(site, np.arange(len(wide))), np.append(place, np.flatnonzero(ground.is_flagged))
    found = csr_array((np.ones(len(site)), (site, place)), shape=(len(wide), len(ground)))
    found.data[:] = 1.0
    return found


def _mixed(fixes: Fixes, ground: Ground, pairs: Pairs, fit: Fit, params: PlaceParams) -> Floats:
    """Return which share of each position's whole error model lies in each place."""
    sigma_m, ladder = fixes.sigma_m[pairs.fix], fit.ladder[fixes.classes[pairs.fix]]
    tail_m = np.full(len(sigma_m), params.tail_scale_m)
    mixed = ladder[:, -1] * masses(pairs, tail_m, ground, Form.STUDENT)
    for number, step in enumerate(STEPS):
        mixed += ladder[:, number] * masses(pairs, widths_m(sigma_m, step), ground, Form.GAUSSIAN)
    return mixed


def _links(
    fixes: Fixes, ground: Ground, pairs: tuple[Ints, Ints], values: Floats, params: PlaceParams
) -> tuple[PlaceLink, ...]:
    """Return what is probable enough to be told; of several readings of one supplier the sum."""
    i, j = pairs
    merged: dict[tuple[str, int], tuple[Floats, int]] = {}
    for fix, site, told in zip(i.tolist(), j.tolist(), values, strict=True):
        key = (fixes.owners[fix], site)
        before, best = merged.get(key, (np.zeros(3), fix))
        strongest = fix if fixes.weights[fix] > fixes.weights[best] else best
        merged[key] = (before + fixes.weights[fix] * told, strongest)
    rows = [
        _link(owner, fixes, best, told, (ground, site))
        for (owner, site), (told, best) in merged.items()
        if told[1] >= params.least_reported
    ]
    return tuple(sorted(rows, key=lambda one: (one.supplier_id, -one.inside, -one.near, one.site_id)))


def _link(owner: str, fixes: Fixes, fix: int, told: Floats, where: tuple[Ground, int]) -> PlaceLink:
    ground, site = where
    inside, near, alone = (float(min(value, 1.0)) for value in told)
    return PlaceLink(
        supplier_id=owner,
        site_id=ground.ids[site],
        inside=inside,
        near=near,
        alone=alone,
        distance_m=_distance_m(fixes.lon_lat[fix], ground, site),
        radius_m=float(fixes.radius_m[fix]),
        precision=FINE[int(fixes.classes[fix])],
    )


def _distance_m(lon_lat: Floats, ground: Ground, site: int) -> float:
    shape = shapely.transform(ground.shapes[site], lambda corners: offsets_m(lon_lat, corners))
    return round(float(shape.distance(shapely.Point(0, 0))), 1)


def _any(fixes: Fixes, inside: Floats, near: Floats) -> dict[str, Flagged]:
    """Add up the readings of each supplier."""
    found: dict[str, Flagged] = {}
    for owner, weight, one, two in zip(fixes.owners, fixes.weights, inside, np.maximum(inside, near), strict=True):
        before = found.get(owner, Flagged(inside=0.0, near=0.0))
        found[owner] = Flagged(
            inside=min(before.inside + float(weight * one), 1.0),
            near=min(before.near + float(weight * two), 1.0),
        )
    return found


def _contexts(
    located: Sequence[Located], ground: Ground, units: Mapping[str, Polygon | MultiPolygon]
) -> list[PlaceContext]:
    rows = [
        (one.supplier_id, code)
        for one in located
        for code in one.geocodes
        if code.precision in UNITS and code.probability >= _LEAST_UNIT
    ]
    counts = _counts([code for _, code in rows], ground, units)
    return [
        PlaceContext(
            supplier_id=owner,
            place_id=code.place.place_id,
            place_name=code.place.names[0],
            precision=code.precision,
            probability=code.probability,
            flagged=flagged,
            known=known,
            is_outlined=code.place.place_id in units,
        )
        for (owner, code), (flagged, known) in zip(rows, counts, strict=True)
    ]


def _counts(
    codes: Sequence[Geocode], ground: Ground, units: Mapping[str, Polygon | MultiPolygon]
) -> list[tuple[int, int]]:
    """Return how many flagged, and how many known, places have their middle in each unit or within its radius."""
    if not codes or len(ground) == 0:
        return [(0, 0)] * len(codes)
    points = on_globe(np.array([code.lon_lat for code in codes]))
    radii_m = np.array([code.radius_m for code in codes])
    known = tree_of(ground.centres).query_ball_point(points, radii_m, return_length=True)
    flagged = np.zeros(len(codes), dtype=np.int64)
    if ground.is_flagged.any():
        flagged = tree_of(ground.centres[ground.is_flagged]).query_ball_point(points, radii_m, return_length=True)
    outlined = {name: shapely.contains_xy(units[name], ground.centres) for name in _named(codes, units)}
    return [
        (int((found & ground.is_flagged).sum()), int(found.sum()))
        if (found := outlined.get(code.place.place_id)) is not None
        else (int(one), int(other))
        for code, one, other in zip(codes, flagged, known, strict=True)
    ]


def _named(codes: Sequence[Geocode], units: Mapping[str, Polygon | MultiPolygon]) -> set[str]:
    return {code.place.place_id for code in codes} & set(units)


def _told(fit: Fit, evidence: Evidence, params: PlaceParams) -> BaseRates:
    flagged, known, unknown = (float(value) for value in fit.shares)
    return BaseRates(
        suppliers=float(evidence.weights.sum()),
        flagged_share=flagged,
        known_share=known,
        unknown_share=unknown,
        firms_flagged=float(fit.firms[0]),
        firms_known=float(fit.firms[1]),
        firms_per_km2=fit.unknown * params.firms_per_km2,
        ladder={
            name.value: tuple(round(float(weight), 4) for weight in weights)
            for name, weights in zip(FINE, fit.ladder, strict=True)
        },
        rounds=fit.rounds,
    )
