"""The STAC item beside each kept image: what it is, where it lies, how to read it, whether it is whole.

Written by the STAC specification 1.0.0 with the extensions projection, raster, file and version; what they have no
word for stands under ``sitewatch:``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shapely.geometry import mapping

from geo.cache.key import SCALING_VERSION, SceneKey
from geo.cache.raster import BandCode, Coding
from geo.grid import Grid
from geo.scene import Quantity, Scene

STAC_VERSION = "1.0.0"
EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/version/v1.2.0/schema.json",
)
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_SHA256_MULTIHASH = "1220"
"""Function SHA2-256, 32 bytes: what a multihash has in front of the digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an item says of a kept scene."""

    key: SceneKey
    grid: Grid
    coding: Coding
    quantity: Quantity
    observed_at: datetime
    fetched_at: datetime
    platform: str
    relative_orbit: int | None
    hidden_share: Mapping[str, float]
    sha256: str
    size_bytes: int
    provider: tuple[str, ...] = ()
    """What the provider said of the products, when they were fetched."""
    superseded_by: str | None = None
    """The name of the entry that took its place."""

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands kept, without the mask."""
        return tuple(code.name for code in self.coding.bands[:-1])


def facts_of(  # noqa: PLR0913  # what a scene is kept with
    scene: Scene,
    key: SceneKey,
    coding: Coding,
    *,
    file: tuple[str, int],
    fetched_at: datetime,
    provider: tuple[str, ...] = (),
) -> Facts:
    """Return what is to be said of `scene`, whose image `file` has this SHA-256 and size in bytes."""
    sha256, size_bytes = file
    return Facts(
        key=key,
        grid=scene.grid,
        coding=coding,
        quantity=scene.quantity,
        observed_at=scene.observed_at.astimezone(UTC),
        fetched_at=fetched_at,
        platform=scene.platform,
        relative_orbit=scene.relative_orbit,
        hidden_share={cause: float(share) for cause, share in scene.hidden_share.items()},
        sha256=sha256,
        size_bytes=size_bytes,
        provider=provider,
    )


def to_item(facts: Facts, name: str) -> str:
    """Return the STAC item of an entry called `name`, as JSON."""
    footprint = facts.grid.footprint_4326
    links = []
    if facts.superseded_by:
        links.append(
            {"rel": "successor-version", "href": f"./{facts.superseded_by}.json", "type": "application/geo+json"}
        )
    item = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": list(EXTENSIONS),
        "id": f"{facts.key.scene_id}-{name}",
        "geometry": mapping(footprint),
        "bbox": list(footprint.bounds),
        "properties": _properties(facts),
        "links": links,
        "assets": {"image": _asset(facts, name)},
    }
    return json.dumps(item, indent=1, ensure_ascii=False)


def from_item(text: str) -> Facts:
    """Return what a STAC item that `to_item` made says.

    Raises:
        ValueError: It is not such an item, or one of another scaling version.

    """
    try:
        item = json.loads(text)
        if item["properties"]["sitewatch:scaling_version"] != SCALING_VERSION:
            raise ValueError("written by another version of sitewatch")
        return _facts(item)
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"the item lacks {error}") from error


def _properties(facts: Facts) -> dict[str, Any]:
    grid = facts.grid
    return {
        "datetime": _stamp(facts.observed_at),
        "created": _stamp(facts.fetched_at),
        "platform": facts.platform,
        "proj:epsg": grid.epsg,
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.transform)[:6],
        "version": facts.key.baseline or "unknown",
        "deprecated": facts.superseded_by is not None,
        "sitewatch:source": facts.key.source,
        "sitewatch:variant": facts.key.variant,
        "sitewatch:scene_id": facts.key.scene_id,
        "sitewatch:processing_baseline": facts.key.baseline,
        "sitewatch:fingerprint": facts.key.fingerprint,
        "sitewatch:relative_orbit": facts.relative_orbit,
        "sitewatch:quantity": facts.quantity.value,
        "sitewatch:hidden_share": dict(facts.hidden_share),
        "sitewatch:pixel_m": grid.pixel_m,
        "sitewatch:scaling_version": SCALING_VERSION,
        "sitewatch:provider": list(facts.provider),
    }


def _asset(facts: Facts, name: str) -> dict[str, Any]:
    dtype = facts.coding.dtype
    return {
        "href": f"./{name}.tif",
        "type": _COG,
        "roles": ["data"],
        "file:checksum": f"{_SHA256_MULTIHASH}{facts.sha256}",
        "file:size": facts.size_bytes,
        "raster:bands": [
            {
                "sitewatch:name": code.name,
                "data_type": dtype,
                "nodata": 0 if dtype == "uint16" else "nan",
                "scale": 1 / code.steps,
                "offset": code.first_step / code.steps,
                "sitewatch:steps": [code.steps, code.first_step],
            }
            for code in facts.coding.bands
        ],
    }


def _facts(item: Mapping[str, Any]) -> Facts:
    said, asset = item["properties"], item["assets"]["image"]
    successors = [link["href"] for link in item["links"] if link["rel"] == "successor-version"]
    codes = tuple(
        BandCode(name=band["sitewatch:name"], steps=band["sitewatch:steps"][0], first_step=band["sitewatch:steps"][1])
        for band in asset["raster:bands"]
    )
    return Facts(
        key=SceneKey(
            source=said["sitewatch:source"],
            variant=said["sitewatch:variant"],
            scene_id=said["sitewatch:scene_id"],
            baseline=said["sitewatch:processing_baseline"],
            fingerprint=said["sitewatch:fingerprint"],
        ),
        grid=Grid(
            epsg=said["proj:epsg"],
            left_m=said["proj:transform"][2],
            top_m=said["proj:transform"][5],
            pixel_m=said["sitewatch:pixel_m"],
            width_px=said["proj:shape"][1],
            height_px=said["proj:shape"][0],
        ),
        coding=Coding(dtype=asset["raster:bands"][0]["data_type"], bands=codes),
        quantity=Quantity(said["sitewatch:quantity"]),
        observed_at=datetime.fromisoformat(said["datetime"]),
        fetched_at=datetime.fromisoformat(said["created"]),
        platform=said["platform"],
        relative_orbit=said["sitewatch:relative_orbit"],
        hidden_share=said["sitewatch:hidden_share"],
        sha256=asset["file:checksum"].removeprefix(_SHA256_MULTIHASH),
        size_bytes=asset["file:size"],
        provider=tuple(said.get("sitewatch:provider", ())),
        superseded_by=successors[0].removeprefix("./").removesuffix(".json") if successors else None,
    )


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
