"""The tables of words: industries, legal forms, groups and branches, words that tell nothing."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from outputs.matching.text import has_hanzi, simplify, sounds, squash, syllables


class Kind(StrEnum):
    """Which table a word stands in."""

    INDUSTRY = "industry"
    FORM = "form"
    ORGANISATION = "organisation"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a word means: for instance the industry `cotton`."""

    kind: Kind
    concept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The words of all tables.

    `hanzi` is read by the characters, `latin` by the letters without blanks, `pinyin` holds the sounds of the Hanzi
    words of two characters or more, `uyghur` the Uyghur words in Latin letters.
    """

    hanzi: dict[str, Entry]
    latin: dict[str, Entry]
    pinyin: dict[str, Entry]
    uyghur: dict[str, Entry]
    wider: dict[str, frozenset[str]] = field(repr=False)
    """Of an industry: itself and all concepts that hold it."""
    family: dict[str, str] = field(repr=False)
    long_words: tuple[str, ...] = field(repr=False)
    """Latin words of five letters or more, for correcting errors of typing."""

    def corrected(self, word: str) -> Entry | None:
        """Return the entry of the long Latin word that is one error of typing away; None where none is."""
        found = _corrected(self.long_words, word)
        return self.latin[found] if found else None


_SHORTEST = 5
_LONG = 7
_FILES = (
    ("industries.csv", "concept", Kind.INDUSTRY),
    ("forms.csv", "form", Kind.FORM),
    ("organisation.csv", "kind", Kind.ORGANISATION),
    ("generic.csv", "kind", Kind.GENERIC),
)


@lru_cache(maxsize=200_000)
def _corrected(words: tuple[str, ...], word: str) -> str:
    if len(word) < _SHORTEST or syllables(word):
        return ""
    found = extractOne(word, words, scorer=OSA.distance, score_cutoff=1)
    # The first letter is rarely wrong; a short word that differs there is rather another word.
    return str(found[0]) if found and (found[0][0] == word[0] or len(word) >= _LONG) else ""


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    yield from csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))


def _closure(direct: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    def above(concept: str) -> frozenset[str]:
        return frozenset({concept}).union(*(above(wider) for wider in direct.get(concept, frozenset())))

    return {concept: above(concept) for concept in direct}


@cache
def load() -> Lexicon:
    """Return the tables, read once."""
    hanzi: dict[str, Entry] = {}
    latin: dict[str, Entry] = {}
    uyghur: dict[str, Entry] = {}
    direct: dict[str, frozenset[str]] = {}
    family: dict[str, str] = {}
    for name, column, kind in _FILES:
        for row in _rows(name):
            entry = Entry(kind=kind, concept=row[column])
            if kind is Kind.INDUSTRY:
                direct[entry.concept] = frozenset(filter(None, row["wider"].split("|")))
                family[entry.concept] = row["family"]
            hanzi |= {simplify(word): entry for word in row["hanzi"].split("|") if word}
            # `&` is no word: phrases are known with their `and` and without.
            latin |= {squash(word.replace(" and ", " ")): entry for word in row["latin"].split("|") if word}
            latin |= {squash(word): entry for word in row["latin"].split("|") if word}
            uyghur |= {squash(word): entry for word in row["uyghur"].split("|") if word}
    pinyin = {sound: entry for word, entry in hanzi.items() if _is_word(word) for sound in sounds(word)[:1]}
    long_words = tuple(word for word in latin if len(word) >= _SHORTEST)
    return Lexicon(
        hanzi=hanzi,
        latin=latin,
        pinyin=pinyin,
        uyghur=uyghur,
        wider=_closure(direct),
        family=family,
        long_words=long_words,
    )


def _is_word(word: str) -> bool:
    return len(word) > 1 and has_hanzi(word)
