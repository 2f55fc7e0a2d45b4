"""Make a workspace of real GeoTIFF files for the measurements of scale: desert with halls that are built on known days.

Each area has one file a date, with four bands and a classification layer in which clouds are known. What is built and
where is the same in every area of one size, so that a run by many workers can be held against one by one.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import box, mapping

from geo.crs import reproject

EPSG = 32645
BANDS = ("B02", "B03", "B04", "B08")
_LEFT_M, _TOP_M = 500_000.0, 4_800_000.0
_FIRST = date(2020, 1, 10)
_MARGIN_PX = 15
_PIXEL_M = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How much there is to look at."""

    areas: int = 2
    side_px: int = 90
    """Of what is read of an area, its margin included."""
    dates: int = 8
    every_days: int = 20
    seed: int = 0

    @property
    def area_km2(self) -> float:
        """Ground that is read, of all areas."""
        return self.areas * (self.side_px * _PIXEL_M / 1_000) ** 2


def make_world(folder: Path, world: World, settings: Mapping[str, Mapping[str, Any]] | None = None) -> Path:
    """Write imagery, watch list and settings into `folder`; return the workspace."""
    imagery, root = folder / "imagery", folder / "workspace"
    imagery.mkdir(parents=True)
    root.mkdir()
    features = []
    for number in range(world.areas):
        left_m = _LEFT_M + number * (world.side_px + 40) * _PIXEL_M
        _write_scenes(imagery, world, number, left_m)
        inner_m = _MARGIN_PX * _PIXEL_M
        side_m = world.side_px * _PIXEL_M
        square = box(left_m + inner_m, _TOP_M - side_m + inner_m, left_m + side_m - inner_m, _TOP_M - inner_m)
        polygon = reproject(square, from_epsg=EPSG, to_epsg=4326)
        name = f"area-{number:03d}"
        features.append({"type": "Feature", "properties": {"id": name, "name": name}, "geometry": mapping(polygon)})
    collection = {"type": "FeatureCollection", "features": features}
    (root / "areas.geojson").write_text(json.dumps(collection), encoding="utf-8")
    configure(root, settings or {})
    return root


def configure(root: Path, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the settings of a workspace, with those given."""
    sections: dict[str, dict[str, Any]] = {
        "workspace": {"facilities": ""},
        "source": {"kind": "folder", "path": "../imagery"},
        "grid": {"margin_m": float(_MARGIN_PX * _PIXEL_M)},
    }
    for name, values in settings.items():
        sections[name] = {**sections.get(name, {}), **values}
    lines = [
        line
        for name, values in sections.items()
        for line in (f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), "")
    ]
    (root / "sitewatch.toml").write_text("\n".join(lines), encoding="utf-8")


def _write_scenes(imagery: Path, world: World, number: int, left_m: float) -> None:
    ground = np.random.default_rng([world.seed, number]).normal(2200, 120, (world.side_px, world.side_px))
    where = {"crs": f"EPSG:{EPSG}", "transform": Affine(_PIXEL_M, 0, left_m, 0, -_PIXEL_M, _TOP_M)}
    for index in range(world.dates):
        day = _FIRST + timedelta(days=world.every_days * index)
        pixels = _pixels(ground, world, (number, index))
        path = imagery / f"S2A_{day:%Y%m%d}T{number // 60:02d}{number % 60:02d}00_area{number:03d}.tif"
        profile = {"driver": "GTiff", "dtype": "uint16", "count": len(pixels), "tiled": True, "compress": "deflate"}
        size = {"width": world.side_px, "height": world.side_px, "blockxsize": 256, "blockysize": 256}
        with rasterio.open(path, "w", **profile, **size, **where) as file:
            file.write(pixels)
            file.descriptions = (*BANDS, "SCL")


def _pixels(ground: NDArray[np.float64], world: World, which: tuple[int, int]) -> NDArray[np.uint16]:
    """Return a look, shape (band, y, x): halls stand on a lattice from the middle of the series on; a cloud passes."""
    number, index = which
    rng = np.random.default_rng([world.seed, 1, number, index])
    side = world.side_px
    factors = np.array([0.7, 0.9, 1.0, 1.15])[:, None, None]
    values = ground * factors + rng.normal(0, 12, (len(BANDS), side, side))
    if index >= world.dates // 2:
        rows, columns = np.indices((20, 20))
        roofs = np.where((rows // 3 + columns // 5) % 2, 4200.0, 1300.0)
        for top in range(35, side - 40, 130):
            for left in range(35, side - 40, 170):
                values[:, top : top + 20, left : left + 20] = roofs
    classes = np.full((1, side, side), 4.0)
    row, column = rng.integers(0, max(1, side - 30), 2)
    values[:, row : row + 25, column : column + 25] = 8000.0
    classes[:, row : row + 25, column : column + 25] = 9
    return np.concatenate([values.clip(1, 10_000), classes]).astype(np.uint16)
