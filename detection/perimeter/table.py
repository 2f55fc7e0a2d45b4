"""The table of perimeters: one row an arc, with what is known of it and why no more is."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import geopandas as gpd
import pandas as pd

from detection.perimeter.result import Arc, Perimeter

PERIMETER_COLUMNS: Mapping[str, str] = {
    "facility_id": "object",
    "arc": "int64",
    "state": "object",
    "reason": "object",
    "length_m": "float64",
    "change_p": "float64",
    "present_before_p": "float64",
    "present_after_p": "float64",
    "contrast_before": "float64",
    "contrast_after": "float64",
    "changed_after": "datetime64[s]",
    "changed_by": "datetime64[s]",
    "smallest_m": "float64",
    "looks_before": "int64",
    "looks_after": "int64",
    "offset_m": "float64",
    "loss_p": "float64",
    "gain_p": "float64",
    "null_arcs": "int64",
}
"""Column to kind; ``geometry``, lines in the CRS of the perimeters, comes last. ``smallest_m`` is the smallest wall, as
width times contrast, whose loss would have been found; missing where none would. ``loss_p``, ``gain_p`` and
``null_arcs`` are those of the whole perimeter. There is no state that says that nothing changed."""


def perimeters_frame(perimeters: Mapping[str, Perimeter], *, epsg: int) -> gpd.GeoDataFrame:
    """Return the arcs of some facilities' perimeters, by facility id, in one table; without rows for none."""
    rows = [
        _row(facility_id, number, arc, perimeter)
        for facility_id, perimeter in perimeters.items()
        for number, arc in enumerate(perimeter.arcs)
    ]
    columns = {name: pd.Series([row[name] for row in rows], dtype=kind) for name, kind in PERIMETER_COLUMNS.items()}
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries([row["geometry"] for row in rows], crs=epsg), crs=epsg)


def _row(facility_id: str, number: int, arc: Arc, perimeter: Perimeter) -> dict[str, Any]:
    return {
        "facility_id": facility_id,
        "arc": number,
        "state": arc.state.value,
        "reason": arc.reason,
        "length_m": arc.line_m.length,
        "change_p": arc.change_p,
        "present_before_p": arc.present_before_p,
        "present_after_p": arc.present_after_p,
        "contrast_before": arc.contrast_before,
        "contrast_after": arc.contrast_after,
        "changed_after": arc.changed_after,
        "changed_by": arc.changed_by,
        "smallest_m": arc.smallest_m if isfinite(arc.smallest_m) else None,
        "looks_before": arc.looks_before,
        "looks_after": arc.looks_after,
        "offset_m": arc.offset_m,
        "loss_p": perimeter.loss_p,
        "gain_p": perimeter.gain_p,
        "null_arcs": perimeter.null_arcs,
        "geometry": arc.line_m,
    }
