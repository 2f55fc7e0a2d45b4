"""A folder described as an RO-Crate 1.1 with W3C PROV terms: what it is made of, from what, how, and by whom.

``ro-crate-metadata.json`` is read by archives and catalogues. It says what the manifest says, in words that others
share; it is one of the files that the manifest vouches for.
"""

import json
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from geo.atomic import atomic_file
from geo.errors import OutputError
from outputs.evidence.files import described, files_to_vouch_for
from outputs.evidence.manifest import ENVELOPE, MANIFEST_NAME
from outputs.evidence.record import InputProduct, Kind, ReviewNote, RunRecord
from outputs.evidence.software import software

CRATE_NAME = "ro-crate-metadata.json"
CRATE_VERSION = "1.1"
LEGAL_NOTICE = "https://sentinels.copernicus.eu/documents/247904/690755/Sentinel_Data_Legal_Notice"
_PROV = "http://www.w3.org/ns/prov#"
TERMS: Mapping[str, str] = {
    **{name: f"{_PROV}{name}" for name in ("wasDerivedFrom", "wasGeneratedBy", "wasAttributedTo", "used")},
    "sha256": "http://schema.org/sha256",
}
"""What the RO-Crate context has no word for."""
_TYPES = {
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".jsonl": "application/jsonl",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".kmz": "application/vnd.google-earth.kmz",
    ".parquet": "application/vnd.apache.parquet",
    ".pmtiles": "application/vnd.pmtiles",
    ".qgz": "application/zip",
    ".tif": "image/tiff",
    ".webp": "image/webp",
}
_WORDS: Mapping[Kind, str] = {
    Kind.RUN: "A run of sitewatch",
    Kind.RELEASE: "A release of sitewatch",
    Kind.CHECK: "A check of suppliers by sitewatch",
}
_SOFTWARE = "#sitewatch"

Links = list[dict[str, str]]


def write_crate(folder: Path, record: RunRecord, *, license_url: str = LEGAL_NOTICE) -> Path:
    """Write ``ro-crate-metadata.json`` over all files now in `folder`, and return its path.

    Args:
        folder: What to describe.
        record: What is said of it.
        license_url: The terms under which it may be used.

    Raises:
        OutputError: A file cannot be vouched for or read, or the disk does not take it.

    """
    path = folder / CRATE_NAME
    try:
        document = _document(folder, record, license_url)
    except OSError as error:
        raise OutputError(f"cannot describe {error.filename or folder}: {error.strerror or error}") from error
    with atomic_file(path) as part:
        part.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _document(folder: Path, record: RunRecord, license_url: str) -> dict[str, Any]:
    crate = ROCrate(version=CRATE_VERSION)
    crate.metadata.extra_terms.update(TERMS)
    sources = [_add(crate, *_scene(one)) for one in _products(record)]
    sources += [
        _add(crate, f"#{one.kind}-{_fragment(one.name)}", "CreativeWork", _derived(one.name, one.manifest_sha256))
        for one in record.derived_from
    ]
    people = [
        _add(crate, f"#person-{_fragment(name)}", "Person", {"name": name})
        for name in sorted({one.reviewer for one in record.people})
    ]
    maker = _add(crate, _SOFTWARE, "SoftwareApplication", _program(record))
    action = f"#made-{_fragment(record.run_id)}"
    files = _add_files(crate, folder, {"wasGeneratedBy": {"@id": action}})
    _add(crate, action, "CreateAction", _making(record, sources, files))
    for number, review in enumerate(record.people, start=1):
        _add(crate, f"#review-{number}", "ReviewAction", _review(review))
    _add(crate, license_url, "CreativeWork", {"name": "Terms of use", "description": record.credit or "Terms of use"})
    publisher = [_add(crate, "#publisher", "Organization", {"name": record.publisher})] if record.publisher else []
    reviews = [{"@id": f"#review-{number}"} for number in range(1, len(record.people) + 1)]
    links = {
        "license": [{"@id": license_url}],
        "author": people or publisher,
        "publisher": publisher,
        "creator": [maker],
        "wasAttributedTo": [*people, *publisher, maker],
        "wasGeneratedBy": [{"@id": action}],
        "mentions": [{"@id": action}, *reviews],
        "wasDerivedFrom": sources,
    }
    _describe_root(crate, record, links=links)
    document: dict[str, Any] = crate.metadata.generate()
    return document


def _describe_root(crate: ROCrate, record: RunRecord, *, links: Mapping[str, Links]) -> None:
    words = f"{_WORDS[record.kind]}, {record.run_id}"
    root = crate.root_dataset
    root["name"] = record.title or words
    root["description"] = f"{words}. {record.credit}".strip()
    root["identifier"] = record.run_id
    root["datePublished"] = record.created_at.isoformat()
    root["creditText"] = record.credit or "No imagery was used."
    for name, targets in links.items():
        if targets:
            root[name] = _single(targets)


def _add_files(crate: ROCrate, folder: Path, links: Mapping[str, Any]) -> Links:
    files = files_to_vouch_for(folder, besides=(*ENVELOPE, CRATE_NAME))
    for name, path in files.items():
        facts = described(path)
        properties = {
            "name": name,
            "encodingFormat": _media_type(name),
            "contentSize": str(facts["bytes"]),
            "sha256": facts["sha256"],
            **links,
        }
        crate.add_file(path, name, properties=properties)
    about = "What the folder holds, with the SHA-256 of each file: `sitewatch verify` checks it."
    properties = {"name": MANIFEST_NAME, "encodingFormat": "application/json", "description": about}
    crate.add_file(folder / MANIFEST_NAME, MANIFEST_NAME, properties=properties)
    return [{"@id": quote(name)} for name in files]


def _add(crate: ROCrate, identifier: str, kind: str, properties: Mapping[str, Any]) -> dict[str, str]:
    crate.add(ContextEntity(crate, identifier, {"@type": kind, **properties}))
    return {"@id": identifier}


def _products(record: RunRecord) -> list[InputProduct]:
    """Return the scenes, those included of which no more than the fingerprint is known."""
    known = {one.scene_id: one for one in record.products}
    rest = {name: mark for name, mark in record.scenes.items() if name not in known}
    return [*known.values(), *(InputProduct(scene_id=name, fingerprint=mark) for name, mark in rest.items())]


def _scene(product: InputProduct) -> tuple[str, str, dict[str, Any]]:
    properties: dict[str, Any] = {"name": product.scene_id, "identifier": product.scene_id}
    if product.source:
        properties["provider"] = product.source
    sums = [one.sha256 for one in product.files]
    if sums:
        properties["sha256"] = _single(sums)
    return f"#scene-{_fragment(product.scene_id)}", "CreativeWork", properties


def _derived(name: str, manifest_sha256: str) -> dict[str, Any]:
    return {"name": name, "identifier": name, "sha256": manifest_sha256}


def _program(record: RunRecord) -> dict[str, Any]:
    parts = software()
    return {
        "name": "sitewatch",
        "version": record.code_version,
        "softwareVersion": record.code_version,
        "softwareRequirements": [
            f"Python {parts['python']}",
            *(f"{name} {version}" for name, version in parts["libraries"].items()),
            *(f"{name} {version}" for name, version in parts["packages"].items()),
        ],
    }


def _making(record: RunRecord, sources: Links, files: Links) -> dict[str, Any]:
    made = {
        "name": _WORDS[record.kind],
        "endTime": record.created_at.isoformat(),
        "instrument": {"@id": _SOFTWARE},
        "agent": {"@id": _SOFTWARE},
    }
    many = {"object": sources, "used": sources, "result": files}
    return made | {name: _single(links) for name, links in many.items() if links}


def _review(review: ReviewNote) -> dict[str, Any]:
    return {
        "name": f"Review of {review.detection_id}: {review.verdict}",
        "agent": {"@id": f"#person-{_fragment(review.reviewer)}"},
        "endTime": review.at.isoformat(),
        "result": review.verdict,
        "about": review.detection_id,
    }


def _single(values: list[Any]) -> Any:  # noqa: ANN401  # whatever the list holds
    """Return a list as JSON-LD has it: one value stands alone."""
    return values[0] if len(values) == 1 else values


def _media_type(name: str) -> str:
    suffix = Path(name).suffix.lower()
    return _TYPES.get(suffix) or mimetypes.types_map.get(suffix) or "application/octet-stream"


def _fragment(text: str) -> str:
    return quote(text, safe="")
