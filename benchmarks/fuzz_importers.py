"""Every door through which a file of somebody else comes in, each with a sound file to be damaged.

An importer is a name, the file as it should be, and what reads it. What reads it returns the rows of the file that it
accounts for where it tells them (`Taken`), and raises nothing but a `SitewatchError` that names the file.
"""

import io
import json
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pyogrio
from shapely.geometry import box

from aoi.read.entities import read_entities
from aoi.read.imported import Import
from aoi.read.links import read_links
from aoi.read.smart import read_smart
from aoi.read.suppliers import read_suppliers
from aoi.read.vector import import_areas, import_facilities
from benchmarks.store import START, made_up, write_run
from flows.settings.config import Config, load_config
from flows.settings.template import default_toml
from geo.sources.folder.safe import read_products
from geo.sources.folder.sidecar import read_dates, read_sidecar
from geo.sources.stac import StacOptions, StacSource
from outputs.evidence.log import Event, append, begin, entries_of
from outputs.evidence.manifest import MANIFEST_NAME
from outputs.evidence.verify import verify_folder
from outputs.redaction.protected import read_protected
from outputs.review.sheet import SheetSource, read_sheet, write_sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a reader said of a file."""

    read: int | None = None
    """Rows that it says it read; None where it does not count them."""
    kept: int = 0
    """Rows that became something."""
    rejected: int = 0
    """Rows that were kept aside with a reason."""
    is_one_to_one: bool = False
    """Whether each row that was read must be either kept or rejected; else several rows may make one thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """One door."""

    name: str
    file_name: str
    content: bytes
    """A sound file."""
    read: Callable[[Path], Taken]
    header_rows: int | None = None
    """Of a table: how many rows are not its own; None: its rows are not counted from outside."""


def importers() -> tuple[Importer, ...]:
    """Return all of them."""
    return (*_lists(), *_places(), *_records(), *_imagery(), *_own())


def _lists() -> Sequence[Importer]:
    return (
        Importer(name="suppliers CSV", file_name="s.csv", content=SUPPLIERS, read=_of(read_suppliers), header_rows=1),
        Importer(name="suppliers XLSX", file_name="s.xlsx", content=_workbook(), read=_of(read_suppliers)),
        Importer(name="suppliers JSON", file_name="s.json", content=_SUPPLIERS_JSON, read=_of(read_suppliers)),
        Importer(name="entities CSV", file_name="e.csv", content=ENTITIES, read=_of(read_entities), header_rows=1),
        Importer(name="entities HTML", file_name="e.html", content=_PAGE, read=_of(read_entities)),
        Importer(name="entities FtM", file_name="e.ftm.json", content=_FTM, read=_of(read_entities)),
        Importer(name="links CSV", file_name="l.csv", content=LINKS, read=_of(read_links), header_rows=1),
        Importer(name="links FtM", file_name="l.ftm.json", content=_FTM, read=_of(read_links)),
    )


def _places() -> Sequence[Importer]:
    return (
        Importer(name="areas GeoJSON", file_name="a.geojson", content=AREAS, read=_of(import_areas, exact=True)),
        Importer(name="areas CSV", file_name="a.csv", content=PLACES, read=_of(import_areas), header_rows=1),
        Importer(name="areas GeoPackage", file_name="a.gpkg", content=_gpkg(), read=_of(import_areas, exact=True)),
        Importer(name="facilities KML", file_name="f.kml", content=KML, read=_of(import_facilities, exact=True)),
        Importer(name="facilities KMZ", file_name="f.kmz", content=_kmz(), read=_of(import_facilities, exact=True)),
        Importer(name="Shapefile ZIP", file_name="a.zip", content=_shapefile(), read=_of(import_areas, exact=True)),
        Importer(name="protected places", file_name="p.geojson", content=_PROTECTED, read=_protected),
        Importer(name="facilities OSM", file_name="f.osm", content=_OSM, read=_of(import_facilities)),
        Importer(name="SMART", file_name="site.geojson", content=_SMART, read=_smart),
    )


def _records() -> Sequence[Importer]:
    return (
        Importer(name="review sheet", file_name="round.gpkg", content=_sheet(), read=_review),
        Importer(name="manifest", file_name=MANIFEST_NAME, content=_manifest(), read=_verified),
        Importer(name="evidence log", file_name="log.jsonl", content=_log(), read=_entries),
    )


def _imagery() -> Sequence[Importer]:
    return (
        Importer(name="scenes.csv", file_name="scenes.csv", content=SCENES, read=_scenes, header_rows=1),
        Importer(
            name="dates.txt", file_name="dates.txt", content=b"date_1: 20160120\nautumn: 2016-01-20\n", read=_dates
        ),
        Importer(name="SAFE metadata", file_name="MTD_MSIL2A.xml", content=_SAFE, read=_safe),
        Importer(name="STAC item", file_name="item.json", content=_STAC, read=_stac),
    )


def _own() -> Sequence[Importer]:
    return (Importer(name="settings TOML", file_name="sitewatch.toml", content=_toml(), read=_settings),)


def _of(reader: Callable[[Path], Import[Any]], *, exact: bool = False) -> Callable[[Path], Taken]:
    def read(path: Path) -> Taken:
        found = reader(path)
        if not all(row.where and row.reason for row in found.rejected):
            raise AssertionError("a row was kept aside without a reason")
        return Taken(read=found.rows_read, kept=len(found.items), rejected=len(found.rejected), is_one_to_one=exact)

    return read


def _smart(path: Path) -> Taken:
    return Taken(kept=len(read_smart(path)))


def _review(path: Path) -> Taken:
    return Taken(kept=len(read_sheet(path)))


def _verified(path: Path) -> Taken:
    found = verify_folder(path.parent)
    if found.is_intact and path.read_bytes() != _manifest():
        raise AssertionError("a manifest that was changed is taken for sound")
    return Taken()


def _protected(path: Path) -> Taken:
    return Taken(kept=len(read_protected(path)))


def _entries(path: Path) -> Taken:
    sound = _log().split(b"\n")
    if any(line not in sound for line in path.read_bytes().split(b"\n")[:-1]) and entries_of(path):
        raise AssertionError("a line of the log that was changed is taken for sound")
    return Taken(kept=len(entries_of(path)))


def _scenes(path: Path) -> Taken:
    rows = len(read_sidecar(path))
    return Taken(read=rows, kept=rows)


def _dates(path: Path) -> Taken:
    return Taken(kept=len(read_dates(path)))


def _safe(path: Path) -> Taken:
    granule = path.parent / "GRANULE" / "L2A_T34UCF_A033753_20230823T095553" / "IMG_DATA" / "R10m"
    granule.mkdir(parents=True, exist_ok=True)
    (granule / "T34UCF_20230823T095559_B04_10m.jp2").touch()
    found = read_products(path.parent)
    for product in found:
        for image in product.images.values():
            if not image.resolve().is_relative_to(path.parent.resolve()):
                raise AssertionError(f"the metadata leads to {image}, outside the product")
    return Taken(kept=len(found))


def _stac(path: Path) -> Taken:
    source = StacSource(StacOptions(path=path))
    found = source.search(STAC_GROUND, first=date(1980, 1, 1), last=date(2100, 1, 1))
    return Taken(kept=len(found))


def _settings(path: Path) -> Taken:
    config = load_config(path)
    if Config.model_validate(config.model_dump()) != config:
        raise AssertionError("settings that were taken are not the same when read again")
    return Taken()


SUPPLIERS = (
    "country,name,address,sector,lat,lng\n"
    'China,"Anhui A Textile Co., Ltd.","No. 1 Road, Hefei",Apparel,31.82,117.22\n'
    'CN,"B, Inc.","Two lanes",Apparel|Toys,,\n'
    "中国,新疆丙厂,和田地区,服装,37.11,79.92\n"
    "China,D Works,No. 4 Road,Toys,31.9,117.3\n"
).encode()
ENTITIES = b"Name of Entity,Effective Date\nA Co. (and one alias: B),6/21/2022\nC Ltd. and its subsidiaries,6/22/2022\n"
LINKS = b"owner,owned,share,since\nA Co.,B Co.,51%,2019-01-01\nB Co.,C Co.,12,2020\nC Co.,D Co.,7,2021\n"
PLACES = 'name,latitude,longitude,kind\nA,43.38,88.29,camp\nB,"43°23\'02""N","88°17\'E",factory\n'.encode()
SCENES = (
    b"file,date,bands,scene,platform,scale,offset,nodata,quantity,crs,units,note\n"
    b"a.tif,2017-02-16,B04 B03 B02,s1,sentinel-2a,0.0001,-0.1,0,reflectance,,,x\n"
    b"b*.tif,20170216T102101,VV VH,s2,sentinel-1a,,,none,,EPSG:32631,db,\n"
)
KML = (
    b'<?xml version="1.0" encoding="UTF-8"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark>'
    b"<name>A</name><Point><coordinates>88.2,43.3</coordinates></Point></Placemark><Placemark><name>B</name>"
    b"<Polygon><outerBoundaryIs><LinearRing><coordinates>88.2,43.3 88.3,43.3 88.3,43.4 88.2,43.3</coordinates>"
    b"</LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"
)


def _square(west: float, south: float) -> dict[str, Any]:
    ring = [[west, south], [west + 0.1, south], [west + 0.1, south + 0.1], [west, south + 0.1], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _feature(properties: dict[str, Any], west: float, south: float = 43.0) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": _square(west, south)}


AREAS = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            _feature({"id": "a", "name": "达坂城", "purpose": "site", "events": ["construction"]}, 88.0),
            _feature({"id": "b", "name": "B", "purpose": "search", "since": "2017-05-31"}, 89.0),
            _feature({"id": "c", "name": "C"}, 90.0),
        ],
    }
).encode()
_SUPPLIERS_JSON = json.dumps(
    [{"name": "A", "country": {"alpha_2": "CN"}, "os_id": "CN1"}, {"name": "B", "country": "CN"}]
).encode()
_PAGE = (
    b"<html><p>Section A</p><table><tr><th>Name of Entity</th><th>Effective Date</th></tr>"
    b"<tr><td>A Co., Ltd. (including two aliases: B; and C) and subsidiaries</td><td>June 21, 2022</td></tr></table>"
)
_FTM = "\n".join(
    json.dumps(one)
    for one in (
        {"id": "c1", "schema": "Company", "target": True, "properties": {"name": ["A Co."], "addressEntity": ["a1"]}},
        {"id": "a1", "schema": "Address", "properties": {"full": ["No. 1"], "country": ["cn"]}},
        {"id": "s1", "schema": "Sanction", "properties": {"entity": ["c1"], "startDate": ["2022-06-21"]}},
        {"id": "c2", "schema": "Company", "properties": {"name": ["B Co."]}},
        {"id": "o1", "schema": "Ownership", "properties": {"owner": ["c2"], "asset": ["c1"], "percentage": ["51"]}},
    )
).encode()
_KEPT_BACK = [_feature({"protection": "protected"}, 88.0), _feature({"protection": "sensitive", "buffer_m": 500}, 89.0)]
_PROTECTED = json.dumps({"type": "FeatureCollection", "features": _KEPT_BACK}).encode()
_OSM = (
    b'<?xml version="1.0"?><osm version="0.6"><node id="1" lat="39.0" lon="76.0"/><node id="2" lat="39.0" lon="76.01"/>'
    b'<node id="3" lat="39.01" lon="76.01"/><way id="9"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="1"/>'
    b'<tag k="amenity" v="prison"/><tag k="name" v="A prison"/></way></osm>'
)
_SITE = {"site_id": "T01_0001", "status": "positive_annotated", "start_date": "2019-01-01", "end_date": "2020-06-01"}
_SMART = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            _feature({"type": "site", **_SITE}, 88.0),
            *(
                _feature({"type": "observation", "observation_date": day, "current_phase": phase}, 88.0)
                for day, phase in (
                    ("2018-12-01", "No Activity"),
                    ("2019-01-01", "Site Preparation"),
                    ("2020-06-01", "Post Construction"),
                )
            ),
        ],
    }
).encode()
_NAME = "S2B_MSIL2A_20230823T095559_N0509_R122_T34UCF_20230823T124759"
_OFFSETS = "\n".join(f'<BOA_ADD_OFFSET band_id="{band}">-1000</BOA_ADD_OFFSET>' for band in range(13))
_SAFE = f"""<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
<n1:General_Info><Product_Info><PRODUCT_START_TIME>2023-08-23T09:55:59.024Z</PRODUCT_START_TIME>
<PRODUCT_URI>{_NAME}.SAFE</PRODUCT_URI><PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>
<PROCESSING_BASELINE>05.09</PROCESSING_BASELINE><GENERATION_TIME>2023-08-23T12:47:59.000000Z</GENERATION_TIME>
<Datatake datatakeIdentifier="GS2B_20230823T095559_033753_N05.09"><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME>
<DATATAKE_SENSING_START>2023-08-23T09:55:59.024Z</DATATAKE_SENSING_START>
<SENSING_ORBIT_NUMBER>122</SENSING_ORBIT_NUMBER></Datatake>
<Product_Organisation><Granule_List><Granule imageFormat="JPEG2000">
<IMAGE_FILE>GRANULE/L2A_T34UCF_A033753_20230823T095553/IMG_DATA/R10m/T34UCF_20230823T095559_B04_10m</IMAGE_FILE>
</Granule></Granule_List></Product_Organisation></Product_Info><Product_Image_Characteristics><Special_Values>
<SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX></Special_Values>
<QUANTIFICATION_VALUES_LIST><BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
</QUANTIFICATION_VALUES_LIST><BOA_ADD_OFFSET_VALUES_LIST>{_OFFSETS}</BOA_ADD_OFFSET_VALUES_LIST></Product_Image_Characteristics></n1:General_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>12.5</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-2A_User_Product>""".encode()
STAC_GROUND = box(88.0, 43.0, 88.1, 43.1)
_STAC = json.dumps(
    {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2A_45TVJ_20210610_0_L2A",
        "collection": "sentinel-2-l2a",
        "geometry": _square(88.0, 43.0),
        "bbox": [88.0, 43.0, 88.1, 43.1],
        "properties": {
            "datetime": "2021-06-10T05:20:00Z",
            "platform": "sentinel-2a",
            "proj:epsg": 32645,
            "s2:processing_baseline": "03.00",
            "eo:cloud_cover": 3.5,
        },
        "links": [{"rel": "self", "href": "item.json"}],
        "assets": {
            "red": {"href": "B04.tif", "type": "image/tiff", "raster:bands": [{"scale": 0.0001, "offset": -0.1}]},
            "scl": {"href": "SCL.tif", "type": "image/tiff"},
        },
    }
).encode()


def _workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    if sheet is None:
        raise AssertionError("a new workbook has a sheet")
    for row in (["Factory Name", "Address", "Country"], ["A Co.", "No. 1 Road", "China"], ["B Co.", "No. 2", "China"]):
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _kmz() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", KML)
    return buffer.getvalue()


@cache
def _shapefile() -> bytes:
    buffer = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "a.geojson")
        source.write_bytes(AREAS)
        pyogrio.write_dataframe(pyogrio.read_dataframe(source)[["id", "name", "geometry"]], Path(folder, "a.shp"))
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(Path(folder).glob("a.[!g]*")):
                archive.write(path, path.name)
    return buffer.getvalue()


@cache
def _gpkg() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder, "a.geojson"), Path(folder, "a.gpkg")
        source.write_bytes(AREAS)
        frame = pyogrio.read_dataframe(source)[["id", "name", "geometry"]]
        pyogrio.write_dataframe(frame, path, layer="areas")
        return path.read_bytes()


@cache
def _sheet() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        write_run(run, made_up(4), at=START, took=lambda _: None)
        source = SheetSource(run_folder=run, package=run / "sitewatch.gpkg", credit="x", made_at=START)
        write_sheet(Path(folder, "round.gpkg"), source)
        return Path(folder, "round.gpkg").read_bytes()


@cache
def _log() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "log.jsonl")
        begin(path)
        append(path, Event.PULL, {"files": 2, "bytes": 10, "kept_until": "2026-01-01", "sha256": "0" * 64})
        append(path, Event.RUN, {"name": "r", "manifest_sha256": "1" * 64})
        return path.read_bytes()


@cache
def _manifest() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder, "run")
        run.mkdir()
        from outputs.evidence.manifest import write_manifest  # noqa: PLC0415 - beside its use: only made here
        from outputs.evidence.record import RunRecord  # noqa: PLC0415 - likewise

        write_manifest(run, RunRecord(run_id="r", created_at=START, code_version="0"))
        return (run / MANIFEST_NAME).read_bytes()


def _toml() -> bytes:
    text = default_toml()
    tomllib.loads(text)
    return text.encode()
