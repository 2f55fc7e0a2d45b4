"""A release holds what a reviewer confirmed, whole and sealed, and independent readers find the same in each format."""

import csv
import gzip
import json
import shutil
import zipfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn
from xml.etree import ElementTree as ET

import pyogrio
import pytest
from PIL import Image
from shapely.geometry import Point, box, mapping, shape
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Connection, Table, insert, select
from typer.testing import CliRunner

from detection.schema import Verdict
from flows.area.pipeline import Job
from flows.area.reviews import Decision, review_detection
from flows.cli import app
from flows.hidden import known_of
from flows.runs.publish import current_products
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from flows.store import opened
from geo.crs import reproject
from outputs.redaction.forbidden import Forbidden, forbidden_of
from outputs.redaction.leaks import find_leaks
from outputs.redaction.policy import PUBLIC
from outputs.redaction.redact import redact
from outputs.store import tables
from tests.flows.conftest import EPSG, LEFT_M, TOP_M, Site, settle, site_polygon

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LEFT_AND_TOP_OF_EAST = (LEFT_M["east"], TOP_M - 400, LEFT_M["east"] + 400, TOP_M)
READER: Any = import_module("pmtiles.reader")  # without annotations
ATTRIBUTION = "Contains modified Copernicus Sentinel data 2020"
KML = "{http://www.opengis.net/kml/2.2}"


def ids_of(root: Path) -> list[str]:
    document = json.loads((root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    return [feature["properties"]["detection_id"] for feature in document["features"]]


def publish(root: Path, out: Path, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["publish", str(out), "--workspace", str(root), *options], catch_exceptions=False)
    return result.exit_code, result.output


def ask(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def reviewed(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace whose one detection was confirmed, and that was run since."""
    folder = tmp_path_factory.mktemp("reviewed") / "site"
    shutil.copytree(finished, folder, symlinks=True)
    root = folder / "workspace"
    review_detection(root, ids_of(root)[0], Decision(verdict=Verdict.CONFIRMED, reviewer="ayse"))
    with pytest.MonkeyPatch.context() as patch:
        settle(patch)
        run_workspace(root)
    return root


@pytest.fixture(scope="module")
def release(reviewed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of it for internal readers."""
    out = tmp_path_factory.mktemp("releases") / "spring"
    code, said = publish(reviewed, out, "--audience", "internal", "--publisher", "The Desk")
    assert code == 0, said
    return out


@pytest.fixture
def own(reviewed: Path, tmp_path: Path) -> Path:
    """Return a copy of the reviewed workspace for one test alone."""
    shutil.copytree(reviewed.parent, tmp_path / "site", symlinks=True)
    return tmp_path / "site" / "workspace"


def geojson_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "detections.geojson").read_text(encoding="utf-8"))
    return document


def test_all_formats_hold_the_same_features(release: Path) -> None:
    features = geojson_of(release)["features"]
    known = {one["id"]: shape(one["geometry"]) for one in features}
    assert len(known) == 1
    for name in ("detections.geojson", "detections.kml", "detections.kmz", "detections.parquet"):
        path = f"/vsizip/{release / name}/doc.kml" if name.endswith("kmz") else release / name
        if name.endswith("parquet"):
            import geopandas as gpd  # noqa: PLC0415 - GDAL here has no driver for it

            frame = gpd.read_parquet(path)
        else:
            frame = gpd_of(path)
        assert len(frame) == len(known), name
        if "detection_id" in frame.columns:
            assert set(frame["detection_id"]) == set(known), name
        (found,) = frame.geometry
        (true,) = known.values()
        assert found.symmetric_difference(true).area < 1e-4 * true.area, name


def gpd_of(path: Path | str) -> Any:  # noqa: ANN401 - a GeoDataFrame, which mypy does not see here
    layers = pyogrio.list_layers(path)[:, 0]
    return pyogrio.read_dataframe(path, layer=layers[0])


def test_the_tiles_hold_the_same_features(release: Path, tmp_path: Path) -> None:
    (feature,) = geojson_of(release)["features"]
    true = shape(feature["geometry"])
    frame = pyogrio.read_dataframe(release / "detections.pmtiles").to_crs(4326)
    assert set(frame["detection_id"]) == {feature["id"]}
    drawn = frame.union_all()
    assert drawn.symmetric_difference(true).area < 0.02 * true.area  # whole tile units: about half a metre
    (row, *_) = frame.to_dict("records")
    for name in ("event", "confidence", "onset_by", "review_state", "run_id"):
        assert row[name] == feature["properties"][name]
    with (release / "detections.pmtiles").open("rb") as file:
        source = READER.MmapSource(file)
        metadata = READER.Reader(source).metadata()
        tiles = dict(READER.all_tiles(source))
    assert metadata["attribution"] == ATTRIBUTION
    assert max(zoom for zoom, _, _ in tiles) == 14
    for number, ((zoom, _, _), data) in enumerate(tiles.items()):
        if zoom == 14:
            path = tmp_path / f"{number}.pbf"
            path.write_bytes(gzip.decompress(data))
            assert feature["id"].encode() in path.read_bytes()


def test_the_table_opens_anywhere(release: Path) -> None:
    text = (release / "detections.csv").read_bytes().decode("utf-8")
    (row,) = csv.DictReader(text.splitlines())
    (feature,) = geojson_of(release)["features"]
    assert row["detection_id"] == feature["id"]
    point = shape({"type": "Point", "coordinates": [float(row["longitude"]), float(row["latitude"])]})
    assert shape(feature["geometry"]).contains(point)
    assert row["onset_by"] == feature["properties"]["onset_by"]
    assert row["attribution"] == ATTRIBUTION


def test_the_kml_says_the_same_in_plain_xml(release: Path) -> None:
    (feature,) = geojson_of(release)["features"]
    with zipfile.ZipFile(release / "detections.kmz") as archive:
        inside = archive.read("doc.kml")
        assert any(name.startswith("pictures/") for name in archive.namelist())
    for document in ((release / "detections.kml").read_bytes(), inside):
        (mark,) = ET.fromstring(document).iter(f"{KML}Placemark")  # noqa: S314 - written by the test's own program
        told = {one.get("name"): one.findtext(f"{KML}value") for one in mark.iter(f"{KML}Data")}
        assert told["detection_id"] == feature["id"]
        assert told["onset_by"] == feature["properties"]["onset_by"]


def test_every_product_names_the_source(release: Path) -> None:
    products = [path for path in release.rglob("*") if path.is_file()]
    sealed = {"manifest.json", "log.jsonl", "ro-crate-metadata.json", "retractions.json", "RETRACTIONS.txt"}
    seen = set()
    for path in products:
        if path.name in sealed or path.relative_to(release).parts[0] in {"assets", "timelapse", "static"}:
            continue
        if path.suffix == ".png":
            with Image.open(path) as image:
                said = " ".join(map(str, image.info.values()))
        elif path.suffix == ".kmz":
            with zipfile.ZipFile(path) as archive:
                said = archive.read("doc.kml").decode()
        elif path.suffix == ".pmtiles":
            with path.open("rb") as file:
                said = json.dumps(READER.Reader(READER.MmapSource(file)).metadata())
        else:
            said = path.read_bytes().decode("utf-8", errors="ignore")
        seen.add(path.suffix)
        assert "Contains modified Copernicus Sentinel data" in said, path.name
    assert {".geojson", ".csv", ".kml", ".kmz", ".pmtiles", ".parquet", ".png", ".svg", ".md", ".json"} <= seen


def test_maps_come_in_print_and_screen_sizes(release: Path) -> None:
    names = {path.name for path in (release / "maps").iterdir()}
    ends = ("-print.png", "-screen.png", "-print.svg", "-screen.svg")
    assert {f"{key}{end}" for key in ("overview", "area-1") for end in ends} <= names
    with Image.open(release / "maps" / "overview-print.png") as image:
        assert image.size == (3507, 2480)
        assert round(image.info["dpi"][0]) == 300
    with Image.open(release / "maps" / "overview-screen.png") as image:
        assert image.size[0] == 1600
    root = ET.parse(release / "maps" / "overview-print.svg").getroot()  # noqa: S314 - as above
    assert (root.get("width"), root.get("height")) == ("297mm", "210mm")


def test_every_number_in_a_caption_has_its_record(release: Path) -> None:
    document = json.loads((release / "captions.json").read_text(encoding="utf-8"))
    (feature,) = geojson_of(release)["features"]
    (caption,) = document["captions"]
    text = rest = " ".join(caption[name] for name in ("text", "not_seen", "limits"))
    for fact in caption["facts"]:
        assert fact["run_id"] == document["run_id"]
        assert fact["shown"] in text
        if fact["record"] == "detection" and "," not in fact["field"]:
            assert fact["value"] == feature["properties"][fact["field"]]
    for shown in sorted((fact["shown"] for fact in caption["facts"]), key=len, reverse=True):
        rest = rest.replace(shown, "")
    assert not any(char.isdecimal() for char in rest), rest


def test_the_release_verifies_on_a_copy(release: Path, tmp_path: Path) -> None:
    shutil.copytree(release, tmp_path / "copy")
    code, said = ask("verify", str(tmp_path / "copy"))
    assert code == 0, said
    (tmp_path / "copy" / "detections.csv").write_text("detection_id\n", encoding="utf-8")
    code, said = ask("verify", str(tmp_path / "copy"))
    assert (code, "detections.csv: altered" in said) == (1, True)


def test_unreviewed_findings_are_not_published(ran: Site, tmp_path: Path) -> None:
    code, said = publish(ran.root, tmp_path / "out", "--audience", "internal")
    assert code == 2
    assert "nothing to release: 1 left out: not reviewed" in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()


def test_unreviewed_findings_that_are_asked_for_are_marked_everywhere(ran: Site, tmp_path: Path) -> None:
    out = tmp_path / "early"
    code, said = publish(ran.root, out, "--audience", "internal", "--include-unreviewed")
    assert code == 0, said
    mark = "preliminary, not reviewed"
    assert geojson_of(out)["review_state"] == mark
    with (out / "detections.pmtiles").open("rb") as file:
        assert READER.Reader(READER.MmapSource(file)).metadata()["review_state"] == mark
    for path in out.rglob("*"):
        if "assets" in path.parts:
            continue
        if path.suffix in {".geojson", ".csv", ".kml", ".md", ".parquet", ".svg"} or path.name == "captions.json":
            assert mark in path.read_bytes().decode("utf-8", errors="ignore").lower(), path.name
    for path in (out / "maps").glob("*.png"):
        with Image.open(path) as image:
            assert mark in image.info["Description"].lower()


@pytest.mark.parametrize("verdict", ["rejected", "unsure"])
def test_what_was_rejected_or_not_decided_is_never_published(ran: Site, tmp_path: Path, verdict: str) -> None:
    name = ids_of(ran.root)[0]
    review_detection(ran.root, name, Decision(verdict=Verdict(verdict), reviewer="ayse"))
    code, said = publish(ran.root, tmp_path / "out", "--audience", "internal", "--include-unreviewed")
    assert (code, "came in since the newest run" in said) == (2, True)
    run_workspace(ran.root)
    code, said = publish(ran.root, tmp_path / "out", "--audience", "internal", "--include-unreviewed")
    assert (code, "nothing to release" in said) == (2, True), said


def test_a_release_that_is_cut_off_leaves_nothing(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("flows.release.seal_folder", stop)
    before = (own / "evidence" / "log.jsonl").read_bytes().count(b'"release"')
    code, _ = publish(own, tmp_path / "out" / "half", "--audience", "internal")
    assert code == 130
    assert list((tmp_path / "out").iterdir()) == []
    assert (own / "evidence" / "log.jsonl").read_bytes().count(b'"release"') == before


def test_what_is_withdrawn_stands_in_the_next_release(own: Path, tmp_path: Path) -> None:
    assert publish(own, tmp_path / "first", "--audience", "internal")[0] == 0
    code, said = publish(own, tmp_path / "again", "--audience", "internal", "--name", "first")
    assert (code, "there was a release called 'first' already" in said) == (2, True)
    name = ids_of(own)[0]
    assert ask("withdraw", name, "--reason", "it was snow", "--workspace", str(own))[0] == 0
    code, said = publish(own, tmp_path / "second", "--audience", "internal")
    assert (code, "1 left out: withdrawn, and not confirmed again since" in said) == (2, True), said
    review_detection(own, name, Decision(verdict=Verdict.CONFIRMED, reviewer="gul"))
    run_workspace(own)
    assert publish(own, tmp_path / "second", "--audience", "internal")[0] == 0
    found = json.loads((tmp_path / "second" / "retractions.json").read_text(encoding="utf-8"))["retractions"]
    assert [(one["fate"], one["claim"], one["reason"]) for one in found] == [("retracted", name, "it was snow")]
    code, said = ask("verify", str(tmp_path / "second"), "--log", str(own / "evidence" / "log.jsonl"))
    assert code == 0, said


def test_the_public_gets_no_exact_place_nor_picture(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "keys"))
    code, said = publish(own, tmp_path / "open")
    assert code == 0, said
    (own_feature,) = json.loads((own / "latest" / "detections.geojson").read_text(encoding="utf-8"))["features"]
    (feature,) = geojson_of(tmp_path / "open")["features"]
    assert feature["id"] != own_feature["properties"]["detection_id"]
    assert shape(feature["geometry"]).area > 1000 * shape(own_feature["geometry"]).area
    assert not (tmp_path / "open" / "pictures").exists()
    assert not (tmp_path / "open" / "coverage.geojson").exists()
    manifest = json.loads((tmp_path / "open" / "manifest.json").read_text(encoding="utf-8"))
    assert "ayse" not in json.dumps(manifest)
    assert ask("verify", str(tmp_path / "open"))[0] == 0


def test_what_was_withheld_is_told_by_rule_in_the_release_and_wholly_beside_the_log(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "keys"))
    house = reproject(box(*LEFT_AND_TOP_OF_EAST), from_epsg=EPSG, to_epsg=4326)
    write_places(tmp_path / "kept.geojson", house)
    code, said = publish(own, tmp_path / "open", "--protected", str(tmp_path / "kept.geojson"))
    assert code == 0, said
    told = json.loads((tmp_path / "open" / "withheld.json").read_text(encoding="utf-8"))
    assert told["policy"] == "public"
    counts = {(one["field"], one["reason"]): one["count"] for one in told["withheld"]}
    assert counts["geometry", "shown as a wider place"] == 1
    assert counts["pictures", "not shown: they would show where the place is"] == 1
    path = own / "evidence" / "withheld" / "open.json"
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert {tuple(one.values()) for one in told["withheld"]} <= {tuple(one.values()) for one in kept["withheld"]}
    assert kept["names_not_searched_for"]["ayse"] == "too short to be told from other words"
    assert "ayse" not in json.dumps(told)
    own_id = ids_of(own)[0]
    for document in (told, kept):
        assert own_id not in json.dumps(document)


def test_the_settings_name_policies_and_protected_places(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "keys"))
    (own / "desk.toml").write_text("[desk]\ncell_m = 5000\nk = 1\nwidenings = 0\n", encoding="utf-8")
    settings = own / "sitewatch.toml"
    settings.write_text(settings.read_text("utf-8") + '\n[publish]\npolicies = "desk.toml"\n', encoding="utf-8")
    code, said = publish(own, tmp_path / "open", "--audience", "desk")
    assert code == 0, said
    (feature,) = geojson_of(tmp_path / "open")["features"]
    assert feature["properties"]["position_within_m"] == pytest.approx(3536, rel=0.02)
    (site,) = json.loads((own / "latest" / "detections.geojson").read_text(encoding="utf-8"))["features"]
    write_places(own / "kept.geojson", shape(site["geometry"]))
    settings.write_text(settings.read_text("utf-8") + 'protected = "kept.geojson"\n', encoding="utf-8")
    code, said = publish(own, tmp_path / "none", "--audience", "desk")
    assert (code, "may know none of the detections" in said) == (2, True)


def write_places(path: Path, *shapes: BaseGeometry) -> None:
    features = [{"type": "Feature", "properties": {}, "geometry": mapping(one)} for one in shapes]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


WEST, EAST = (site_polygon(name).centroid for name in ("west", "east"))
GONE = Point(WEST.x + 0.05, WEST.y)
SECRETS = {
    "a firm's name": "What Yengi-Hayat TEXTILE built",
    "its address": "Seen near no 7 example road, NOWHERE",
    "its position": "Seen at 45.1000, 5.1000",
    "a detection that is no more": f"Seen at {GONE.y:.4f}, {GONE.x:.4f}",
    "its id": "see west-gone-1",
    "a detection that nobody looked at": f"Seen at {WEST.y:.4f}, {WEST.x:.4f}",
    "an area": f"Seen at {EAST.y:.4f}, {EAST.x:.4f}",
    "a reviewer": "found by Tursunay Example",
}
HARMLESS = ("Seen at 44.0000, 4.0000 by Nobody Textile", "seen at 39.4700, 75.9900", "a firm at 45.2000, 5.2000")


@pytest.fixture
def knowing(own: Path) -> Path:
    """Return a workspace whose store knows firms, a detection that is no more, and a reviewer with a long name."""
    review_detection(own, ids_of(own)[0], Decision(verdict=Verdict.CONFIRMED, reviewer="Tursunay Example"))
    with opened(Workspace.open(own), is_written=True) as store:
        assert store is not None
        with store.writing() as connection:
            run = connection.execute(select(tables.runs.c.run_id)).scalars().first()
            add(connection, tables.assessments, assessment_id="a", created_at=NOW, recorded_at=NOW, about={})
            firm = {"supplier_id": "f", "name": "Yengi Hayat Textile", "address": "No. 7 Example Road, Nowhere"}
            add(connection, tables.suppliers, assessment_id="a", **firm, geometry=Point(5.1, 45.1), radius_km=0.1)
            vague = {"supplier_id": "v", "name": "Somewhere In A County Ltd"}
            add(connection, tables.suppliers, assessment_id="a", **vague, geometry=Point(5.2, 45.2), radius_km=30.0)
            gone: dict[str, object] = {"detection_id": "west-gone-1", "version": 1, "run_id": run, "document": {}}
            add(connection, tables.detection_versions, **gone, recorded_at=NOW, geometry=GONE.buffer(0.001))
    return own


def test_all_that_the_workspace_knows_is_searched_for(knowing: Path, tmp_path: Path) -> None:
    job = Job.open(knowing)
    known = known_of(job, current_products(job), PUBLIC)
    assert set(known.detections["detection_id"]) >= set(ids_of(knowing))
    redacted = redact(known.detections.iloc[:0], PUBLIC, secret=bytes(32))  # nothing is released: all of it is secret
    forbidden = forbidden_of(known.detections, known.facilities, known.suppliers, redacted, known.more)
    for number, text in enumerate([*SECRETS.values(), *HARMLESS]):
        (tmp_path / "text").mkdir(exist_ok=True)
        (tmp_path / "text" / f"{number}.md").write_text(text, encoding="utf-8")
    told = {leak.file for leak in find_leaks(tmp_path / "text", forbidden)}
    assert told == {f"{number}.md" for number in range(len(SECRETS))}


def test_a_secret_in_the_seal_itself_stops_the_release(
    knowing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "keys"))
    run_workspace(knowing)
    code, said = publish(knowing, tmp_path / "open", "--publisher", "Yengi Hayat Textile")
    assert (code, "nothing was released" in said) == (3, True), said
    assert "ro-crate-metadata.json" in caplog.text
    assert not (tmp_path / "open").exists()


def add(connection: Connection, table: Table, **values: object) -> None:
    """Add a row, with something in each column that must not be empty."""
    needed = {one.name: "" for one in table.columns if not one.nullable and one.name not in values}
    connection.execute(insert(table), needed | values)


def test_a_leak_stops_the_release(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from outputs.redaction.leaks import Leak, LeakKind  # noqa: PLC0415 - only here

    monkeypatch.setenv("SITEWATCH_KEYS", str(tmp_path / "keys"))
    leak = Leak(file="README.md", where="line 3", kind=LeakKind.NAME, what="the west")
    monkeypatch.setattr("outputs.release.build.find_leaks", lambda *_: (leak,))
    monkeypatch.setattr("outputs.release.build.forbidden_of", lambda *_: Forbidden())
    code, said = publish(own, tmp_path / "open")
    assert (code, "README.md" in said, "the west" in said) == (3, True, False)
    assert not (tmp_path / "open").exists()
