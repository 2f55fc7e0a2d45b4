"""The layers of a run, live in a PostGIS store: views that QGIS opens, in the styles that the GeoPackage has."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, text

from detection.schema import COVERAGE_COLUMNS, DETECTION_COLUMNS, PERIMETER_COLUMNS
from geo.crs import LON_LAT_EPSG
from geo.errors import ConfigError
from outputs.layers.facts import About
from outputs.layers.geopackage import FACILITY_COLUMNS, GEOMETRY_COLUMN, LAYERS
from outputs.layers.project import Locate, Project, project_of
from outputs.layers.styles import style_of
from outputs.store.database import Store

VIEW_PREFIX = "sitewatch_"
STYLE_NAME = "sitewatch"
_KEYS: Mapping[str, str] = {
    "detections": "detection_id",
    "coverage": "area_id",
    "perimeters": "row_key",
    "areas": "id",
    "facilities": "id",
    "facility_outlines": "id",
}
"""Layer to the column by which QGIS tells its rows apart: a view has no key of its own."""
_STYLES_TABLE = """
CREATE TABLE IF NOT EXISTS layer_styles (
    id serial PRIMARY KEY, f_table_catalog varchar, f_table_schema varchar, f_table_name varchar,
    f_geometry_column varchar, styleName text, styleQML xml, styleSLD xml, useAsDefault boolean,
    description text, owner varchar(63) DEFAULT CURRENT_USER, ui xml,
    update_time timestamp DEFAULT CURRENT_TIMESTAMP, type varchar
)
"""
_FORGET_STYLE = """
DELETE FROM layer_styles WHERE f_table_catalog = current_database() AND f_table_schema = current_schema()
    AND f_table_name = :view AND styleName = :name
"""
_ADD_STYLE = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
    useAsDefault, description)
VALUES (current_database(), current_schema(), :view, :geometry, :name, XMLPARSE(DOCUMENT :style), true, :said)
"""


def share_layers(store: Store) -> tuple[str, ...]:
    """Make, or make anew, a view and a style for each layer; return the views' names. Styles of others stay.

    Raises:
        ConfigError: The store is no PostGIS store.
        OutputError: The database does not allow it.

    """
    _refuse_others(store)
    views = _views()
    with store.writing() as connection:
        connection.execute(text(_STYLES_TABLE))
        for layer, sql in views.items():
            _share(connection, layer, sql)
    return tuple(VIEW_PREFIX + layer for layer in views)


def shared_project(store: Store, *, service: str, authcfg: str = "", made_at: datetime) -> Project:
    """Return a project on the store's views. It names a service, and no user and no password.

    Args:
        store: With the views of `share_layers`.
        service: An entry of the reader's ``pg_service.conf``, which says where the database is.
        authcfg: An id of QGIS' own store of credentials.
        made_at: Shown on the map.

    Raises:
        ConfigError: The store is no PostGIS store, or the service's name cannot be one.
        StateError: The store cannot be read.

    """
    _refuse_others(store)
    for word in (service, authcfg):
        if not all(letter.isalnum() or letter in "_-." for letter in word):
            raise ConfigError(f"a service and an authcfg are made of letters, digits, _, - and .; got {word!r}")
    with store.reading() as connection:
        schema = str(connection.execute(text("SELECT current_schema()")).scalar())
        about = _about(connection, made_at)
    return project_of(about, _located(schema, service, authcfg), provider="postgres")


def _refuse_others(store: Store) -> None:
    if store.engine.dialect.name != "postgresql":
        raise ConfigError(f"{store.name}: only a PostGIS store can be opened live; a run's own GeoPackage has styles")


def _share(connection: Connection, layer: str, sql: str) -> None:
    view = VIEW_PREFIX + layer
    connection.execute(text(f"DROP VIEW IF EXISTS {view}"))
    connection.execute(text(f"CREATE VIEW {view} AS {sql}"))
    connection.execute(text(_FORGET_STYLE), {"view": view, "name": STYLE_NAME})
    row = {"view": view, "geometry": GEOMETRY_COLUMN, "name": STYLE_NAME, "said": LAYERS[layer].description}
    connection.execute(text(_ADD_STYLE), {**row, "style": style_of(layer).strip()})


def _views() -> dict[str, str]:
    """Return layer to the statement behind its view. Of what each run tells anew, the newest run's word counts."""
    outlines, points = _shape("MultiPolygon"), _shape("Point", "ST_PointOnSurface(geometry)")
    places = ("facility_id AS id", *(name for name in FACILITY_COLUMNS if name != "id"))
    row_key = "concat_ws('/', area_id, facility_id, arc) AS row_key"
    nothing = ("NULL::text AS purpose", "NULL::text AS events", "NULL::date AS since")
    return {
        "areas": _select("areas", "area_id AS id", "name", *nothing, outlines),
        "coverage": _select("coverage", *COVERAGE_COLUMNS, outlines) + _newest("coverage"),
        "detections": _select("detections", *DETECTION_COLUMNS, outlines),
        "perimeters": _select("perimeters", row_key, *PERIMETER_COLUMNS, _shape("MultiLineString"))
        + _newest("perimeters"),
        "facility_outlines": _select("facilities", *places, outlines) + " WHERE ST_Dimension(geometry) = 2",
        "facilities": _select("facilities", *places, points),
    }


def _select(table: str, *columns: str) -> str:
    return " ".join(("SELECT", ", ".join(columns), "FROM", table))


def _newest(table: str) -> str:
    newest = "SELECT DISTINCT ON (area_id) area_id, run_id FROM TABLE_ JOIN runs USING (run_id)"
    order = " ORDER BY area_id, started_at DESC, run_id DESC"
    return f" JOIN ({newest.replace('TABLE_', table)}{order}) AS newest USING (area_id, run_id)"


def _shape(kind: str, geometry: str = "ST_Multi(geometry)") -> str:
    return f"{geometry}::geometry({kind},{LON_LAT_EPSG}) AS {GEOMETRY_COLUMN}"


def _located(schema: str, service: str, authcfg: str) -> Locate:
    def locate(table: str, condition: str) -> str:
        parts = [
            f"service='{service}'",
            *([f"authcfg={authcfg}"] if authcfg else []),
            f"key='{_KEYS[table]}' srid={LON_LAT_EPSG} type={LAYERS[table].geometry_type} checkPrimaryKeyUnicity='0'",
            f'table="{schema}"."{VIEW_PREFIX}{table}" ({GEOMETRY_COLUMN})',
            *([f"sql={condition}"] if condition else []),
        ]
        return " ".join(parts)

    return locate


def _about(connection: Connection, made_at: datetime) -> About:
    box = (
        "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geometry) AS e FROM areas) AS box"
    )
    bounds = connection.execute(text(box)).one()
    first, last = connection.execute(text("SELECT min(onset_after), max(onset_by) FROM detections")).one()
    begun, ended = connection.execute(text("SELECT min(period_start), max(period_end) FROM coverage")).one()
    west, south, east, north = (-180.0, -60.0, 180.0, 75.0) if bounds[0] is None else map(float, bounds)
    return About(
        title="What was seen, as the store has it now",
        credit="Credits of the imagery: see each run.",
        made_at=made_at,
        bounds=(west, south, east, north),
        period=(first, last) if first and last else None,
        seen=f"imagery of {begun} to {ended}" if begun else "",
    )
