"""What a service's answer means: taken, asked again, or given up. Pure: nothing is sent here."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pyproj import Geod

from geo.cost import catalog_units
from geo.errors import QuotaExceededError, SitewatchError, SourceError
from geo.sources.limits import BusyError, retry_after_s

_OUT_OF_QUOTA = re.compile(r"insufficient[ _](processing[ _]units|requests)|quota|account[ _]expired", re.IGNORECASE)
_TOO_LARGE = "EXCEEDS_CAPACITY"
_SHOWN = 200
_MONTH = timedelta(days=30.4)
_MILLISECOND = 0.001

OK = 200
REDIRECT = 300
UNAUTHORISED = 401
FORBIDDEN = 403
TIMED_OUT = 408
TOO_EARLY = 425
TOO_MANY = 429
SERVER_ERROR = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """With lower-case names."""
    content: bytes

    @property
    def units_spent(self) -> float | None:
        """What the service says it charged; None where it does not."""
        try:
            units = float(self.headers.get("x-processingunits-spent", ""))
        except ValueError:
            return None
        return units if 0 <= units < float("inf") else None


def trouble_of(answer: Answer, *, what: str, now: datetime, hide: Callable[[str], str]) -> Exception | None:
    """Return what is wrong with an answer; None where nothing is.

    Args:
        answer: What came back.
        what: What was asked of whom, for the message.
        now: To measure a date in ``Retry-After`` against.
        hide: Takes secrets out of what the service wrote.

    Returns:
        `BusyError` for what may pass, `QuotaExceededError` where the account is used up, else `SourceError`.

    """
    if OK <= answer.status < REDIRECT:
        return None
    text = f"{what}: answered {answer.status}{hide(_said(answer.content))}"
    if answer.status == TOO_MANY and _TOO_LARGE not in text:
        wait_s = retry_after_s(answer.headers.get("retry-after"), now, unit_s=_MILLISECOND)
        return BusyError(f"{what}: asked too often", wait_s=wait_s, stops_all=True)
    if answer.status in {TIMED_OUT, TOO_EARLY} or answer.status >= SERVER_ERROR:
        return BusyError(text, wait_s=retry_after_s(answer.headers.get("retry-after"), now))
    return _final(answer, text)


def _final(answer: Answer, text: str) -> SitewatchError:
    if answer.status == FORBIDDEN and _OUT_OF_QUOTA.search(answer.content.decode(errors="replace")):
        return QuotaExceededError(f"{text}; the account's processing units or requests are used up")
    return SourceError(text)


def _said(content: bytes) -> str:
    """Return what the body of an error says, in one short line."""
    try:
        document = json.loads(content)
        error = document.get("error", document)
        parts = (
            error
            if isinstance(error, str)
            else " ".join(str(error[key]) for key in ("message", "code") if key in error)
        )
    except (ValueError, AttributeError, TypeError, RecursionError):
        parts = content[:_SHOWN].decode(errors="replace")
    line = " ".join(str(parts).split())
    return f" ({line[:_SHOWN]})" if line else ""


def units_of_search(payload: Mapping[str, Any]) -> float:
    """Return the processing units of one page of the catalogue search that `payload` asks for."""
    west, south, east, north = payload["bbox"]
    area_m2, _ = Geod(ellps="WGS84").polygon_area_perimeter([west, east, east, west], [south, south, north, north])
    first, last = (datetime.fromisoformat(moment) for moment in str(payload["datetime"]).split("/"))
    return catalog_units(abs(area_m2) / 1e6, (last - first) / _MONTH)


def check_page(content: bytes) -> None:
    """Make sure that an answer is a page of a catalogue search.

    Raises:
        BusyError: It is none: cut off, or another server's.

    """
    try:
        document = json.loads(content)
        is_page = isinstance(document["features"], list) and isinstance(document["context"], dict)
    except (ValueError, KeyError, TypeError, RecursionError):
        is_page = False
    if not is_page:
        raise BusyError(f"the catalogue's answer of {len(content):,} bytes is no page of results")
