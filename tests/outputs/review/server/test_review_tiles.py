"""Tiles are the pixels of the rasters, where they belong, stretched alike on both sides."""

import io
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer

from geo.errors import StateError
from outputs.review.server import tiles

pytestmark = pytest.mark.filterwarnings(r"ignore:Use .@. matmul:PendingDeprecationWarning")  # inside rio-tiler

ZOOM = 15
LEFT_M, TOP_M, PIXEL_M = 600_000, 4_810_000, 10
"""Of the fixture's rasters, in EPSG:32645."""


@pytest.fixture
def pair(run_folder: Path) -> tiles.RasterPair:
    found = tiles.RasterPair.find(run_folder, "home")
    assert found is not None
    return found


def pixels(png: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(png)))


def tile_at(x_m: float, y_m: float) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """Return the tile that shows a place, and the place's column and row in it, by the formula of web tiles."""
    lon, lat = Transformer.from_crs(32645, 4326, always_xy=True).transform(x_m, y_m)
    side = 2**ZOOM
    x = (lon + 180) / 360 * side
    y = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * side
    return (int(x), int(y), ZOOM), (int(x % 1 * 256), int(y % 1 * 256))


def shown(pair: tiles.RasterPair, side: str, x_m: float, y_m: float) -> list[int]:
    tile, (column, row) = tile_at(x_m, y_m)
    return [int(value) for value in pixels(tiles.tile_png(pair, side, "true", tile))[row, column]]


def test_what_was_built_is_dark_before_and_bright_after_at_its_place(pair: tiles.RasterPair) -> None:
    inside = (LEFT_M + 350, TOP_M - 550)
    beside = (LEFT_M + 350, TOP_M - 450)
    assert max(shown(pair, "before", *inside)[:3]) < 60
    assert min(shown(pair, "after", *inside)[:3]) > 200
    assert shown(pair, "before", *beside) == shown(pair, "after", *beside)  # one stretch for both


def test_what_was_not_seen_and_what_lies_outside_is_transparent(pair: tiles.RasterPair) -> None:
    assert shown(pair, "after", LEFT_M + 100, TOP_M - 100)[3] == 0
    assert shown(pair, "after", LEFT_M - 100, TOP_M - 500)[3] == 0
    far = pixels(tiles.tile_png(pair, "after", "true", (0, 0, ZOOM)))
    assert far.shape == (256, 256, 4)
    assert far[..., 3].max() == 0


def test_looks_need_their_bands(pair: tiles.RasterPair, tmp_path: Path) -> None:
    assert [(look.key, look.bands) for look in tiles.looks_of(pair)] == [
        ("true", (3, 2, 1)),
        ("false", (4, 3, 2)),
        ("swir", (6, 4, 3)),
    ]
    plain = tiles.RasterPair(before=tmp_path / "a.tif", after=tmp_path / "b.tif")
    for path in (plain.before, plain.after):
        with rasterio.open(pair.before) as source, rasterio.open(
            path, "w", driver="GTiff", dtype="uint8", count=1, width=8, height=8, nodata=0, crs=source.crs,
            transform=source.transform,
        ) as file:  # fmt: skip
            file.write(np.full((1, 8, 8), 77, np.uint8))
    (look,) = tiles.looks_of(plain)
    assert look.bands == (1,)
    tile, (column, row) = tile_at(LEFT_M + 35, TOP_M - 35)
    assert pixels(tiles.tile_png(plain, "before", "true", tile))[row, column].tolist() == [77, 77, 77, 255]


@pytest.mark.parametrize("area_id", ["", ".", "..", "../home", "home/..", "a\\b", "nowhere", "a\0b"])
def test_no_area_id_leads_out_of_the_rasters(run_folder: Path, area_id: str) -> None:
    assert tiles.RasterPair.find(run_folder, area_id) is None


def test_a_raster_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = tiles.RasterPair(before=tmp_path / "before.tif", after=tmp_path / "after.tif")
    broken.before.write_bytes(b"no raster")
    broken.after.write_bytes(b"no raster")
    with pytest.raises(StateError, match=r"before\.tif"):
        tiles.looks_of(broken)


@pytest.mark.parametrize(
    ("tile", "answer"), [((0, 0, 8), True), ((256, 0, 8), False), ((0, 0, 7), False), ((0, 0, 21), False)]
)
def test_only_tiles_that_there_are_are_served(tile: tuple[int, int, int], answer: object) -> None:
    assert tiles.is_tile(*tile) is answer
