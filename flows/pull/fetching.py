"""Ask a provider for what areas need: several requests at a time, and none once it wants to be left alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from flows.pull.needs import Reading
from flows.reading.looks import scenes_at_once
from flows.reading.parallel import Bounds, Done, as_done
from flows.settings.config import Config
from geo.cache.key import cells_of
from geo.errors import QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid

T = TypeVar("T")
R = TypeVar("R")

MOST_SILENCES = 5
"""After so many questions in a row that the provider did not answer, it is asked no more."""
_BYTES_PER_NUMBER = 14
"""What one pixel of one layer takes while it is received, decoded and written: 10 to 13 were measured."""
_MASK_LAYERS = 2
"""Layers that come beside the bands asked for: the classes and where anything was recorded."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """Whether a provider may be asked for more, by what came of what it was asked."""

    most_silences: int = MOST_SILENCES
    _silences: int = 0
    _stops: dict[int, str] = field(default_factory=dict)
    _failures: dict[int, Exception] = field(default_factory=dict)

    @property
    def stopped(self) -> str:
        """Why nothing more may be asked; empty while it may."""
        return self._stops[min(self._stops)] if self._stops else ""

    def may_begin(self, under_way: int) -> bool:
        """Say whether one more may be asked beside those under way: never so that too many could stay unanswered."""
        if self._stops or self._failures:
            return False
        return not self._silences or self._silences + under_way < self.most_silences

    def take_down(self, done: Done[T, R]) -> None:
        """Take note of what came of one question."""
        error = done.error
        if isinstance(error, QuotaExceededError):
            self._stops[done.index] = str(error)
        elif isinstance(error, SourceUnavailableError):
            self._silences += 1
            if self._silences == self.most_silences:
                self._stops[done.index] = f"{self._silences} times in a row: {error}"
        elif error is None or isinstance(error, SourceError):
            self._silences = 0
        else:
            self._failures[done.index] = error

    def check(self) -> None:
        """Raise what was no answer of the provider's, such as a disk that is full: of several, the first asked for."""
        if self._failures:
            raise self._failures[min(self._failures)]


def ask_all(tasks: Sequence[T], ask: Callable[[T], R], bounds: Bounds[T], asking: Asking) -> Iterator[Done[T, R]]:
    """Yield what came of each of `tasks` as it comes, until `asking` says stop; what is under way then still comes.

    Raises:
        OutputError: What came cannot be kept; raised when nothing is under way any more.

    """
    for done in as_done(tasks, ask, bounds, may_begin=asking.may_begin):
        asking.take_down(done)
        yield done
    asking.check()


def reading_bounds(config: Config, readings: Iterable[Reading]) -> Bounds[Reading]:
    """Return how many of `readings` may be under way together: no two that the store keeps apart, in their order.

    Nor may they take more memory than there is.
    """
    ground = ground_of(reading.grid for reading in readings)
    return Bounds(
        at_once=scenes_at_once(config),
        apart=lambda reading: (reading.looks[0].ref.scene_id, ground[reading.grid]),
        load=memory_mb,
        most_load=config.limits.memory_mb,
    )


def ground_of(grids: Iterable[Grid]) -> dict[Grid, str]:
    """Return for each of `grids` a name that it shares with those on the same ground, and with their neighbours."""
    cells = {grid: sorted(cells_of(grid)) for grid in set(grids)}
    beside: dict[str, str] = {}

    def name(cell: str) -> str:
        while (other := beside.get(cell, cell)) != cell:
            cell = other
        return cell

    for first, *others in cells.values():
        for cell in others:
            beside[name(cell)] = name(first)
    return {grid: name(first) for grid, (first, *_) in cells.items()}


def memory_mb(reading: Reading) -> float:
    """Return the memory that fetching `reading` takes at most, in MB."""
    rows, columns = reading.grid.shape
    return _BYTES_PER_NUMBER * rows * columns * (len(reading.looks[0].bands) + _MASK_LAYERS) / 1e6
