"""Which runs others stand in the place of: said by the run that does, area by area."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from geo.errors import StateError
from outputs.store.database import Store
from outputs.store.rows import Rows
from outputs.store.tables import runs, supersessions

REPORT_MEMBER = "supersedes"
"""Under which name a run's report says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supersession:
    """What one run told of one area, and the run that stands in its place."""

    run_id: str
    area_id: str
    superseded_run_id: str
    """The last run that told the earlier; those before it that told of the area are superseded with it."""
    product_was: str
    product_is: str
    reasons: tuple[str, ...]
    changes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def supersession_rows(run_id: str, report: Mapping[str, Any]) -> Rows:
    """Return the rows of what the report of a run says that it supersedes.

    Raises:
        StateError: The report says it in another form.

    """
    try:
        return [
            {
                "run_id": run_id,
                "area_id": str(one["area_id"]),
                "superseded_run_id": str(one["run_id"]),
                "product_was": str(one["product_was"]),
                "product_is": str(one["product_is"]),
                "reasons": [str(reason) for reason in one["reasons"]],
                "changes": [str(change) for change in one["changes"]],
            }
            for one in report.get(REPORT_MEMBER, ())
        ]
    except (KeyError, TypeError) as error:
        raise StateError(f"run {run_id}: its report does not say properly what it supersedes: {error}") from error


def stored_supersessions(store: Store, *, area_id: str | None = None) -> list[Supersession]:
    """Return what is superseded, of one area or of all, the oldest first.

    Raises:
        StateError: The store cannot be read.

    """
    joined = supersessions.join(runs, supersessions.c.run_id == runs.c.run_id)
    asked = select(supersessions).select_from(joined).order_by(runs.c.started_at, supersessions.c.area_id)
    if area_id is not None:
        asked = asked.where(supersessions.c.area_id == area_id)
    with store.reading() as connection:
        return [
            Supersession(**{**row, "reasons": tuple(row["reasons"]), "changes": tuple(row["changes"])})
            for row in connection.execute(asked).mappings()
        ]
