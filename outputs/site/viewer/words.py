"""The words of a site in each language, from one catalogue."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

_FALLBACK = "en"
_RIGHT_TO_LEFT = frozenset({"ug"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language: its own words, and English ones where it has none."""

    language: str
    own: Mapping[str, str]
    english: Mapping[str, str]

    @property
    def direction(self) -> str:
        """``ltr`` or ``rtl``."""
        return "rtl" if self.language in _RIGHT_TO_LEFT else "ltr"

    def plain(self, key: str, **values: object) -> str:
        """Return the words for `key`, with `values` put in.

        Raises:
            KeyError: The catalogue has no such key.

        """
        return (self.own.get(key) or self.english[key]).format(**values)

    def marked(self, key: str, **values: object) -> Markup:
        """Return the same as HTML, escaped; English that stands in is marked as English."""
        own = self.own.get(key)
        text = escape(own or self.english[key]).format(**values)
        return text if own or self.language == _FALLBACK else _in_english(text)

    def of(self, group: str, value: object) -> str:
        """Return the words for a value of a table, as ``event.construction``; one that is unknown is shown as it is."""
        text = "" if value is None else str(value)
        key = f"{group}.{text}"
        return self.own.get(key) or self.english.get(key) or text.replace("_", " ").capitalize()

    def marked_of(self, group: str, value: object) -> Markup:
        """Return the same as HTML, escaped; English that stands in is marked as English."""
        text = escape(self.of(group, value))
        is_own = self.language == _FALLBACK or f"{group}.{value}" in self.own
        return text if is_own else _in_english(text)

    def marked_name(self, group: str, value: str, given: str) -> Markup:
        """Return the words for a value of a group as HTML; where the catalogue has none, those `given` in English."""
        own = self.own.get(f"{group}.{value}")
        is_english = own is None and self.language != _FALLBACK
        return _in_english(escape(given)) if is_english else escape(own or given)

    def for_scripts(self) -> dict[str, object]:
        """Return all words for the scripts of the page, and which of them are English that stands in."""
        return {
            "language": self.language,
            "direction": self.direction,
            "words": {**self.english, **self.own},
            "english": sorted(set(self.english) - set(self.own)),
        }


def _in_english(text: Markup) -> Markup:
    return Markup('<span lang="en" dir="ltr">{}</span>').format(text)


@cache
def _catalogue() -> Mapping[str, Mapping[str, str]]:
    with Path(__file__).with_name("words.toml").open("rb") as file:
        return tomllib.load(file)


def words_of(language: str) -> Words:
    """Return the words of one of the languages of the catalogue."""
    return Words(language=language, own=_catalogue()[language], english=_catalogue()[_FALLBACK])
