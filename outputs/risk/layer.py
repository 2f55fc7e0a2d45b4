"""The risk layer: each supplier as the area that its address leaves open, beside the flagged sites."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import shapely
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from aoi.gazetteer.place import Geocode
from geo.atomic import atomic_file
from geo.crs import LON_LAT_EPSG
from geo.errors import OutputError
from outputs.layers import styles
from outputs.layers.geojson import write_geojson
from outputs.layers.geopackage import GEOMETRY_COLUMN, ROW_COLUMN
from outputs.layers.styles import Category
from outputs.risk.ground import buffered, outlined
from outputs.risk.relations import Known
from outputs.risk.score import LEVEL_WORDS, Level
from outputs.risk.tables import Row, Tables

AREAS, SITES = "supplier_areas", "flagged_sites"
DESCRIPTIONS: Mapping[str, str] = {
    AREAS: "Where each supplier may be: the area within which its true position lies with 95 %, not a point. "
    "A level is a reason to look closer, never a finding of guilt; none found does not mean that there is none.",
    SITES: "Flagged sites that the suppliers were compared with.",
}
WIDEST_M = 1_500_000.0
"""What is known no better is drawn nowhere: a circle over half a continent tells nothing."""
_AREA_COLUMNS = (
    "supplier_id", "name", "level", "score", "likelihood", "likelihood_low", "likelihood_high", "severity",
    "completeness", "categories", "strongest_factor", "tier", "place", "precision", "radius_km", "place_probability",
    "in_flagged_site", "near_flagged_site", "context", "missing", "weights",
)  # fmt: skip
_SITE_COLUMNS = (
    "site_id", "name", "kind", "status", "source", "likelihood", "likelihood_low", "likelihood_high",
    "expected_suppliers", "unplaced_suppliers", "completeness",
)  # fmt: skip
_NUMBERS = frozenset(
    {
        "score",
        "likelihood",
        "likelihood_low",
        "likelihood_high",
        "severity",
        "completeness",
        "tier",
        "radius_km",
        "place_probability",
        "in_flagged_site",
        "near_flagged_site",
        "expected_suppliers",
        "unplaced_suppliers",
    }
)
_ALIASES: Mapping[str, str] = {
    "name": "Name",
    "level": "Level",
    "score": "Score (points)",
    "likelihood": "Likelihood (0-1)",
    "likelihood_low": "… at least",
    "likelihood_high": "… at most",
    "severity": "Severity (1-4)",
    "completeness": "Completeness of the data (0-1)",
    "radius_km": "Known to ± (km)",
    "in_flagged_site": "In a flagged site (0-1)",
    "near_flagged_site": "In or near a flagged site (0-1)",
    "strongest_factor": "Strongest factor",
    "missing": "Not known",
}
_COLOURS: Mapping[str, tuple[str, str, int]] = {
    Level.HIGH: ("214,0,108", "solid", 45),
    Level.ELEVATED: ("196,85,29", "solid", 38),
    Level.SOME: ("138,109,0", "dash", 26),
    Level.NONE_FOUND: ("74,122,166", "dot", 14),
    Level.NOT_ASSESSABLE: ("92,92,92", "dash dot", 0),
}
_WRITER_ERRORS = (DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError)


def layers_of(
    tables: Tables, known: Known, units: Mapping[str, Polygon | MultiPolygon] | None = None
) -> dict[str, gpd.GeoDataFrame]:
    """Return the layers in EPSG:4326; a supplier that is placed nowhere keeps its row without a geometry."""
    readings = [next(iter(known.geocodes.get(row["supplier_id"], ())), None) for row in tables.suppliers]
    areas = [area_of(code, units or {}) for code in readings]
    outlines = outlined([known.sites[row["site_id"]].location_4326 for row in tables.sites])
    return {
        AREAS: _frame(tables.suppliers, _AREA_COLUMNS, areas),
        SITES: _frame(tables.sites, _SITE_COLUMNS, list(outlines)),
    }


def area_of(code: Geocode | None, units: Mapping[str, Polygon | MultiPolygon]) -> BaseGeometry | None:
    """Return the area that a reading leaves open: its unit's outline where there is one, else the circle."""
    if code is None or code.radius_m > WIDEST_M:
        return None
    if code.place.place_id in units and code.lon_lat == code.place.lon_lat:
        return units[code.place.place_id]
    point = np.array([shapely.Point(code.lon_lat)], dtype=object)
    circle: BaseGeometry = buffered(point, code.radius_m, quad_segs=24)[0]
    return circle


def write_risk_geopackage(path: Path, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Write the layers, with their styles inside, as one GeoPackage.

    Raises:
        OutputError: The file cannot be written.

    """
    with atomic_file(path) as part:
        try:
            for name, frame in layers.items():
                pyogrio.write_dataframe(
                    frame,
                    part,
                    layer=name,
                    driver="GPKG",
                    geometry_type="MultiPolygon",
                    promote_to_multi=True,
                    dataset_options={"VERSION": "1.2"},
                    layer_options={
                        "GEOMETRY_NAME": GEOMETRY_COLUMN,
                        "FID": ROW_COLUMN,
                        "DESCRIPTION": DESCRIPTIONS[name],
                    },
                )
            pyogrio.write_dataframe(_styles_table(layers), part, layer="layer_styles", driver="GPKG")
        except _WRITER_ERRORS as error:
            raise OutputError(f"cannot write {path}: {error}") from error


def write_risk_geojson(folder: Path, layers: Mapping[str, gpd.GeoDataFrame]) -> None:
    """Write each layer as GeoJSON (RFC 7946).

    Raises:
        OutputError: A file cannot be written.

    """
    for name, frame in layers.items():
        write_geojson(folder / f"{name}.geojson", frame, credit=DESCRIPTIONS[name])


@lru_cache(maxsize=4)
def style_of_risk(layer: str) -> str:
    """Return how QGIS shall draw a layer, as QML."""
    folders = [Path(__file__).with_name("styles"), Path(styles.__file__).with_name("styles")]
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined)
    return environment.get_template(f"{layer}.qml").render(categories=_categories(), aliases=_ALIASES)


def _categories() -> list[Category]:
    return [
        Category(
            value=level,
            label=LEVEL_WORDS[level],
            rgb=rgb,
            line=line,
            fill_alpha=alpha,
            hatch_angles=(45,) if level == Level.NOT_ASSESSABLE else (),
        )
        for level, (rgb, line, alpha) in _COLOURS.items()
    ]


def _frame(rows: Sequence[Row], columns: Sequence[str], shapes: Sequence[BaseGeometry | None]) -> gpd.GeoDataFrame:
    data: dict[str, Any] = {
        name: pd.Series([row[name] for row in rows], dtype="float64" if name in _NUMBERS else object)
        for name in columns
    }
    return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(list(shapes), crs=LON_LAT_EPSG), crs=LON_LAT_EPSG)


def _styles_table(layers: Mapping[str, gpd.GeoDataFrame]) -> pd.DataFrame:
    """Return the table from which QGIS takes each layer's style."""
    rows = [
        {
            "f_table_catalog": "",
            "f_table_schema": "",
            "f_table_name": name,
            "f_geometry_column": GEOMETRY_COLUMN,
            "styleName": "sitewatch",
            "styleQML": style_of_risk(name),
            "styleSLD": "",
            "useAsDefault": True,
            "description": "",
            "owner": "",
        }
        for name in layers
    ]
    return pd.DataFrame(rows)
