"""The tables of facts that the gazetteer ships, read as rows."""

import csv
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path

from geo.errors import AoiError

FACTS = Path(str(files("aoi.gazetteer"))) / "facts"


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of `aoi/gazetteer/facts/`; lines that start with # are remarks.

    Raises:
        AoiError: The table is missing: the installation is broken.

    """
    path = FACTS / name
    if not path.is_file():
        raise AoiError(f"gazetteer: the table {name} is missing from the installation; expected it in {FACTS}")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def read_words() -> dict[str, dict[str, frozenset[str]]]:
    """Return the word lists of `words.toml`: section, list, words."""
    with (FACTS / "words.toml").open("rb") as source:
        content = tomllib.load(source)
    return {
        section: {name: frozenset(words.split()) for name, words in lists.items()} for section, lists in content.items()
    }
