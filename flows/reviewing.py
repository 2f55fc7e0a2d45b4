"""What the commands of `sitewatch review` do with the store, and what they say of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.area.reviews import adopt_reviews
from flows.settings.workspace import Workspace, writing
from flows.show import Show, plural, show_table
from flows.store import opened
from geo.errors import StateError
from outputs.review.agreement import Agreement
from outputs.review.feedback import Feedback, Precision, feedback_of
from outputs.review.merge import REFUSED, MergeReport, Outcome, merge_rows
from outputs.review.queue import Item, review_queue

_NO_STORE = "there is no store yet: the first run, or `sitewatch store upgrade`, makes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose queue is wanted, and how much of it."""

    reader: str = ""
    readers: int = 1
    limit: int = 20
    area_ids: tuple[str, ...] = ()


def import_sheet(root: Path, file: Path, show: Show) -> int:
    """Take the verdicts of a sheet into the store; return 0, or 1 if any row was refused.

    Raises:
        ConfigError: The file is no sheet.
        StateError: There is no store.
        OutputError: The store does not take them; none was taken.

    """
    from outputs.review.sheet import read_sheet  # noqa: PLC0415 - brings in a reader of layers

    workspace = Workspace.open(root)
    rows = read_sheet(file)
    adopt_reviews(workspace)
    with opened(workspace, is_written=False) as store:
        if store is None:
            raise StateError(f"{workspace.root}: {_NO_STORE}")
        report = merge_rows(store, rows)
    _tell(report, file, show)
    return int(report.refused > 0)


def _tell(report: MergeReport, file: Path, show: Show) -> None:
    show.document(
        {
            "file": str(file),
            "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
            "rows": [
                {
                    "detection_id": one.detection_id,
                    "reviewer": one.reviewer,
                    "outcome": one.outcome.value,
                    "why": one.why,
                }
                for one in report.rows
            ],
        }
    )
    for one in report.rows:
        line = f"{one.detection_id}, {one.reviewer}: {one.outcome}" + (f": {one.why}" if one.why else "")
        if one.outcome in REFUSED:
            show.trouble(f"{file.name}: {line}")
        else:
            show.say(line)
    taken = report.count(Outcome.ADDED, Outcome.REVISED, Outcome.OLDER, Outcome.CONFLICT)
    already, conflicts = report.count(Outcome.ALREADY), report.count(Outcome.CONFLICT)
    show.say(
        f"{file.name}: {plural(taken, 'verdict')} taken, {already} there already, {report.refused} refused, "
        f"{plural(conflicts, 'conflict')}; `sitewatch run` brings them into the layers"
    )


def show_queue(root: Path, asked: Asked, show: Show) -> None:
    """Say what is most worth looking at.

    Raises:
        StateError: There is no store, or it cannot be read.

    """
    workspace = Workspace.open(root)
    with opened(workspace, is_written=False) as store:
        if store is None:
            raise StateError(f"{workspace.root}: {_NO_STORE}")
        items = review_queue(
            store, reader=asked.reader, readers=asked.readers, limit=asked.limit, area_ids=asked.area_ids
        )
    show.document({"reader": asked.reader, "queue": [_item_json(one) for one in items]})
    if not items:
        show.say("nothing waits for a look")
    elif not (show.is_quiet or show.is_json):
        rows = [(one.row["detection_id"], one.row["event"], f"{one.worth:.2f}", "; ".join(one.why)) for one in items]
        show_table(("detection", "event", "worth", "why"), rows)


def _item_json(one: Item) -> dict[str, Any]:
    row = one.row
    return {
        "detection_id": row["detection_id"],
        "area_id": row["area_id"],
        "event": row["event"],
        "status": row["status"],
        "confidence": row["confidence"],
        "area_m2": row["area_m2"],
        "base_version": one.mark,
        "worth": round(one.worth, 4),
        "why": list(one.why),
        "state": one.state.value if one.state else None,
        "reviews": [
            {"reviewer": given.reviewer, "verdict": given.verdict.value, "note": given.note} for given in one.reviews
        ],
    }


def show_feedback(root: Path, show: Show, *, out: Path | None = None) -> None:
    """Say what the verdicts teach, and write it to `out` if that is given.

    Raises:
        StateError: There is no store, or it cannot be read.
        OutputError: `out` cannot be written.

    """
    workspace = Workspace.open(root)
    with opened(workspace, is_written=False) as store:
        if store is None:
            raise StateError(f"{workspace.root}: {_NO_STORE}")
        found = feedback_of(store)
    document = found.as_json()
    if out is not None:
        with writing(out):
            out.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    show.document(document)
    if not (show.is_quiet or show.is_json):
        _show_tables(found, show)


def _show_tables(found: Feedback, show: Show) -> None:
    if not found.precisions:
        show.say("no verdict yet: `sitewatch review queue` says where to begin")
        return
    columns = ("by", "kind", "confirmed", "rejected", "unsure", "conflicts", "said", "true", "95 % interval")
    show_table(columns, [_precision_row(one) for one in found.precisions])
    for one in found.agreements:
        show.say(_agreement_line(one))
    show.say(f"{plural(found.not_reviewed, 'detection')} without a verdict")


def _precision_row(one: Precision) -> Sequence[str]:
    counts = (one.confirmed, one.rejected, one.unsure, one.conflicts)
    known = one.precision is not None
    share = f"{one.precision:.2f}" if known else "-"
    interval = f"{one.low:.2f} to {one.high:.2f}" if known else "-"
    return (one.by, one.value, *map(str, counts), f"{one.mean_confidence:.2f}", share, interval)


def _agreement_line(one: Agreement) -> str:
    of = f"{' and '.join(one.readers)}: the same verdict on {one.agreed} of {one.both}"
    if one.kappa is None:
        return f"{of}; kappa is not defined: both gave one and the same verdict to all"
    return f"{of}; kappa {one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})"
