"""What pygeoapi is told: which layers of the newest run are collections, and how they are described."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geo.atomic import atomic_file
from outputs.ogc.features import FeatureLayer
from outputs.serving.address import Address

MOST_ITEMS = 10_000
"""How many features one answer may have; those who ask for more get the next page by its link."""
_PROVIDER = "outputs.ogc.provider.GeoPackageProvider"
_WGS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_INTERNAL = (
    "Internal: exact places of a run, as they are before anything is taken out for publication. "
    "What is to be published is made by `sitewatch publish`."
)
LAYERS: Mapping[str, tuple[str, str, tuple[str, str] | None]] = {
    "detections": (
        "detection_id",
        (
            "Changes that were found: an indication with a probability, not proof. "
            "datetime asks for the interval in which the change began (onset_after to onset_by)."
        ),
        ("onset_after", "onset_by"),
    ),
    "coverage": (
        "area_id",
        (
            "How well each area was seen. Where nothing was seen, nothing can be said. "
            "datetime asks for the period that was watched (period_start to period_end)."
        ),
        ("period_start", "period_end"),
    ),
    "facilities": ("id", "Known places, as the watch list has them.", None),
}
"""Layer to the column of its ids, what it holds, and the columns of its time."""


def ogc_config(layers: Path, address: Address, *, credit: str, version: str) -> dict[str, Any]:
    """Return the settings of a pygeoapi server over a GeoPackage.

    Args:
        layers: The GeoPackage; its path may lead through a link that names a newer one tomorrow.
        address: Where it is served.
        credit: To whom the imagery is owed.
        version: Of this program.

    """
    return {
        "server": {
            "bind": {"host": address.host, "port": address.port},
            "url": address.url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "gzip": False,
            "languages": ["en-US"],
            "cors": False,
            "pretty_print": False,
            "admin": False,
            "limits": {"default_items": 100, "max_items": MOST_ITEMS, "on_exceed": "throttle"},
            "map": {"url": "/", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": _metadata(address, credit=credit, version=version),
        "resources": {name: _resource(layers, name, address) for name in LAYERS},
    }


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """Write the settings as pygeoapi reads them, for a server of one's own (``PYGEOAPI_CONFIG``).

    Raises:
        OSError: The disk does not take it.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as part:
        part.write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")  # JSON is YAML


def _metadata(address: Address, *, credit: str, version: str) -> dict[str, Any]:
    return {
        "identification": {
            "title": "sitewatch",
            "description": f"{_INTERNAL} {credit}".strip(),
            "keywords": ["change detection", "satellite imagery"],
            "keywords_type": "theme",
            "terms_of_service": "none stated",
            "url": address.url,
        },
        "license": {"name": "none stated", "url": address.url},
        "provider": {"name": f"sitewatch {version}", "url": address.url},
        "contact": {"name": "whoever runs this server"},
    }


def _resource(layers: Path, name: str, address: Address) -> dict[str, Any]:
    id_column, said, times = LAYERS[name]
    bounds = FeatureLayer(path=layers, layer=name, id_column=id_column).bounds()
    extents: dict[str, Any] = {"spatial": {"bbox": list(bounds or (-180, -90, 180, 90)), "crs": _WGS84}}
    options: dict[str, Any] = {"layer": name}
    if times is not None:
        extents["temporal"] = {"begin": None, "end": None}
        options["time_columns"] = list(times)
    provider = {
        "type": "feature",
        "name": _PROVIDER,
        "data": str(layers),
        "id_field": id_column,
        "editable": False,
        "options": options,
        "crs": [_WGS84, "http://www.opengis.net/def/crs/EPSG/0/4326", "http://www.opengis.net/def/crs/EPSG/0/3857"],
        "storage_crs": _WGS84,
    }
    if times is not None:
        provider["time_field"] = times[0]
    return {
        "type": "collection",
        "title": name.capitalize(),
        "description": f"{said} {_INTERNAL}",
        "keywords": [name],
        "links": [{"type": "text/html", "rel": "about", "title": "this server", "href": address.url}],
        "extents": extents,
        "providers": [provider],
    }
