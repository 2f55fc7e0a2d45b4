"""The same ground as a folder of files, as a STAC catalogue on the web, and by account: the same scenes come back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from shapely.geometry import mapping

from geo.cache import CachedSource, ImageStore
from geo.grid import Grid
from geo.scene import Scene
from geo.sources.base import ImagerySource
from geo.sources.folder import FolderSource
from geo.sources.limits import Rates
from geo.sources.sentinelhub import Credentials, Provider, SentinelHubOptions, SentinelHubSource
from geo.sources.simulated import Scenario, SimulatedSource
from geo.sources.stac import StacOptions, StacSource
from tests.standin.files import serving
from tests.standin.sentinelhub import CLIENT_ID, CLIENT_SECRET, SourceWorld, running

pytestmark = [
    pytest.mark.enable_socket,
    pytest.mark.allow_hosts(["127.0.0.1", "::1"]),
]

WORLD = Scenario(
    name="three",
    seed=11,
    centre_lon=91.62,
    centre_lat=41.93,
    size_px=(96, 80),
    first=date(2022, 6, 1),
    last=date(2022, 9, 1),
    revisit_days=30,
    cloudiness=0.9,
)
SIMULATED = SimulatedSource(WORLD)
BANDS = ("B02", "B03", "B04", "B08", "B11", "SCL")
ADDED_DN = 1000
"""What products of baseline 04.00 and later add to each number; their metadata says so."""
ONE_STEP = 1e-4
RIM_PX = 2
"""By how much clouds are grown (`MaskParams`)."""
EVER = {"first": date(2015, 7, 1), "last": date(2023, 1, 1)}

Sources = Mapping[str, ImagerySource]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """Serve the simulated ground in three ways."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "folder").mkdir()
    for scene in truth(WORLD.grid):
        write(folder / "folder" / f"S2A_{scene.observed_at:%Y%m%dT%H%M%S}_{scene.scene_id}.tif", scene, BANDS)
    with (
        serving(folder) as files,
        running(SourceWorld(SIMULATED, WORLD.grid.footprint_4326)) as service,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the stand-in speaks plain HTTP
        catalogue(folder / "stac", files.url)
        yield {
            "folder": FolderSource(folder / "folder"),
            "stac": StacSource(StacOptions(url=f"{files.url}/stac/catalog.json")),
            "account": SentinelHubSource(
                SentinelHubOptions(
                    provider=Provider(name="stand-in", base_url=service.base_url, token_url=service.token_url),
                    rates=Rates(requests=10_000, units=10_000),
                ),
                Credentials.of({"SH_CLIENT_ID": CLIENT_ID, "SH_CLIENT_SECRET": CLIENT_SECRET}),
                account_dir=folder / "account",
            ),
        }


def truth(grid: Grid) -> list[Scene]:
    """Return what is to be seen on `grid`."""
    refs = SIMULATED.search(WORLD.grid.footprint_4326, **EVER)
    return [SIMULATED.read(ref, grid, bands=BANDS) for ref in refs]


def write(path: Path, scene: Scene, bands: tuple[str, ...], *, added_dn: int = 0, driver: str = "GTiff") -> None:
    """Write `bands` of a scene as the whole numbers of a product."""
    profile = {"driver": driver, "dtype": "uint16", "count": len(bands), "nodata": 0, "crs": scene.grid.epsg}
    where = {"transform": scene.grid.transform, "width": scene.grid.width_px, "height": scene.grid.height_px}
    with rasterio.open(path, "w", **profile, **where) as file:
        file.write(np.stack([numbers(scene, band, added_dn=added_dn) for band in bands]))
        file.descriptions = bands


def numbers(scene: Scene, band: str, *, added_dn: int) -> NDArray[np.uint16]:
    """Return a band as a product holds it: classes as they are, reflectance times 10 000."""
    values = scene.bands[band]
    counts: NDArray[np.float32] = values if band == "SCL" else np.round(values * 1e4).clip(1) + added_dn
    return counts.astype(np.uint16)


def catalogue(folder: Path, url: str) -> None:
    """Write a static STAC catalogue of one-band files, whose numbers have an offset that the items state."""
    links = []
    for scene in truth(WORLD.grid):
        item_id = f"S2A_46TFL_{scene.observed_at:%Y%m%d}_0_L2A"
        (folder / item_id).mkdir(parents=True)
        assets = {}
        for band in BANDS:
            added = 0 if band == "SCL" else ADDED_DN
            write(folder / item_id / f"{band}.tif", scene, (band,), added_dn=added, driver="COG")
            said = {} if band == "SCL" else {"raster:bands": [{"scale": 1e-4, "offset": -0.1, "nodata": 0}]}
            href = f"{url}/stac/{item_id}/{band}.tif"
            assets[band] = {"href": href, "type": "image/tiff; application=geotiff", **said}
        item = {
            "type": "Feature",
            "stac_version": "1.0.0",
            "id": item_id,
            "geometry": mapping(WORLD.grid.footprint_4326),
            "bbox": list(WORLD.grid.footprint_4326.bounds),
            "properties": {
                "datetime": scene.observed_at.isoformat(),
                "platform": "sentinel-2a",
                "proj:epsg": WORLD.grid.epsg,
                "s2:processing_baseline": "05.10",
            },
            "links": [],
            "assets": assets,
        }
        (folder / f"{item_id}.json").write_text(json.dumps(item), encoding="utf-8")
        links.append({"rel": "item", "href": f"./{item_id}.json"})
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "three", "description": "of a test", "links": links}
    (folder / "catalog.json").write_text(json.dumps(root), encoding="utf-8")


def read(source: ImagerySource, grid: Grid) -> list[Scene]:
    """Return all scenes of a source on `grid`."""
    refs = source.search(WORLD.grid.footprint_4326, **EVER)
    return [source.read(ref, grid, bands=BANDS) for ref in refs]


def inner(left_m: float = 0.0, top_m: float = 0.0) -> Grid:
    """Return a grid in the middle, moved by so many metres."""
    whole = WORLD.grid
    return replace(
        whole, left_m=whole.left_m + 200 + left_m, top_m=whole.top_m - 200 - top_m, width_px=50, height_px=40
    )


def test_all_find_the_same_passes(sources: Sources) -> None:
    found = {
        name: [ref.observed_at.replace(microsecond=0) for ref in source.search(WORLD.grid.footprint_4326, **EVER)]
        for name, source in sources.items()
    }
    assert found["folder"] == found["stac"] == found["account"]
    assert len(found["folder"]) == len(WORLD.days) == 4


@pytest.mark.parametrize("name", ["folder", "stac", "account"])
def test_on_the_native_grid_reflectance_is_the_truth_to_one_step(sources: Sources, name: str) -> None:
    for scene, told in zip(read(sources[name], WORLD.grid), truth(WORLD.grid), strict=True):
        for band in BANDS[:-1]:
            np.testing.assert_allclose(scene.bands[band], told.bands[band], atol=ONE_STEP, err_msg=band)
        np.testing.assert_array_equal(scene.bands["SCL"], told.bands["SCL"])


def test_on_the_native_grid_all_mask_alike_and_say_why_alike(sources: Sources) -> None:
    folder, stac, account = (read(sources[name], WORLD.grid) for name in ("folder", "stac", "account"))
    for one, two, three in zip(folder, stac, account, strict=True):
        np.testing.assert_array_equal(one.is_clear, two.is_clear)
        np.testing.assert_array_equal(one.is_clear, three.is_clear)
        assert one.hidden_share == pytest.approx(two.hidden_share)
        assert one.hidden_share == pytest.approx(three.hidden_share)
    shares = [scene.is_clear.mean() for scene in folder]
    assert min(shares) < 0.9
    assert max(shares) > 0.1


def test_beside_the_native_grid_all_agree_to_resampling(sources: Sources) -> None:
    grid = inner(left_m=3.0, top_m=4.0)
    told = truth(grid)
    for name in ("folder", "stac", "account"):
        for scene, true in zip(read(sources[name], grid), told, strict=True):
            for band in BANDS[:-1]:
                np.testing.assert_allclose(scene.bands[band], true.bands[band], atol=2 * ONE_STEP, err_msg=name)
            np.testing.assert_array_equal(scene.bands["SCL"], true.bands["SCL"], err_msg=name)


def test_within_a_scene_only_the_rim_may_be_masked_otherwise(sources: Sources) -> None:
    """Files are looked at beyond the edge for clouds that reach in; the account is not asked for what lies there."""
    folder, stac, account = (read(sources[name], inner()) for name in ("folder", "stac", "account"))
    core = (slice(RIM_PX, -RIM_PX), slice(RIM_PX, -RIM_PX))
    for one, two, three in zip(folder, stac, account, strict=True):
        np.testing.assert_array_equal(one.is_clear, two.is_clear)
        np.testing.assert_array_equal(one.is_clear[core], three.is_clear[core])
        assert not (one.is_clear & ~three.is_clear).any()


@pytest.mark.parametrize("name", ["folder", "stac", "account"])
def test_what_is_kept_is_what_was_read(sources: Sources, name: str, tmp_path: Path) -> None:
    kept = CachedSource(sources[name], ImageStore(tmp_path), name=name)
    for _ in range(2):
        for scene, told in zip(read(kept, inner()), read(sources[name], inner()), strict=True):
            np.testing.assert_array_equal(scene.is_clear, told.is_clear)
            for band in BANDS:
                np.testing.assert_allclose(scene.bands[band], told.bands[band], atol=1e-6)
