"""What became of each detection, and why: the table that a run hands on."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from aoi.read.imported import formula_safe
from detection.life.history import Move
from geo.atomic import atomic_file

HISTORY_TABLE = "history.csv"
COLUMNS = ("area_id", "detection_id", "on", "status_from", "status_to", "cause")


def write_moves(path: Path, moves: Mapping[str, Sequence[Move]]) -> None:
    """Write the moves of the detections of each area, in the order in which they were made.

    Args:
        path: The table.
        moves: By area.

    Raises:
        OutputError: The disk does not take it.

    """
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        rows = ({"area_id": area_id, **move.as_json()} for area_id, steps in moves.items() for move in steps)
        writer.writerows({name: formula_safe(str(value or "")) for name, value in row.items()} for row in rows)
