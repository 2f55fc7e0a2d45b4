"""Watch the areas of a run on a cluster: hand them out, and take in what comes of them.

This process alone asks providers by account, writes into the workspace's store, and publishes. Never more areas are
under way than the cluster has room for, so that one that uses up an account's requests keeps the others from starting.
"""

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from flows.area.journal import JOURNAL_NAME
from flows.area.outcome import AreaOutcome, failed, not_started
from flows.area.pipeline import Job
from flows.scale.cluster import connected
from flows.scale.orders import BLOCKS, Order
from flows.scale.prepare import Preparing
from flows.scale.products import get_product
from flows.scale.storage import Storage
from flows.settings.workspace import writing
from geo.errors import SitewatchError, SourceUnavailableError

if TYPE_CHECKING:
    from flows.scale.work import Watched

logger = logging.getLogger(__name__)

_LOOK_S = 5.0
_NOBODY_S = 300.0
"""So long a cluster may be without any worker."""


def watch_on_cluster(job: Job, area_ids: Sequence[str], *, force: bool, log: Path) -> Iterator[AreaOutcome]:
    """Yield the outcome of each area as it comes; see `flows.runs.run.Watcher`.

    Raises:
        ConfigError: There is no cluster, or the imagery cannot be brought to it.
        OutputError: The shared storage cannot be used.

    """
    storage = storage_of(job)
    storage.check()
    storage.remove(BLOCKS)  # of a run that was killed
    preparing = Preparing(job=job, storage=storage, run=f"{log.stem}-{os.urandom(3).hex()}", force=force)
    preparing.check()
    with connected(job.workspace.config) as client:
        client.subscribe_topic("sitewatch-log", _log)
        try:
            yield from _Areas(client=client, job=job, preparing=preparing, waiting=deque(area_ids)).outcomes()
        finally:
            client.unsubscribe_topic("sitewatch-log")
            _clear(storage)


def storage_of(job: Job) -> Storage:
    """Return what the workers leave things for each other in."""
    return Storage(job.workspace.config.scale.shared or str(job.workspace.state_dir / "shared"))


def _clear(storage: Storage) -> None:
    try:
        storage.remove(BLOCKS)
    except SitewatchError as error:
        logger.warning("what blocks left for each other stays until the next run: %s", error)


def _log(event: tuple[float, dict[str, Any]]) -> None:
    """Write down what a worker says, as if it had been said here."""
    _, said = event
    record = logging.makeLogRecord(
        {
            "name": said["name"],
            "levelno": said["level"],
            "levelname": logging.getLevelName(said["level"]),
            "msg": said["text"],
            "created": said["at"],
            "process": said["process"],
        }
    )
    logging.getLogger(said["name"]).handle(record)


@dataclass(slots=True, kw_only=True, eq=False)
class _Areas:
    """The areas of a run: those that wait, and those that are under way."""

    client: Any
    job: Job
    preparing: Preparing
    waiting: deque[str]
    under_way: dict[Any, Order] = field(default_factory=dict)
    doubtful: deque[str] = field(default_factory=deque)
    """Whose workers ended, perhaps because of what else they did: tried again at the end, each with nothing beside."""
    alone: str = ""
    """The doubtful one that is under way."""
    stopped: str = ""
    """Why no further area is begun; empty where there is no reason."""
    worked_at: float = field(default_factory=monotonic)
    """When there was a worker last."""

    def outcomes(self) -> Iterator[AreaOutcome]:
        """Yield the outcome of each area as it comes."""
        while self.waiting or self.under_way or self.doubtful:
            for outcome in (*self._begun(), *self._done()):
                if outcome.stops_run:
                    self.stopped = self.stopped or outcome.reason
                yield outcome
            while self.stopped and (self.waiting or self.doubtful):
                yield not_started((self.waiting or self.doubtful).popleft(), self.stopped)

    def _begun(self) -> Iterator[AreaOutcome]:
        """Hand out as many areas as there is room for; yield what needs no worker, or fails before."""
        room = sum(self.client.nthreads().values())
        self.worked_at = monotonic() if room else self.worked_at
        while not self.stopped and (area_id := self._next(room)):
            try:
                order = self.preparing.order(area_id)
            except Exception as error:  # one area that cannot be prepared must not stop the others
                logger.exception("%s: failed", area_id)
                order = failed(area_id, error)
            if isinstance(order, Order):
                future = self.client.submit(_task, order, key=f"area-{order.mark}", pure=False)
                self.under_way[future] = order
                continue
            yield order
            if order.stops_run:
                return

    def _next(self, room: int) -> str:
        """Return the next area to hand out; empty for none."""
        if self.waiting and len(self.under_way) < max(room, 1):
            return self.waiting.popleft()
        if self.waiting or self.under_way or not self.doubtful:
            return ""
        self.alone = self.doubtful.popleft()
        return self.alone

    def _done(self) -> Iterator[AreaOutcome]:
        """Wait a while for areas to be done; yield what came of them."""
        from distributed import wait  # noqa: PLC0415 - only where there is a cluster

        from flows.scale.work import told  # noqa: PLC0415 - likewise

        if not self.under_way:
            return
        try:
            with self.client.as_current():
                wait(list(self.under_way), timeout=_LOOK_S, return_when="FIRST_COMPLETED")
        except TimeoutError:
            yield from self._left_alone()
            return
        for future in [one for one in self.under_way if one.done()]:
            order = self.under_way.pop(future)
            watched = told(future, order.area.area_id)
            if watched.is_lost and self.alone != order.area.area_id:
                logger.warning("%s: %s; tried again, alone", order.area.area_id, watched.outcome.reason)
                self.doubtful.append(order.area.area_id)
            else:
                yield self._outcome(watched, order.area.area_id)

    def _left_alone(self) -> Iterator[AreaOutcome]:
        """Yield the failures of all areas, if there is nobody left who could work on them."""
        is_lost = self.client.status != "running"
        if not is_lost and monotonic() - self.worked_at < _NOBODY_S:
            return
        reason = "the cluster's scheduler is gone" if is_lost else f"the cluster had no worker for {_NOBODY_S:.0f} s"
        for order in self.under_way.values():
            yield failed(order.area.area_id, SourceUnavailableError(reason))
        self.under_way.clear()
        while self.waiting or self.doubtful:
            yield failed((self.waiting or self.doubtful).popleft(), SourceUnavailableError(reason))

    def _outcome(self, watched: "Watched", area_id: str) -> AreaOutcome:
        """Take in the product, if it was made elsewhere, and return what came of the area."""
        area_dir = self.job.workspace.area_dir(area_id)
        try:
            _note(area_dir / JOURNAL_NAME, watched.journal)
            if watched.pointer is not None:
                get_product(
                    self.preparing.storage,
                    watched.pointer,
                    area_dir,
                    superseded=self.job.workspace.config.keep.superseded,
                )
        except SitewatchError as error:
            return failed(area_id, error)
        return watched.outcome


def _note(path: Path, lines: str) -> None:
    """Add to the journal of an area what a worker has taken down."""
    if lines:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(lines)


def _task(order: Order) -> Any:  # noqa: ANN401 - the workers' module is not loaded here
    from flows.scale.work import watch_order  # noqa: PLC0415

    return watch_order(order)
