"""Write a site: one folder, whole, that any web server or none can show."""

import hashlib
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from geo.atomic import atomic_file
from geo.errors import OutputError
from outputs.site.viewer.base import ground
from outputs.site.viewer.content import Download, SiteContent, SitePictures
from outputs.site.viewer.pages import (
    TABLE_KEYS,
    Address,
    choices,
    coverage_rows,
    css_of,
    index_page,
    method_page,
    rows_of,
    site_page,
)
from outputs.site.viewer.records import Record, for_scripts, outlines, records_of, slug_of
from outputs.site.viewer.scripts import assignment
from outputs.site.viewer.words import words_of
from outputs.vocabulary import EVENT_COLOURS

_HERE = Path(__file__).parent
_ASSETS = "assets"
_PICTURES = ("before", "after", "pair", "timelapse", "series", "map")
_KILO = 1000


@dataclass(frozen=True, slots=True, eq=False)
class _Folder:
    """Where the site is written, and what was."""

    path: Path
    written: list[Path] = field(default_factory=list)

    def text(self, name: str, text: str) -> None:
        with atomic_file(self.path / name) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        self.written.append(self.path / name)

    def copy(self, source: Path, name: str) -> None:
        with atomic_file(self.path / name) as part:
            shutil.copyfile(source, part)
        self.written.append(self.path / name)

    def address_of(self, source: Path, name: str) -> str:
        """Return the address of `source` from the folder, after copying it to `name` if it lies elsewhere."""
        if not source.is_file():
            raise OutputError(f"{source}: a file that the site should hold is not there")
        if source.resolve().is_relative_to(self.path.resolve()):
            return quote(source.resolve().relative_to(self.path.resolve()).as_posix())
        self.copy(source, name)
        return quote(name)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Materials:
    """What all pages are made from."""

    content: SiteContent
    records: Sequence[Record]
    pictures: Mapping[str, Mapping[str, str]]
    """By slug: kind to address."""
    downloads: Sequence[Mapping[str, str]]


def write_site(folder: Path, content: SiteContent) -> tuple[Path, ...]:
    """Write the site of `content` into `folder`, and return all files written; others in the folder stay as they are.

    Pictures, tiles and downloads that lie in `folder` already are linked where they are; others are copied into
    ``assets/`` under names made from the detection ids.

    Raises:
        OutputError: A file of `content` is missing, or the disk refused.

    """
    target = _Folder(folder)
    records = records_of(content)
    pictures = {one.slug: _pictures(target, one, content.pictures.get(one.detection_id)) for one in records}
    downloads = _downloads(target, content.downloads)
    _write_assets(target)
    _write_data(target, content, records, pictures)
    materials = _Materials(content=content, records=records, pictures=pictures, downloads=downloads)
    for language in content.languages:
        _write_pages(target, materials, language)
    return tuple(sorted(target.written))


def _pictures(target: _Folder, record: Record, given: SitePictures | None) -> dict[str, str]:
    """Return the addresses of the pictures of one detection and their days; empty text where there is none."""
    shown = given or SitePictures()
    found = {}
    for kind in _PICTURES:
        source = getattr(shown, kind)
        name = f"{_ASSETS}/pictures/{record.slug}-{kind}"
        found[kind] = target.address_of(source, name + source.suffix.lower()) if source else ""
    days = {"before_on": shown.before_on, "after_on": shown.after_on}
    return {**found, **{name: day.isoformat() if day else "" for name, day in days.items()}}


def _downloads(target: _Folder, given: Sequence[Download]) -> list[dict[str, str]]:
    taken: set[str] = set()
    found = []
    for one in given:
        name = slug_of(one.path.name.lower(), taken)
        taken.add(name)
        address = target.address_of(one.path, f"{_ASSETS}/downloads/{name}")
        size = one.path.stat().st_size if one.size_bytes is None else one.size_bytes
        found.append(
            {
                "file": one.path.name,
                "name": one.name,
                "target": address,
                "media_type": one.media_type,
                "size": bytes_words(size),
            }
        )
    return found


def bytes_words(size: int) -> str:
    """Return a size in the unit that suits it: ``840 B``, ``12 kB``, ``3.4 MB``."""
    if size < _KILO:
        return f"{size} B"
    if size < _KILO**2:
        return f"{size / _KILO:.0f} kB"
    return f"{size / _KILO**2:.1f} MB"


def vendored() -> Iterator[tuple[str, str]]:
    """Give the name and SHA-256 of every file of others that a site carries, as recorded.

    Raises:
        OutputError: The record is missing.

    """
    for package in _vendor_record():
        for file in package["file"]:
            yield file["name"], file["sha256"]


def shipped() -> frozenset[str]:
    """Return the SHA-256 of every file that each site carries as it is: scripts, styles and fonts, the same for all.

    Raises:
        OutputError: The record of those of others is missing.

    """
    own = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (_HERE / "static").iterdir()}
    return frozenset(own | {sha256 for _, sha256 in vendored()})


def _vendor_record() -> Sequence[Mapping[str, Any]]:
    with (_HERE / "vendor" / "VENDOR.toml").open("rb") as file:
        found: Sequence[Mapping[str, Any]] = tomllib.load(file)["package"]
    return found


def _write_assets(target: _Folder) -> None:
    for source in sorted((_HERE / "static").iterdir()):
        target.copy(source, f"{_ASSETS}/{source.name}")
    licences = []
    for package in _vendor_record():
        for file in package["file"]:
            if file["name"] != package["licence_file"]:
                target.copy(_HERE / "vendor" / file["name"], f"{_ASSETS}/{file['name']}")
        text = (_HERE / "vendor" / package["licence_file"]).read_text(encoding="utf-8")
        licences.append(f"{package['name']} {package['version']} ({package['licence']})\n\n{text.strip()}\n")
    target.text(f"{_ASSETS}/licences.txt", f"\n{'=' * 80}\n\n".join(licences))
    colours = {**{css_of(event): colour for event, colour in EVENT_COLOURS.items()}}
    target.text(f"{_ASSETS}/colours.css", "".join(f".{css} {{ --ev: {colour}; }}\n" for css, colour in colours.items()))


def _write_data(
    target: _Folder, content: SiteContent, records: Sequence[Record], pictures: Mapping[str, Mapping[str, str]]
) -> None:
    drawn = outlines(records)
    inexact = {one.detection_id for one in records if one.within_m is not None}
    circles = [one for one in drawn["features"] if one["properties"]["detection_id"] in inexact]
    exact = [one for one in drawn["features"] if one["properties"]["detection_id"] not in inexact]
    outlined = {one["properties"]["detection_id"] for one in exact}
    more = [
        {
            "number": one.number,
            "css": css_of(one.text("event")),
            "outlined": one.detection_id in outlined,
            "pictures": {
                name: pictures[one.slug][name] for name in ("before", "after", "pair", "before_on", "after_on")
            },
        }
        for one in records
    ]
    data = {
        "records": [{**row, **extra} for row, extra in zip(for_scripts(records), more, strict=True)],
        "colours": {str(event): colour for event, colour in EVENT_COLOURS.items()},
        "circles": {"type": "FeatureCollection", "features": circles},
        "tiles": target.address_of(content.tiles, f"{_ASSETS}/detections.pmtiles") if content.tiles else "",
    }
    target.text(f"{_ASSETS}/data.js", assignment("data", data))
    target.text(f"{_ASSETS}/outlines.js", assignment("outlines", {"type": "FeatureCollection", "features": exact}))
    target.text(f"{_ASSETS}/ground.js", assignment("ground", ground([one.shape_4326 for one in records])))


def _write_pages(target: _Folder, materials: _Materials, language: str) -> None:
    words, content, records = words_of(language), materials.content, materials.records
    target.text(f"{_ASSETS}/words-{language}.js", assignment("catalogue", words.for_scripts()))
    rows = rows_of(records, words, content.run_ids)
    shared = {
        "rows": rows,
        "table_keys": TABLE_KEYS,
        "choices": choices(records),
        "has_confidence": any(one.number_of("confidence") is not None for one in records),
        "has_dates": any(one.text("onset_by") or one.text("onset_after") for one in records),
        "downloads": materials.downloads,
    }
    for name, embed in (("index.html", False), ("embed.html", True)):
        address = Address(name=name, language=language, languages=content.languages)
        target.text(address.path, index_page(content, address, embed=embed, **shared))
    address = Address(name="method.html", language=language, languages=content.languages)
    target.text(address.path, method_page(content, address, coverage=list(coverage_rows(content))))
    for index, row in enumerate(rows):
        address = Address(name=f"sites/{row.record.slug}.html", language=language, languages=content.languages)
        neighbours = {
            "before": records[index - 1] if index else None,
            "after": records[index + 1] if index + 1 < len(records) else None,
        }
        caption = content.captions.get(row.record.detection_id)
        values = {"row": row, "caption": caption, "pictures": materials.pictures[row.record.slug], **neighbours}
        target.text(address.path, site_page(content, address, **values))
