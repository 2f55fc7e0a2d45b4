"""What an answer of a web server means, and how long to wait before asking again."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import requests

from geo.errors import QuotaExceededError, SourceError, SourceUnavailableError

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""The same request may be answered properly later."""
ASKING_FOR_PATIENCE = frozenset({429, 503})
"""With these a server may say when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request."""

    status: int | None
    """None where there was no answer at all."""
    text: str
    """The cause in a few words, without any address."""
    retry_after_s: float | None = None

    @property
    def is_passing(self) -> bool:
        """Whether the same request may be answered properly later."""
        return self.status is None or self.status in PASSING

    def error(self, what: str) -> SourceError:
        """Return the error for a request about `what` that was answered so."""
        message = f"{what}: {self.text}"
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            return QuotaExceededError(message)
        return SourceUnavailableError(message) if self.is_passing else SourceError(message)


def answer_of(status: int, *, retry_after: str | None = None) -> Answer:
    """Return what a status says in words."""
    try:
        phrase = HTTPStatus(status).phrase.lower()
    except ValueError:
        phrase = "unknown status"
    hint = {401: ": it needs credentials", 403: ": it may need credentials"}.get(status, "")
    return Answer(status=status, text=f"answered {status} {phrase}{hint}", retry_after_s=read_retry_after(retry_after))


def no_answer(error: BaseException) -> Answer:
    """Return what an error of a client says in words; its own text holds addresses, and may hold signatures."""
    text = str(error).lower()
    if isinstance(error, requests.Timeout) or "timed out" in text or "too slow" in text:
        return Answer(status=None, text="no answer in time")
    return Answer(status=None, text="no connection, or it was cut")


def read_retry_after(text: str | None, *, now: datetime | None = None) -> float | None:
    """Return the seconds that a ``Retry-After`` header, a number or a date, asks for; None where it says nothing."""
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until - (now or datetime.now(tz=UTC))).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often, and how long after an answer, to ask again."""

    retries: int
    backoff_s: float
    max_wait_s: float
    sleep: Callable[[float], None]
    draw: Callable[[], float] = random.random
    """A number in [0, 1): so that many do not ask again in step."""

    def pause(self, attempt: int, answer: Answer) -> bool:
        """Wait before asking again after attempt number `attempt`, from 0; say whether it is to be asked again."""
        if attempt >= self.retries:
            return False
        wait_s = self.backoff_s * 2**attempt * (1 + self.draw() / 2)
        if answer.retry_after_s is not None:
            if answer.retry_after_s > self.max_wait_s:
                return False
            wait_s = max(wait_s, answer.retry_after_s)
        self.sleep(min(wait_s, self.max_wait_s))
        return True
