"""Places that names and addresses state, as paths from the country down."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aoi.gazetteer.place import Level, Place
from outputs.matching.text import has_hanzi, plain

_CODE = re.compile(r"^(\d{6})")
_DEPTH = {Level.COUNTRY: 0, Level.PROVINCE: 1, Level.PREFECTURE: 2}
WIDE = frozenset({Level.COUNTRY, Level.PROVINCE, Level.PREFECTURE, Level.COUNTY, Level.CITY, Level.PARK})
"""Levels whose bare names count as place words in a company's name; a bare village name is rather a brand."""


@lru_cache(maxsize=100_000)
def _path(place_id: str, level: Level, country: str) -> str:
    found = _CODE.match(place_id)
    if country != "cn" or found is None:
        return country if level is Level.COUNTRY else f"{country}/{place_id}"
    code = found.group(1)
    # Counties that lie under the province without a prefecture share the digits 90: that is no unit.
    middle = code[:4] if code[2:4] != "90" else code
    steps = (country, code[:2], middle, code)
    depth = _DEPTH.get(level, 3)
    return "/".join(dict.fromkeys(steps[: depth + 1]))


def path_of(place: Place) -> str:
    """Return a place as a path: country, province, prefecture, county (`cn/65/6501/650102`)."""
    return _path(place.place_id, place.level, place.country)


def paths_of(places: Iterable[Place]) -> tuple[str, ...]:
    """Return the paths of places, each once."""
    return tuple(dict.fromkeys(path_of(place) for place in places))


def code_path(code: str) -> str:
    """Return the path of an administrative code of China, which may end in zeros: `650500` -> `cn/65/6505`."""
    if code[2:] == "0000":
        return f"cn/{code[:2]}"
    if code[4:] == "00":
        return f"cn/{code[:2]}/{code[:4]}"
    return _path(code, Level.COUNTY, "cn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A place word found in a text."""

    start: int
    end: int
    places: tuple[Place, ...]


class PlaceList:
    """Place words from any list of places: the longest name wins, Latin names at the bounds of words.

    For tests, and where the gazetteer is not wanted; the gazetteer knows far more spellings.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._by_name: dict[str, list[Place]] = {}
        for place in places:
            for name in place.names:
                self._by_name.setdefault(plain(name), []).append(place)
        self._longest = max(map(len, self._by_name), default=0)
        self._heads = frozenset(name[:2] for name in self._by_name)

    def __call__(self, text: str, /) -> list[Span]:
        """Return the place words of the text."""
        low = text.casefold()
        found: list[Span] = []
        at = 0
        while at < len(low):
            end = self._longest_from(low, at)
            if end:
                found.append(Span(start=at, end=end, places=tuple(self._by_name[plain(low[at:end])])))
            at = end or at + 1
        return found

    def _longest_from(self, low: str, at: int) -> int:
        if at and low[at - 1].isalnum() and not has_hanzi(low[at]):
            return 0
        if plain(low[at : at + 2]) not in self._heads and low[at].isascii():
            return 0
        for end in range(min(len(low), at + self._longest), at + 1, -1):
            inside = end < len(low) and low[end].isalnum() and not has_hanzi(low[end - 1])
            if not inside and plain(low[at:end]) in self._by_name:
                return end
        return 0
