"""Write the catalogue: one collection an area, one for the run as a whole; links and assets all relative."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from shapely.geometry import box, mapping
from shapely.geometry.base import BaseGeometry

from geo.atomic import atomic_file
from outputs.catalogue.assets import EO, FILE, PROCESSING, PROJECTION, RASTER, Document, Raster, asset_of, read_raster
from outputs.catalogue.told import AreaTold, RunTold

CATALOGUE_NAME = "catalog.json"
ITEMS_FOLDER = "catalogue"
RUN_COLLECTION = "_run"
"""Of what is not of one area; no area's id begins so: ids begin with a letter or digit."""
STAC_VERSION = "1.1.0"
_IRI_SAFE = "/:@!$&'()*+,;=~-._"
_LOOKS = ("before", "after")
_CHANGES = ("magnitude", "onset", "clear_looks")
_PICTURE_FOLDERS = ("pictures", "series", "timelapse")
_COLOURS = ("false-colour", "swir")
_ENDINGS = (".png", ".webp", ".gif", ".mp4")


@dataclass(slots=True, kw_only=True)
class _Writing:
    """The catalogue as it comes into being."""

    folder: Path
    run: RunTold
    taken: set[str] = field(default_factory=set)
    """Files that are an asset already, by their path within the folder."""


def write_catalogue(folder: Path, run: RunTold) -> None:
    """Write ``catalog.json`` and what it names over all files now in `folder`; to be called when they all are there.

    Each file is an asset of exactly one item.

    Raises:
        OutputError: A file cannot be read or written.

    """
    writing = _Writing(folder=folder, run=run)
    collections = [_write_area(writing, area) for area in run.areas]
    collections.append(_write_rest(writing))
    catalogue = {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": run.run_id,
        "title": run.title,
        "description": f"All products of the run {run.run_id} of sitewatch {run.version}. {run.credit}".strip(),
        "links": [
            _link("root", f"./{CATALOGUE_NAME}"),
            *(
                _link("child", f"./{ITEMS_FOLDER}/{_safe(name)}/collection.json", title=title)
                for name, title in collections
            ),
        ],
    }
    _write(folder / CATALOGUE_NAME, catalogue)


def _write_area(writing: _Writing, area: AreaTold) -> tuple[str, str]:
    items = [*_raster_items(writing, area), *_detection_items(writing, area)]
    title = f"{area.name}: {area.outcome.replace('_', ' ')}"
    _write_collection(writing, area.area_id, items, area=area, title=title)
    return area.area_id, title


def _raster_items(writing: _Writing, area: AreaTold) -> Iterator[Document]:
    """Yield an item for the look before, one for that after, and one for the maps of change."""
    here = f"rasters/{area.area_id}"
    for name in _LOOKS:
        if (path := writing.folder / here / f"{name}.tif").exists():
            raster = read_raster(path)
            yield _item(
                writing,
                area,
                f"{area.area_id}-{name}",
                _files(writing, here, [f"{name}.tif"], rasters={f"{name}.tif": raster}, role="data"),
                raster=raster,
                when=_when_looked(raster),
                scenes=tuple(str(look["scene_id"]) for look in json.loads(raster.tags["SCENES"])),
                words=f"{name.capitalize()}: {area.name}",
            )
    paths = [writing.folder / here / f"{name}.tif" for name in _CHANGES]
    found = {path.name: read_raster(path) for path in paths if path.exists()}
    if found:
        raster = next(iter(found.values()))
        styles = [f"{name}.qml" for name in _CHANGES if (writing.folder / here / f"{name}.qml").exists()]
        yield _item(
            writing,
            area,
            f"{area.area_id}-change",
            _files(writing, here, found, rasters=found, role="data") | _files(writing, here, styles, role="metadata"),
            raster=raster,
            when=_interval(date.fromisoformat(raster.tags["FIRST_DATE"]), date.fromisoformat(raster.tags["LAST_DATE"])),
            scenes=tuple(scene.scene_id for scene in area.scenes),
            words=f"Change magnitude, onset date and clear looks: {area.name}",
        )


def _detection_items(writing: _Writing, area: AreaTold) -> Iterator[Document]:
    """Yield an item for each detection of which there are pictures."""
    for one in area.detections:
        assets: dict[str, Document] = {}
        for name in _PICTURE_FOLDERS:
            found = _pictures(writing.folder / name, one.detection_id)
            assets |= _files(writing, name, found, role="overview")
        if not assets:
            continue
        item = _item(
            writing,
            area,
            one.detection_id,
            assets,
            raster=None,
            when=_interval(one.onset_after, one.last_seen_on),
            scenes=one.scene_ids,
            words=f"{one.event.replace('_', ' ').capitalize()} ({one.status.replace('_', ' ')}): {area.name}",
            outline=one.outline_4326,
        )
        item["properties"] |= {
            "sitewatch:event": one.event,
            "sitewatch:status": one.status,
            "sitewatch:confidence": one.confidence,
            "sitewatch:onset_after": one.onset_after.isoformat(),
            "sitewatch:onset_by": one.onset_by.isoformat(),
        }
        yield item


def _pictures(folder: Path, name: str) -> list[str]:
    """Return the files of `folder` that show the detection called `name`."""
    stems = (name, *(f"{name}-{colours}" for colours in _COLOURS))
    return [file for stem in stems for ending in _ENDINGS if (folder / (file := f"{stem}{ending}")).exists()]


def _files(
    writing: _Writing, here: str, names: Iterable[str], *, role: str, rasters: Mapping[str, Raster] | None = None
) -> dict[str, Document]:
    """Return assets of files in the folder `here`, by their key, and note that they have one."""
    assets: dict[str, Document] = {}
    for name in names:
        path = f"{here}/{name}" if here else name
        writing.taken.add(path)
        href = f"../../{_safe(path)}"
        raster = (rasters or {}).get(name)
        assets[_key(path)] = asset_of(writing.folder / path, href, title=name, roles=[role], raster=raster)
    return assets


def _key(path: str) -> str:
    """Return the key of an asset: its folder, but for an area's own, and its name."""
    parts = PurePosixPath(path).parts
    return parts[-1] if parts[0] == "rasters" else path


def _item(  # noqa: PLR0913  # each is a part of the item
    writing: _Writing,
    area: AreaTold,
    name: str,
    assets: Mapping[str, Document],
    *,
    raster: Raster | None,
    when: Mapping[str, str | None],
    scenes: Sequence[str],
    words: str,
    outline: BaseGeometry | None = None,
) -> Document:
    run = writing.run
    shape = outline if outline is not None else raster.footprint_4326 if raster else area.outline_4326
    rows = {scene.scene_id: scene.row for scene in area.scenes}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [FILE, PROCESSING, *([PROJECTION, RASTER, EO] if raster else [])],
        "id": name,
        "collection": area.area_id,
        "geometry": mapping(shape),
        "bbox": list(shape.bounds),
        "properties": {**when, **_made(run, words), **(raster.projection if raster else {})},
        "links": [
            *_links_up(),
            *(_derived(run, scene, rows.get(scene)) for scene in scenes),
        ],
        "assets": dict(assets),
    }


def _made(run: RunTold, words: str) -> Document:
    return {
        "title": words,
        "description": f"An indication with a probability, not proof. {run.credit}".strip(),
        "created": _stamp(run.created_at),
        "processing:software": {"sitewatch": run.version},
        "processing:level": "L4",
        "processing:lineage": (
            f"sitewatch {run.version}, run {run.run_id}, settings {run.settings_hash}: looks co-registered, clouds and "
            "shadows left out, compared through time"
        ),
    }


def _derived(run: RunTold, scene_id: str, row: int | None) -> Document:
    """Return the link to a scene: its line in the run's table, which says what became of it (RFC 7111)."""
    href = f"../../{run.scenes_name}" + (f"#row={row}" if row else "")
    return {"rel": "derived_from", "href": href, "type": "text/csv", "title": scene_id}


def _write_rest(writing: _Writing) -> tuple[str, str]:
    """Write the collection of everything that is not of one area."""
    run = writing.run
    names = sorted(path.relative_to(writing.folder).as_posix() for path in writing.folder.rglob("*") if path.is_file())
    rest = [name for name in names if name not in writing.taken and not name.startswith(f"{ITEMS_FOLDER}/")]
    area = AreaTold(
        area_id=RUN_COLLECTION,
        name="Whole run",
        outline_4326=box(*_bounds(run.areas)),
        outcome="",
        first=min((one.first for one in run.areas if one.first), default=None),
        last=max((one.last for one in run.areas if one.last), default=None),
        scenes=(),
    )
    item = _item(
        writing,
        area,
        f"{run.run_id}-tables",
        _files(writing, "", rest, role="data"),
        raster=None,
        when=_interval(area.first, area.last) if area.first and area.last else {"datetime": _stamp(run.created_at)},
        scenes=(),
        words="Layers, tables and pages of the whole run",
    )
    _write_collection(writing, RUN_COLLECTION, [item], area=area, title="Layers, tables and pages of the whole run")
    return RUN_COLLECTION, "Layers, tables and pages of the whole run"


def _write_collection(writing: _Writing, name: str, items: Sequence[Document], *, area: AreaTold, title: str) -> None:
    run = writing.run
    first, last = (_midnight(day) if day else None for day in (area.first, area.last))
    collection = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": name,
        "title": title,
        "description": f"{title}. {run.credit}".strip(),
        "license": "other",
        "extent": {
            "spatial": {"bbox": [list(area.outline_4326.bounds)]},
            "temporal": {"interval": [[first, last if first else _stamp(run.created_at)]]},
        },
        "links": [
            _link("root", f"../../{CATALOGUE_NAME}"),
            _link("parent", f"../../{CATALOGUE_NAME}"),
            *(_link("item", f"./{_safe(item['id'])}.json", kind="application/geo+json") for item in items),
        ],
    }
    folder = writing.folder / ITEMS_FOLDER / name
    _write(folder / "collection.json", collection)
    for item in items:
        _write(folder / f"{item['id']}.json", item)


def _when_looked(raster: Raster) -> dict[str, str | None]:
    """Return the time of the look that is shown, and from when to when looks fill its holes."""
    looks = [(str(look["observed_at"]), float(look["share"])) for look in json.loads(raster.tags["SCENES"])]
    times = sorted(time for time, _ in looks)
    shown = datetime.strptime(raster.tags["TIFFTAG_DATETIME"], "%Y:%m:%d %H:%M:%S").replace(tzinfo=UTC)
    if len(times) < 2:  # noqa: PLR2004  # one look is no interval
        return {"datetime": _stamp(shown)}
    return {"datetime": _stamp(shown), "start_datetime": times[0], "end_datetime": times[-1]}


def _interval(first: date, last: date) -> dict[str, str | None]:
    """Return from the day of one look to that of another: between them no time is meant."""
    return {"datetime": None, "start_datetime": _midnight(first), "end_datetime": _midnight(last)}


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bounds(areas: Sequence[AreaTold]) -> tuple[float, float, float, float]:
    left, bottom, right, top = zip(*(area.outline_4326.bounds for area in areas), strict=True)
    return (min(left), min(bottom), max(right), max(top))


def _links_up() -> list[Document]:
    return [
        _link("root", f"../../{CATALOGUE_NAME}"),
        _link("parent", "./collection.json"),
        _link("collection", "./collection.json"),
    ]


def _link(rel: str, href: str, *, kind: str = "application/json", title: str = "") -> Document:
    link: Document = {"rel": rel, "href": href, "type": kind}
    return link | {"title": title} if title else link


def _safe(path: str) -> str:
    """Return a path as a relative IRI has it: letters of any script stay, what would end or split it does not."""
    return "".join(sign if sign.isalnum() or sign in _IRI_SAFE else quote(sign) for sign in path)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    with atomic_file(path) as part:
        part.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
