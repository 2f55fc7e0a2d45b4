"""A release into which something is planted, in one place after another, and the same release without it."""

import base64
import gzip
import io
import json
import math
import shutil
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image, PngImagePlugin
from pypdf import PdfWriter
from pyproj import Transformer
from shapely.geometry import Point, box

from aoi.facilities import Facility
from aoi.gazetteer.coordinates import wgs84_to_gcj02
from aoi.suppliers import Supplier
from geo.mgrs import mgrs_square
from outputs.layers.kml import write_kml
from outputs.redaction.codes import geohash
from outputs.redaction.forbidden import Forbidden, More, SecretPlace, forbidden_of
from outputs.redaction.leaks import Leak, LeakKind, find_leaks
from outputs.redaction.policy import INTERNAL, PUBLIC
from outputs.redaction.redact import Redacted, redact, withheld_json
from outputs.release.tables import write_detections_csv
from outputs.release.tiles import write_tiles

SECRET = bytes(range(32))
CREDIT = "Contains modified Copernicus Sentinel data 2017-2018"
LON, LAT = 88.28994, 43.38385
"""In the outline of the detection `camp`."""
UTM = Transformer.from_crs(4326, 32645, always_xy=True).transform(LON, LAT)
MERCATOR = Transformer.from_crs(4326, 3857, always_xy=True).transform(LON, LAT)
NAME = "达坂城区三号看守所"
LATIN = "Yengi Hayat Textile"


def nothing_is_common(_: str) -> bool:
    return False


@pytest.fixture
def redacted(detections: gpd.GeoDataFrame) -> Redacted:
    return redact(detections, PUBLIC, secret=SECRET)


@pytest.fixture
def forbidden(detections: gpd.GeoDataFrame, redacted: Redacted) -> Forbidden:
    facility = Facility(facility_id="camp-1-secret", names=(NAME, "Ghulja 3"), location_4326=Point(LON, LAT))
    supplier = Supplier(supplier_id="s1", names=(LATIN,), lon_lat=(88.305, 43.377))
    more = More(is_common=nothing_is_common, names=("Rebiya Example",))
    return forbidden_of(detections, [facility], [supplier], redacted, more=more)


@pytest.fixture
def release(tmp_path: Path, redacted: Redacted) -> Path:
    """Return a clean release in many formats."""
    folder = tmp_path / "release"
    (folder / "maps").mkdir(parents=True)
    table = redacted.table
    write_kml(folder / "detections.kml", table, credit=CREDIT)
    write_detections_csv(folder / "detections.csv", table, credit=CREDIT)
    write_tiles(folder / "detections.pmtiles", table, name="d", members={"attribution": CREDIT})
    (folder / "detections.geojson").write_text(table.to_json(default=str), encoding="utf-8")
    (folder / "withheld.json").write_text(withheld_json(redacted), encoding="utf-8")
    (folder / "README.md").write_text("Release 2026. 95 % of 43 places; 88 looks. Made 2017-06-10 10:43:38.", "utf-8")
    table.to_parquet(folder / "detections.parquet")
    pyogrio.write_dataframe(table[["detection_id", "event", "geometry"]], folder / "d.fgb", driver="FlatGeobuf")
    pyogrio.write_dataframe(table[["detection_id", "event", "geometry"]], folder / "d.gpkg", layer="d")
    figure = Figure()
    figure.subplots().plot([1, 2, 3])
    for suffix in ("svg", "pdf", "png"):
        figure.savefig(folder / "maps" / f"map.{suffix}")
    _raster(folder / "wide.tif", left=80.05, top=46.05, pixel=0.05, size=200)
    (folder / "font.woff2").write_bytes(b"wOF2" + bytes(range(256)) * 20)
    with zipfile.ZipFile(folder / "all.kmz", "w") as archive:
        archive.write(folder / "detections.kml", "doc.kml")
    return folder


def _raster(path: Path, *, left: float, top: float, pixel: float, size: int, **tags: str) -> None:
    transform = Affine(pixel, 0, left, 0, -pixel, top)
    form = {"driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=transform, **form) as raster:
        raster.write(np.zeros((1, size, size), dtype=np.uint8))
        raster.update_tags(**tags)


def _text(name: str, text: str) -> Callable[[Path], str]:
    def plant(folder: Path) -> str:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return name

    return plant


def _bytes(name: str, make: Callable[[Path], bytes]) -> Callable[[Path], str]:
    def plant(folder: Path) -> str:
        (folder / name).write_bytes(make(folder))
        return name

    return plant


def _exif(folder: Path) -> str:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (43.0, 23.0, 1.86), 3: "E", 4: (88.0, 17.0, 23.784)}
    Image.new("RGB", (8, 8)).save(folder / "photo.jpg", exif=exif)
    return "photo.jpg"


def _webp_xmp(folder: Path) -> str:
    xmp = f'<x:xmpmeta exif:GPSLatitude="43,23.0310N" exif:GPSLongitude="88,17.3964E">{NAME}</x:xmpmeta>'.encode()
    Image.new("RGB", (8, 8)).save(folder / "moving.webp", xmp=xmp)
    return "moving.webp"


def _png_text(folder: Path) -> str:
    info = PngImagePlugin.PngInfo()
    info.add_text("Description", f"centre {LAT}, {LON}", zip=True)
    Image.new("RGB", (8, 8)).save(folder / "pic.png", pnginfo=info)
    return "pic.png"


def _gif(folder: Path) -> str:
    Image.new("P", (8, 8)).save(folder / "a.gif", comment=f"{LAT} {LON}".encode())
    return "a.gif"


def _pdf(folder: Path) -> str:
    figure = Figure()
    figure.text(0.1, 0.5, f"Seen at {LAT} N {LON} E")
    figure.savefig(folder / "maps" / "map.pdf")
    return "maps/map.pdf"


def _pdf_properties(folder: Path) -> str:
    writer = PdfWriter(clone_from=folder / "maps" / "map.pdf")
    writer.add_metadata({"/Keywords": f"{LATIN.upper()}"})
    writer.write(folder / "maps" / "map.pdf")
    return "maps/map.pdf"


def _chip(folder: Path) -> str:
    _raster(folder / "chip.tif", left=LON - 0.01, top=LAT + 0.008, pixel=0.0001, size=200)
    return "chip.tif"


def _tags(folder: Path) -> str:
    _raster(folder / "wide.tif", left=80.05, top=46.05, pixel=0.05, size=20, PLACE=f"{LON} {LAT}")
    return "wide.tif"


def _gpkg_metadata(folder: Path) -> str:
    with sqlite3.connect(folder / "d.gpkg") as database:
        database.execute("create table notes (id integer, lat real, word text, lon real)")
        database.execute("insert into notes values (1, ?, 'x', ?)", (LAT, LON))
    return "d.gpkg"


def _gpkg_shape(folder: Path) -> str:
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[Point(*UTM)], crs=32645)
    pyogrio.write_dataframe(frame, folder / "d.gpkg", layer="utm", append=True)
    return "d.gpkg"


def _vector(name: str, driver: str | None = None) -> Callable[[Path], str]:
    def plant(folder: Path) -> str:
        frame = gpd.GeoDataFrame(
            {"detection_id": ["x"]}, geometry=[box(LON - 0.01, LAT - 0.01, LON + 0.01, LAT + 0.01)], crs=4326
        )
        if driver is None:
            frame.to_parquet(folder / name)
        else:
            pyogrio.write_dataframe(frame, folder / name, driver=driver)
        return name

    return plant


def _tiles(folder: Path) -> str:
    table = gpd.GeoDataFrame({"detection_id": ["x"]}, geometry=[Point(LON, LAT).buffer(0.002)], crs=4326)
    write_tiles(folder / "detections.pmtiles", table, name="d", members={})
    return "detections.pmtiles"


def _tile_property(folder: Path) -> str:
    shape = [box(80, 40, 80.01, 40.01)]
    write_tiles(
        folder / "detections.pmtiles", gpd.GeoDataFrame({"n": [LATIN]}, geometry=shape, crs=4326), name="d", members={}
    )
    return "detections.pmtiles"


def _nested(folder: Path) -> str:
    inner, outer = io.BytesIO(), folder / "all.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("doc.txt", f"{LON},{LAT}")
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    return "all.zip"


def _svg(folder: Path) -> str:
    path = folder / "maps" / "map.svg"
    path.write_text(path.read_text("utf-8").replace("<defs", f'<g data-c="{LON};{LAT}"/><defs', 1), "utf-8")
    return "maps/map.svg"


def _kml(folder: Path) -> str:
    ring = " ".join(
        f"{x:.5f},{y:.5f},0" for x, y in box(LON - 0.02, LAT - 0.015, LON + 0.02, LAT + 0.015).exterior.coords
    )
    (folder / "ring.kml").write_text(f"<kml><LinearRing><coordinates>{ring}</coordinates></LinearRing></kml>", "utf-8")
    return "ring.kml"


def _kmz(folder: Path) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(folder / "detections.kml", "doc.kml")
        archive.writestr("notes.kml", f"<kml><description>{LAT:.4f} / {LON:.4f}</description></kml>")
    return made.getvalue()


def _folder_name(folder: Path) -> str:
    name = "Yengi-Hayat_textile"
    (folder / name).mkdir()
    return name


def _html_entities(text: str) -> str:
    return "".join(f"&#{ord(sign)};" for sign in text)


def _plus_code() -> str:
    """Return the code of ten signs, of which each pair is a digit to the base of 20 of latitude and longitude."""
    signs = "23456789CFGHJMPQRVWX"
    lat, lon = (int(value * 8000) for value in (LAT + 90, LON + 180))
    return "".join(signs[lat // 20**place % 20] + signs[lon // 20**place % 20] for place in range(4, -1, -1))


PLUS = _plus_code()
TILE_ROW = int((1 - math.asinh(math.tan(math.radians(LAT))) / math.pi) / 2 * 2**15)
GCJ = wgs84_to_gcj02((LON, LAT))
GEOJSON = json.dumps({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [
    [[LON - 0.02, LAT - 0.02], [LON + 0.02, LAT - 0.02], [LON + 0.02, LAT + 0.02], [LON - 0.02, LAT + 0.02],
     [LON - 0.02, LAT - 0.02]]]}, "properties": {}})  # fmt: skip

PLACE = LeakKind.COORDINATE
PLANTED: dict[str, tuple[Callable[[Path], str], LeakKind]] = {
    "CSV cells": (_text("p.csv", f"latitude,event,longitude\n{LAT},construction,{LON}\n"), PLACE),
    "JSON members far apart": (
        _text("c.json", json.dumps({"lat": LAT, "text": "word " * 60, "lon": LON})), PLACE),
    "GeoJSON outline, by its middle": (_text("p.geojson", GEOJSON), PLACE),
    "STAC box": (_text("i.json", json.dumps({"bbox": [LON - 0.01, LAT - 0.01, LON + 0.01, LAT + 0.01]})), PLACE),
    "HTML attribute with entities": (_text("i.html", f"<p title='{_html_entities(f'{LAT}, {LON}')}'>"), PLACE),
    "percent-encoded address": (_text("a.html", f"<a href='?q={quote(f'{LAT},{LON}').replace('.', '%2E')}'>"), PLACE),
    "JavaScript escapes": (
        _text("a.js", 'var n="' + "".join(f"\\u{ord(one):04x}" for one in NAME) + '"'), LeakKind.NAME),
    "degrees, minutes, seconds": (_text("r.md", "at 43°23\u203201.9\u2033N 88°17\u203223.8\u2033E"), PLACE),
    "degrees and minutes": (_text("r.md", "at N 43 23.031, E 88 17.396"), PLACE),
    "Chinese degrees": (_text("r.md", "北纬43度23分1.9秒,东经88度17分23.8秒"), PLACE),
    "Arabic digits": (_text("r.md", f"{LAT} {LON}".translate({48 + n: chr(0x660 + n) for n in range(10)})), PLACE),
    "decimal commas": (_text("r.md", "43,38385; 88,28994"), PLACE),
    "UTM": (_text("r.md", f"45N {UTM[0]:.0f} {UTM[1]:.0f}"), PLACE),
    "UTM with thousands apart": (_text("r.md", f"E {UTM[0]:,.0f} m, N {UTM[1]:,.0f} m"), PLACE),
    "web mercator": (_text("r.md", f"{MERCATOR[0]:.1f},{MERCATOR[1]:.1f}"), PLACE),
    "whole numbers of 1e-7 degrees": (
        _text("l.json", f'{{"latE7": {round(LAT * 1e7)}, "lonE7": {round(LON * 1e7)}}}'), PLACE),
    "Chinese datum": (_text("r.md", f"{GCJ[1]:.5f},{GCJ[0]:.5f}"), PLACE),
    "geohash": (_text("r.md", f"see {geohash(LON, LAT, 8)} there"), PLACE),
    "plus code": (_text("r.md", f"{PLUS[:8]}+{PLUS[8:]}"), PLACE),
    "MGRS": (_text("r.md", f"{mgrs_square(LON, LAT)} {int(UTM[0] % 1e5):05d} {int(UTM[1] % 1e5):05d}"), PLACE),
    "tile address": (_text("r.md", f"tiles/15/{int((LON + 180) / 360 * 2**15)}/{TILE_ROW}.png"), PLACE),
    "well-known text": (_text("r.md", f"POINT ({LON} {LAT})"), PLACE),
    "file name": (_text(f"chip_{LAT}_{LON}.txt", "x"), PLACE),
    "folder name": (_folder_name, LeakKind.NAME),
    "KML ring, by its middle": (_kml, PLACE),
    "KMZ member": (_bytes("all.kmz", _kmz), PLACE),
    "SVG attribute": (_svg, PLACE),
    "EXIF": (_exif, PLACE),
    "XMP of a WebP": (_webp_xmp, PLACE),
    "packed PNG text": (_png_text, PLACE),
    "GIF comment": (_gif, PLACE),
    "PDF page": (_pdf, PLACE),
    "PDF properties": (_pdf_properties, LeakKind.NAME),
    "GeoTIFF where it lies": (_chip, PLACE),
    "GeoTIFF tag": (_tags, PLACE),
    "GeoPackage side table": (_gpkg_metadata, PLACE),
    "GeoPackage shape in UTM": (_gpkg_shape, PLACE),
    "FlatGeobuf": (_vector("e.fgb", "FlatGeobuf"), PLACE),
    "GeoParquet": (_vector("e.parquet"), PLACE),
    "PMTiles corners": (_tiles, PLACE),
    "PMTiles property": (_tile_property, LeakKind.NAME),
    "ZIP in ZIP": (_nested, PLACE),
    "gzip": (_bytes("log.jsonl.gz", lambda _: gzip.compress(f'{{"at": "{LAT},{LON}"}}'.encode())), PLACE),
    "data address in HTML": (
        _text("d.html", f"<img src='data:application/json;base64,{base64.b64encode(GEOJSON.encode()).decode()}'>"),
        PLACE),
    "doubles in an unknown file": (
        _bytes("x.woff2", lambda _: b"wOF2\0\1\2" + np.array([1.0, LON, LAT]).tobytes()), PLACE),
    "UTF-16 text": (_bytes("n.txt", lambda _: f"{LAT} {LON}".encode("utf-16")), PLACE),
    "name in capitals": (_text("r.md", "made by YENGI  HAYAT-TEXTILE"), LeakKind.NAME),
    "name in traditional signs": (_text("r.md", "達坂城區三號看守所"), LeakKind.NAME),
    "name in pinyin": (_text("r.md", "Dabancheng qu sanhao kanshousuo"), LeakKind.NAME),
    "reviewer, decomposed": (_text("r.md", "by Rebíya Éxample"), LeakKind.NAME),
    "unknown type of file": (_bytes("x.bin", lambda _: bytes(range(256))), LeakKind.NOT_CHECKED),
}  # fmt: skip


def test_a_clean_release_passes(release: Path, forbidden: Forbidden) -> None:
    assert find_leaks(release, forbidden) == ()


@pytest.mark.parametrize("place", PLANTED)
def test_what_is_planted_is_found_with_its_file(place: str, tmp_path: Path, forbidden: Forbidden) -> None:
    plant, kind = PLANTED[place]
    folder = tmp_path / "planted"
    (folder / "maps").mkdir(parents=True)
    for name in ("svg", "pdf"):
        Figure().savefig(folder / "maps" / f"map.{name}")
    (folder / "detections.kml").write_text("<kml/>", "utf-8")
    assert find_leaks(folder, forbidden) == ()
    file = plant(folder)
    found = find_leaks(folder, forbidden)
    assert (file, kind) in {(leak.file, leak.kind) for leak in found}
    assert {leak.file for leak in found} == {file}
    assert all(leak.where and leak.what for leak in found)


def test_line_and_table_are_named(tmp_path: Path, forbidden: Forbidden) -> None:
    (tmp_path / "a.md").write_text(f"one\ntwo\nat {LAT}, {LON}\n", "utf-8")
    assert {leak.where for leak in find_leaks(tmp_path, forbidden)} == {"text, line 3"}


def test_a_policy_that_shows_everything_forbids_nothing(detections: gpd.GeoDataFrame, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(f"{LAT}, {LON}", "utf-8")
    as_it_is = redact(detections, INTERNAL, secret=SECRET)
    assert find_leaks(tmp_path, forbidden_of(detections, [], [], as_it_is)) == ()


def test_a_coordinate_as_coarse_as_the_cell_is_no_leak(tmp_path: Path, forbidden: Forbidden) -> None:
    (tmp_path / "a.md").write_text("around 43.4 N, 88.3 E", "utf-8")
    assert find_leaks(tmp_path, forbidden) == ()


def test_fonts_may_go_out_unread_and_other_types_only_where_they_are_allowed(tmp_path: Path) -> None:
    for name in ("a.woff2", "a.wasm"):
        (tmp_path / name).write_bytes(bytes(range(256)))
    assert [leak.file for leak in find_leaks(tmp_path, Forbidden())] == ["a.wasm"]
    assert find_leaks(tmp_path, Forbidden(unread_types=frozenset({".woff2", ".wasm"}))) == ()


def test_a_damaged_file_is_not_checked(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 nothing")
    (tmp_path / "b.png").write_bytes(b"\x89PNG nothing")
    assert [leak.kind for leak in find_leaks(tmp_path, Forbidden())] == [LeakKind.NOT_CHECKED] * 2


_FORMATS: dict[str, Callable[[float, float], str]] = {
    "lat, lon": lambda lon, lat: f"{lat:.5f}, {lon:.5f}",
    "lon lat": lambda lon, lat: f"{lon:.6f} {lat:.6f}",
    "four decimals": lambda lon, lat: f"[{lon:.4f},{lat:.4f}]",
    "three decimals": lambda lon, lat: f"{lat:.3f}/{lon:.3f}",
    "fifteen decimals": lambda lon, lat: f'{{"y": {lat:.15f}, "x": {lon:.15f}}}',
    "dms": lambda lon, lat: f"{_dms(lat)} {'N' if lat > 0 else 'S'}, {_dms(lon)} {'E' if lon > 0 else 'W'}",
    "e7": lambda lon, lat: f"{round(lat * 1e7)} {round(lon * 1e7)}",
    "mercator": lambda lon, lat: "{:.0f} {:.0f}".format(
        *Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    ),
    "geohash": lambda lon, lat: geohash(lon, lat, 9),
    "percent": lambda lon, lat: quote(f"{lat:.5f},{lon:.5f}").replace(".", "%2E"),
}  # fmt: skip


def _dms(angle: float) -> str:
    seconds = round(abs(angle) * 36000) / 10
    return f"{int(seconds // 3600)}°{int(seconds % 3600 // 60)}'{seconds % 60:.1f}\""


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lon=st.floats(-179, 179).filter(lambda value: abs(value) > 0.01),
    lat=st.floats(-75, 75).filter(lambda value: abs(value) > 0.01),
    form=st.sampled_from(sorted(_FORMATS)),
    around=st.text(alphabet="abc <>\n\"'é达", max_size=20),
)
def test_any_place_in_any_format_is_found(tmp_path: Path, lon: float, lat: float, form: str, around: str) -> None:
    secret = SecretPlace(label="it", shape_4326=Point(lon, lat), shown_to_m=7000.0)
    folder = tmp_path / "one"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "a.txt").write_text(f"{around} {_FORMATS[form](lon, lat)} {around}", "utf-8")
    expected = Leak(file="a.txt", where="", kind=LeakKind.COORDINATE, what="it")
    found = find_leaks(folder, Forbidden(places=(secret,)))
    assert (expected.file, expected.kind, expected.what) in {(one.file, one.kind, one.what) for one in found}
