"""Chinese addresses whose county is known, written as lists write them: in several scripts, incomplete, misspelt.

The names come from the gazetteer itself, so they cannot show which names it lacks; what they show is whether stated
probabilities hold while parts are missing, streets bear the names of other places, and words are misspelt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from opencc import OpenCC

from aoi.gazetteer import Gazetteer, Level, Place
from aoi.gazetteer.names import stem_of
from aoi.suppliers import Address

_UNITS = {Level.PROVINCE: ("Province", "Prov.", "Sheng", ""), Level.PREFECTURE: ("City", "Shi", "", "")}
_COUNTY = {"区": ("District", "Dist.", "Qu", ""), "县": ("County", "Xian", "County", ""), "市": ("City", "Shi", "", "")}
_ROADS = (("Road", "路"), ("Rd", "路"), ("Street", "街"), ("Avenue", "大道"), ("Lu", "路"))
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MIN_TYPO = 6


@dataclass(frozen=True, slots=True)
class Simulated:
    """One address and where it truly is."""

    address: Address
    county: str
    """Code of the county that the firm lies in; of the prefecture where that has none."""
    stated: str
    """Code of the county-level unit that the address was written for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a list writes addresses: chances."""

    county: float = 0.85
    prefecture: float = 0.75
    province: float = 0.65
    town: float = 0.4
    typo: float = 0.06
    """For each long Latin word."""
    trap: float = 0.3
    """That the street bears the name of another place."""
    elsewhere: float = 0.0
    """That the firm lies in another county of the prefecture than it says."""


def simulate(gazetteer: Gazetteer, *, count: int, seed: int, habits: Habits | None = None) -> list[Simulated]:
    """Return addresses of counties drawn by how many firms they may have."""
    rng = np.random.default_rng(seed)
    catalogue = gazetteer.catalogue
    counties = [
        position
        for position, place in enumerate(catalogue.places)
        if place.level is Level.COUNTY and stem_of(place.names[0]) != place.names[0]
    ]
    weight = np.exp([catalogue.log_prior[position] for position in counties])
    drawn = rng.choice(np.array(counties), size=count, p=weight / weight.sum())
    towns: dict[str, list[Place]] = {}
    for place in catalogue.places:
        if place.level is Level.TOWNSHIP:
            towns.setdefault(place.parent_id, []).append(place)
    return [_one(gazetteer, int(position), towns, rng, habits or Habits()) for position in drawn]


def _one(
    gazetteer: Gazetteer,
    position: int,
    towns: dict[str, list[Place]],
    rng: np.random.Generator,
    habits: Habits,
) -> Simulated:
    places = gazetteer.catalogue.places
    lineage = [places[one] for one in gazetteer.catalogue.lineage(position)]
    keep = {Level.COUNTY: habits.county, Level.PREFECTURE: habits.prefecture, Level.PROVINCE: habits.province}
    told = [place for place in lineage[1:] if rng.random() < keep[place.level]] or [lineage[-1]]
    inside = towns.get(lineage[-1].place_id, [])
    if inside and rng.random() < habits.town:
        told.append(inside[int(rng.integers(len(inside)))])
    trap = places[int(rng.integers(1, 3000))] if rng.random() < habits.trap else None
    style = _STYLES[int(rng.integers(len(_STYLES)))]
    county = lineage[-1].place_id
    if rng.random() < habits.elsewhere:
        county = _neighbour(gazetteer, lineage[-1], rng)
    text = style(told, trap, rng, habits)
    return Simulated(Address(lines=text, country="China"), county, lineage[-1].place_id)


def _neighbour(gazetteer: Gazetteer, county: Place, rng: np.random.Generator) -> str:
    near = [one.place_id for one in gazetteer.units(Level.COUNTY, county.place_id[:4]) if one is not county]
    return near[int(rng.integers(len(near)))] if near else county.place_id


def _hanzi(told: Sequence[Place], trap: Place | None, rng: np.random.Generator, _: Habits) -> str:
    road = _ROADS[int(rng.integers(len(_ROADS)))][1]
    street = (stem_of(trap.names[0]) if trap else "建设") + road + f"{rng.integers(1, 900)}号"
    bare = rng.random() < 0.2  # noqa: PLR2004 - one list in five leaves the units away
    names = [
        stem_of(place.names[0]) if bare and place.level is not Level.TOWNSHIP else place.names[0] for place in told
    ]
    return "".join((*names, street))


def _traditional(told: Sequence[Place], trap: Place | None, rng: np.random.Generator, habits: Habits) -> str:
    return str(_to_traditional().convert(_hanzi(told, trap, rng, habits)))


@cache
def _to_traditional() -> OpenCC:
    return OpenCC("s2t")


def _latin(told: Sequence[Place], trap: Place | None, rng: np.random.Generator, habits: Habits) -> str:
    road = _ROADS[int(rng.integers(len(_ROADS)))][0]
    street = f"No.{rng.integers(1, 900)} {_spelled(trap, rng) if trap else 'Jianshe'} {road}"
    parts = [street, *(_latin_unit(place, rng) for place in reversed(told))]
    text = (", ", ",", " , ", ", ")[int(rng.integers(4))].join(parts)
    words = [_slip(word, rng) if rng.random() < habits.typo else word for word in text.split(" ")]
    return " ".join(words)


def _mixed(told: Sequence[Place], trap: Place | None, rng: np.random.Generator, habits: Habits) -> str:
    cut = int(rng.integers(1, len(told) + 1))
    return f"{_latin(told[:cut], trap, rng, habits)} ({''.join(place.names[0] for place in told[cut:])})"


def _latin_unit(place: Place, rng: np.random.Generator) -> str:
    if place.level is Level.TOWNSHIP:
        return f"{_spelled(place, rng)} {('Town', 'Zhen')[int(rng.integers(2))]}"
    units: tuple[str, ...] = _UNITS.get(place.level) or _COUNTY.get(place.names[0][-1]) or ("",)
    return f"{_spelled(place, rng)} {units[int(rng.integers(len(units)))]}".strip()


def _spelled(place: Place, rng: np.random.Generator) -> str:
    """Write the stem of a name in pinyin: joined, in syllables, in capitals, or each syllable with one."""
    syllables = _syllables(place)
    joined = "".join(syllables)
    forms = (joined.capitalize(), " ".join(one.capitalize() for one in syllables), joined.upper(),
             "".join(one.capitalize() for one in syllables), joined.capitalize())  # fmt: skip
    return forms[int(rng.integers(len(forms)))]


def _syllables(place: Place) -> list[str]:
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415 - beside its only use

    return [one.replace("ü", "u") for one in lazy_pinyin(stem_of(place.names[0]), style=Style.NORMAL)]


def _slip(word: str, rng: np.random.Generator) -> str:
    """Misspell a long word by one letter."""
    if len(word) < _MIN_TYPO or not word.isalpha():
        return word
    at = int(rng.integers(1, len(word) - 1))
    letter = _LETTERS[int(rng.integers(len(_LETTERS)))]
    return (
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    )[int(rng.integers(4))]


_STYLES: tuple[Callable[[Sequence[Place], Place | None, np.random.Generator, Habits], str], ...] = (
    _hanzi, _traditional, _latin, _latin, _latin, _mixed,
)  # fmt: skip
