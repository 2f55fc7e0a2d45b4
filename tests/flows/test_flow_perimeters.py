"""A run asks about known camps: what is indicated is followed like any detection, what is not is written down, too."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html import unescape
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from shapely.geometry import LinearRing, LineString, Point, Polygon, mapping
from typer.testing import CliRunner

from aoi.areas import Area
from aoi.facilities import Facility, FacilityKind
from detection.desecuritisation.assess import Assessment
from detection.desecuritisation.table import desecuritisation_id
from detection.desecuritisation.verdict import weigh_desecuritisation
from detection.params import DetectParams
from detection.perimeter import Arc, ArcState, Perimeter
from detection.perimeter.ring import outline_ring
from flows.area.perimeters import facilities_asked
from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.config import Config, NightLightSettings, SimulatedSettings
from flows.settings.template import default_toml
from geo.crs import reproject
from geo.sources.simulated import scenario
from geo.sources.simulated.scenario import Scenario

if TYPE_CHECKING:
    from tests.flows.conftest import Site

EPSG = 32631
CAMP = "camp-1"


def camp(polygon: Polygon, *, kind: str = "camp", name: str = "=Camp <b>1</b>") -> dict[str, Any]:
    properties = {"id": CAMP, "name": name, "kind": kind}
    return {"type": "Feature", "properties": properties, "geometry": mapping(polygon.centroid.buffer(0.001))}


def arc(line: LineString, state: ArcState, days: tuple[date, date] | None) -> Arc:
    after, by = days or (None, None)
    return Arc(
        line_m=line, state=state, reason="as said", change_p=0.0001, present_before_p=0.001, present_after_p=0.4,
        contrast_before=-0.1, contrast_after=0.0, changed_after=after, changed_by=by, smallest_m=0.3, looks_before=3,
        looks_after=4, offset_m=0.0,
    )  # fmt: skip


def answer(facility: Facility, looks: tuple[date, ...], *, is_gone: bool) -> Assessment:
    """Return what an assessment says where the whole wall went, or where nothing can be told."""
    outline = reproject(facility.location_4326, from_epsg=4326, to_epsg=EPSG)
    ring = outline_ring(outline)
    places = list(LinearRing(ring.line_m).coords)
    half = len(places) // 2
    days = (looks[2], looks[3])
    state = ArcState.GONE if is_gone else ArcState.CANNOT_TELL
    lines = (LineString(places[: half + 1]), LineString(places[half:]))
    perimeter = Perimeter(
        arcs=tuple(arc(line, state, days if is_gone else None) for line in lines),
        loss_p=0.0001 if is_gone else nan,
        gain_p=0.5,
        null_arcs=900,
        looks=looks,
        changed=days if is_gone else None,
    )
    return Assessment(
        facility_id=facility.facility_id,
        ring=ring,
        perimeter=perimeter,
        roofs=(),
        verdict=weigh_desecuritisation(perimeter, (), ()),
        lost_m=ring.line_m.buffer(10) if is_gone else Polygon(),
    )


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Let the assessment say what a test puts here; each call is counted."""
    says = {"is_gone": True, "was_asked": False}

    def assess(stack: Any, facility: Facility, *_: object, **__: object) -> Assessment:  # noqa: ANN401 - a stand-in
        says["was_asked"] = True
        return answer(facility, stack.days, is_gone=says["is_gone"])

    monkeypatch.setattr("flows.area.perimeters.assess_facility", assess)
    return says


@pytest.fixture
def watched(site: "Site", polygon_of: Callable[[str], Polygon]) -> "Site":
    """Return a workspace with a camp in the east, where nothing is built."""
    site.configure(workspace={"facilities": "facilities.geojson"})
    site.write_facilities(camp(polygon_of("east")))
    return site


def detections(site: "Site", event: str = "desecuritisation") -> list[dict[str, Any]]:
    document = json.loads((site.root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    return [one["properties"] for one in document["features"] if one["properties"]["event"] == event]


def perimeters(root: Path) -> list[dict[str, str]]:
    with (root / "latest" / "perimeters.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_wall_that_is_gone_becomes_a_candidate_with_its_dates_table_and_layer(
    watched: "Site", told: dict[str, bool]
) -> None:
    assert run_workspace(watched.root).exit_code == 0
    assert told["was_asked"]
    (found,) = detections(watched)
    assert found["detection_id"] == desecuritisation_id("east", CAMP)
    assert (found["status"], found["facility_id"], found["facility_relation"]) == ("candidate", CAMP, "inside")
    days = watched.days()
    assert (found["onset_after"], found["onset_by"]) == (str(days[2]), str(days[3]))
    rows = perimeters(watched.root)
    assert [row["arc"] for row in rows] == ["0", "1", "2"]
    assert [row["state"] for row in rows] == ["indicated", "gone", "gone"]
    assert "confirm it on finer imagery" in rows[0]["text"]
    assert float(rows[1]["longitude"]) == pytest.approx(3.08, abs=0.1)
    layer = pyogrio.read_dataframe(watched.root / "latest" / "sitewatch.gpkg", layer="perimeters")
    assert list(layer["state"]) == ["indicated", "gone", "gone"]
    assert set(layer.geometry.geom_type) == {"MultiLineString"}
    assert (watched.root / "latest" / "pictures" / f"{found['detection_id']}.png").is_file()


def test_what_cannot_be_told_is_no_detection_but_stands_in_the_table_with_its_reason(
    watched: "Site", told: dict[str, bool]
) -> None:
    told["is_gone"] = False
    run_workspace(watched.root)
    assert detections(watched) == []
    rows = perimeters(watched.root)
    assert {row["state"] for row in rows} == {"cannot_tell"}
    assert all(row["reason"] for row in rows)
    assert "may have been removed or not" in rows[0]["text"]


def test_a_verdict_is_kept_and_what_is_not_shown_any_more_is_dropped(watched: "Site", told: dict[str, bool]) -> None:
    run_workspace(watched.root)
    (found,) = detections(watched)
    asked = ["review", "add", found["detection_id"], "rejected", "--reviewer", "ayse", "--workspace", str(watched.root)]
    assert CliRunner().invoke(app, asked).exit_code == 0
    run_workspace(watched.root)
    (again,) = detections(watched)
    assert (again["detection_id"], again["status"], again["verdict"]) == (found["detection_id"], "rejected", "rejected")
    told["is_gone"] = False
    run_workspace(watched.root, force=True)
    (after,) = detections(watched)
    assert after["status"] == "rejected"


@pytest.mark.parametrize("why", ["no facility", "a factory", "events", "elsewhere"])
def test_where_nobody_asks_nothing_is_assessed(
    watched: "Site", told: dict[str, bool], polygon_of: Callable[[str], Polygon], why: str
) -> None:
    if why == "no facility":
        watched.configure(workspace={"facilities": ""})
    elif why == "a factory":
        watched.write_facilities(camp(polygon_of("east"), kind="factory"))
    elif why == "elsewhere":
        watched.write_facilities(camp(polygon_of("far")))
    else:
        path = watched.root / "areas.geojson"
        document = json.loads(path.read_text(encoding="utf-8"))
        for feature in document["features"]:
            feature["properties"]["events"] = "construction"
        path.write_text(json.dumps(document), encoding="utf-8")
    run_workspace(watched.root)
    assert not told["was_asked"]
    assert perimeters(watched.root) == []


def test_a_facility_that_was_asked_for_counts_whatever_its_kind_and_one_outside_does_not(
    polygon_of: Callable[[str], Polygon],
) -> None:
    area = Area(area_id="east", name="East", polygon_4326=polygon_of("east"))
    inside = Facility(
        facility_id="f", names=("F",), location_4326=area.polygon_4326.centroid, kind=FacilityKind.FACTORY
    )
    outside = replace(inside, facility_id="g", location_4326=Point(0, 0), kind=FacilityKind.CAMP)
    params = DetectParams()
    assert facilities_asked(area, [inside, outside], params) == []
    wanted = replace(params, desecuritisation=replace(params.desecuritisation, facilities=("f",)))
    assert facilities_asked(area, [inside, outside], wanted) == [inside]
    assert facilities_asked(replace(area, events=("construction",)), [inside], wanted) == []


# --- the whole of it, on simulated imagery ------------------------------------------------------------


def dim_from(folder: Path, place: Point, day: date, *, factor: float) -> None:
    """Write composites of night light, one a month around `day`, in which the place shines `factor` as bright after."""
    folder.mkdir()
    rng = np.random.default_rng(5)
    side, step = 120, 1 / 240
    west, north = place.x - side / 2 * step, place.y + side / 2 * step
    for month in range(-12, 13):
        year, index = divmod(day.year * 12 + day.month - 1 + month, 12)
        values = 4 * np.exp(rng.normal(0, 0.1)) * np.exp(rng.normal(0, 0.05, (side, side)))
        if month > 0:
            values[side // 2 - 2 : side // 2 + 2, side // 2 - 2 : side // 2 + 2] *= factor
        profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "width": side, "height": side}
        where = {"crs": "EPSG:4326", "transform": Affine(step, 0, west, 0, -step, north)}
        with rasterio.open(folder / f"night_{year}-{index + 1:02d}.tif", "w", **profile, **where) as file:
            file.write(values.astype(np.float32), 1)


def simulated(folder: Path, name: str, *, night_factor: float | None = None) -> tuple[Path, Scenario]:
    """Make a workspace over one simulated world with its watch lists."""
    root = folder / "sim"
    assert CliRunner().invoke(app, ["init", str(root), "--quiet"]).exit_code == 0
    world = scenario(name, seed=1)
    night = NightLightSettings(path="night", credit="Invented night light, for a test") if night_factor else None
    settings = default_toml(
        Config(source=SimulatedSettings(scenario=name, seed=1), **({"nightlight": night} if night else {}))
    )
    if night_factor:
        (place,), truth = world.known_places(), world.truth().iloc[0]
        dim_from(root / "night", place.geometry_4326.centroid, truth["started_on"].date(), factor=night_factor)
    (root / "sitewatch.toml").write_text(settings, encoding="utf-8")
    areas = [({"id": one.area_id, "name": one.name}, one.polygon_4326) for one in world.areas()]
    places = [
        ({"id": one.place_id, "name": one.names[0], "kind": one.kind}, one.geometry_4326)
        for one in world.known_places()
    ]
    for file, rows in (("areas", areas), ("facilities", places)):
        found = [{"type": "Feature", "properties": told, "geometry": mapping(shape)} for told, shape in rows]
        text = json.dumps({"type": "FeatureCollection", "features": found})
        (root / f"{file}.geojson").write_text(text, encoding="utf-8")
    return root, world


@pytest.mark.slow
@pytest.mark.usefixtures("real_detector")
def test_a_wall_that_is_taken_away_is_indicated_with_the_true_date_in_its_interval(tmp_path: Path) -> None:
    root, world = simulated(tmp_path, "opening", night_factor=0.4)
    assert run_workspace(root).exit_code == 0
    document = json.loads((root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    rows = [one["properties"] for one in document["features"] if one["properties"]["event"] == "desecuritisation"]
    (found,) = rows
    truth = world.truth().iloc[0]
    assert date.fromisoformat(found["onset_after"]) < truth["started_on"].date()
    assert date.fromisoformat(found["onset_by"]) >= truth["started_on"].date()
    assert found["facility_id"] == "sim-camp"
    assert found["status"] == "candidate"
    out = tmp_path / "shown" / "camp.html"
    made = CliRunner().invoke(app, ["dossier", "sim-camp", "-w", str(root), "--out", str(out), "--json"])
    assert made.exit_code == 0, made.output
    page = out.read_text(encoding="utf-8")
    assert "Simulated imagery, not an observation" in page
    assert "De-securitisation indicated" in page
    assert out.with_suffix(".pdf").read_bytes().startswith(b"%PDF")
    assert json.loads(made.stdout)["frames"] > 10
    head = perimeters(root)[0]
    light = json.loads(head["evidence"])["proxies"]["night_light"]
    assert 0 < light["p"] < 0.001
    assert light["change"] < -0.1
    assert "night" not in f"{head['reason']}{head['text']}"
    for told in map(unescape, (page, (root / "latest" / "summary.html").read_text(encoding="utf-8"))):
        apart, night = (
            told.find("no proof that a wall is gone"),
            told.find("darker at night than its surroundings (p < 0.0001)"),
        )
        assert 0 < apart < night
    assert "Invented night light, for a test" in page


@pytest.mark.slow
@pytest.mark.usefixtures("real_detector")
def test_a_fence_that_is_taken_away_cannot_be_told(tmp_path: Path) -> None:
    root, _ = simulated(tmp_path, "fence")
    assert run_workspace(root).exit_code == 0
    document = json.loads((root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    assert "desecuritisation" not in {one["properties"]["event"] for one in document["features"]}
    rows = perimeters(root)
    assert rows[0]["state"] == "cannot_tell"
    assert {row["state"] for row in rows[1:]} <= {"present", "cannot_tell"}
