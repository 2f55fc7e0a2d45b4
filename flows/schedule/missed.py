"""Runs that were missed collapse into one, and runs whose process is gone are called what they are."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Crashed

logger = logging.getLogger(__name__)

_PAGE = 200


def collapse_missed(deployment_id: str, *, own_id: str) -> int:
    """Cancel every other run of a deployment that is due and has not begun; return how many.

    After a pause of a week, a deployment has a week of late runs, of which each would find what the first has done.
    What Prefect cannot be told is logged and harms nothing: the next run finds its areas up to date.
    """
    if not deployment_id:
        return 0
    try:
        with get_client(sync_client=True) as client:
            return _collapse(client, UUID(deployment_id), UUID(own_id))
    except Exception as error:  # noqa: BLE001  # whatever the server says, the run itself goes on
        logger.warning("missed runs could not be cancelled: %s: %s", type(error).__name__, error)
        return 0


def _collapse(client: SyncPrefectClient, deployment_id: UUID, own_id: UUID) -> int:
    count, now = 0, datetime.now(UTC)
    while True:
        missed = [run for run in waiting_runs(client, [deployment_id], before=now) if run.id != own_id]
        done = [_cancel(client, run, own_id) for run in missed]
        count += sum(done)
        if not any(done):
            break
    if count:
        logger.info("%d missed runs collapsed into this one", count)
    return count


def _cancel(client: SyncPrefectClient, run: FlowRun, own_id: UUID) -> bool:
    """Cancel a run that has not begun; say whether the server agreed."""
    state: State[None] = Cancelled(message=f"collapsed into run {own_id}")
    told = client.set_flow_run_state(run.id, state)
    return told.state is not None and told.state.type is StateType.CANCELLED


def waiting_runs(client: SyncPrefectClient, deployment_ids: Sequence[UUID], *, before: datetime) -> list[FlowRun]:
    """Return runs that are due before a time and have not begun, a page at most."""
    return client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(deployment_ids)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
            expected_start_time=FlowRunFilterExpectedStartTime(before_=before),
        ),
        limit=_PAGE,
    )


def bury_dead(client: SyncPrefectClient, deployment_ids: Sequence[UUID]) -> int:
    """Call those runs crashed that are said to be at work; for who knows that no process is. Return how many."""
    at_work = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=list(deployment_ids)),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.PENDING])),
        ),
        limit=_PAGE,
    )
    for run in at_work:
        client.set_flow_run_state(run.id, Crashed(message="its process ended without a word"), force=True)
    return len(at_work)
