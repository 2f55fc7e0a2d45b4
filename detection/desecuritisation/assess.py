"""One facility, one answer: its perimeter, the roofs lost inside, what changed beside it, and what cannot be told."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil, floor, nan

import geopandas as gpd
import numpy as np
from shapely.geometry import Point, Polygon, box
from shapely.geometry.base import BaseGeometry

from aoi.facilities import Facility
from detection.desecuritisation.demolition import LostRoof, lost_roofs
from detection.desecuritisation.proxies import (
    Proxy,
    ProxyKind,
    new_openings,
    night_light_proxy,
    strip_proxies,
)
from detection.desecuritisation.verdict import Desecuritisation, weigh_desecuritisation
from detection.looks.normalise import normalise, reference_image
from detection.params import DetectParams
from detection.perimeter import Perimeter, PerimeterParams, watch_perimeter
from detection.perimeter.ring import Ring, composite_of, perimeter_of
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import Stack

logger = logging.getLogger(__name__)

MOST_ERROR_M = 15.0
"""A perimeter is looked for no farther to both sides, however roughly it is known: the copies must do the same, and
what they find there by chance grows with it."""
CHOSEN_RING = 10.0
"""By how much the probabilities of stretches are multiplied where the ring was traced: it was chosen for lines that
stand out, and these vary more than the places that copies cross. Without it, stretches on ground where nothing
happened had p <= 0.1 two to four times too often; with it, on 160 other rings, in 0.02 of them."""
CHOSEN_ARC = 3.0
"""… and those of single arcs, which had p <= 0.01 up to three times too often; with it, on 568 other arcs, they had
p <= 0.1 in 0.04 and p <= 0.01 in none."""
COPIES_OF_TRACED = 3
"""So many times more copies there are for it, so that a probability of 0.001 can still be told."""
_LEAST_AROUND_M = 150.0
_SEASON_MONTHS = 6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessment:
    """All that is known of one facility after one run."""

    facility_id: str
    ring: Ring | None
    """None where there is no outline and no ring could be traced."""
    perimeter: Perimeter
    """Without arcs where there is no ring."""
    roofs: tuple[LostRoof, ...]
    verdict: Desecuritisation
    lost_m: BaseGeometry
    """The arcs and roofs that are gone, as polygons in the CRS of the grid; empty where nothing is."""


def assess_facility(
    stack: Stack | None,
    facility: Facility,
    detections: gpd.GeoDataFrame,
    params: DetectParams,
    *,
    night: Stack | None = None,
) -> Assessment:
    """Say whether a facility was opened: walls taken down, buildings demolished.

    Args:
        stack: The looks of the area that counted, co-registered, in any light; None where there were too few.
        facility: With an outline, which is taken as it is, or a point, around which the enclosing line is traced.
        detections: What the run knows of the area, verdicts of people included, in the CRS of the stack.
        params: How perimeters are watched and answers weighed.
        night: Monthly composites of night light on a grid of their own, if there are any.

    """
    if stack is None:
        return _untold(facility, (), "too few clear looks to compare")
    here = reproject(facility.location_4326, from_epsg=LON_LAT_EPSG, to_epsg=stack.grid.epsg)
    part = _surroundings(stack, here, params)
    if part is None:
        return _untold(
            facility, stack.days, "the place lies outside the image, or its perimeter is too large for the memory"
        )
    ring = ring_of(part, facility)
    if ring is None:
        return _untold(facility, stack.days, "only a point is known, and no closed line could be traced around it")
    if not box(*part.grid.bounds_m).contains(ring.line_m):
        return replace(_untold(facility, stack.days, "the perimeter leaves the image"), ring=ring)
    return _assessed(part, facility, ring, detections, params, night)


def _assessed(  # noqa: PLR0913, PLR0917 - what an answer is made of
    part: Stack,
    facility: Facility,
    ring: Ring,
    detections: gpd.GeoDataFrame,
    params: DetectParams,
    night: Stack | None,
) -> Assessment:
    watch = watch_params(ring, params.perimeter)
    perimeter = watch_ring(part, ring, params.perimeter)
    inside_m = Polygon(ring.line_m).buffer(0)
    roofs = lost_roofs(detections, inside_m, part.days[-1], params.desecuritisation.roofs)
    proxies = (*strip_proxies(part, ring.line_m, watch), *new_openings(perimeter))
    verdict = weigh_desecuritisation(perimeter, roofs, proxies, params.desecuritisation)
    if night is not None:
        lit = _night(night, inside_m, verdict, epsg=part.grid.epsg)
        verdict = weigh_desecuritisation(perimeter, roofs, (*proxies, lit), params.desecuritisation)
    logger.info("%s: %s, %d arcs, %d looks", facility.facility_id, verdict.answer, len(perimeter.arcs), len(part.days))
    return Assessment(
        facility_id=facility.facility_id,
        ring=ring,
        perimeter=perimeter,
        roofs=roofs,
        verdict=verdict,
        lost_m=_lost_m(perimeter, roofs, detections, pixel_m=part.grid.pixel_m),
    )


def watch_ring(part: Stack, ring: Ring, params: PerimeterParams) -> Perimeter:
    """Watch a perimeter as far to both sides as its place is uncertain, the choice of a traced one taken into account.

    Args:
        part: The looks around it, co-registered and in one light.
        ring: Drawn or traced.
        params: How perimeters are watched.

    """
    if not ring.is_traced:
        return watch_perimeter(part, ring.line_m, watch_params(ring, params))
    found = watch_perimeter(part, ring.line_m, watch_params(ring, params), chosen=CHOSEN_ARC)
    loss_p, gain_p = (float(np.minimum(1.0, CHOSEN_RING * p)) for p in (found.loss_p, found.gain_p))
    return replace(found, loss_p=loss_p, gain_p=gain_p)


def watch_params(ring: Ring, params: PerimeterParams) -> PerimeterParams:
    """Return how one ring is watched: so far to both sides as it may lie off, a traced one against more copies."""
    error_m = float(min(max(params.outline_error_m, ring.median_uncertainty_m), MOST_ERROR_M))
    copies = params.copies * (COPIES_OF_TRACED if ring.is_traced else 1)
    return replace(params, outline_error_m=error_m, copies=copies)


def _untold(facility: Facility, days: Sequence[date], why: str) -> Assessment:
    perimeter = Perimeter(arcs=(), loss_p=nan, gain_p=nan, null_arcs=0, looks=tuple(days), note=why)
    return Assessment(
        facility_id=facility.facility_id,
        ring=None,
        perimeter=perimeter,
        roofs=(),
        verdict=weigh_desecuritisation(perimeter, (), ()),
        lost_m=Polygon(),
    )


def _surroundings(stack: Stack, here: BaseGeometry, params: DetectParams) -> Stack | None:
    """Return the part of the image around a facility, in one light; None where it does not hold the facility."""
    settings = params.desecuritisation
    a_pixel = len(stack.days) * len(stack.bands)
    for around_m in np.linspace(settings.around_m, _LEAST_AROUND_M, 4):
        rows, columns = _window(stack.grid, here.buffer(float(around_m)).bounds)
        if a_pixel * len(range(*rows)) * len(range(*columns)) <= settings.most_values:
            break
    else:
        return None
    if not box(*stack.grid.bounds_m).contains(here):
        return None
    part = stack.dataset.isel(y=slice(*rows), x=slice(*columns))
    grid = replace(
        stack.grid,
        left_m=stack.grid.left_m + columns[0] * stack.grid.pixel_m,
        top_m=stack.grid.top_m - rows[0] * stack.grid.pixel_m,
        height_px=part.sizes["y"],
        width_px=part.sizes["x"],
    )
    cut = Stack(dataset=part, grid=grid, quantity=stack.quantity)
    values = cut.values
    return cut.with_values(normalise(values, reference_image(values), context_px=params.context_px(grid)))


def _window(grid: Grid, bounds_m: tuple[float, float, float, float]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the rows and the columns of `grid` that cover `bounds_m`, as far as it reaches."""
    left, bottom, right, top = bounds_m
    rows = (floor((grid.top_m - top) / grid.pixel_m), ceil((grid.top_m - bottom) / grid.pixel_m))
    columns = (floor((left - grid.left_m) / grid.pixel_m), ceil((right - grid.left_m) / grid.pixel_m))
    return (max(rows[0], 0), min(rows[1], grid.height_px)), (max(columns[0], 0), min(columns[1], grid.width_px))


def ring_of(part: Stack, facility: Facility) -> Ring | None:
    """Return the perimeter; traced, where only a point is known, as much in the early looks as in the late ones.

    A wall that was taken away shows in the early looks alone, one that was built in the late ones alone; both are
    searched at once, so that neither is favoured.
    """
    if not isinstance(facility.location_4326, Point):
        return perimeter_of(facility, np.empty(0, dtype=np.float32), part.grid)
    half = (len(part.days) + 1) // 2
    halves = [
        composite_of(piece, _clear_season(piece.days))
        for piece in (_looks(part, slice(None, half)), _looks(part, slice(half, None)))
        if piece.days
    ]
    return perimeter_of(facility, np.concatenate(halves), part.grid)


def _looks(stack: Stack, chosen: slice) -> Stack:
    return Stack(dataset=stack.dataset.isel(time=chosen), grid=stack.grid, quantity=stack.quantity)


def _clear_season(days: Sequence[date]) -> tuple[int, ...]:
    """Return the half of the year, as months 1 to 12, in which most looks lie; the earliest of equals."""
    halves = [tuple((first + step - 1) % 12 + 1 for step in range(_SEASON_MONTHS)) for first in range(1, 13)]
    return max(halves, key=lambda months: sum(day.month in months for day in days))


def _night(night: Stack, inside_m: Polygon, verdict: Desecuritisation, *, epsg: int) -> Proxy:
    """Return what the night light says; nothing where no day is known around which to compare."""
    if verdict.changed is None:
        return Proxy(
            kind=ProxyKind.NIGHT_LIGHT,
            p=nan,
            change=nan,
            changed=None,
            note="nothing else is gone, so that there is no day before and after which to compare",
        )
    return night_light_proxy(night, reproject(inside_m, from_epsg=epsg, to_epsg=night.grid.epsg), verdict.changed)


def _lost_m(
    perimeter: Perimeter, roofs: Sequence[LostRoof], detections: gpd.GeoDataFrame, *, pixel_m: float
) -> BaseGeometry:
    """Return what is gone as polygons: arcs as wide as two pixels, roofs as they were detected."""
    arcs = [arc.line_m.buffer(pixel_m, cap_style="flat") for arc in perimeter.lost_arcs]
    ids = [roof.detection_id for roof in roofs if roof.is_loss]
    shapes = detections.geometry[detections["detection_id"].isin(ids)]
    union: BaseGeometry = gpd.GeoSeries([*arcs, *shapes]).union_all()
    return union.buffer(0)
