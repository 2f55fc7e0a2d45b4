"""What can be found wrong with a folder that says what it holds."""

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """What is no longer as it was sealed."""

    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    UNSAFE = "unsafe"
    """A name that leads elsewhere, a link, or no plain file: it was not opened."""
    BAD_SIGNATURE = "bad signature"
    UNKNOWN_KEY = "signed by an unknown key"
    """The signature is good, and nobody said whose it is."""
    BAD_TIMESTAMP = "bad time stamp"
    REORDERED = "reordered"
    TORN = "torn"
    """The last line of a log ends before its end: whoever wrote it was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that is not as it was written."""

    path: str
    """Within the folder, with forward slashes; an entry of a log is named behind its file."""
    change: Change
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.change}: {self.path}" + (f" ({self.detail})" if self.detail else "")
