"""What a provider said of a product is kept with its pixels, and told again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from geo.cache import CachedSource, ImageStore
from geo.cache.item import from_item
from geo.grid import Grid
from geo.scene import Quantity, Scene
from geo.sources.base import SceneRef
from geo.sources.stac.items import read_item

GRID = Grid(epsg=32645, left_m=400_000.0, top_m=4_800_000.0, pixel_m=10.0, width_px=4, height_px=3)
AT = datetime(2020, 1, 2, 5, tzinfo=UTC)
SAID = ("item S2A_1", "B04 file:checksum 1220ab", "record sha256 cd")


class Provider:
    """A source of one scene."""

    credit = "x"
    ref = SceneRef(
        scene_id="S2A_1", observed_at=AT, platform="sentinel-2a", bands=("B04",), fingerprint="f", provider=SAID
    )

    def search(self, *_: object, **__: object) -> list[SceneRef]:
        return [self.ref]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        return Scene(
            scene_id=ref.scene_id,
            observed_at=AT,
            platform=ref.platform,
            quantity=Quantity.REFLECTANCE,
            grid=grid,
            bands={band: np.full(grid.shape, 0.25, np.float32) for band in bands},
            is_clear=np.ones(grid.shape, bool),
        )


def test_what_the_provider_said_is_kept_and_found_by_scene_and_fingerprint(tmp_path: Path) -> None:
    source = CachedSource(Provider(), ImageStore(tmp_path), name="stac", variant="v")
    source.read(Provider.ref, GRID, bands=("B04",))
    (entry,) = source.kept("S2A_1", "f")
    assert entry.facts.provider == SAID
    assert hashlib.sha256(entry.image_path.read_bytes()).hexdigest() == entry.facts.sha256
    assert source.kept("S2A_1", "another") == []
    assert CachedSource(Provider(), ImageStore(tmp_path), name="stac", variant="w").kept("S2A_1", "f") == []


def test_items_of_before_say_nothing_of_the_provider(tmp_path: Path) -> None:
    source = CachedSource(Provider(), ImageStore(tmp_path), name="stac", variant="v")
    source.read(Provider.ref, GRID, bands=("B04",))
    (entry,) = source.kept("S2A_1", "f")
    item = json.loads(entry.item_path.read_text())
    del item["properties"]["sitewatch:provider"]
    assert from_item(json.dumps(item)).provider == ()


def test_two_scenes_are_the_same_whatever_else_the_provider_said() -> None:
    assert Provider.ref == replace(Provider.ref, provider=())


def test_a_stac_item_is_known_by_checksums_versions_and_the_hash_of_its_record() -> None:
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "S2A_45TXN_20200102_0_L2A",
        "collection": "sentinel-2-l2a",
        "geometry": {"type": "Polygon", "coordinates": [[[87, 43], [88, 43], [88, 44], [87, 44], [87, 43]]]},
        "properties": {
            "datetime": "2020-01-02T05:00:00Z",
            "platform": "sentinel-2a",
            "updated": "2023-01-01T00:00:00Z",
            "proj:epsg": 32645,
        },
        "assets": {
            "red": {
                "href": "https://example.org/private/B04.tif?sig=1",
                "file:checksum": "1220ab",
                "type": "image/tiff",
            }
        },
    }
    said = read_item(document, locate=str).provider
    record = hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    assert said == (
        "item S2A_45TXN_20200102_0_L2A",
        "updated 2023-01-01T00:00:00Z",
        "B04 file:checksum 1220ab",
        f"record sha256 {record}",
    )
    assert "example.org" not in " ".join(said)
