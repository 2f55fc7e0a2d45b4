"""KML and KMZ for Google Earth and its like: styled by event, with time, each balloon with its evidence and picture.

The time of a place runs from the day on which the change may have begun; until what day it lasts is not known.
"""

import zipfile
from collections.abc import Iterator, Mapping
from html import escape
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry import MultiPolygon, Polygon

from detection.schema import Event
from geo.atomic import atomic_file
from outputs.tables import in_lon_lat
from outputs.vocabulary import EVENT_COLOURS, EVENT_WORDS, STATUS_WORDS, review_words, words

NAMESPACE = "http://www.opengis.net/kml/2.2"
LIMITS = (
    "An indication from 10 m imagery with a probability, not proof: to be confirmed on finer imagery and on the ground."
)
_LINE = "ff"
_FILL = "4d"
"""How opaque lines and areas are, as KML writes it: two hexadecimal digits before the colour."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time of a ZIP file: the same detections give the same bytes."""


def write_kml(path: Path, detections: gpd.GeoDataFrame, *, credit: str, remark: str = "") -> None:
    """Write `detections`, in any CRS, as KML without pictures; `remark` is said of all and of each of them.

    Raises:
        OutputError: The file cannot be written.

    """
    with atomic_file(path) as part:
        part.write_bytes(kml_document(detections, credit=credit, pictures={}, remark=remark))


def write_kmz(
    path: Path, detections: gpd.GeoDataFrame, *, credit: str, pictures: Mapping[str, Path], remark: str = ""
) -> None:
    """Write `detections`, in any CRS, as KMZ with the pictures of those that have one.

    Raises:
        OutputError: The file cannot be written.

    """
    shown = {name: pictures[name] for name in detections["detection_id"] if name in pictures}
    inside = {name: f"pictures/{picture.name}" for name, picture in shown.items()}
    with atomic_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        document = kml_document(detections, credit=credit, pictures=inside, remark=remark)
        archive.writestr(zipfile.ZipInfo("doc.kml", _EPOCH), document, zipfile.ZIP_DEFLATED)
        for name, picture in shown.items():
            archive.writestr(zipfile.ZipInfo(inside[name], _EPOCH), picture.read_bytes())


def kml_document(detections: gpd.GeoDataFrame, *, credit: str, pictures: Mapping[str, str], remark: str = "") -> bytes:
    """Return the document; `pictures` are paths beside it, by detection id."""
    root = ET.Element("kml", xmlns=NAMESPACE)
    document = ET.SubElement(root, "Document")
    _text(document, "name", "sitewatch: detections")
    _text(document, "description", " ".join(filter(None, (remark, f"{credit}.", LIMITS))))
    for event in Event:
        _style(document, event)
    rows = in_lon_lat(detections).to_dict("records")
    for event in Event:
        of_event = [row for row in rows if row["event"] == event.value]
        if of_event:
            folder = ET.SubElement(document, "Folder")
            _text(folder, "name", f"{EVENT_WORDS[event]} ({len(of_event)})")
            for row in of_event:
                _placemark(folder, row, said=(credit, remark), picture=pictures.get(row["detection_id"]))
    buffer = BytesIO()
    ET.ElementTree(root).write(buffer, encoding="utf-8", xml_declaration=True)
    return buffer.getvalue()


def _style(document: ET.Element, event: Event) -> None:
    style = ET.SubElement(document, "Style", id=event.value)
    red, green, blue = (EVENT_COLOURS[event][start : start + 2] for start in (1, 3, 5))
    line = ET.SubElement(style, "LineStyle")
    _text(line, "color", f"{_LINE}{blue}{green}{red}")
    _text(line, "width", "2")
    _text(ET.SubElement(style, "PolyStyle"), "color", f"{_FILL}{blue}{green}{red}")
    _text(ET.SubElement(style, "BalloonStyle"), "text", "$[description]")


def _placemark(folder: ET.Element, row: Mapping[Any, Any], *, said: tuple[str, str], picture: str | None) -> None:
    mark = ET.SubElement(folder, "Placemark", id=f"d-{row['detection_id']}")
    _text(mark, "name", f"{words(EVENT_WORDS, row['event'])} ({words(STATUS_WORDS, row['status']).lower()})")
    _text(mark, "description", _balloon(row, said=said, picture=picture))
    _text(ET.SubElement(mark, "TimeSpan"), "begin", _day(row["onset_after"]))
    _text(mark, "styleUrl", f"#{row['event']}")
    data = ET.SubElement(mark, "ExtendedData")
    for name, value in _told(row):
        _text(ET.SubElement(data, "Data", name=name), "value", value)
    many = ET.SubElement(mark, "MultiGeometry")
    for polygon in _polygons(row["geometry"]):
        _polygon(many, polygon)


def _told(row: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is known of a detection as text; what is missing is left out, and so are long documents."""
    for name, value in row.items():
        if name in {"geometry", "evidence", "scene_ids", "attribution"} or value is None or pd.isna(value):
            continue
        yield (
            str(name),
            _day(value)
            if isinstance(value, pd.Timestamp)
            else f"{value:.6g}"
            if isinstance(value, float)
            else str(value),
        )


def _balloon(row: Mapping[Any, Any], *, said: tuple[str, str], picture: str | None) -> str:
    credit, remark = said
    facts = (
        ("Event", words(EVENT_WORDS, row["event"])),
        ("Status", words(STATUS_WORDS, row["status"])),
        ("Confidence", f"{row['confidence']:.2f} of 1"),
        ("Began", f"after {_day(row['onset_after'])}, by {_day(row['onset_by'])}"),
        ("Last seen", _day(row["last_seen_on"])),
        ("Clear looks", f"{row['looks_before']} before, {row['looks_after']} after"),
        ("Ground changed", f"{row['area_m2']:,.0f} m²"),
        ("Id", row["detection_id"]),
    )
    lines = "".join(
        f"<tr><th align='left'>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in facts
    )
    image = f"<p><img src='{escape(picture, quote=True)}' width='600' alt='before and after'/></p>" if picture else ""
    review = escape(" ".join(filter(None, (remark, review_words(row.get("verdict"))))))
    return f"{image}<table>{lines}</table><p>{review} {escape(LIMITS)}</p><p>{escape(credit)}</p>"


def _polygons(shape: Polygon | MultiPolygon) -> Iterator[Polygon]:
    for part in shapely.get_parts(shapely.orient_polygons(shapely.force_2d(shape))):
        if isinstance(part, Polygon):
            yield part


def _polygon(many: ET.Element, polygon: Polygon) -> None:
    element = ET.SubElement(many, "Polygon")
    for name, ring in (
        ("outerBoundaryIs", polygon.exterior),
        *(("innerBoundaryIs", hole) for hole in polygon.interiors),
    ):
        linear = ET.SubElement(ET.SubElement(element, name), "LinearRing")
        _text(linear, "coordinates", " ".join(f"{x:.7f},{y:.7f}" for x, y in ring.coords))


def _day(stamp: Any) -> str:  # noqa: ANN401  # a day as pandas keeps it
    return f"{pd.Timestamp(stamp):%Y-%m-%d}"


def _text(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = "".join(one for one in text if one >= " " or one in "\t\n")
