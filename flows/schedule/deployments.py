"""The cadences of a workspace as deployments on a Prefect server: one a cadence, set up, brought up to date, removed.

A deployment's parameters are the workspace's folder and the cadence; which areas these are is read from the watch list
when a run begins, so that a new area at a known cadence needs nothing here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Interval, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.schedule.cadence import Cadence, Scheduled
from flows.schedule.names import key_of, name_of, tags_of
from flows.schedule.scheduled import watch_cadence
from flows.settings.workspace import Workspace
from geo.errors import ConfigError

ENTRYPOINT = f"{watch_cadence.fn.__module__}.{watch_cadence.fn.__name__}"
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What was done to one deployment."""

    name: str
    what: str
    """``created``, ``updated``, ``unchanged`` or ``removed``."""


def parameters_of(workspace: Workspace, cadence: Cadence) -> dict[str, str]:
    """Return what the flow of a cadence is given."""
    return {"root": str(workspace.root), "cadence": cadence.text}


def schedule_of(cadence: Cadence) -> Schedule:
    """Return when a cadence starts, as Prefect says it."""
    if cadence.every is None:
        return Cron(cadence.cron, timezone="UTC")
    return Interval(cadence.every, anchor_date=cadence.anchor, timezone="UTC")


def deployment_of(workspace: Workspace, one: Scheduled, *, is_pooled: bool = False) -> RunnerDeployment:
    """Return the deployment of a cadence.

    Args:
        workspace: The workspace.
        one: The cadence and its areas.
        is_pooled: Whether workers of a pool run it: then the server itself lets no two of its runs work at once, and
            lets the others wait. The one process of `sitewatch serve` needs no such limit of the server's.

    """
    made = watch_cadence.to_deployment(
        name=name_of(workspace, one.cadence),
        schedule=schedule_of(one.cadence),
        parameters=parameters_of(workspace, one.cadence),
        concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)
        if is_pooled
        else None,
        description=f"Watches, {one.cadence.text}, the areas that the watch list wants watched so.",
        tags=tags_of(workspace),
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    if not isinstance(made, RunnerDeployment):
        raise TypeError("a deployment cannot be made inside a running event loop")
    return made


def known_deployments(client: SyncPrefectClient, workspace: Workspace) -> list[DeploymentResponse]:
    """Return the deployments of a workspace that the server knows."""
    wanted = DeploymentFilter(tags=DeploymentFilterTags(all_=tags_of(workspace)))
    return client.read_deployments(deployment_filter=wanted, limit=_MOST)


def apply_deployments(
    client: SyncPrefectClient, workspace: Workspace, table: Sequence[Scheduled], *, pool: str
) -> list[Change]:
    """Let the server have just the deployments of `table`, for workers of `pool`; what is right is left alone.

    Raises:
        ConfigError: Another workspace's deployments are called the same.

    """
    known = {one.name: one for one in known_deployments(client, workspace)}
    check_owner(workspace, known.values())
    changes = []
    for one in table:
        name = name_of(workspace, one.cadence)
        before = known.pop(name, None)
        if before is not None and is_right(before, workspace, one.cadence, pool=pool):
            changes.append(Change(name=name, what="unchanged"))
            continue
        made = deployment_of(workspace, one, is_pooled=True)
        made.apply(work_pool_name=pool)
        changes.append(Change(name=name, what="updated" if before else "created"))
    return [*changes, *_removed(client, known.values())]


def remove_others(client: SyncPrefectClient, workspace: Workspace, table: Sequence[Scheduled]) -> list[Change]:
    """Remove the deployments of the workspace whose cadence nobody asks for any more.

    Raises:
        ConfigError: Another workspace's deployments are called the same.

    """
    known = known_deployments(client, workspace)
    check_owner(workspace, known)
    wanted = {name_of(workspace, one.cadence) for one in table}
    return _removed(client, [one for one in known if one.name not in wanted])


def _removed(client: SyncPrefectClient, unwanted: Any) -> list[Change]:  # noqa: ANN401  # any collection of deployments
    changes = []
    for one in unwanted:
        client.delete_deployment(one.id)
        changes.append(Change(name=one.name, what="removed"))
    return changes


def check_owner(workspace: Workspace, known: Any) -> None:  # noqa: ANN401  # any collection of deployments
    """Refuse to touch the deployments of another workspace that is called the same.

    Raises:
        ConfigError: There are some; says how to tell the two apart.

    """
    for one in known:
        root = str(one.parameters.get("root", ""))
        if root != str(workspace.root):
            raise ConfigError(
                f"schedule.name: the Prefect server has a workspace called {key_of(workspace)!r} already, in {root}; "
                "give this one another name in its settings or, if it was moved, delete those deployments"
            )


def is_right(found: DeploymentResponse, workspace: Workspace, cadence: Cadence, *, pool: str | None) -> bool:
    """Say whether a deployment is as it would be set up now; being paused is the user's own affair."""
    limit = found.global_concurrency_limit.limit if found.global_concurrency_limit else None
    return (
        found.entrypoint == ENTRYPOINT
        and dict(found.parameters) == parameters_of(workspace, cadence)
        and found.work_pool_name == pool
        and limit == (1 if pool else None)
        and [_as_told(one.schedule) for one in found.schedules] == [told_schedule(cadence)]
    )


def told_schedule(cadence: Cadence) -> dict[str, Any]:
    """Return when a cadence starts, as `prefect.yaml` says it."""
    if cadence.every is None:
        return {"cron": cadence.cron, "timezone": "UTC"}
    anchor = cadence.anchor.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    return {"interval": cadence.every.total_seconds(), "anchor_date": anchor, "timezone": "UTC"}


def _as_told(schedule: Any) -> Mapping[str, Any]:  # noqa: ANN401  # one of several kinds of Prefect's
    if cron := getattr(schedule, "cron", None):
        return {"cron": cron, "timezone": schedule.timezone}
    if interval := getattr(schedule, "interval", None):
        anchor = schedule.anchor_date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        return {"interval": interval.total_seconds(), "anchor_date": anchor, "timezone": schedule.timezone}
    return {}


def check_pool(client: SyncPrefectClient, pool: str, *, is_made: bool) -> bool:
    """Find out whether a work pool is there; make one of type process if asked. Return whether it was made.

    Raises:
        ConfigError: There is none, or it is none that starts processes.

    """
    try:
        found = client.read_work_pool(pool)
    except ObjectNotFound:
        if not is_made:
            hint = "`--create-pool` makes one"
            raise ConfigError(f"--pool: the Prefect server has no work pool {pool!r}; {hint}") from None
        client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        return True
    if found.type != "process":
        raise ConfigError(f"--pool: {pool!r} is of type {found.type!r}; expected process")
    return False


def catch_up(client: SyncPrefectClient, deployment_id: UUID, *, due: datetime) -> None:
    """Let a run start at once in place of those that were missed and of which the server knows nothing."""
    client.create_flow_run_from_deployment(deployment_id, tags=["catch-up"], name=f"missed-{due:%Y%m%dT%H%MZ}")


def prefect_yaml(workspace: Workspace, table: Sequence[Scheduled], *, pool: str) -> dict[str, Any]:
    """Return what `prefect deploy --all` reads, as plain values; it sets up what `apply_deployments` does."""
    limit = {"limit": 1, "collision_strategy": "ENQUEUE"}
    return {
        "name": key_of(workspace),
        "pull": [],
        "deployments": [
            {
                "name": name_of(workspace, one.cadence),
                "entrypoint": ENTRYPOINT,
                "description": f"Watches, {one.cadence.text}, the areas that the watch list wants watched so.",
                "tags": tags_of(workspace),
                "parameters": parameters_of(workspace, one.cadence),
                "concurrency_limit": limit.copy(),
                "work_pool": {"name": pool},
                "schedules": [told_schedule(one.cadence)],
            }
            for one in table
        ],
    }
