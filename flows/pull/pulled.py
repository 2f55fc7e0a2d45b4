"""What came of pulling imagery, and how it is said."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from flows.show import Show, show_table


@dataclass(slots=True, kw_only=True)
class AreaPull:
    """How far the imagery of one area is there. Counts up while it is pulled."""

    area_id: str
    sensor: str = ""
    """``radar`` for what the settings name as radar."""
    chosen: int = 0
    """Scenes wanted."""
    not_chosen: int = 0
    there: int = 0
    """Kept by an earlier run or pull."""
    fetched: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Scene id, or nothing for the search, to what went wrong."""
    parts_left: Counter[str] = field(default_factory=Counter)
    """Scene id to how many parts of it are still to come: a large area is asked for block by block."""

    def take_part(self, scene_id: str) -> None:
        """Take down that a part of a scene came; with its last part the scene is there."""
        self.parts_left[scene_id] -= 1
        self.fetched += self.parts_left[scene_id] == 0 and scene_id not in self.failed

    @property
    def left(self) -> int:
        """Scenes that were not come to."""
        return self.chosen - self.there - self.fetched - sum(bool(scene_id) for scene_id in self.failed)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        counts = {name: getattr(self, name) for name in ("chosen", "not_chosen", "there", "fetched", "left")}
        told = {"sensor": self.sensor} if self.sensor else {}
        return {"area_id": self.area_id, **told, **counts, "failed": dict(self.failed)}


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What came of a pull."""

    areas: tuple[AreaPull, ...]
    stopped: str = ""
    """Why it stopped before the end; empty if it did not."""

    @property
    def exit_code(self) -> int:
        """0: everything that was wanted is there. 1: something is missing."""
        return int(bool(self.stopped) or any(area.failed or area.left for area in self.areas))

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        areas = [area.as_json() for area in self.areas]
        return {"areas": areas, "stopped": self.stopped, "exit_code": self.exit_code}


def show_pull(report: PullReport, show: Show) -> int:
    """Say what came of a pull; return the exit code."""
    show.document(report.as_json())
    for area in report.areas:
        for scene_id, why in area.failed.items():
            show.trouble(f"area {_named(area)}{f', {scene_id}' if scene_id else ''}: {why}")
    if report.stopped:
        show.trouble(f"stopped: {report.stopped}; the next pull goes on from here")
    if not (show.is_quiet or show.is_json):
        columns = ("area", "wanted", "there already", "fetched", "failed", "left")
        rows = [(_named(a), a.chosen, a.there, a.fetched, len(a.failed), a.left) for a in report.areas]
        show_table(columns, [[str(cell) for cell in row] for row in rows])
    return report.exit_code


def _named(area: AreaPull) -> str:
    return f"{area.area_id} ({area.sensor})" if area.sensor else area.area_id
