"""A workspace small enough to be run in a second: two sites, seven looks each, something built in the west."""

import json
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon, box, mapping

from detection.detect import Findings, no_imagery
from detection.params import DetectParams
from detection.schema import Outcome, detections_frame
from flows.runs.run import run_workspace
from geo.crs import reproject
from geo.scene import Stack

EPSG = 32631
LEFT_M = {"west": 500_000.0, "east": 506_000.0, "far": 560_000.0}
TOP_M = 5_000_800.0
SIDE_PX = 70
BANDS = ("B02", "B03", "B04", "B08")
HOUR = {"west": 10, "east": 11, "far": 12}
DAYS = tuple(date(2020, 1, 10) + timedelta(days=20 * index) for index in range(7))
BUILT_FROM = DAYS[3]


@dataclass(kw_only=True)
class Site:
    """A workspace and its imagery, to be changed by a test."""

    root: Path
    imagery: Path
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write_scene(self, place: str, day: date, *, bands: Sequence[str] = BANDS, epsg: int | None = EPSG) -> Path:
        """Write what was seen of one place on one day as a GeoTIFF."""
        path = self.imagery / f"S2A_{day:%Y%m%d}T{HOUR[place]:02d}0000_{place}.tif"
        profile = {"driver": "GTiff", "dtype": "uint16", "count": len(bands), "width": SIDE_PX, "height": SIDE_PX}
        where = {"crs": f"EPSG:{epsg}", "transform": Affine(10, 0, LEFT_M[place], 0, -10, TOP_M)} if epsg else {}
        with rasterio.open(path, "w", **profile, **where) as file:
            file.write(pixels(place, day)[: len(bands)])
            file.descriptions = tuple(bands)
        return path

    def write_scenes(self, *places: str) -> None:
        """Write all looks at the places."""
        for place in places:
            for day in DAYS:
                self.write_scene(place, day)

    def days(self) -> tuple[date, ...]:
        """Return the days of the looks."""
        return DAYS

    def write_areas(self, **polygons: Polygon) -> None:
        """Write the watch list: id to polygon in longitude and latitude."""
        features = [
            {"type": "Feature", "properties": {"id": name, "name": f"The {name}"}, "geometry": mapping(polygon)}
            for name, polygon in polygons.items()
        ]
        collection = {"type": "FeatureCollection", "features": features}
        (self.root / "areas.geojson").write_text(json.dumps(collection), encoding="utf-8")

    def write_facilities(self, *features: dict[str, Any]) -> None:
        """Write what is known."""
        collection = {"type": "FeatureCollection", "features": list(features)}
        (self.root / "facilities.geojson").write_text(json.dumps(collection), encoding="utf-8")

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write the settings, changed as said."""
        for name, values in sections.items():
            self.settings[name] = {**self.settings.get(name, {}), **values}
        lines = []
        for name, values in self.settings.items():
            lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
        (self.root / "sitewatch.toml").write_text("\n".join(lines), encoding="utf-8")


def pixels(place: str, day: date) -> NDArray[np.uint16]:
    """Return textured desert, shape (band, y, x), in which blocks stand in the west from one day on."""
    ground = np.random.default_rng(list(place.encode())).normal(2200, 120, (SIDE_PX, SIDE_PX))
    noise = np.random.default_rng(day.toordinal()).normal(0, 12, (len(BANDS), SIDE_PX, SIDE_PX))
    values = ground * np.array([0.7, 0.9, 1.0, 1.15])[:, None, None] + noise
    if place == "west" and day >= BUILT_FROM:
        rows, columns = np.indices((20, 20))
        roofs = np.where((rows // 3 + columns // 5) % 2, 4200.0, 1300.0)
        values[:, 25:45, 25:45] = roofs
    counts: NDArray[np.uint16] = values.clip(1, 10_000).astype(np.uint16)
    return counts


def site_polygon(place: str) -> Polygon:
    """Return the middle of a place, 400 m a side, in longitude and latitude."""
    left_m, top_m = LEFT_M[place] + 150, TOP_M - 150
    return reproject(box(left_m, top_m - 400, left_m + 400, top_m), from_epsg=EPSG, to_epsg=4326)


def make_site(folder: Path) -> Site:
    """Make a workspace over two places with imagery of both, which may be moved as a whole."""
    made = Site(root=folder / "workspace", imagery=folder / "imagery")
    made.root.mkdir()
    made.imagery.mkdir()
    made.write_scenes("west", "east")
    made.write_areas(west=site_polygon("west"), east=site_polygon("east"))
    made.configure(
        workspace={"facilities": ""}, source={"kind": "folder", "path": "../imagery"}, grid={"margin_m": 150.0}
    )
    return made


def plain_detector(
    stack: Stack,
    area_id: str,
    inside: NDArray[np.bool_],
    params: DetectParams,
    **_: object,  # radar, and what else the real detector may be given
) -> Findings:
    """Compare the first look with the last: quick, and no matter how the real detector is tuned."""
    looks, grid = stack.values.mean(axis=1), stack.grid
    is_changed = (np.abs(looks - looks[0]) > 0.04) & inside
    is_built = is_changed[-1]
    coverage = no_imagery(area_id, grid, params, period=(stack.days[0], stack.days[-1])).coverage.assign(
        outcome=(Outcome.FOUND if is_built.any() else Outcome.NOTHING_FOUND).value,
        looks=len(stack.days),
        clear_looks=len(stack.days),
        observed_share=1.0,
    )
    rows = []
    if is_built.any():
        onset = int(np.argmax((is_changed & is_built).sum(axis=(1, 2)) > is_built.sum() / 2))
        down, right = np.nonzero(is_built)
        left_m, top_m = grid.left_m + right.min() * grid.pixel_m, grid.top_m - down.min() * grid.pixel_m
        outline = box(left_m, top_m - np.ptp(down) * grid.pixel_m, left_m + np.ptp(right) * grid.pixel_m, top_m)
        rows.append(
            {
                "detection_id": f"{area_id}-{stack.days[onset]:%Y%m%d}",
                "area_id": area_id,
                "facility_id": None,
                "facility_relation": "none",
                "facility_distance_m": np.nan,
                "event": "construction",
                "status": "confirmed",
                "confidence": 0.9,
                "onset_after": stack.days[onset - 1],
                "onset_by": stack.days[onset],
                "confirmed_on": stack.days[-1],
                "last_seen_on": stack.days[-1],
                "looks_before": onset,
                "looks_after": len(stack.days) - onset,
                "area_m2": outline.area,
                "evidence": json.dumps({"features": {}, "growth": [], "note": ""}),
                "sensors": "sentinel-2a",
                "scene_ids": json.dumps(list(stack.scene_ids)),
                "settings_hash": params.settings_hash,
                "geometry": outline,
            }
        )
    return Findings(detections=detections_frame(rows, epsg=grid.epsg), coverage=coverage, registered=stack)


def settle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing depend on how detection is tuned, nor on edits of the code during the tests."""
    monkeypatch.setattr("flows.area.pipeline.find_changes", plain_detector)
    for module in ("flows.area.pipeline", "flows.runs.publish"):
        monkeypatch.setattr(f"{module}.code_version", lambda: "0.0+test")


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Settle every test but those that want the real detector."""
    if "real_detector" not in request.fixturenames:
        settle(monkeypatch)


@pytest.fixture
def real_detector() -> None:
    """Ask for the real detector."""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return a workspace that was never run."""
    return make_site(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a workspace once for all tests that begin after a run; return the folder around it."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("MPLCONFIGDIR", str(tmp_path_factory.mktemp("matplotlib")))
        patch.setenv("MPLBACKEND", "Agg")
        settle(patch)
        run_workspace(make_site(folder).root)
    return folder


@pytest.fixture
def ran(finished: Path, tmp_path: Path) -> Site:
    """Return a workspace that was run once, a copy for this test alone."""
    shutil.copytree(finished, tmp_path / "site", symlinks=True)
    copied = Site(root=tmp_path / "site" / "workspace", imagery=tmp_path / "site" / "imagery")
    copied.settings = tomllib.loads((copied.root / "sitewatch.toml").read_text(encoding="utf-8"))
    return copied


@pytest.fixture
def polygon_of() -> Callable[[str], Polygon]:
    """Return what gives the polygon of a place: ``west``, ``east``, or ``far``, where no imagery is."""
    return site_polygon
