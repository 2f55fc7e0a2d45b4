"""What a scheduled run shows in Prefect's pages: areas, cost, coverage, pictures. Pure text; Prefect is not known here.

Prefect renders Markdown and HTML in every cell. What comes from lists, files and providers is written such that it is
shown as it is, and loads nothing.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PIL import Image

from flows.area.outcome import AreaOutcome, RunReport, State
from flows.area.product import find_product
from flows.settings.config import SentinelHubSettings
from flows.settings.workspace import Workspace
from flows.show import visible
from geo.cost import Cost
from geo.sources.ledger import Ledger, month_of

MOST_ROWS = 1_000
WIDTH_PX = 800
_QUALITY = 82
_ACTIVE = {ord(sign): f"&#{ord(sign)};" for sign in "&<>\"'![]()`*|~^\\#@{}/"}


def plain(text: object) -> str:
    """Return `text` such that Markdown and HTML show it as it is: no link, no picture, no markup."""
    return visible(" ".join(str(text).split())).translate(_ACTIVE).replace("www.", "www&#46;")


def areas_table(outcomes: Sequence[AreaOutcome]) -> list[dict[str, Any]]:
    """Return one row an area: what is wrong first, then what was done; the last of too many are counted."""
    order = [State.FAILED, State.NOT_DONE, State.DONE, State.SCREENED, State.UP_TO_DATE]
    rows = [_area_row(one) for one in sorted(outcomes, key=lambda one: order.index(one.state))]
    if len(rows) <= MOST_ROWS:
        return rows
    left = {**dict.fromkeys(rows[0], ""), "area": f"and {len(rows) - MOST_ROWS} more"}
    return [*rows[:MOST_ROWS], left]


def _area_row(one: AreaOutcome) -> dict[str, Any]:
    problems = "; ".join(one.problems)
    return {
        "area": plain(one.area_id),
        "state": str(one.state),
        "why": plain(f"{one.reason}; {problems}" if problems else one.reason),
        "outcome": str(one.outcome.value).replace("_", " ") if one.outcome else "-",
        "confirmed": one.confirmed,
        "candidates": one.candidates,
        "clear looks": f"{one.clear_looks}/{one.looks}",
        "seconds": round(one.seconds, 1),
    }


def cost_text(workspace: Workspace, *, since: datetime, now: datetime) -> str:
    """Return what was spent by account since `since` and in this month, and what is left of the budget, as Markdown."""
    config = workspace.config
    accounts = [one for one in (config.source, config.radar) if isinstance(one, SentinelHubSettings)]
    if not accounts:
        return "# Cost\n\nThe imagery of this workspace costs no processing units.\n"
    folders = {workspace.root / Path(one.account_folder).expanduser() for one in accounts}
    ledgers = [Ledger(each) for one in folders if one.is_dir() for each in sorted(one.iterdir()) if each.is_dir()]
    month = month_of(now)
    run = _spent_since(ledgers, since, now)
    spent = sum((ledger.spent(month) for ledger in ledgers), start=Cost())
    units, requests = config.budget.processing_units, config.budget.requests
    rows = [
        ("this run", f"{run.units:,.2f}", f"{run.requests:,}", f"{run.megabytes:,.1f}"),
        (f"all of {month}", f"{spent.units:,.2f}", f"{spent.requests:,}", f"{spent.megabytes:,.1f}"),
        ("left of the budget", f"{units - spent.units:,.2f}", f"{requests - spent.requests:,}", "-"),
    ]
    return "# Cost\n\n" + _markdown_table(("", "processing units", "requests", "MB"), rows)


def _spent_since(ledgers: Sequence[Ledger], since: datetime, now: datetime) -> Cost:
    total = Cost()
    for month in dict.fromkeys((month_of(since), month_of(now))):
        for entry in (entry for ledger in ledgers for entry in ledger.entries(month)):
            if _moment(entry.at) >= since:
                total += Cost(requests=1, units=entry.units, megabytes=entry.size_bytes / 1e6)
    return total


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def coverage_text(run_dir: Path, area_ids: Sequence[str]) -> str:
    """Return how well the areas were seen, by the newest run's coverage table, as Markdown."""
    try:
        document = json.loads((run_dir / "coverage.geojson").read_text(encoding="utf-8"))
        rows = {str(one["properties"]["area_id"]): one["properties"] for one in document["features"]}
    except (OSError, ValueError, KeyError, TypeError):
        return "# Coverage\n\nThere is no finished run to tell.\n"
    told = [_coverage_row(area_id, rows.get(area_id, {})) for area_id in area_ids[:MOST_ROWS]]
    head = ("area", "last clear look", "clear looks", "seen", "smallest built area found 4 times in 5")
    left = len(area_ids) - len(told)
    credit = f"\n{plain(document['attribution'])}\n" if document.get("attribution") else ""
    more = f"\nand {left} more\n" if left else ""
    return "# Coverage\n\n" + _markdown_table(head, told) + more + credit


def _coverage_row(area_id: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    if not row:
        return (plain(area_id), "-", "-", "-", "-")
    smallest, share = row.get("detectable_area_m2"), row.get("observed_share")
    return (
        plain(area_id),
        plain(str(row.get("screened_until") or row.get("last_clear_look") or "never")[:10]),
        f"{row.get('clear_looks', 0)}/{row.get('looks', 0)}",
        f"{share:.0%}" if isinstance(share, int | float) else "-",
        f"{smallest:,.0f} m²" if isinstance(smallest, int | float) else "not known",
    )


def pictures_text(workspace: Workspace, report: RunReport) -> str:
    """Return pictures of the areas whose product was made in this run, inside the text, as Markdown; empty: none.

    Each picture carries its credit, and says so where it was drawn.
    """
    done = [one.area_id for one in report.outcomes if one.state is State.DONE]
    products = {area_id: find_product(workspace.area_dir(area_id)) for area_id in done}
    found = [(area_id, path) for area_id, one in products.items() if one for path in one.pictures]
    most = workspace.config.schedule.pictures
    parts = [f"{plain(area_id)}\n\n![{plain(path.stem)}]({_inline(path)})\n" for area_id, path in found[:most]]
    if len(found) > most > 0:
        parts.append(f"and {len(found) - most} more in the workspace\n")
    return "\n".join(["# Pictures\n", *parts]) if parts else ""


def _inline(path: Path) -> str:
    """Return a picture as an address that holds it."""
    with Image.open(path) as opened:
        small = opened.convert("RGB")
    small.thumbnail((WIDTH_PX, WIDTH_PX))
    held = io.BytesIO()
    small.save(held, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
