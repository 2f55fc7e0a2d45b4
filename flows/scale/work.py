"""What a worker of the cluster does: watch an area, or one block of it."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from distributed import KilledWorker, get_client, get_worker, rejoin, secede, wait
from distributed.client import Future

from detection.blocks import Window, Worked
from flows.area.journal import JOURNAL_NAME
from flows.area.outcome import NO_PRODUCT, AreaOutcome, failed
from flows.area.pipeline import Job, watch_or_fail
from flows.logs import known_secrets, without_secrets
from flows.scale.cluster import OVERHEAD_MB
from flows.scale.orders import Opener, Order, opened
from flows.scale.products import Pointer, mark_in, put_product
from flows.scale.shelf import Laid, Place, Shelf, pieces_of, stem_of
from flows.scale.storage import Storage
from flows.settings.environment import clean_gis_environment
from flows.settings.version import PACKAGES, code_version
from geo.errors import ConfigError, SourceUnavailableError, WorkerLostError

logger = logging.getLogger(__name__)

TOPIC = "sitewatch-log"
_FIRST = 10
"""Blocks go before areas that are not begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What came of an order."""

    outcome: AreaOutcome
    pointer: Pointer | None = None
    """The product, where the workers do not see the workspace."""
    journal: str = ""
    """What was taken down of the stages, likewise."""
    is_lost: bool = False
    """Whether workers ended while at it: its own doing, or that of something that they did beside it."""


def watch_order(order: Order) -> Watched:
    """Watch the area of `order`; whatever stops it is its outcome."""
    clean_gis_environment()
    tell_head()
    try:
        return _watch(order)
    except Exception as error:  # the task's edge: what was to be fetched or left is this area's affair
        logger.exception("%s: failed", order.area.area_id)
        return Watched(outcome=failed(order.area.area_id, error))


def _watch(order: Order) -> Watched:
    here = code_version()
    if here != order.code:
        raise ConfigError(
            f"a worker has sitewatch {here}, this run is of {order.code}: install the same version on all machines"
        )
    crew = DaskCrew(order=order)
    try:
        with opened(order, crew) as job:
            outcome = watch_or_fail(job, order.area.area_id, force=order.force)
            watched = Watched(outcome=outcome) if order.home else _left(order, job, outcome)
            return replace(watched, is_lost=crew.is_lost)
    finally:
        crew.clear()


def _left(order: Order, job: Job, outcome: AreaOutcome) -> Watched:
    """Leave the product where the machine that gave the order finds it."""
    area_id, area_dir = order.area.area_id, job.workspace.area_dir(order.area.area_id)
    path = area_dir / JOURNAL_NAME
    journal = path.read_text(encoding="utf-8") if path.exists() else ""
    if outcome.state in NO_PRODUCT:
        return Watched(outcome=outcome, journal=journal)
    before = order.before.record if order.before else ""
    pointer = put_product(Storage(order.storage), area_dir, area_id, before=before)
    logger.info("%s: product %s left at %s", area_id, mark_in(area_dir)[:8], order.storage)
    return Watched(outcome=outcome, pointer=pointer, journal=journal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What came of a block: few words, and where its arrays lie."""

    facts: Any
    name: str
    places: Mapping[str, Place]


def do_block(work: Callable[[Window], Worked], window: Window, shelf: Shelf, name: str) -> Block:
    """Do `work` on a window and lay what comes of it on the shelf."""
    clean_gis_environment()
    tell_head()
    worked = work(window)
    return Block(facts=worked.facts, name=name, places=shelf.lay(name, worked.arrays))


@dataclass(slots=True, kw_only=True, eq=False)
class DaskCrew:
    """Lets all workers of the cluster work on the blocks of the area that this task watches; see `Crew`."""

    order: Order
    is_lost: bool = False
    """Whether a block took its workers with it."""
    _laid: dict[str, list[tuple[Window, Block]]] = field(default_factory=dict)

    @property
    def source(self) -> Opener:
        """What gives the imagery source in any process."""
        return Opener(self.order)

    def each(
        self, stage: str, work: Callable[[Window], Worked], windows: Sequence[Window]
    ) -> Iterator[tuple[Window, Worked]]:
        """Let `work` be done on all windows; this task waits, and holds nobody up meanwhile.

        Raises:
            WorkerLostError: A block took its worker with it, again and again.

        """
        client, shelf = get_client(), self.order.shelf
        names = [f"{stage}/{stem_of(window.own)}" for window in windows]
        futures = [
            client.submit(
                do_block, work, window, shelf, name, key=f"{self.order.mark}/{name}", priority=_FIRST, pure=False
            )
            for window, name in zip(windows, names, strict=True)
        ]
        with _aside():
            wait(futures)
        laid = [
            (window, self._block(future, name)) for window, future, name in zip(windows, futures, names, strict=True)
        ]
        self._laid[stage] = laid
        for window, block in laid:
            arrays = {name: shelf.open(block.name, place) for name, place in block.places.items()}
            yield window, Worked(arrays=arrays, facts=block.facts)

    def array(self, stage: str, name: str, shape: tuple[int, ...]) -> Laid:
        """Return what `stage` made of the whole area, to be read piece by piece."""
        laid = [(window.own, block.name, block.places) for window, block in self._laid[stage]]
        return Laid(shelf=self.order.shelf, pieces=pieces_of(name, laid), shape=shape)

    def _block(self, future: "Future[Block]", name: str) -> Block:
        try:
            block: Block = future.result()
        except KilledWorker as error:
            self.is_lost = True
            raise lost(f"block {name}", error) from error
        return block

    def clear(self) -> None:
        """Take the blocks away; what cannot be is said, and goes at the end of the run."""
        if not self._laid:
            return
        try:
            self.order.shelf.clear()
        except Exception as error:  # noqa: BLE001 - what the area has come to is known, and does not change
            logger.warning("%s: blocks are left behind: %s", self.order.area.area_id, error)


@contextmanager
def _aside() -> Iterator[None]:
    """Give the place of this task among its worker's to others meanwhile."""
    try:
        get_worker()
    except ValueError:  # no worker, but whoever uses the cluster
        yield
        return
    secede()
    try:
        yield
    finally:
        rejoin()


def lost(what: str, error: KilledWorker) -> WorkerLostError:
    """Return what to say of a task that nobody has survived."""
    times = error.allowed_failures + 1
    return WorkerLostError(
        f"{times} workers ended, one after the other, while at {what}: they had too little memory for it (a worker "
        f"needs limits.memory_mb and {OVERHEAD_MB:,} MB), or their machines failed"
    )


def tell_head() -> None:
    """Let what is logged in this worker reach the log of the run."""
    with suppress(ValueError):  # in a process that is no worker there is nobody to tell
        _teller()


@lru_cache(maxsize=1)
def _teller() -> "_Teller":
    teller = _Teller()
    logging.getLogger().addHandler(teller)
    for name in PACKAGES:
        logging.getLogger(name).setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    return teller


class _Teller(logging.Handler):
    """Sends what is logged by this program to whoever asked for the work."""

    def __init__(self) -> None:
        super().__init__()
        self._worker = get_worker()
        self._secrets = known_secrets(os.environ)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one event."""
        if record.name.partition(".")[0] not in {*PACKAGES, "py"}:
            return
        text = self.format(record) if record.exc_info else record.getMessage()
        event = {"name": record.name, "level": record.levelno, "at": record.created, "process": record.process}
        self._worker.log_event(TOPIC, {**event, "text": without_secrets(text, self._secrets)})


def told(future: "Future[Watched]", area_id: str) -> Watched:
    """Return what came of an order, on the machine that gave it; one that was never done is its area's failure."""
    try:
        return future.result()
    except KilledWorker as error:
        return Watched(outcome=failed(area_id, lost("it", error)), is_lost=True)
    except CancelledError:
        return Watched(outcome=failed(area_id, SourceUnavailableError("the cluster was lost while at it")))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this area's failure
        return Watched(outcome=failed(area_id, error))
