"""A message as a signed request, and what its answer means.

The receiver computes HMAC-SHA256, with the shared secret, over the value of ``X-Sitewatch-Timestamp``, a full stop
and the body as it came, compares it in constant time with ``X-Sitewatch-Signature``, and refuses old timestamps.
``Idempotency-Key`` is the same however often one message is sent.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum

from outputs.notices.texts import Message, document

_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_OK = range(200, 300)


class Fate(Enum):
    """What becomes of a message after one attempt."""

    SENT = "sent"
    AGAIN = "again"
    """The same may work later."""
    DEAD = "dead"
    """The same would fail again."""


def body_of(message: Message) -> bytes:
    """Return the body: one JSON object in UTF-8, the same bytes however often it is made."""
    return json.dumps(document(message), ensure_ascii=False, sort_keys=True).encode()


def signature(body: bytes, *, timestamp: int, secret: bytes) -> str:
    """Return the hexadecimal HMAC-SHA256 over ``timestamp.body``."""
    return hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def headers_of(message: Message, body: bytes, *, now: datetime, secret: bytes | None) -> dict[str, str]:
    """Return the headers of a request at `now`, signed if there is a secret."""
    timestamp = int(now.timestamp())
    found = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "sitewatch",
        "Idempotency-Key": message.message_id,
        "X-Sitewatch-Timestamp": str(timestamp),
    }
    if secret is not None:
        found["X-Sitewatch-Signature"] = f"v1={signature(body, timestamp=timestamp, secret=secret)}"
    return found


def fate_of(status: int) -> Fate:
    """Return what an answer means: a redirection is refused, for it would carry the message somewhere else."""
    if status in _OK:
        return Fate.SENT
    return Fate.AGAIN if status in _AGAIN or status >= _SERVER_ERROR else Fate.DEAD


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float:
    """Return how many seconds the answer asks to wait (RFC 9110, 10.2.3), 0 where it does not or makes no sense."""
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        moment = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - now).total_seconds(), 0.0)
