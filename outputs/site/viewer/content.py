"""What a site shows: handed over whole, already cut down to what its audience may know."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from geo.errors import OutputError

POSITION_FIELD = "position_within_m"
"""The property of a feature that says, in metres, how far from its true place it may be shown; missing: as found."""
LANGUAGES = ("en", "zh", "ug")
"""All languages that there is a catalogue of words for; see `words.toml`."""
_ID = "detection_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePictures:
    """Pictures of one detection, as files on this disk; those outside the folder of the site are copied into it."""

    before: Path | None = None
    after: Path | None = None
    """Of one size and extent with `before`: only then can a reader swipe between them."""
    before_on: date | None = None
    after_on: date | None = None
    pair: Path | None = None
    """Both in one picture, with scale, north and credit; shown where there is no `before` and `after`."""
    timelapse: Path | None = None
    """An animated picture; it plays only when a reader asks for it."""
    series: Path | None = None
    """The plot of the time series."""
    map: Path | None = None
    """A still map of the place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCaption:
    """What may be said of one detection, in whole sentences."""

    title: str
    text: str
    not_seen: str = ""
    limits: str = ""
    review_state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that readers may take away."""

    name: str
    """What it is, in a few words: ``All detections, as a table``."""
    path: Path
    """On this disk; a file that is not in the folder of the site is copied there."""
    media_type: str
    size_bytes: int | None = None
    """None: read from the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A headed part of the page about the method."""

    heading: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteContent:
    """All that a site tells. Nothing is looked up elsewhere: what is not in here is not published."""

    title: str
    audience: str
    """Whom the release is made for: ``public``, ``partner``, ``internal``."""
    credit: str
    """Whom to name for the imagery; on every page."""
    created_on: date
    features: Mapping[str, Any]
    """A GeoJSON FeatureCollection in WGS84, points or polygons, as published. Properties are the columns of the table
    of detections (`detection.schema`), dates as ISO text; ``detection_id`` and ``event`` must be there, all others may
    be missing. ``position_within_m`` (see `POSITION_FIELD`) says how exact a position is; ``place`` says in words where
    it is."""
    run_ids: Sequence[str] = ()
    version: str = ""
    """Of sitewatch."""
    is_preliminary: bool = False
    """Whether findings may stand in it that nobody has looked at: every page then says so."""
    counts: tuple[int, int] | None = None
    """How many changes in how many areas, where that is all that the title says: it is then said in each language."""
    summary: str = ""
    """One or two sentences under the title."""
    tiles: Path | None = None
    """The same features as PMTiles with a layer ``detections``, each with its ``detection_id``; read by range requests
    where a web server answers those, else the embedded features are shown."""
    pictures: Mapping[str, SitePictures] = field(default_factory=lambda: MappingProxyType({}))
    """By detection id."""
    captions: Mapping[str, SiteCaption] = field(default_factory=lambda: MappingProxyType({}))
    """By detection id; in English."""
    coverage: Sequence[Mapping[str, Any]] = ()
    """Rows of the table of coverage (`detection.schema`) of the areas that may be named."""
    downloads: Sequence[Download] = ()
    method: Sequence[Passage] = ()
    """How it was found; in English."""
    limits: Sequence[str] = ()
    """What the findings cannot tell, one sentence or two each; in English."""
    withheld: Sequence[str] = ()
    """What the release keeps back, one sentence each; in English."""
    languages: Sequence[str] = ("en", "zh")
    """The first is that of the pages at the top of the folder; each other has a folder of its own."""

    def __post_init__(self) -> None:
        """Refuse what no page could show."""
        unknown = [one for one in self.languages if one not in LANGUAGES]
        if unknown or not self.languages or len(set(self.languages)) != len(self.languages):
            raise OutputError(f"languages of a site: expected some of {', '.join(LANGUAGES)}, each once; got {unknown}")
        ids = [_checked_id(feature, number) for number, feature in enumerate(self.records(), start=1)]
        twice = sorted({one for one in ids if ids.count(one) > 1}) if len(set(ids)) < len(ids) else []
        if twice:
            raise OutputError(f"features of a site: detection id {twice[0]!r} stands there twice")

    def records(self) -> Sequence[Mapping[str, Any]]:
        """Return the features, in the order of the list."""
        found: Sequence[Mapping[str, Any]] = self.features.get("features") or ()
        return found


def detection_id(feature: Mapping[str, Any]) -> str:
    """Return the id of the detection that `feature` is."""
    return str(feature["properties"][_ID])


def position_within_m(feature: Mapping[str, Any]) -> float | None:
    """Return how far from its true place `feature` may be shown, in metres; None where it is shown as found."""
    value = feature["properties"].get(POSITION_FIELD)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else None


def _checked_id(feature: Mapping[str, Any], number: int) -> str:
    properties = feature.get("properties") or {}
    for name in (_ID, "event"):
        if not properties.get(name):
            raise OutputError(f"features of a site: feature {number} has no {name}")
    kind = (feature.get("geometry") or {}).get("type")
    if kind not in ("Point", "MultiPoint", "Polygon", "MultiPolygon"):
        raise OutputError(f"features of a site: feature {number}: expected points or polygons, got {kind}")
    return str(properties[_ID])
