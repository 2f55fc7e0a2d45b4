"""What else may change when a place is opened, and is no proof of it?

The strip outside a wall is planted or paved, yards turn green, a road is led through the line, the lights go out.
Each is measured by itself, against the same measurement on displaced and turned copies of the perimeter, and reported
by its own name: a park can be laid out around a wall that stands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ttest_ind
from shapely.geometry import LinearRing, MultiLineString, Polygon
from shapely.ops import linemerge

from detection.perimeter.copies import Copies, copies_of
from detection.perimeter.lines import Places, along, offsets, profiles
from detection.perimeter.result import ArcState, Perimeter, PerimeterParams
from detection.perimeter.scan import Scan, scan_cuts, stretch_p, when
from geo.crs import LON_LAT_EPSG, reproject
from geo.scene import Stack

Values = NDArray[np.float32]

STRIP_M = (20.0, 60.0)
"""Where the strips beside the line begin and end."""


class ProxyKind(StrEnum):
    """What is measured beside the wall itself."""

    STRIP_GREENED = "strip_greened"
    """The strip outside the line turned greener along some stretch."""
    STRIP_BRIGHTER = "strip_brighter"
    """It turned brighter: bare, built over or paved."""
    STRIP_DARKER = "strip_darker"
    """It turned darker: paved with asphalt, wet, or planted."""
    YARD_GREENED = "yard_greened"
    """The strip inside the line turned greener."""
    NEW_OPENING = "new_opening"
    """A short stretch of a wall that stands on both sides of it is gone."""
    ROAD_THROUGH = "road_through"
    """A new narrow line leads through the perimeter."""
    NIGHT_LIGHT = "night_light"
    """The place is darker at night, against its surroundings, than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One measurement."""

    kind: ProxyKind
    p: float
    """How probably chance makes as much; NaN where it could not be told."""
    change: float
    """Of greenness (NDVI, or visible greenness), brightness, or the natural logarithm of radiance."""
    changed: tuple[date, date] | None
    note: str


def strip_proxies(stack: Stack, ring_m: LinearRing, params: PerimeterParams) -> tuple[Proxy, ...]:
    """Measure greenness and brightness of the strips on both sides of the line, and new lines across it.

    Args:
        stack: As `detection.perimeter.watch_perimeter` takes it.
        ring_m: The perimeter, in the CRS of the stack's grid.
        params: How the perimeter is watched: the same copies and seasons serve.

    """
    line = along(ring_m, spacing_m=min(params.spacing_m, stack.grid.pixel_m), arc_m=params.arc_m)
    copies = copies_of(line, stack.grid, params)
    if copies is None or len(stack.days) < 2 * params.min_looks:
        return tuple(_untold(kind, "too few looks, or no room for copies of the perimeter") for kind in _STRIP_KINDS)
    across = offsets(STRIP_M[1], stack.grid.pixel_m)
    places = Places.of(stack.grid, copies.line, across)
    out, inside = across >= STRIP_M[0], across <= -STRIP_M[0]
    green, bright = _greenness(stack), stack.values.mean(axis=1)
    outside = _arcs(_reduced(bright, places, lambda found: found[:, out].mean(axis=1)), copies)
    measured = {
        ProxyKind.STRIP_GREENED: (_arcs(_reduced(green, places, lambda found: found[:, out].mean(axis=1)), copies), 1),
        ProxyKind.STRIP_BRIGHTER: (outside, 1),
        ProxyKind.STRIP_DARKER: (outside, -1),
        ProxyKind.YARD_GREENED: (
            _arcs(_reduced(green, places, lambda found: found[:, inside].mean(axis=1)), copies),
            1,
        ),
    }
    steps = [_step(kind, values, sign, stack.days, params) for kind, (values, sign) in measured.items()]
    odd = _reduced(bright, places, lambda found: _oddness(found[:, out | inside], copies.count))
    return (*steps, _road(odd, copies, stack.days, params))


_STRIP_KINDS = (
    ProxyKind.STRIP_GREENED,
    ProxyKind.STRIP_BRIGHTER,
    ProxyKind.STRIP_DARKER,
    ProxyKind.YARD_GREENED,
    ProxyKind.ROAD_THROUGH,
)


def _untold(kind: ProxyKind, note: str) -> Proxy:
    return Proxy(kind=kind, p=float("nan"), change=float("nan"), changed=None, note=note)


def _greenness(stack: Stack) -> Values:
    """Return the NDVI of each date, or without near infrared how much green exceeds red and blue, as a share."""
    band = dict(zip(stack.bands, stack.values.swapaxes(0, 1), strict=True))
    if {"B08", "B04"} <= band.keys():
        return _ratio(band["B08"] - band["B04"], band["B08"] + band["B04"])
    if {"B02", "B03", "B04"} <= band.keys():
        others = (band["B02"] + band["B04"]) / 2
        return _ratio(band["B03"] - others, band["B03"] + others)
    return np.full((len(stack.days), *stack.grid.shape), np.nan, dtype=np.float32)


def _ratio(above: Values, below: Values) -> Values:
    return (above / np.where(below > 0, below, np.nan)).astype(np.float32)


def _reduced(images: Values, places: Places, reduce: Callable[[Values], Values]) -> Values:
    """Return what `reduce` makes of the profiles, (place, offset), of each date: one number a place."""
    return np.stack([reduce(profiles(image, places)) for image in images.astype(np.float32)])


def _arcs(values: Values, copies: Copies) -> Values:
    """Return the mean of each arc, shape (time, copy, arc), of `values` (time, place); NaN where not free."""
    arc = copies.line.arc
    count = np.bincount(arc)
    means = np.stack([np.bincount(arc, date_values, len(count)) / count for date_values in values])
    found = means.reshape(len(values), copies.count, -1).astype(np.float32)
    found[:, 1:] = np.where(copies.is_free[1:], found[:, 1:], np.nan)
    return found


def _step(kind: ProxyKind, values: Values, sign: int, days: Sequence[date], params: PerimeterParams) -> Proxy:
    """Judge a lasting step of a level, shape (time, copy, arc), against the same of the copies."""
    usual = np.nanmedian(values[:, 1:].reshape(len(values), -1), axis=1) if np.isfinite(values[:, 1:]).any() else 0
    even = values - np.reshape(usual, (-1, 1, 1))
    even = even - _median_of_dates(even)
    scan = scan_cuts(even, days, params)
    if not scan.cuts or not np.isfinite(scan.error[:, 0]).any():
        return _untold(kind, f"fewer than {params.min_looks} looks of one season before and after")
    statistic = sign * (scan.after - scan.before) / scan.error
    return _judged(kind, statistic, scan, days)


def _median_of_dates(values: Values) -> Values:
    is_seen = np.isfinite(values).any(axis=0)
    middle = np.zeros(values.shape[1:], dtype=np.float32)
    middle[is_seen] = np.nanmedian(values[:, is_seen], axis=0)
    return middle


def _judged(kind: ProxyKind, statistic: Values, scan: Scan, days: Sequence[date]) -> Proxy:
    p = stretch_p(statistic)
    cut, arc = np.unravel_index(int(np.nan_to_num(statistic[:, 0], nan=-np.inf).argmax()), statistic[:, 0].shape)
    return Proxy(
        kind=kind,
        p=p,
        change=float(scan.after[cut, 0, arc] - scan.before[cut, 0, arc]),
        changed=when(statistic[:, 0, arc], scan.cuts, days),
        note="against displaced copies of the perimeter; no proof that a wall is gone",
    )


def _oddness(strips: Values, copies: int) -> Values:
    """Return how unlike the places 20 to 30 m along each place is, in the middle of its profile, one number a place."""
    values = strips.reshape(copies, -1, strips.shape[-1])
    aside = np.mean([np.roll(values, shift, axis=1) for shift in (-3, -2, 2, 3)], axis=0)
    return np.asarray(np.median(values - aside, axis=-1).ravel(), dtype=np.float32)


def _road(oddness: Values, copies: Copies, days: Sequence[date], params: PerimeterParams) -> Proxy:
    """Judge a new narrow line that leads across the perimeter, from how odd each place is, shape (time, place)."""
    odd = oddness.reshape(len(oddness), copies.count, -1)
    is_free = np.take_along_axis(copies.is_free, _arc_of_place(copies), axis=1)
    odd[:, 1:] = np.where(is_free[1:], odd[:, 1:], np.nan)
    scan = scan_cuts(odd, days, params)
    if not scan.cuts or not np.isfinite(scan.error[:, 0]).any():
        return _untold(ProxyKind.ROAD_THROUGH, f"fewer than {params.min_looks} looks of one season before and after")
    return _judged(ProxyKind.ROAD_THROUGH, scan.gain, scan, days)


def _arc_of_place(copies: Copies) -> NDArray[np.int64]:
    arcs = copies.is_free.shape[1]
    return np.asarray(copies.line.arc.reshape(copies.count, -1) % arcs, dtype=np.int64)


def new_openings(perimeter: Perimeter, *, most_share: float = 1 / 3) -> tuple[Proxy, ...]:
    """Return short stretches of a wall that are gone between parts that stand: gates, or breaches.

    Args:
        perimeter: From `detection.perimeter.watch_perimeter`.
        most_share: A longer stretch of the perimeter (0-1) is no opening.

    """
    found = []
    for run in _gone_runs(perimeter):
        arcs = [perimeter.arcs[index] for index in run]
        length_m = sum(arc.line_m.length for arc in arcs)
        beside = {perimeter.arcs[index % len(perimeter.arcs)].state for index in (run[0] - 1, run[-1] + 1)}
        if len(run) <= most_share * len(perimeter.arcs) and beside == {ArcState.PRESENT}:
            days = [day for arc in arcs for day in (arc.changed_after, arc.changed_by) if day is not None]
            middle = linemerge(MultiLineString([arc.line_m for arc in arcs])).centroid
            found.append(
                Proxy(
                    kind=ProxyKind.NEW_OPENING,
                    p=min(1.0, min(arc.change_p for arc in arcs) * len(perimeter.arcs)),
                    change=float(np.mean([abs(arc.contrast_after) - abs(arc.contrast_before) for arc in arcs])),
                    changed=(min(days), max(days)) if days else None,
                    note=f"{length_m:.0f} m of the line, around {middle.x:.0f} E {middle.y:.0f} N",
                )
            )
    return tuple(found)


def _gone_runs(perimeter: Perimeter) -> list[list[int]]:
    """Return the runs of neighbouring arcs that are gone, around the end of the ring, too."""
    is_gone = [arc.state is ArcState.GONE for arc in perimeter.arcs]
    if all(is_gone) or not any(is_gone):
        return []
    start = is_gone.index(False)
    runs: list[list[int]] = []
    for index in (place % len(is_gone) for place in range(start, start + len(is_gone))):
        if not is_gone[index]:
            continue
        if runs and (runs[-1][-1] + 1) % len(is_gone) == index:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def night_light_proxy(
    months: Stack, site_m: Polygon, changed: tuple[date, date], *, near_m: float = 750.0, around_m: float = 10_000.0
) -> Proxy:
    """Say whether a place is darker at night after a change than before, against its surroundings.

    Args:
        months: Monthly composites of radiance, one band, on a grid that reaches around the site.
        site_m: What the perimeter encloses, in the CRS of the stack's grid.
        changed: The last day before and the first after the change; months between are left out.
        near_m: The light of the site reaches so far: pixels of such composites are some 500 m wide.
        around_m: The surroundings reach so far.

    The logarithm of the site's mean radiance over that of its surroundings, before against after (Welch 1947,
    doi:10.1093/biomet/34.1-2.28).

    """
    near, far = site_m.buffer(near_m), site_m.buffer(around_m)
    masks = [months.grid.is_inside(_lon_lat(shape, months)) for shape in (near, far)]
    site, around = masks[0], masks[1] & ~masks[0]
    if not site.any() or not around.any():
        return _untold(ProxyKind.NIGHT_LIGHT, "the composites do not reach around the site")
    radiance = months.values[:, 0]
    levels = [_log_mean(radiance, mask) for mask in (site, around)]
    ratio = levels[0] - levels[1]
    days = np.array(months.days)
    before, after = ratio[(days <= changed[0]) & np.isfinite(ratio)], ratio[(days >= changed[1]) & np.isfinite(ratio)]
    if min(len(before), len(after)) < _LEAST_MONTHS:
        return _untold(ProxyKind.NIGHT_LIGHT, f"fewer than {_LEAST_MONTHS} months before or after")
    return Proxy(
        kind=ProxyKind.NIGHT_LIGHT,
        p=float(ttest_ind(after, before, equal_var=False, alternative="less").pvalue),
        change=float(after.mean() - before.mean()),
        changed=changed,
        note=f"{len(before)} months before, {len(after)} after; pixels of night light hold the neighbourhood, too",
    )


_LEAST_MONTHS = 6


def _log_mean(radiance: Values, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the logarithm of the mean radiance under `mask` on each date; NaN where it is not above 0."""
    inside = radiance[:, mask].astype(np.float64)
    count = np.isfinite(inside).sum(axis=1)
    mean = np.nansum(inside, axis=1) / np.maximum(count, 1)
    return np.log(np.where((count > 0) & (mean > 0), mean, np.nan))


def _lon_lat(shape: Polygon, stack: Stack) -> Polygon:
    return reproject(shape, from_epsg=stack.grid.epsg, to_epsg=LON_LAT_EPSG)
