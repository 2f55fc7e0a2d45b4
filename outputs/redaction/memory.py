"""Which place was published for which site, so that every later release says the same.

The file holds true positions: it stays outside any release, readable by its owner alone.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO

from geo.atomic import atomic_file
from geo.errors import StateError

_KIND = "sitewatch published places"
_VERSION = 1
_OWNER_ONLY = 0o600
_OTHERS = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place as it was when it was first published."""

    key: str
    """``facility:ID`` or ``detection:ID``: under what it was first known."""
    lon: float
    lat: float
    place: str
    """The published cell or unit, as `outputs.redaction.places` names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What was published so far, by scheme of places (`Scheme.name`)."""

    sites: Mapping[str, tuple[Site, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, scheme: str) -> tuple[Site, ...]:
        """Return the sites published under `scheme`."""
        return self.sites.get(scheme, ())

    def with_sites(self, scheme: str, sites: tuple[Site, ...]) -> "Memory":
        """Return a memory in which `sites` are those of `scheme`."""
        return Memory(sites=MappingProxyType({**self.sites, scheme: sites}))

    @classmethod
    def load(cls, path: Path) -> "Memory":
        """Return what is kept at `path`; nothing where there is no such file.

        Raises:
            StateError: It is damaged, or others may read it; names `path`.

        """
        try:
            if path.stat().st_mode & _OTHERS:
                raise StateError(f"{path}: holds exact places, and others may read it; `chmod 600` it")
            document = json.loads(path.read_text(encoding="utf-8"))
            if (document["kind"], document["version"]) != (_KIND, _VERSION):
                raise StateError(f"{path}: expected {_KIND}, version {_VERSION}")
            return cls(
                sites=MappingProxyType(
                    {
                        scheme: tuple(
                            Site(key=str(key), lon=float(lon), lat=float(lat), place=str(place))
                            for key, lon, lat, place in rows
                        )
                        for scheme, rows in document["sites"].items()
                    }
                )
            )
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"{path}: damaged, or no record of published places: {error}") from error

    def save(self, path: Path) -> None:
        """Write it to `path` in one step, readable by its owner alone.

        Raises:
            OutputError: The disk does not take it; names `path`.

        """
        rows = {
            scheme: [[one.key, one.lon, one.lat, one.place] for one in sites]
            for scheme, sites in sorted(self.sites.items())
        }
        text = json.dumps({"kind": _KIND, "version": _VERSION, "sites": rows}, ensure_ascii=False, indent=0)
        with atomic_file(path) as part, _private(part) as handle:
            handle.write(text.encode())


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb")
