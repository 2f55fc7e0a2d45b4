"""What a company's name consists of."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from aoi.gazetteer.place import Place
from outputs.matching.text import Script


class PlaceSpan(Protocol):
    """A word of a text that names a place."""

    @property
    def start(self) -> int:
        """Its first character."""

    @property
    def end(self) -> int:
        """The character behind its last."""

    @property
    def places(self) -> tuple[Place, ...]:
        """What it may mean."""


class PlaceWords(Protocol):
    """What finds the words of a text that name places, in any script: `Gazetteer.place_words` or a `PlaceList`."""

    def __call__(self, text: str, /) -> Sequence[PlaceSpan]:
        """Return the place words from left to right, without overlaps."""


class UnitKind(StrEnum):
    """What kind of part of a firm a name speaks of."""

    BRANCH = "branch"
    WORKS = "works"
    OFFICE = "office"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A part of a firm: a branch, a numbered works, an office."""

    kind: UnitKind
    number: int | None = None
    paths: tuple[str, ...] = ()
    """Where it says to be, as `PlaceWord.paths`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corps:
    """A unit of the Xinjiang Production and Construction Corps; None where a level is not said."""

    division: int | None = None
    regiment: int | None = None
    company: int | None = None

    @property
    def numbers(self) -> tuple[int | None, int | None, int | None]:
        """Return division, regiment and company."""
        return (self.division, self.regiment, self.company)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceWord:
    """A place that a name states."""

    text: str
    paths: tuple[str, ...]
    """What it may mean, each from the country down: `cn/65/6501/650102`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameParts:
    """A company's name, taken apart."""

    text: str
    """As it was given."""
    script: Script
    """Of the brand; Uyghur letters count as Latin, after romanisation."""
    places: tuple[PlaceWord, ...] = ()
    paths: tuple[str, ...] = ()
    """The finest readings of `places` that fit each other."""
    brand: str = ""
    """The trade name (字号): Hanzi, or Latin words in lower case; empty where the name has none."""
    sounds: tuple[str, ...] = ()
    """The brand as Latin letters without blanks, one for each way to read it."""
    brand_paths: tuple[str, ...] = ()
    """What the brand means where it is a place word, too (天山): as `PlaceWord.paths`."""
    tail: tuple[str, ...] = ()
    """Words behind the brand that no table knows: mostly rare industries."""
    industries: frozenset[str] = frozenset()
    """Concepts of the table of industries."""
    generic: tuple[str, ...] = ()
    form: str = ""
    """Concept of the table of legal forms; empty where none is said."""
    is_group: bool = False
    is_subsidiary: bool = False
    """The name says so itself: `subsidiary of ...`."""
    unit: Unit | None = None
    corps: Corps | None = None
    ordinal: int | None = None
    """Of a works that has a number for a name: 第一棉纺织厂."""


def nested(one: str, other: str) -> bool:
    """Whether one path lies within the other, or is it."""
    return one == other or one.startswith(other + "/") or other.startswith(one + "/")


def finest(words: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return the readings of several place words that fit each other, the finer of each pair.

    Words that fit no reading of those before add nothing.
    """
    kept: tuple[str, ...] = ()
    for paths in words:
        if not kept:
            kept = paths
            continue
        both = tuple(max(old, new, key=len) for old in kept for new in paths if nested(old, new))
        kept = tuple(dict.fromkeys(both)) or kept
    return kept
