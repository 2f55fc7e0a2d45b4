"""Put what a scheduled run has to show into Prefect's pages. What cannot be put there is logged: the run is done."""

import logging
from datetime import UTC, datetime

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.area.outcome import RunReport
from flows.schedule.names import key_of
from flows.schedule.told import areas_table, cost_text, coverage_text, pictures_text
from flows.settings.workspace import Workspace

logger = logging.getLogger(__name__)


def publish_artifacts(workspace: Workspace, report: RunReport, *, started: datetime) -> None:
    """Show the areas, the cost, the coverage and pictures of a run, each under a key that keeps its history."""
    name = key_of(workspace)
    try:
        create_table_artifact(
            table=areas_table(report.outcomes), key=f"{name}-areas", description="What came of each area."
        )
        texts = {
            "cost": cost_text(workspace, since=started, now=datetime.now(UTC)),
            "coverage": coverage_text(workspace.latest, [one.area_id for one in report.outcomes]),
            "pictures": pictures_text(workspace, report),
        }
        for what, text in texts.items():
            if text:
                create_markdown_artifact(text, key=f"{name}-{what}")
    except Exception:  # whatever the server says, the run is done and its results stand
        logger.exception("the run could not be shown in Prefect's pages")
