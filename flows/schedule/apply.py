"""`sitewatch schedule apply` and `yaml`: the cadences of a workspace for the workers of a pool."""

import json
from datetime import UTC, datetime
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from flows.schedule.deployments import apply_deployments, check_pool, known_deployments, prefect_yaml
from flows.schedule.flow import check_server
from flows.schedule.guard import timetable_of
from flows.schedule.serve import catch_up_missed
from flows.schedule.starts import note_set_up
from flows.settings.workspace import Workspace
from flows.show import Show
from geo.atomic import atomic_file
from geo.errors import ConfigError

_HEAD = """\
# Written by `sitewatch schedule yaml`; read by `prefect deploy --all`. When the watch list gets another cadence, write
# it again. It sets up what `sitewatch schedule apply` does, which also removes what nobody asks for any more.
"""


def apply_schedule(root: Path, show: Show, *, pool: str, is_pool_made: bool) -> None:
    """Set up one deployment a cadence on the Prefect server, and remove those that nobody asks for any more.

    Raises:
        ConfigError, AoiError: The settings or the watch list are wrong, there is no server, or no such pool.

    """
    workspace = Workspace.open(root)
    table = timetable_of(workspace)
    if PREFECT_API_URL.value() is None:
        raise ConfigError("PREFECT_API_URL names no Prefect server; without one, `sitewatch serve` runs the schedule")
    check_server()
    with get_client(sync_client=True) as client:
        if check_pool(client, pool, is_made=is_pool_made):
            show.say(f"made the work pool {pool}; `prefect worker start --pool {pool}` works for it")
        changes = apply_deployments(client, workspace, table, pool=pool)
        note_set_up(workspace, [one.cadence for one in table], datetime.now(UTC))
        catch_up_missed(client, workspace, table, {one.name: one.id for one in known_deployments(client, workspace)})
    show.document({"pool": pool, "deployments": [{"name": one.name, "change": one.what} for one in changes]})
    for one in changes:
        show.say(f"{one.name}: {one.what}")


def write_yaml(root: Path, show: Show, *, path: Path, pool: str) -> None:
    """Write the deployments as a `prefect.yaml`.

    Raises:
        ConfigError, AoiError: The settings or the watch list are wrong.
        OutputError: The file cannot be written.

    """
    workspace = Workspace.open(root)
    table = timetable_of(workspace)
    with atomic_file(path) as part:
        # JSON is YAML, and no name can be taken for something else in it
        part.write_text(_HEAD + json.dumps(prefect_yaml(workspace, table, pool=pool), indent=2) + "\n", "utf-8")
    note_set_up(workspace, [one.cadence for one in table], datetime.now(UTC))
    show.document({"file": str(path), "cadences": [one.cadence.text for one in table]})
    show.say(f"wrote {path}; in its folder: prefect deploy --all")
