"""Suppliers against what a run saw from space."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
from pyogrio.errors import DataSourceError

from aoi.facilities import Facility
from detection.schema import Status, as_detections
from flows.runs.publish import STAMP
from flows.settings.config import CONFIG_NAME
from flows.settings.workspace import Workspace
from flows.show import Show
from flows.store import keep_assessment
from flows.suppliers.check import STEPS, CheckFiles, assessed_of, check, gather, refuse_existing, write_check
from flows.suppliers.tell import tell
from geo.errors import ConfigError
from outputs.vocabulary import EVENT_WORDS, STATUS_WORDS, words

LIST_NAMES = ("suppliers.csv", "suppliers.xlsx")
_NOT_THERE = frozenset({Status.DROPPED.value, Status.REJECTED.value})
_PIXEL_ERROR_M = 10.0


def suppliers_of(root: Path) -> Path:
    """Return the supplier list of the workspace in `root`.

    Raises:
        ConfigError: It has none.

    """
    found = next((root / name for name in LIST_NAMES if (root / name).is_file()), None)
    if found is None:
        raise ConfigError(f"{root}: expected {' or '.join(LIST_NAMES)} there, or a list named on the command line")
    return found


def match_run(root: Path, run: Path | None, files: CheckFiles, show: Show, *, out: Path | None = None) -> int:
    """Assess a list against the detections of a run; return 0, or 1 if rows had to be kept aside.

    Raises:
        ConfigError: There is no run.
        AoiError: A file cannot be read or understood.
        OutputError: The result cannot be written.

    """
    folder = run or root / "latest"
    seen = detections_of(folder)
    target = out or root / "matches" / f"{datetime.now(UTC):{STAMP}}"
    refuse_existing(target)
    with show.progress(STEPS[0]) as bar:
        bar.start(len(STEPS))
        gathered = gather(files)
        inputs = (*gathered.inputs, folder / "detections.geojson")
        checked = check(replace(gathered, sites=seen, has_sites=True, site_kind="detection", inputs=inputs), bar)
        write_check(checked, target)
        if (root / CONFIG_NAME).exists():  # a list can be matched with a run's folder alone
            keep_assessment(Workspace.open(root), assessed_of(checked, target))
    return tell(checked.found, checked.known, checked.gathered.rejected, target, show)


def detections_of(folder: Path) -> tuple[Facility, ...]:
    """Return the detections of a run's folder as places; those dropped or rejected are left out.

    Raises:
        ConfigError: The folder has no detections that can be read.

    """
    path = folder / "detections.geojson"
    if not path.is_file():
        raise ConfigError(f"{folder}: expected a run's folder with detections.geojson; `sitewatch run` makes one")
    try:
        frame = gpd.read_file(path)
        rows = as_detections(frame) if len(frame) else frame
    except (DataSourceError, ValueError, KeyError) as error:
        raise ConfigError(f"{path}: cannot be read as detections: {error}") from error
    return tuple(
        Facility(
            facility_id=str(row["detection_id"]),
            names=(f"{words(EVENT_WORDS, row['event'])} {row['detection_id']} of area {row['area_id']}",),
            location_4326=row["geometry"],
            status=str(row["status"]),
            source=f"seen from space: {words(STATUS_WORDS, row['status']).lower()}, confidence {row['confidence']:.2f}",
            position_error_m=_PIXEL_ERROR_M,
        )
        for row in rows.to_dict("records")
        if row["status"] not in _NOT_THERE
    )
