"""How common trade names, places and industries are in a register: what an agreement on them is worth."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from outputs.matching.parts import NameParts
from outputs.matching.text import syllables

_PSEUDO_FIRMS = 10_000
"""The counts of a register are mixed with what is known beforehand, which weighs as much as so many firms."""
_PSEUDO_PLACES = 200
# Of 10,000 firms so many share a given trade name, by its length in characters or syllables. Source: reasoning; two
# characters out of a few hundred that are usual in trade names, and about a tenth as many syllables as characters.
_HANZI = {1: 20.0, 2: 0.5, 3: 0.1, 4: 0.05}
_PINYIN = {1: 40.0, 2: 1.5, 3: 0.2, 4: 0.05}
_OTHER = {1: 4.0, 2: 0.5, 3: 0.1, 4: 0.05}
_FOREIGN = {1: 500.0, 2: 60.0, 3: 8.0, 4: 2.0}
"""By consonants, for a word that agrees by its consonants alone."""
_LONGEST = 4
_INDUSTRY = 0.03
_PLACE_BY_DEPTH = {0: 0.9, 1: 0.06, 2: 0.01, 3: 0.002}


@dataclass(frozen=True, slots=True, kw_only=True)
class Frequencies:
    """Counts over the firms of a register. Empty, it stands for what is known beforehand."""

    firms: int = 0
    brands: Mapping[str, int] = field(default_factory=dict)
    sounds: Mapping[str, int] = field(default_factory=dict)
    places: Mapping[str, int] = field(default_factory=dict)
    industries: Mapping[str, int] = field(default_factory=dict)

    def hanzi_chance(self, brand: str) -> float:
        """Return how likely another firm has this trade name in Hanzi."""
        return self._mixed(self.brands.get(brand, 0), _HANZI[min(len(brand), _LONGEST)])

    def sound_chance(self, sound: str) -> float:
        """Return how likely another firm's trade name sounds so, or is written so in Latin letters."""
        parts = len(syllables(sound))
        table = _PINYIN if parts else _OTHER
        size = parts or max(1, (len(sound) + 1) // 3)
        return self._mixed(self.sounds.get(sound, 0), table[min(size, _LONGEST)])

    def foreign_chance(self, consonants: str) -> float:
        """Return how likely another firm's trade name has these classes of consonants."""
        return _FOREIGN[min(max(len(consonants), 1), _LONGEST)] / _PSEUDO_FIRMS

    def place_chance(self, path: str) -> float:
        """Return how likely another firm is in this place."""
        before = _PLACE_BY_DEPTH[min(path.count("/"), 3)] * _PSEUDO_PLACES
        return (self.places.get(path, 0) + before) / (self.firms + _PSEUDO_PLACES)

    def industry_chance(self, concepts: Iterable[str]) -> float:
        """Return how likely another firm has one of these industries: of the commonest."""
        before = _INDUSTRY * _PSEUDO_PLACES
        most = max((self.industries.get(concept, 0) for concept in concepts), default=0)
        return (most + before) / (self.firms + _PSEUDO_PLACES)

    def _mixed(self, count: int, before: float) -> float:
        # The firm itself is one of the counted: only the others are coincidences.
        return (max(0, count - 1) + before) / (self.firms + _PSEUDO_FIRMS)


def count_firms(firms: Iterable[Iterable[NameParts]]) -> Frequencies:
    """Count a register: for each firm the names it goes by. Each firm counts once, whatever it repeats."""
    brands: Counter[str] = Counter()
    sounds: Counter[str] = Counter()
    places: Counter[str] = Counter()
    industries: Counter[str] = Counter()
    total = 0
    for names in firms:
        total += 1
        known = tuple(names)
        brands.update({name.brand for name in known if name.brand})
        sounds.update({sound for name in known for sound in name.sounds})
        places.update({above for name in known for path in name.paths for above in _above(path)})
        industries.update({concept for name in known for concept in name.industries})
    return Frequencies(firms=total, brands=brands, sounds=sounds, places=places, industries=industries)


def _above(path: str) -> tuple[str, ...]:
    steps = path.split("/")
    return tuple("/".join(steps[:length]) for length in range(1, len(steps) + 1))
