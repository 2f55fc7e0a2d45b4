"""A QGIS project in which everything of a run lies in order: no need for QGIS to write it, only to open it.

A project is kept as QGIS keeps it, an XML document in a ZIP file. The templates beside this module
(``project_parts``) hold its structure; styles are those of `outputs.layers.styles`.
"""

import base64
import re
import sqlite3
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import shapely
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pyproj import CRS
from shapely.geometry import Polygon

from detection.schema import Event
from geo.atomic import atomic_file
from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from outputs.layers.drawn import PICTURES, RASTER_WORDS, Drawn, drawn_rasters
from outputs.layers.facts import About, facts_of
from outputs.layers.geopackage import LAYERS
from outputs.layers.styles import style_of
from outputs.vocabulary import EVENT_WORDS

PROJECT_NAME = "sitewatch.qgz"
PACKAGE_NAME = "sitewatch.gpkg"
RISK_NAME = "risk.gpkg"
ALL_CHANGES = "All changes"
ALL = "all"
"""Ends the id of a layer that has all rows of its table. Ids are long: short ones QGIS replaces by its own."""
_ZIP_DAY = (1980, 1, 1, 0, 0, 0)
"""The same project gives the same file: a ZIP's own dates begin here."""
_GEOMETRIES = {"MultiPolygon": "Polygon", "MultiLineString": "Line", "Point": "Point"}

Locate = Callable[[str, str], str]
"""From a table and a condition in SQL (or nothing) to how QGIS finds those rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """A layer of a table."""

    key: str
    name: str
    source: str
    geometry_type: str
    style: str
    """QML."""
    provider: str = "ogr"
    is_read_only: bool = True
    is_shown: bool = True

    @property
    def kind(self) -> str:
        """What QGIS calls this kind of geometry."""
        return _GEOMETRIES[self.geometry_type]

    @property
    def style_parts(self) -> str:
        """What stands in the style's document."""
        found = re.search(r"<qgis[^>]*>(.*)</qgis>", self.style, re.DOTALL)
        return found.group(1) if found else ""

    @property
    def has_labels(self) -> bool:
        """Whether the style has labels that are shown."""
        return 'labelsEnabled="1"' in self.style


@dataclass(frozen=True, slots=True, kw_only=True)
class Raster:
    """A layer of a raster's file."""

    key: str
    name: str
    source: str
    drawn: Drawn
    is_shown: bool = False
    provider: str = "gdal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Layers, and groups of layers, that stand together in the list."""

    name: str
    items: "tuple[Vector | Raster | Group, ...]"
    is_open: bool = True

    @property
    def layers(self) -> "tuple[Vector | Raster, ...]":
        """All layers in it, from the top."""
        return tuple(layer for item in self.items for layer in (item.layers if isinstance(item, Group) else (item,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything in a project."""

    about: About
    top: Group
    """Its name is not shown."""
    themes: Mapping[str, frozenset[str]]
    """Name to the keys of the layers that it shows."""


def project_of(
    about: About,
    locate: Locate,
    *,
    provider: str = "ogr",
    rasters: Group | None = None,
    more: Sequence[Vector | Group] = (),
) -> Project:
    """Arrange the layers of a run as a project.

    Args:
        about: What it says of itself.
        locate: Where the tables of `outputs.layers.geopackage.LAYERS` are.
        provider: What QGIS reads them with: ``ogr`` or ``postgres``.
        rasters: As `raster_group` gives them.
        more: Stands above everything else.

    """

    def vector(table: str, name: str, *, event: str | None = None, is_shown: bool = True) -> Vector:
        return Vector(
            key=f"sitewatch_{table}_{event or ALL}",
            name=name,
            source=locate(table, f"\"event\" = '{event}'" if event else ""),
            geometry_type=LAYERS[table].geometry_type,
            style=style_of(table, event),
            provider=provider,
            is_shown=is_shown,
        )

    events = tuple(vector("detections", EVENT_WORDS[event], event=event.value) for event in Event)
    places = (vector("facilities", "Known places"), vector("facility_outlines", "Outlines of known places"))
    perimeters = vector("perimeters", "Perimeters")
    seen = (vector("areas", "Areas watched"), vector("coverage", "How well it was seen"))
    everything = vector("detections", "All in one layer", is_shown=False)
    groups = [
        *more,
        Group(name="Facilities", items=places),
        Group(name="Perimeters", items=(perimeters,)),
        Group(name="Detections by event", items=(*events, everything)),
        Group(name="Coverage", items=seen),
    ]
    if rasters is not None and rasters.items:
        groups.append(rasters)
    top = Group(name="", items=tuple(groups))
    return Project(about=about, top=top, themes=_themes(top, events))


def raster_group(rasters: Sequence[tuple[str, Drawn]], names: Mapping[str, str]) -> Group:
    """Return the rasters area by area, each given with its path as the project shall name it; `names` by area id."""
    by_area: dict[str, list[Raster]] = {}
    for number, (source, drawn) in enumerate(rasters):
        layer = Raster(
            key=f"sitewatch_raster_{number:04d}_{drawn.kind}",
            name=RASTER_WORDS[drawn.kind],
            source=source,
            drawn=drawn,
            is_shown=drawn.kind == "after",
        )
        by_area.setdefault(drawn.area_id, []).append(layer)
    areas = tuple(
        Group(name=names.get(area_id, area_id), items=tuple(layers), is_open=False)
        for area_id, layers in by_area.items()
    )
    return Group(name="Rasters", items=areas, is_open=False)


def _themes(top: Group, events: Sequence[Vector]) -> dict[str, frozenset[str]]:
    """Return all changes, the changes of each event alone, and the rasters of each kind under the outlines."""
    shown = {layer.key for layer in top.layers if layer.is_shown}
    event_keys = {event.key for event in events}
    context = shown - event_keys
    themes = {ALL_CHANGES: frozenset(shown)}
    themes |= {event.name: frozenset({*context, event.key}) for event in events}
    images = [layer for layer in top.layers if isinstance(layer, Raster)]
    bare = shown - {layer.key for layer in images} - {f"sitewatch_coverage_{ALL}"}
    for kind, words in RASTER_WORDS.items():
        of_kind = {layer.key for layer in images if layer.drawn.kind == kind}
        if of_kind:
            themes[f"{words} imagery" if kind in PICTURES else words] = frozenset(bare | of_kind)
    return themes


def project_xml(project: Project) -> str:
    """Return the document of a project, as QGIS 3.22 and later read it."""
    return (
        _environment()
        .get_template("project.qgs")
        .render(
            project=project,
            about=project.about,
            themes={
                name: [one for one in project.top.layers if one.key in keys] for name, keys in project.themes.items()
            },
            first_theme=ALL_CHANGES,
            lon_lat_epsg=LON_LAT_EPSG,
            **_frame(project.about),
        )
    )


def write_project(path: Path, project: Project) -> None:
    """Write a project as ``.qgz``; the same project gives the same file.

    Raises:
        OutputError: The file cannot be written.

    """
    with atomic_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{path.stem}.qgs", date_time=_ZIP_DAY)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        archive.writestr(entry, project_xml(project))


def write_run_project(folder: Path, *, title: str, credit: str, made_at: datetime) -> Path:
    """Write the project of a run's `folder`, in which its GeoPackage and perhaps its rasters are; return its path.

    A GeoPackage of supplier risk, ``risk.gpkg``, is taken in where it lies beside them.

    Raises:
        StateError: The GeoPackage or a raster cannot be read.
        OutputError: The project cannot be written.

    """
    package = folder / PACKAGE_NAME
    found = facts_of(package)
    drawn = [(f"./{one.path.relative_to(folder).as_posix()}", one) for one in drawn_rasters(folder)]
    project = project_of(
        found.about(title=title, credit=credit, made_at=made_at),
        in_file(PACKAGE_NAME),
        rasters=raster_group(drawn, found.names),
        more=risk_layers(folder),
    )
    write_project(folder / PROJECT_NAME, project)
    return folder / PROJECT_NAME


def risk_layers(folder: Path) -> tuple[Group, ...]:
    """Return the group of the suppliers' risk, if there is such a GeoPackage in `folder`; styled as it is itself."""
    package = folder / RISK_NAME
    if not package.is_file():
        return ()
    with closing(sqlite3.connect(f"file:{package}?mode=ro", uri=True)) as database:
        styles = dict(database.execute("SELECT f_table_name, styleQML FROM layer_styles").fetchall())
    layers = tuple(
        Vector(
            key=f"sitewatch_risk_{table}",
            name=table.replace("_", " ").capitalize(),
            source=f"./{RISK_NAME}|layername={table}",
            geometry_type="MultiPolygon",
            style=style,
        )
        for table, style in styles.items()
    )
    return (Group(name="Risk", items=layers),)


def in_file(name: str) -> Locate:
    """Return where the tables of a GeoPackage called `name`, beside the project, are."""
    return lambda table, condition: f"./{name}|layername={table}" + (f"|subset={condition}" if condition else "")


def _frame(about: About) -> dict[str, object]:
    """Return what the templates need to know of the map: its CRS, its extent there, and how it is labelled."""
    area = shapely.box(*about.bounds)
    epsg = _one_zone(area)
    west, south, east, north = reproject(shapely.segmentize(area, 0.5), from_epsg=LON_LAT_EPSG, to_epsg=epsg).bounds
    margin_m = _MARGIN * max(east - west, north - south, _SMALLEST_M)
    extent = (west - margin_m, south - margin_m, east + margin_m, north + margin_m)
    dates = (about.seen, f"map made {about.made_at:%Y-%m-%d}")
    return {
        "epsg": epsg,
        "extent": tuple(round(value, 2) for value in extent),
        "bar_unit": ("km", "km") if east - west > _SMALLEST_M else ("meters", "m"),
        "dates_line": "; ".join(part for part in dates if part),
        "north_arrow": "base64:" + base64.b64encode(_NORTH_ARROW.encode()).decode(),
    }


def _one_zone(area: Polygon) -> int:
    """Return the UTM zone of a map that one zone holds, else the CRS of web maps."""
    west, south, east, north = area.bounds
    is_small = east - west <= _ZONE_WIDTH_DEG and max(-south, north) <= _ZONES_END_DEG
    return utm_epsg(area) if is_small else _WEB_EPSG


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("project_parts")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"wkt": _wkt, "fitted": fitted}
    return environment


def fitted(extent: tuple[float, float, float, float], width: float, height: float) -> tuple[float, float, float, float]:
    """Return the smallest extent about `extent` that has the shape of `width` by `height`."""
    left, bottom, right, top = extent
    per_width, per_height = (right - left) / width, (top - bottom) / height
    more_x = max(0.0, per_height - per_width) * width / 2
    more_y = max(0.0, per_width - per_height) * height / 2
    return left - more_x, bottom - more_y, right + more_x, top + more_y


@lru_cache(maxsize=64)
def _wkt(epsg: int) -> str:
    return CRS.from_epsg(epsg).to_wkt()


_NORTH_ARROW = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="32" viewBox="0 0 24 32">'
    '<path d="M12 1 L20 22 L12 17 L4 22 Z" fill="#1a1a1a" stroke="#ffffff" stroke-width="1"/>'
    '<text x="12" y="31" font-family="sans-serif" font-size="9" font-weight="bold" text-anchor="middle" fill="#1a1a1a">'
    "N</text></svg>"
)
_MARGIN = 0.06
"""Of the longer side, left free around what is shown."""
_SMALLEST_M = 3000.0
_ZONE_WIDTH_DEG = 6.0
_ZONES_END_DEG = 80.0
_WEB_EPSG = 3857
