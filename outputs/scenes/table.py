"""The table of scenes: one row a scene that was found, for spreadsheets and for whoever checks a result."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from io import StringIO
from math import isfinite
from pathlib import Path

from aoi.read.imported import formula_safe
from geo.atomic import atomic_file
from geo.errors import OutputError
from geo.masks import BESIDE, CAUSES, NODATA

SCENES_NAME = "scenes.csv"


class Fate(StrEnum):
    """What became of a scene, in a word."""

    USED = "used"
    """It was compared with the others."""
    NOT_CHOSEN = "not_chosen"
    """It was found and not read: see the settings `scenes`."""
    UNREADABLE = "unreadable"
    TOO_HIDDEN = "too_hidden"
    """Read, but too little of the area was clearly seen."""
    MURKY = "murky"
    """Read, but haze, dust or snow lay over it that no mask caught."""
    SCREENED = "screened"
    """Clear, and judged by itself after the last comparison of all dates: it showed nothing that calls for another."""
    ALONE = "alone"
    """Read and clear, but there was no other clear scene to compare it with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRow:
    """What is told of one scene. Shares are of the area itself, 0 to 1; None is not known."""

    area_id: str
    scene_id: str
    observed_at: datetime
    """Aware."""
    platform: str
    processing_baseline: str | None = None
    relative_orbit: int | None = None
    fate: Fate
    reason: str = ""
    """Why it was not used, with what was measured; empty where it was."""
    clear_share: float | None = None
    hidden_shares: Mapping[str, float] | None = field(default=None)
    """Cause (`geo.masks.CAUSES`, ``beside``, ``nodata``) to share; causes that there were not may be left out."""
    restored_share: float | None = None
    """Masked as cloud at first, and unmasked, for it shows a bright surface."""
    catalogue_cloud_share: float | None = None
    """Cloud over the whole product, as the catalogue has it."""
    shift_px: tuple[float, float] | None = None
    """How far (down, right) it was moved to lie on the others, in pixels, where that could be measured."""


CAUSE_NAMES = (*CAUSES, BESIDE, NODATA)
COLUMNS = (
    "area_id",
    "scene_id",
    "observed_at",
    "platform",
    "processing_baseline",
    "relative_orbit",
    "is_used",
    "fate",
    "reason",
    "clear_share",
    *(f"{cause}_share" for cause in CAUSE_NAMES),
    "restored_share",
    "catalogue_cloud_share",
    "shift_down_px",
    "shift_right_px",
)


def write_scenes(path: Path, rows: Sequence[SceneRow]) -> None:
    """Write `rows` as CSV (UTF-8, one header line).

    Raises:
        OutputError: The file cannot be written.

    """
    _write(path, [_cells(row) for row in rows])


def join_scenes(path: Path, parts: Iterable[Path]) -> None:
    """Write the rows of all `parts`, which `write_scenes` wrote, into one file; those that are not there are no rows.

    Raises:
        OutputError: A file cannot be read or written.

    """
    lines: list[list[str]] = []
    for part in parts:
        try:
            lines += list(csv.reader(StringIO(part.read_text(encoding="utf-8"), newline="")))[1:]
        except FileNotFoundError:
            continue
        except OSError as error:
            raise OutputError(f"cannot read {part}: {error.strerror or error}") from error
    _write(path, lines)


def _write(path: Path, lines: Iterable[Sequence[str]]) -> None:
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(lines)
    with atomic_file(path) as part:
        part.write_bytes(text.getvalue().encode())


def _cells(row: SceneRow) -> list[str]:
    shares = row.hidden_shares
    causes = [None if shares is None else shares.get(cause, 0.0) for cause in CAUSE_NAMES]
    down, right = row.shift_px or (None, None)
    return [
        formula_safe(row.area_id),
        formula_safe(row.scene_id),
        row.observed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        formula_safe(row.platform),
        formula_safe(row.processing_baseline or ""),
        "" if row.relative_orbit is None else str(row.relative_orbit),
        "true" if row.fate is Fate.USED else "false",
        row.fate.value,
        formula_safe(" ".join(row.reason.split())),
        *(_number(share) for share in (row.clear_share, *causes, row.restored_share, row.catalogue_cloud_share)),
        _number(down),
        _number(right),
    ]


def _number(value: float | None) -> str:
    if value is None or not isfinite(value):
        return ""
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
