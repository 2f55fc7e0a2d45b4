"""Parts of a large area, kept until the whole is there: what was paid for once is not asked for again."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from geo.errors import OutputError
from geo.grid import Grid
from geo.sources.sentinelhub.raster import Numbers

logger = logging.getLogger(__name__)

_FORGOTTEN_AFTER_S = 30 * 86_400.0
"""Nobody came back for the rest for so long: the parts go."""


class Parts:
    """The parts of large answers that have come, as files that all processes of an account share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str, part: Grid, ask: Callable[[], Numbers]) -> Numbers:
        """Return the pixels of `part`, shape (layer, y, x): those that are kept, or what `ask` brings, kept.

        Args:
            name: Stands for all that the pixels hang on but the part's place.
            part: Its place.
            ask: Asks the service.

        Raises:
            OutputError: The folder cannot be written.

        """
        path = self._path(name, part)
        try:
            numbers: Numbers = np.load(path, allow_pickle=False)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, EOFError) as error:
            logger.warning("%s: cannot be read, and is asked for again: %s", path, error)
        else:
            if numbers.shape[1:] == part.shape:
                return numbers
        numbers = ask()
        self._keep(path, numbers)
        return numbers

    def has(self, name: str, part: Grid) -> bool:
        """Say whether `get` would ask nobody; damage that only reading would show is not looked for."""
        return self._path(name, part).exists()

    def forget(self, name: str, parts: Iterable[Grid]) -> None:
        """Remove the `parts` of a whole that is there, and all that nobody came back for."""
        going = {self._path(name, part) for part in parts}
        before = time.time() - _FORGOTTEN_AFTER_S
        with suppress(OSError):  # another process may be at it, and nothing hangs on it
            for path in [*self._folder.glob("*.npy"), *self._folder.glob(".*.tmp-*")]:
                if path in going or path.stat().st_mtime < before:
                    path.unlink(missing_ok=True)

    def _path(self, name: str, part: Grid) -> Path:
        return self._folder / f"{name}-{_digest(asdict(part))}.npy"

    def _keep(self, path: Path, numbers: Numbers) -> None:
        unfinished = path.with_name(f".{path.name}.tmp-{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                np.save(file, numbers, allow_pickle=False)
            unfinished.replace(path)
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def name_of(*facts: object) -> str:
    """Return the name for parts of an answer on which `facts` have their say."""
    return _digest(facts)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
