"""How often a provider may be asked, and what is done when it says "later".

What one process learns holds for all of them: the state of an account lies in a file that is changed under a lock.
Network sources share this: they translate their provider's answers into `BusyError`, `QuotaExceededError` or
`SourceError`, and let `patiently` do the waiting.
"""

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar

from geo.errors import SourceUnavailableError
from geo.sources.statefile import locked, read_state, write_state

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_PAUSE_S = 86_400.0
_SHORTEST_SLEEP_S = 0.001


class BusyError(Exception):
    """The provider did not answer properly this time; `patiently` asks again."""

    def __init__(self, reason: str, *, wait_s: float | None = None, stops_all: bool = False) -> None:
        """Take the reason, how long the provider asks to be left alone, and whether that holds for all processes."""
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.stops_all = stops_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often to try."""

    attempts: int = 5
    first_wait_s: float = 1.0
    """Doubled with each further attempt."""
    longest_wait_s: float = 300.0
    """A provider that asks for a longer pause is not waited for."""
    jitter_share: float = 0.25
    """Waits are drawn out by up to this share, so that processes do not come back all at once."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or min(self.first_wait_s, self.longest_wait_s, self.jitter_share) < 0:
            raise ValueError(f"expected at least one attempt and no negative waits; got {self}")

    def wait_s(self, attempt: int, *, asked_s: float | None = None, chance: float = 0.0) -> float:
        """Return how long to wait after the `attempt`-th try (from 1): never less than asked for.

        Args:
            attempt: How many tries there were.
            asked_s: What the provider asked for.
            chance: A random number in [0, 1).

        """
        backoff_s = min(self.first_wait_s * 2.0 ** (attempt - 1), self.longest_wait_s)
        return max(backoff_s, asked_s or 0.0) * (1 + self.jitter_share * chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What an account may ask for within any `window_s` seconds."""

    requests: int = 300
    units: float = 300.0
    """Processing units."""
    window_s: float = 60.0

    def __post_init__(self) -> None:
        if self.requests < 1 or self.units <= 0 or self.window_s <= 0:
            raise ValueError(f"rates must be above 0; got {self}")


def retry_after_s(text: str | None, now: datetime, *, unit_s: float = 1.0) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for; None where it says nothing usable.

    Args:
        text: A whole number, a decimal number of seconds, or an HTTP date.
        now: To measure a date against.
        unit_s: What a whole number counts: seconds by the HTTP standard, 0.001 at Sentinel Hub.

    """
    value = (text or "").strip()
    if value.isascii() and value.isdigit():
        return float(value) * unit_s  # as float: any length of number is read
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0.0)


class RateLimiter:
    """Lets no more through than `Rates` allow, counted over all processes that share `folder`.

    Counted in a sliding window rather than by a bucket that fills again: a full bucket and its refill would let
    twice the rate through within one minute.
    """

    def __init__(
        self,
        folder: Path,
        rates: Rates,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = folder / "rate.json"
        self._rates = rates
        self._clock = clock
        self._sleep = sleep

    def acquire(self, units: float, *, longest_wait_s: float = 600.0) -> None:
        """Wait until a request of `units` may be sent, and count it.

        Raises:
            SourceUnavailableError: That would take longer than `longest_wait_s`.
            OutputError: The account's folder cannot be written.

        """
        waited_s = 0.0
        while (wait_s := self._reserve(units)) > 0:
            if waited_s + wait_s > longest_wait_s:
                raise SourceUnavailableError(
                    f"the account's limits ask for {wait_s:.0f} s more, after {waited_s:.0f} s; try again later"
                )
            self._sleep(wait_s)
            waited_s += wait_s

    def pause(self, seconds: float) -> None:
        """Let no process of this account send anything for `seconds`."""
        with locked(self._path):
            state = read_state(self._path)
            until = max(_paused_until(state), self._clock() + min(seconds, _LONGEST_PAUSE_S))
            write_state(self._path, {**state, "paused_until": until})

    def _reserve(self, units: float) -> float:
        """Count a request now and return 0; or return for how many seconds there is no room for it."""
        with locked(self._path):
            state, now = read_state(self._path), self._clock()
            sent = [one for one in _sent(state) if now - self._rates.window_s < one[0] <= now]
            pause_s = _paused_until(state) - now
            wait_s = max(_until_room(sent, units, self._rates, now=now), pause_s if pause_s <= _LONGEST_PAUSE_S else 0)
            if wait_s > 0:
                return max(wait_s, _SHORTEST_SLEEP_S)
            write_state(self._path, {**state, "sent": [*sent, (now, units)]})
            return 0.0


def _paused_until(state: Mapping[str, Any]) -> float:
    until = state.get("paused_until")
    return float(until) if isinstance(until, int | float) else 0.0


def _sent(state: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Return time and units of what was sent, ascending; nothing where the state makes no sense."""
    try:
        return sorted((float(at), float(units)) for at, units in state.get("sent", ()))
    except (TypeError, ValueError):
        return []


def _until_room(sent: Sequence[tuple[float, float]], units: float, rates: Rates, *, now: float) -> float:
    """Return the seconds until enough of `sent` has left the window; one that is larger than it waits till it is empty.

    Args:
        sent: Time and units of what lies in the window, ascending.
        units: What is to be sent.
        rates: What the window holds.
        now: The time.

    """
    count, spent, free_at = len(sent), sum(one for _, one in sent), now
    for at, one in sent:
        if count < rates.requests and spent + units <= rates.units:
            break
        count, spent, free_at = count - 1, spent - one, at + rates.window_s
    return free_at - now


def patiently(
    send: Callable[[], T],
    limiter: RateLimiter,
    *,
    patience: Patience,
    units: float,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Return the answer of `send`, which is tried again when it raises `BusyError`.

    Args:
        send: Asks once.
        limiter: Lets requests through; told to pause all processes when the provider asks for it.
        patience: How often and how long to try.
        units: What one request costs.
        sleep: Waits.

    Raises:
        SourceUnavailableError: It did not answer properly as often as it was tried, or asks for too long a pause.

    """
    for attempt in range(1, patience.attempts + 1):
        limiter.acquire(units)
        try:
            return send()
        except BusyError as busy:
            wait_s = patience.wait_s(attempt, asked_s=busy.wait_s, chance=random.random())  # noqa: S311  # spreads waits
            if busy.stops_all:
                limiter.pause(wait_s)
            if attempt == patience.attempts:
                raise SourceUnavailableError(f"{busy.reason}; tried {attempt} times") from busy
            if (busy.wait_s or 0.0) > patience.longest_wait_s:
                raise SourceUnavailableError(f"{busy.reason}; asks for a pause of {busy.wait_s:.0f} s") from busy
            logger.info("%s; again in %.1f s (attempt %d of %d)", busy.reason, wait_s, attempt, patience.attempts)
            sleep(wait_s)
    raise AssertionError("unreachable: the last attempt returns or raises")
