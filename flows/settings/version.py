"""Which sitewatch this is, and how a value is named by its content."""

import hashlib
import json
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("geo", "aoi", "detection", "outputs", "flows")


def sitewatch_version() -> str:
    """Return the version of the installed distribution."""
    return version("sitewatch")


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the version and a hash over the code that decides: a product made by other code is made again."""
    root = Path(__file__).resolve().parents[2]
    sources = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            sources.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{sitewatch_version()}+{sources.hexdigest()[:8]}"


def digest(value: object) -> str:
    """Return 16 hexadecimal digits that stand for a value that JSON can hold."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
