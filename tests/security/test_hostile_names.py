"""Names of others: none becomes a path, a command of a terminal, a formula, a page's script or a statement of SQL."""

import csv
import io
import json
from pathlib import Path

import pytest
from shapely.geometry import box
from sqlalchemy import select

from aoi.areas import Area, check_id
from aoi.read.vector import import_areas, import_facilities
from benchmarks.store import START, made_up, write_run
from flows.settings.config import load_config
from flows.show import Show, plain_table, visible
from geo.errors import AoiError, ConfigError, SitewatchError
from outputs.risk.sheets import write_csv
from outputs.store import Store, record_run, tables

PATHS = ("../../x", "/etc/passwd", "a/b", "a\\b", "..", ".hidden", "a\x00b", "x" * 65, "", "con\u202etxt", "~root")


@pytest.mark.parametrize("name", PATHS)
def test_an_id_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(AoiError, match="id"):
        check_id(name, what="area")
    with pytest.raises(AoiError):
        Area(area_id=name, name="x", polygon_4326=box(1, 1, 2, 2))


@pytest.mark.parametrize("name", PATHS[:4])
def test_such_an_id_in_a_file_is_a_rejected_row(tmp_path: Path, name: str) -> None:
    feature = {"type": "Feature", "properties": {"id": name}, "geometry": box(1, 1, 2, 2).__geo_interface__}
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8")
    found = import_areas(path)
    assert (len(found.items), len(found.rejected)) == (0, 1)


@pytest.mark.parametrize("text", ["\x1b[2Jx", "\x1b]0;title\x07", "\u202egnp.exe", "a\rb", "\x9b2J", "\u2066x\u2069"])
def test_a_terminal_is_given_no_orders(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Show().say(text)
    Show().trouble(f"x{text}y")
    said = "".join(capsys.readouterr()) + plain_table(["a"], [[text]])
    assert not set(said) & set("\x1b\u202e\x9b\x07\r\u2066\u2069")


@pytest.mark.parametrize("text", ["达坂城 camp 1", "ئۈرۈمچى", "two\nlines", "Ürümqi — 100 %"])
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])  # noqa: RUF001 - full-width, too
def test_no_cell_of_a_table_begins_a_formula(tmp_path: Path, start: str) -> None:
    write_csv(tmp_path / "r.csv", ["where", "cells"], [{"where": f"{start}w", "cells": f"{start}cmd|' /C calc'!A0"}])
    text = (tmp_path / "r.csv").read_text(encoding="utf-8-sig")
    assert not any(cell.startswith(start) for row in csv.reader(io.StringIO(text, newline="")) for cell in row)


def test_names_are_no_statements_of_sql(tmp_path: Path) -> None:
    name = "x'); DROP TABLE detections; --"
    frame = made_up(2).assign(detection_id=[name, "d'\"`;2"], area_id=name)
    write_run(tmp_path / "run", frame, at=START, took=lambda _: None)
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    store.upgrade()
    record_run(store, tmp_path / "run")
    with store.reading() as connection:
        found = connection.execute(select(tables.detections.c.detection_id)).scalars().all()
    store.close()
    assert sorted(found) == sorted(frame["detection_id"])


GML = (
    '<?xml version="1.0"?><ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:gml="http://www.opengis.net/gml" '
    'xsi:schemaLocation="http://ogr.maptools.org/ {place}"><gml:featureMember><ogr:a><ogr:id>a</ogr:id>'
    "</ogr:a></gml:featureMember></ogr:FeatureCollection>"
)


@pytest.mark.parametrize("place", ["/etc/passwd", "http://127.0.0.1:9/x.xsd"])
def test_a_schema_that_a_gml_file_names_is_not_read(tmp_path: Path, place: str) -> None:
    path = tmp_path / "f.gml"
    path.write_text(GML.format(place=place), encoding="utf-8")
    with pytest.raises(AoiError) as caught:
        import_facilities(path)
    assert "root:" not in str(caught.value)
    assert "f.gml" in str(caught.value)


DEEP = 100_000


@pytest.mark.parametrize("text", ["[" * DEEP, '{"a":' * DEEP], ids=["lists", "objects"])
@pytest.mark.parametrize("name", ["a.geojson", "a.json"])
def test_json_that_nests_too_deeply_is_an_error_of_one_line(tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SitewatchError, match=name):
        import_areas(path)


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 5_000 + "]" * 5_000,
        "grid = 1979-05-27T07:32:00Z",
        "[grid]\npixel_m = inf",
        "[grid]\npixel_m = nan",
        "[period]\nfirst = 07:32:00",
        "[[grid]]\npixel_m = 10",
        "[limits]\nworkers = 99999999999999999999",
        '[workspace]\nareas = ["a"]',
    ],
)
def test_odd_toml_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sitewatch.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"sitewatch\.toml") as caught:
        load_config(path)
    assert "\n" not in str(caught.value)
