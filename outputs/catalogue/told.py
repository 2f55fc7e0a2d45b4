"""What the catalogue says of a run beside what stands in the run's files."""

from dataclasses import dataclass
from datetime import date, datetime

from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneTold:
    """A scene that products were made from."""

    scene_id: str
    row: int
    """Its line in the run's table of scenes, from 1 on, the header being 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionTold:
    """A detection of which there are pictures."""

    detection_id: str
    event: str
    status: str
    confidence: float
    onset_after: date
    onset_by: date
    last_seen_on: date
    outline_4326: BaseGeometry
    scene_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AreaTold:
    """What the catalogue says of one area beside what stands in its files."""

    area_id: str
    name: str
    outline_4326: BaseGeometry
    outcome: str
    first: date | None
    """The day of the first look; None where there was none."""
    last: date | None
    scenes: tuple[SceneTold, ...]
    """Those that were compared."""
    detections: tuple[DetectionTold, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTold:
    """What the catalogue says of a run."""

    run_id: str
    title: str
    created_at: datetime
    """Aware."""
    version: str
    settings_hash: str
    credit: str
    areas: tuple[AreaTold, ...]
    scenes_name: str = "scenes.csv"
