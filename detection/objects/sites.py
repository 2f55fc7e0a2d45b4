"""Which constructions are plots of one site that grows, and how did the site grow as a whole?

A park is built plot by plot: what is built within 100 m of each other, or of the same cluster of buildings, is one
site, unless that cluster is a town. The site began with its first plot; its ground is the sum of what its plots had
come to on each look, with what that is at least and at most; and it is as sure as its surest plot.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely import STRtree
from shapely.geometry.base import BaseGeometry
from shapely.ops import unary_union
from skimage.morphology import disk

from detection.life.lifecycle import first_id
from detection.objects.outline import pixels_of
from detection.objects.shape import BUILT_STRUCTURE
from detection.schema import Event, Phase, Status
from geo.grid import Grid

Row = dict[str, Any]
_CELL_PX = 512
"""Plots are put together whose windows begin in one cell of this side: what is around them is looked at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteParams:
    """When constructions are plots of one site."""

    join_m: float = 100.0
    """They lie no further apart than this, or no further from one cluster of buildings with such gaps."""

    largest_m: float = 2000.0
    """A cluster that is longer or wider than this is a town, and joins nothing."""

    least_confidence: float = 0.5
    """Each is at least this probable (0-1): a doubtful neighbour may not date a site."""


def built_ground(structure_before: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where buildings stood, shape (y, x), from the structure of the ground in units of calm ground's."""
    return np.asarray(np.nan_to_num(structure_before) >= BUILT_STRUCTURE, dtype=bool)


def join_plots(rows: Sequence[Row], is_built: NDArray[np.bool_], grid: Grid, params: SiteParams) -> list[Row]:
    """Return the rows of the detections table of one area, plots of one site as one row where its surest plot stood.

    The row of a site has ``plots`` in its evidence: what was measured of each. Its features are those of its surest
    plot, its onset that of its first one, its phase complete when all are, and its roofs and areas are sums.

    Args:
        rows: Of one area.
        is_built: Where buildings stood before any change, shape (y, x): from `built_ground`.
        grid: What it lies on.
        params: What belongs together.

    """
    plots = [
        index
        for index, row in enumerate(rows)
        if row["event"] == Event.CONSTRUCTION.value and row["confidence"] >= params.least_confidence
    ]
    if len(plots) < 2:  # noqa: PLR2004 - a site has two plots or more
        return list(rows)
    shapes = [rows[index]["geometry"] for index in plots]
    sites: dict[int, list[int]] = {}
    for index, site in zip(plots, _sites_of(shapes, is_built, grid, params), strict=True):
        sites.setdefault(site, []).append(index)
    joined = {max(site, key=lambda index: _sureness(rows[index])): site for site in sites.values()}
    lost = set(plots) - set(joined)
    return [
        _site([rows[plot] for plot in joined[index]]) if len(joined.get(index, ())) > 1 else row
        for index, row in enumerate(rows)
        if index not in lost
    ]


def clusters(is_built: NDArray[np.bool_], grid: Grid, params: SiteParams) -> NDArray[np.int32]:
    """Return which pixels lie in, or half of `join_m` around, which cluster of buildings (from 1 on); 0 in none.

    Towns are left out. Arguments as for `join_plots`.
    """
    reach_px = max(1, round(params.join_m / 2 / grid.pixel_m))
    near = ndimage.binary_dilation(ndimage.binary_opening(is_built), structure=disk(reach_px))
    labels, _ = ndimage.label(near)
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if max(side.stop - side.start for side in window) * grid.pixel_m > params.largest_m:
            labels[window][labels[window] == number] = 0
    return np.asarray(labels, dtype=np.int32)


def _sites_of(shapes: Sequence[BaseGeometry], is_built: NDArray[np.bool_], grid: Grid, params: SiteParams) -> list[int]:
    """Return the number of the site that each plot belongs to."""
    first, second = STRtree(shapes).query(shapes, predicate="dwithin", distance=params.join_m)
    plots, places = np.array(list(touched_clusters(shapes, is_built, grid, params)), dtype=np.int64).reshape(-1, 2).T
    known, numbers = np.unique(places, return_inverse=True)
    ends = np.concatenate([first, plots]), np.concatenate([second, len(shapes) + numbers])
    count = len(shapes) + len(known)
    links = coo_array((np.ones(len(ends[0])), ends), shape=(count, count))
    return list(connected_components(links, directed=False)[1][: len(shapes)].tolist())


def touched_clusters(
    shapes: Sequence[BaseGeometry], is_built: NDArray[np.bool_], grid: Grid, params: SiteParams
) -> Iterator[tuple[int, int]]:
    """Yield the number of a plot and a cluster within `join_m` of it, for each such pair.

    A cluster is named by its first pixel, row by row. Plots are asked cell by cell, with so much ground around that
    what is cut off there is a town: so a large area costs no more a plot, and no more memory, than a small one.
    """
    reach_px = max(1, round(params.join_m / 2 / grid.pixel_m))
    margin_px = ceil(params.largest_m / grid.pixel_m) + 3 * reach_px + 5
    near = [pixels_of(shape.buffer(params.join_m / 2), grid) for shape in shapes]
    cells: dict[tuple[int, int], list[int]] = {}
    for plot, (window, _) in enumerate(near):
        cells.setdefault((window[0].start // _CELL_PX, window[1].start // _CELL_PX), []).append(plot)
    for plots in cells.values():
        rows, columns = (
            slice(
                max(0, min(near[plot][0][axis].start for plot in plots) - margin_px),
                min(size, max(near[plot][0][axis].stop for plot in plots) + margin_px),
            )
            for axis, size in enumerate(grid.shape)
        )
        labels = clusters(is_built[rows, columns], grid, params)
        names = _first_pixels(labels, (rows.start, columns.start), grid.width_px)
        for plot in plots:
            (down, right), here = near[plot]
            own = labels[down.start - rows.start : down.stop - rows.start, right.start - columns.start :]
            for number in np.unique(own[:, : here.shape[1]][here]).tolist():
                if number:
                    yield plot, int(names[number])


def _first_pixels(labels: NDArray[np.int32], corner: tuple[int, int], width_px: int) -> NDArray[np.int64]:
    """Return the number in the whole grid, row by row, of the first pixel of each label."""
    numbers, places = np.unique(labels, return_index=True)
    rows, columns = np.divmod(places, labels.shape[1])
    result = np.zeros(int(labels.max(initial=0)) + 1, dtype=np.int64)
    result[numbers] = (rows + corner[0]) * width_px + columns + corner[1]
    return result


def _sureness(row: Row) -> tuple[float, float]:
    return row["confidence"], row["area_m2"]


def _site(plots: Sequence[Row]) -> Row:
    surest = max(plots, key=_sureness)
    geometry = unary_union([row["geometry"] for row in plots])
    onset_by = min(row["onset_by"] for row in plots)
    confirmed = [row["confirmed_on"] for row in plots if row["status"] == Status.CONFIRMED.value]
    return {
        **surest,
        "detection_id": first_id(surest["area_id"], Event(surest["event"]), onset_by, geometry.representative_point()),
        "status": (Status.CONFIRMED if confirmed else Status.CANDIDATE).value,
        "confirmed_on": min(confirmed, default=None),
        "onset_after": min(row["onset_after"] for row in plots),
        "onset_by": onset_by,
        "last_seen_on": max(row["last_seen_on"] for row in plots),
        "looks_before": min(row["looks_before"] for row in plots),
        "looks_after": max(row["looks_after"] for row in plots),
        **{name: sum(row[name] for row in plots) for name in ("area_m2", "area_low_m2", "area_high_m2", "roofs")},
        **_phases(plots),
        "camp_likeness": max(row["camp_likeness"] for row in plots),
        "evidence": _evidence(surest, plots),
        "sensors": ", ".join(sorted({name for row in plots for name in row["sensors"].split(", ")})),
        "scene_ids": json.dumps(list(dict.fromkeys(name for row in plots for name in json.loads(row["scene_ids"])))),
        "geometry": geometry,
    }


def _phases(plots: Sequence[Row]) -> dict[str, Any]:
    """Return how far the whole site has come: active from its first plot on, complete with its last."""
    phases = {row["phase"] for row in plots}
    is_complete = phases == {Phase.COMPLETE.value}
    is_active = bool(phases & {Phase.ACTIVE.value, Phase.COMPLETE.value})
    phase = Phase.COMPLETE if is_complete else Phase.ACTIVE if is_active else Phase.SITE_PREPARATION
    active = [row for row in plots if row["active_by"] is not None]
    return {
        "phase": phase.value,
        "active_after": min((row["active_after"] for row in active), default=None),
        "active_by": min((row["active_by"] for row in active), default=None),
        "complete_after": max(row["complete_after"] for row in plots) if is_complete else None,
        "complete_by": max(row["complete_by"] for row in plots) if is_complete else None,
    }


def _evidence(surest: Row, plots: Sequence[Row]) -> str:
    told = [json.loads(row["evidence"]) for row in plots]
    curves = {name: list(_summed([one[name] for one in told])) for name in ("growth", "growth_interval")}
    buildings = [sum(one["buildings"][end] for one in told) for end in (0, 1)]
    parts = [
        {
            "area_m2": round(row["area_m2"]),
            "onset_after": row["onset_after"].isoformat(),
            "onset_by": row["onset_by"].isoformat(),
            "confidence": row["confidence"],
            "roofs": row["roofs"],
        }
        for row in sorted(plots, key=lambda row: row["onset_by"])
    ]
    note = f"{len(plots)} plots built from {parts[0]['onset_by']} to {parts[-1]['onset_by']} are one site that grows."
    return json.dumps(
        {**json.loads(surest["evidence"]), **curves, "buildings": buildings, "plots": parts, "note": note}
    )


def _summed(curves: Sequence[Sequence[Sequence[Any]]]) -> Iterator[list[Any]]:
    """Yield the sum of step curves (day, values that hold from that day on) on each of their days."""
    days = sorted({date.fromisoformat(point[0]) for curve in curves for point in curve})
    for day in days:
        reached = [_reached(curve, day) for curve in curves]
        yield [day.isoformat(), *(sum(values) for values in zip(*reached, strict=True))]


def _reached(curve: Sequence[Sequence[Any]], day: date) -> Sequence[float]:
    past = [point for point in curve if date.fromisoformat(point[0]) <= day]
    return past[-1][1:] if past else [0] * (len(curve[0]) - 1)
