"""Look names of places up: whole names by table, names inside Hanzi text by automaton, misspelt ones by their gaps."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import ahocorasick  # type: ignore[import-not-found]  # a compiled module, without types or source to look at

from aoi.gazetteer.catalogue import Catalogue, Kind, Name
from aoi.gazetteer.names import has_arabic, has_hanzi
from aoi.gazetteer.place import Level
from aoi.gazetteer.tables import read_words

_MIN_TYPO = 6
_MIN_KEY = 5
_TWO_TYPOS = 10
_UNITS = {Level.PROVINCE, Level.PREFECTURE, Level.COUNTY}

_NOT_MISSPELT = read_words()["other"]["not_misspelt"]


class Automaton(Protocol):
    """What is used of `ahocorasick.Automaton`."""

    def iter(self, text: str) -> Iterator[tuple[int, tuple[Name, ...]]]:
        """Yield (position of the last character, names) of every key inside the text."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Names of places by how they are written."""

    latin: Mapping[str, tuple[Name, ...]]
    """By squashed Latin."""
    hanzi: Automaton
    whole_hanzi: Mapping[str, tuple[Name, ...]]
    uyghur: Mapping[str, tuple[Name, ...]]
    gaps: Mapping[str, tuple[str, ...]]
    """Long unit names by what is left of them without any one letter."""

    def misspelt(self, word: str, shortest: int = _MIN_TYPO) -> tuple[tuple[str, int], ...]:
        """Return unit names that one slip (two in long words) turns into `word`, with the number of slips.

        Words of fewer than `shortest` letters are none. A slip is a letter too many, too few or another one, or two
        neighbours turned.
        """
        if len(word) < shortest or word in _NOT_MISSPELT:
            return ()
        near = {key for gap in (word, *_gaps(word)) for key in self.gaps.get(gap, ())}
        found = ((key, slips(word, key)) for key in near)
        allowed = 2 if len(word) >= _TWO_TYPOS else 1
        close = sorted(((key, count) for key, count in found if 0 < count <= allowed), key=lambda one: (one[1], one[0]))
        return tuple((key, count) for key, count in close if count == close[0][1])


def build_index(catalogue: Catalogue) -> Index:
    """Arrange the names of a catalogue for look-up."""
    by_script: tuple[dict[str, list[Name]], ...] = (defaultdict(list), defaultdict(list), defaultdict(list))
    for name in catalogue.names:
        by_script[_script(name.text)][name.text].append(name)
    latin, hanzi, uyghur = ({text: _surest(names) for text, names in table.items()} for table in by_script)
    automaton = ahocorasick.Automaton()
    for text, names in hanzi.items():
        if len(text) > 1:
            automaton.add_word(text, names)
    automaton.make_automaton()
    return Index(
        latin=latin, hanzi=automaton, whole_hanzi=hanzi, uyghur=uyghur, gaps=_gap_table(latin, catalogue)
    )  # fmt: skip


def slips(one: str, other: str) -> int:
    """Count the slips between two words: edits and turned neighbours, each counted once."""
    before, above = [0] * (len(other) + 1), list(range(len(other) + 1))
    for row, left in enumerate(one, start=1):
        line = [row]
        for column, right in enumerate(other, start=1):
            cost = min(above[column] + 1, line[-1] + 1, above[column - 1] + (left != right))
            if row > 1 and column > 1 and left == other[column - 2] and one[row - 2] == right:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, above = above, line
    return above[-1]


def _script(text: str) -> int:
    if has_hanzi(text):
        return 1
    return 2 if has_arabic(text) else 0


def _surest(names: Iterable[Name]) -> tuple[Name, ...]:
    """Keep each place once, under its surest kind."""
    best: dict[int, Name] = {}
    for name in names:
        if name.place not in best or name.kind < best[name.place].kind:
            best[name.place] = name
    return tuple(best.values())


def _gap_table(latin: Mapping[str, tuple[Name, ...]], catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    table: dict[str, set[str]] = defaultdict(set)
    for text, names in latin.items():
        official = any(
            name.kind in {Kind.FULL, Kind.STEM} and catalogue.places[name.place].level in _UNITS for name in names
        )
        if official and len(text) >= _MIN_KEY:
            for gap in (text, *_gaps(text)):
                table[gap].add(text)
    return {gap: tuple(sorted(keys)) for gap, keys in table.items()}


def _gaps(word: str) -> Iterator[str]:
    return (word[:place] + word[place + 1 :] for place in range(len(word)))
