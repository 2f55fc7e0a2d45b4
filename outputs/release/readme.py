"""The README of a release: what it is, how it was found, how often that is wrong, and who must be named."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from outputs.layers.kml import LIMITS
from outputs.release.captions import NOT_SEEN
from outputs.release.contents import Release
from outputs.release.places import OUTLINES_SOURCE, TOWNS_SOURCE
from outputs.vocabulary import EVENT_WORDS, OUTCOME_MEANINGS, OUTCOME_WORDS, is_simulated, words

METHOD = (
    "All clear looks of a series of satellite images (Sentinel-2; where it is set up also the radar of Sentinel-1) "
    "are laid on one another. A change is reported where ground that looked one way in the looks before looks "
    "lastingly another way in the looks after; its start is an interval between two looks, not a day. Each detection "
    "carries a probability. A person looks at the imagery and confirms or rejects; what was rejected, or could not be "
    "decided, is in no release."
)
_FILES: Mapping[str, str] = {
    "detections.geojson": "outlines with all fields (RFC 7946); its member `attribution` is the credit",
    "detections.csv": "one row each with latitude, longitude and dates: for Datawrapper, Flourish, any spreadsheet",
    "detections.kml": "for Google Earth",
    "detections.kmz": "the same, with the pictures where these may go out",
    "detections.pmtiles": "vector tiles in one file, layer `detections`, zoom 0 to 14",
    "detections.parquet": "GeoParquet",
    "coverage.csv": "what was watched: where nothing was found, and where nothing could be seen",
    "coverage.geojson": "the same with outlines",
    "maps": "maps to print (A4, PNG with 300 dpi, SVG) and for screens (PNG 1,600 pixels wide, SVG)",
    "pictures": "before and after, one a detection",
    "series": "how brightness went over time, one a detection",
    "timelapse": "moving pictures, one a detection",
    "captions.md": "a caption each, every number with its record",
    "captions.json": "the same for programmes",
    "index.html": "the site: works from disk, from any web server, and offline",
    "ATTRIBUTION.txt": "the line to print",
    "withheld.json": "how much was withheld, of which field and why; never what",
    "manifest.json": "every file's SHA-256, inputs and settings: `sitewatch verify` checks it anywhere",
    "ro-crate-metadata.json": "the same in the words of RO-Crate",
    "log.jsonl": "a copy of the log up to this release",
    "RETRACTIONS.txt": "what of earlier releases no longer stands",
}
_SEALED = ("withheld.json", "manifest.json", "ro-crate-metadata.json", "log.jsonl", "RETRACTIONS.txt")
"""Written after the README."""


@cache
def measured_figures() -> tuple[Mapping[str, Any], ...]:
    """Return the measured figures: what they were measured on, what came out, by which command, when."""
    text = files("outputs.release").joinpath("data/figures.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["figure"])


def figure_lines() -> tuple[str, ...]:
    """Return the measured figures as sentences."""
    return tuple(
        f"{one['on']}: {one['measured']} ({one['command']}, {one['date']:%Y-%m-%d})." for one in measured_figures()
    )


def readme_text(release: Release, names: Sequence[str]) -> str:
    """Return the README in Markdown.

    Args:
        release: What it is about.
        names: Of the files and folders at the top of the release.

    """
    parts = [f"# {release.title}"]
    if release.mark:
        parts.append(f"**{release.mark}** Findings in this release may be wrong that nobody has looked at yet.")
    if is_simulated(release.credit):
        parts.append(f"**{release.credit}.** Nothing in this release was seen by a satellite.")
    parts += [_facts(release), "## Files", _file_table(names), "## Method", METHOD]
    parts += ["## Limits", LIMITS, NOT_SEEN, release.positions]
    parts += ["## How often it is wrong", _figure_table(), _feedback(release)]
    parts += ["## What was watched", _coverage(release)]
    parts += ["## What is not in this release", _bullets([*release.left_out, *release.withheld])]
    parts += ["## Attribution", f"Print with every product: **{release.credit}**", _terms(release)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(release: Release) -> str:
    events = Counter(release.table["event"])
    told = ", ".join(f"{words(EVENT_WORDS, event).lower()} {count}" for event, count in sorted(events.items()))
    rows = [
        ("release", release.name),
        ("for", release.audience),
        ("made", f"{release.created_at:%Y-%m-%d %H:%M} UTC"),
        ("by", " ".join(filter(None, (release.publisher, f"with sitewatch {release.version}")))),
        ("from run", release.run_id),
        ("review state", release.review_state),
        ("detections", f"{len(release.table)} ({told})" if told else "0"),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _file_table(names: Sequence[str]) -> str:
    there = set(names)
    rows = [f"| `{name}` | {said} |" for name, said in _FILES.items() if name in there or name in _SEALED]
    return "\n".join(["| file | what |", "|---|---|", *rows])


def _figure_table() -> str:
    rows = [
        f"| {one['on']} | {one['measured']} | `{one['command']}` | {one['date']:%Y-%m-%d} |"
        for one in measured_figures()
    ]
    return "\n".join(["| on | measured | by | date |", "|---|---|---|---|", *rows])


def _feedback(release: Release) -> str:
    return (
        "These are figures of the method, before anybody looked. How often reviewers are wrong was not measured."
        if not release.is_preliminary
        else "These are figures of the method: they hold for what nobody has looked at."
    )


def _coverage(release: Release) -> str:
    counts = Counter(release.coverage["outcome"])
    lines = [
        f"{words(OUTCOME_WORDS, outcome)}: {counts[outcome]} ({said})"
        for outcome, said in OUTCOME_MEANINGS.items()
        if counts[outcome]
    ]
    return (
        _bullets(lines)
        + "\n\nNothing found is not the same as nothing there: see `coverage.csv` for how well it was seen."
    )


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines) or "- Nothing."


def _terms(release: Release) -> str:
    terms = f"Terms of use: {release.license_url}. " if release.license_url else ""
    return f"{terms}{OUTLINES_SOURCE}. {TOWNS_SOURCE}."
