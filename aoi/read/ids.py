"""Ids that are the same on every run: as given where they can be, else made from what a row says."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

LONGEST_ID = 64
_LONGEST_SLUG = 48
_DIGEST = 12


def content_id(what: str, parts: Iterable[str]) -> str:
    """Return an id made from `parts`, whatever blanks, case and full-width forms they are written with."""
    plain = "\x1f".join(plain_text(part) for part in parts)
    return f"{what}-{hashlib.sha256(plain.encode('utf-8', 'replace')).hexdigest()[:_DIGEST]}"


def plain_text(text: str) -> str:
    """Return `text` as it is compared: one form of each letter, lower case, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def given_id(text: str, *, what: str) -> str:
    """Return `text` itself where it can be an id, else one made from it that no other text shares."""
    plain = text.strip()
    is_usable = re.fullmatch(r"(?=.*[A-Za-z0-9])[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", plain) is not None
    return plain if is_usable else slug(plain, what=what)


def slug(name: str, *, what: str) -> str:
    """Return an id made from `name`, the same on every run.

    Letters without a plain Latin form are dropped; a digest of the whole name then keeps different names apart.
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    if words and plain.isascii() and len(plain) <= _LONGEST_SLUG:
        return words
    return f"{words or what}-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:8]}"
