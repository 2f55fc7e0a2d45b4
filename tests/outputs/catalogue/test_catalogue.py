"""The catalogue lists every file of a run once, is valid STAC, and needs nothing but the run's own folder."""

import hashlib
import importlib
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import pytest
from pystac.validation.local_validator import get_local_schema_cache
from pystac.validation.stac_validator import JsonSchemaSTACValidator
from shapely.geometry import box, shape

from outputs.catalogue.told import AreaTold, DetectionTold, RunTold, SceneTold
from outputs.catalogue.write import write_catalogue
from outputs.rasters.maps import write_maps
from tests.outputs.catalogue.extension_rules import as_files, schemas
from tests.outputs.rasters.worlds import grid_of, looks, maps_of, stack_of

OUTLINE = box(88.285, 43.375, 88.29, 43.38)
SCENES = tuple(SceneTold(scene_id=name, row=row) for row, name in enumerate(("S2A_20170302", "S2A_20181011"), start=2))


def _detection(name: str) -> DetectionTold:
    return DetectionTold(
        detection_id=name,
        event="construction",
        status="confirmed",
        confidence=0.9,
        onset_after=date(2017, 3, 2),
        onset_by=date(2017, 6, 10),
        last_seen_on=date(2018, 10, 11),
        outline_4326=OUTLINE.buffer(-0.001),
        scene_ids=("S2A_20170302", "S2A_20181011"),
    )


def _told() -> RunTold:
    seen = AreaTold(
        area_id="home",
        name="Dabancheng 达坂城",
        outline_4326=OUTLINE,
        outcome="found",
        first=date(2017, 3, 2),
        last=date(2018, 10, 11),
        scenes=SCENES,
        detections=(_detection("home-1"), _detection("home-without-picture")),
    )
    unseen = AreaTold(
        area_id="far",
        name="Far",
        outline_4326=box(80, 40, 80.1, 40.1),
        outcome="no_imagery",
        first=None,
        last=None,
        scenes=(),
    )
    return RunTold(
        run_id="20260101T000000Z-abc",
        title="What was seen",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        version="0.1",
        settings_hash="9f2c1e",
        credit="Contains modified Copernicus Sentinel data 2017-2018",
        areas=(seen, unseen),
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run's folder with maps, pictures and tables, and its catalogue."""
    folder = tmp_path_factory.mktemp("run")
    grid = grid_of()
    values = looks(grid)
    values[3, :, 10:12, 20:30] = np.nan
    write_maps(folder / "rasters" / "home", maps_of(stack_of(values, grid)))
    for name in ("pictures/home-1.png", "pictures/home-1-swir.png", "pictures/home-looks.png", "series/home-1.png"):
        _put(folder / name)
    for name in ("timelapse/home-1.webp", "scenes.csv", "sitewatch.gpkg", "page (1) #2.html", "run.json"):
        _put(folder / name)
    write_catalogue(folder, _told())
    return folder


def _put(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(path.name, encoding="utf-8")


def _documents(run: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in [run / "catalog.json", *sorted((run / "catalogue").rglob("*.json"))]:
        yield path, json.loads(path.read_text(encoding="utf-8"))


def _items(run: Path) -> dict[str, dict[str, Any]]:
    return {document["id"]: document for _, document in _documents(run) if document["type"] == "Feature"}


def test_pystac_holds_everything_to_be_valid(run: Path) -> None:
    validator = JsonSchemaSTACValidator()
    validator.schema_cache |= schemas()
    catalogue = pystac.Catalog.from_file(str(run / "catalog.json"))
    checked = 0
    for _, _, items in catalogue.walk():
        for item in items:
            assert item.validate(validator=validator)
            checked += 1
    for child in [catalogue, *catalogue.get_children()]:
        assert child.validate(validator=validator)
    assert checked == 5  # before, after, change, one detection, the run's tables


@pytest.mark.filterwarnings("ignore:For v4.2.0:DeprecationWarning")  # the package's new name, told on each import
def test_the_stac_validator_holds_everything_to_be_valid(run: Path, tmp_path: Path) -> None:
    """Offline: the core schemas are those that pystac brings, the extensions' our own rules."""
    validate = importlib.import_module("stac_validator.validate")
    for path, document in _documents(run):
        check = validate.StacValidate(str(path), schema_map={**_core(tmp_path), **as_files(tmp_path)})
        check.run()
        assert check.message[0]["valid_stac"], (path.name, check.message)
        assert check.message[0]["version"] == "1.1.0"
        assert document["stac_version"] == "1.1.0"


def _core(folder: Path) -> dict[str, str]:
    found = {}
    for address, schema in get_local_schema_cache().items():
        path = folder / address.removeprefix("https://").replace("/", "_")
        path.write_text(json.dumps(schema), encoding="utf-8")
        found[address] = str(path)
    return found


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        pytest.param("home-before", lambda item: item["properties"].pop("datetime"), id="no-time"),
        pytest.param("home-before", lambda item: item["properties"].update({"proj:shape": ["40", 60]}), id="shape"),
        pytest.param("home-change", lambda item: item["properties"].update({"proj:epsg": 4326}), id="old-field"),
        pytest.param("home-1", lambda item: _first(item).update({"file:checksum": "abc"}), id="checksum"),
        pytest.param("home-before", lambda item: _first(item)["bands"][0].update({"raster:scale": "1"}), id="scale"),
        pytest.param("home-1", lambda item: item["properties"].update({"processing:software": "x"}), id="software"),
    ],
)
def test_the_checks_find_what_is_wrong(run: Path, what: str, spoil: Callable[[dict[str, Any]], object]) -> None:
    item = _items(run)[what]
    spoil(item)
    validator = JsonSchemaSTACValidator()
    validator.schema_cache |= schemas()
    with pytest.raises(pystac.STACValidationError):
        pystac.validation.validate_dict(item, validator=validator)


def _first(item: dict[str, Any]) -> dict[str, Any]:
    asset: dict[str, Any] = next(iter(item["assets"].values()))
    return asset


def test_every_file_is_one_asset_with_its_size_and_checksum(run: Path) -> None:
    found: dict[Path, dict[str, Any]] = {}
    for path, document in _documents(run):
        for asset in document.get("assets", {}).values():
            target = (path.parent / asset["href"].replace("%20", " ").replace("%23", "#")).resolve()
            assert target not in found
            found[target] = asset
    expected = {path for path in run.rglob("*") if path.is_file() and "catalog" not in path.relative_to(run).parts[0]}
    assert set(found) == expected
    for path, asset in found.items():
        assert asset["file:size"] == path.stat().st_size
        assert asset["file:checksum"] == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_link_is_relative_and_leads_somewhere(run: Path) -> None:
    for path, document in _documents(run):
        for link in document["links"]:
            assert link["rel"] != "self"
            assert ":" not in link["href"]
            assert (path.parent / link["href"].split("#")[0]).resolve().is_file()


def test_the_whole_folder_may_be_moved(run: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(run, moved)
    catalogue = pystac.Catalog.from_file(str(moved / "catalog.json"))
    for item in catalogue.get_items(recursive=True):
        for asset in item.get_assets().values():
            assert str(asset.get_absolute_href()).startswith(str(moved))


def test_times_are_those_of_the_looks(run: Path) -> None:
    items = _items(run)
    before, after, change = (items[f"home-{name}"]["properties"] for name in ("before", "after", "change"))
    assert before["datetime"] == "2017-03-02T05:30:00Z"
    assert "start_datetime" not in before
    assert (after["start_datetime"], after["datetime"], after["end_datetime"]) == (
        "2018-04-29T05:30:00Z",
        "2018-10-11T05:30:00Z",
        "2018-10-11T05:30:00Z",
    )
    assert change["datetime"] is None
    assert (change["start_datetime"], change["end_datetime"]) == ("2017-03-02T00:00:00Z", "2018-10-11T00:00:00Z")
    detection = items["home-1"]["properties"]
    assert (detection["start_datetime"], detection["end_datetime"]) == ("2017-03-02T00:00:00Z", "2018-10-11T00:00:00Z")
    assert detection["sitewatch:onset_by"] == "2017-06-10"


def test_an_area_without_imagery_claims_no_time(run: Path) -> None:
    document = json.loads((run / "catalogue" / "far" / "collection.json").read_text(encoding="utf-8"))
    assert document["extent"]["temporal"]["interval"] == [[None, "2026-01-01T00:00:00Z"]]
    assert [link["rel"] for link in document["links"]] == ["root", "parent"]


def test_products_name_the_scenes_they_were_made_of(run: Path) -> None:
    items = _items(run)
    made_of = {
        name: [(link["title"], link["href"]) for link in item["links"] if link["rel"] == "derived_from"]
        for name, item in items.items()
    }
    assert made_of["home-after"] == [("S2A_20181011", "../../scenes.csv#row=3"), ("S2A_20180429", "../../scenes.csv")]
    assert made_of["home-change"] == [(scene.scene_id, f"../../scenes.csv#row={scene.row}") for scene in SCENES]
    assert [title for title, _ in made_of["home-1"]] == ["S2A_20170302", "S2A_20181011"]


def test_rasters_say_where_they_lie_and_what_they_hold(run: Path) -> None:
    item = _items(run)["home-before"]
    assert item["properties"]["proj:code"] == "EPSG:32645"
    assert item["properties"]["proj:shape"] == [40, 60]
    assert item["properties"]["proj:transform"] == [10.0, 0.0, 604_000.0, 0.0, -10.0, 4_804_000.0]
    assert shape(item["geometry"]).bounds == pytest.approx(grid_of().footprint_4326.bounds)
    bands = item["assets"]["before.tif"]["bands"]
    assert (bands[0]["name"], bands[0]["eo:common_name"]) == ("B02", "blue")
    assert bands[0]["raster:scale"] == 1e-4
    assert bands[0]["nodata"] == 0
    assert 0 < bands[0]["statistics"]["minimum"] < bands[0]["statistics"]["maximum"]
    magnitude = _items(run)["home-change"]["assets"]["magnitude.tif"]
    assert magnitude["bands"][0]["nodata"] == "nan"
    assert magnitude["type"] == "image/tiff; application=geotiff; profile=cloud-optimized"


def test_the_same_run_gives_the_same_catalogue(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "again", ignore=shutil.ignore_patterns("catalog*"))
    write_catalogue(tmp_path / "again", _told())
    assert (tmp_path / "again" / "catalog.json").read_bytes() == (run / "catalog.json").read_bytes()
    for path, _ in _documents(run):
        assert (tmp_path / "again" / path.relative_to(run)).read_bytes() == path.read_bytes()
