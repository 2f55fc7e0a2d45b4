"""What is known of the images of a folder before any pixel is read."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from shapely.geometry import Polygon

from geo.sources.folder.layers import Layer
from geo.sources.folder.sidecar import SidecarRow

RADAR = "radar"
LEVELS = ("L2A", "L1C")
"""The kinds of products, the better one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a file's own metadata, rather than its name, tells of the scene it belongs to."""

    scene_id: str
    kind: str = ""
    """Files of different kinds are never one scene: `RADAR`, one of `LEVELS`, or nothing for other images."""
    platform: str | None = None
    processing_baseline: str | None = None
    relative_orbit: int | None = None
    cloud_share: float | None = None
    sensed_at: datetime | None = None
    """When its own ground was seen: up to minutes after the start of the overpass, by which files are grouped."""
    note_path: Path | None = None
    """The metadata file: the scene has changed when it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """One image file, or one date of a cube, with its bands."""

    path: Path
    relative: str
    """Path from the source's folder, with ``/``."""
    names: tuple[str, ...]
    """What may tell something: its stem, then its folders' names, the nearest first."""
    observed_at: datetime
    layers: tuple[Layer, ...]
    """None where it cannot be opened and its name tells no band."""
    row: SidecarRow | None
    problem: str
    """Why it cannot be opened; empty if it can."""
    told: Told | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A file that only the user can explain."""

    observed_on: date | None
    """None where that is not known: it concerns every search."""
    footprint_4326: Polygon | None
    message: str
    is_radar: bool = False
    """Radar lacks an explanation: left out where there are optical images beside it."""
