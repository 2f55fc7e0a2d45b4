"""What share of the known sites that were opened could have been indicated? From the table of sites and measured power.

    python -m benchmarks.perimeter power … --json FILE
    python -m benchmarks.perimeter_share ASPI.csv FILE [FILE …] [--buildings 0.5 0.75]

Of the sites that the table flags, those count whose notes name what 10 m imagery can show: an outer wall, whole or in
part, or a building. Each is weighed with the power measured at one contrast, for a whole wall or for a third of it (6
and 6 dates, a wall of 4 m, outlines of any measured error); whole and part are told by the words of the notes. A
building at a site whose notes name no wall is weighed with the recall given. What no run measured is left out; no site
was looked at.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aoi.read.aspi import Record, Removed, read_aspi
from benchmarks.perimeter import interval
from benchmarks.trials import table

_IN_PART = re.compile(r"\b(some|parts?)\b[^,.]*\bwall", re.IGNORECASE)
_WALL_M = 4.0
_THIRD = 0.33


def counted(records: Sequence[Record]) -> dict[str, int]:
    """Return how many flagged sites lost a whole wall, parts of one, a building alone, and how many there are."""
    flagged = [record for record in records if record.is_desecuritised]
    walls = [record for record in flagged if Removed.PERIMETER_WALL in record.removed]
    in_part = [record for record in walls if _IN_PART.search(f"{record.security_note}. {record.decommissioning_note}")]
    alone = [record for record in flagged if Removed.BUILDING in record.removed and record not in walls]
    return {"flagged": len(flagged), "whole": len(walls) - len(in_part), "part": len(in_part), "building": len(alone)}


def power_of(
    rows: Sequence[Mapping[str, Any]], *, contrast: float, removed: float
) -> tuple[float, float, float] | None:
    """Return the measured power and its exact 95 % interval, of all grounds together; None where none was measured."""
    chosen = [
        row
        for row in rows
        if (row["width_m"], row["contrast"], row["removed"], row["looks"]) == (_WALL_M, contrast, removed, "6+6")
    ]
    runs = sum(row["runs"] for row in chosen)
    if not runs:
        return None
    hits = sum(round(row["power"] * row["runs"]) for row in chosen)
    return hits / runs, *interval(hits, runs)


def share_rows(
    sites: Mapping[str, int], rows: Sequence[Mapping[str, Any]], buildings: tuple[float, float]
) -> list[dict[str, Any]]:
    """Return, for each measured contrast, how many sites would have been indicated, from the least to the most."""
    found = []
    for contrast in sorted({row["contrast"] for row in rows}):
        whole, part = (power_of(rows, contrast=contrast, removed=share) for share in (1.0, _THIRD))
        if whole is None or part is None:
            continue
        low, most = (
            sites["whole"] * whole[end] + sites["part"] * part[end] + sites["building"] * buildings[end - 1]
            for end in (1, 2)
        )
        found.append(
            {
                "contrast": contrast,
                "whole wall": f"{whole[0]:.2f} ({whole[1]:.2f}-{whole[2]:.2f})",
                "a third": f"{part[0]:.2f} ({part[1]:.2f}-{part[2]:.2f})",
                "sites": f"{low:.1f} to {most:.1f} of {sites['flagged']}",
                "share": f"{low / sites['flagged']:.0%} to {most / sites['flagged']:.0%}",
            }
        )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.perimeter_share", description=str(__doc__).splitlines()[0]
    )
    parser.add_argument("table", type=Path, help="the published table of sites, as CSV")
    parser.add_argument("power", nargs="+", type=Path, help="written by the power benchmark with --json")
    parser.add_argument(
        "--buildings", nargs=2, type=float, default=(0.33, 0.75), help="recall of single buildings, from and to"
    )
    options = parser.parse_args(arguments)
    sites = counted(read_aspi(options.table).records)
    rows = [row for file in options.power for row in json.loads(file.read_text(encoding="utf-8"))]
    print(table([sites]))
    print(table(share_rows(sites, rows, tuple(options.buildings))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
