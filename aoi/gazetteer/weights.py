"""What a mention of a place is worth: log-likelihood ratios, in nats.

Each is the logarithm of how much likelier the words are in the address of a firm that lies in the place than in one
that does not (where they are a road's, a firm's or another place's name). They are rough on purpose, set by hand from
what names are like; `CALIBRATION` then stretches all sums alike so that stated probabilities hold on simulated ones.
`HOLDS` bounds what is said of a unit by how often the words of real lists agreed with their coordinates
(`benchmarks/addresses.py`).
"""

from collections.abc import Mapping

from aoi.gazetteer.catalogue import Kind
from aoi.gazetteer.place import Level, Place
from aoi.gazetteer.words import Around, Mention

KIND: Mapping[Kind, float] = {
    Kind.FULL: 7.0,
    Kind.STEM: 5.5,
    Kind.OTHER: 5.0,
    Kind.FORMER: 4.5,
    Kind.NEEDS_UNIT: 4.5,
}
AROUND: Mapping[Around, float] = {
    Around.ROAD: 0.0,
    Around.VILLAGE: 0.0,
    Around.TOWN: 0.7,
    Around.PARK: 3.5,
    Around.BUILDING: 2.0,
    Around.FIRM: 2.5,
}
"""The most that a name is worth with such words after it."""
UNIT_FITS = 1.5
UNIT_NEAR = -1.0
"""A county is called a district, and the like: many have been raised."""
UNIT_WRONG = -5.0
PER_TYPO = -2.0
SHORT = {1: -4.0, 2: -4.0, 3: -3.0, 4: -0.8}
"""By the number of letters of a Latin name without a word for its unit."""
GENERIC = -4.0
"""东区, 城区: names that tell hardly more than their unit."""
RARE_TOWN = 1.0
"""What a town gains that shares its name with two others at most, out of 39,000."""
FORMERLY_IN = 0.7
"""What the name of the prefecture that a county belonged to before counts for the county."""
SAME_PROVINCE = 0.8
"""What words that name another place of the same province count: addresses name what lies around."""
REPEATED = 0.4
"""What a second mention of the same place still counts."""
FIELD = 1.0
"""What a name gains in the field of an address that is meant for its level."""
NEIGHBOUR = 0.55
"""What the name of a county counts for a town of the county beside it: borders are moved, and addresses are not."""
POSTCODE_PROVINCE = (3.0, -2.5)
POSTCODE_PREFECTURE = (2.0, -1.0)
"""For the places that a postcode stands for, and for all others."""
NONE = -7.5
"""Log prior that the true place is none of those mentioned."""
COUNTRY_ONLY = -7.0
"""Log prior that the address tells no more than the country."""
CALIBRATION = 1.0
HOLDS: Mapping[Level, float] = {
    Level.TOWNSHIP: 0.78,
    Level.PARK: 0.78,
    Level.COUNTY: 0.87,
    Level.PREFECTURE: 0.895,
    Level.PROVINCE: 0.985,
    Level.COUNTRY: 0.995,
}
"""How often a firm lies in the unit that its address names, read rightly: lists name offices, old districts, towns
across a border, and their positions have faults, too. It differs between lists: in ten of the Open Supply Hub's, 88 %
of the counties and 95 % of the prefectures agreed with the lists' own positions, in the worst of them 91 % of the
prefectures. For a list not seen before the lower end is stated: 0.9 or more is said only where all lists held."""

_UNIT_CLASS = {
    "省": "province",
    "市": "city",
    "县": "county",
    "旗": "county",
    "区": "district",
    "盟": "prefecture",
    "州": "prefecture",
}
_NEAR_CLASSES = {"city", "county", "district"}
_LONG_HANZI = 2
_FEW = 3


def unit_class(place: Place) -> str:
    """Return what class of unit a place is, as the words for units are classed (`city`, `district`, …)."""
    if place.level is Level.PROVINCE:
        return "city" if place.names[0].endswith("市") else "province"
    if place.level is Level.TOWNSHIP:
        return "town"
    if place.level is Level.PARK:
        return "park"
    return "prefecture" if place.names[0].endswith("地区") else _UNIT_CLASS.get(place.names[0][-1], "")


def mention_weight(mention: Mention, kind: Kind, place: Place) -> float:
    """Return what a mention says for a place that its words can name: nats, 0 where nothing."""
    weight = KIND[kind] + _unit_weight(mention, kind, place) + PER_TYPO * mention.typos
    if not mention.unit and kind is not Kind.FULL and mention.text.isascii():
        weight += SHORT.get(sum(char.isalpha() for char in mention.text), 0.0)
    if len(place.names[0]) <= _LONG_HANZI and place.level is Level.COUNTY and place.names[0][-1] == "区":
        weight += GENERIC
    if mention.around is not Around.NOTHING and place.level not in {Level.TOWNSHIP, Level.PARK}:
        weight = min(weight, AROUND[mention.around] + PER_TYPO * mention.typos)
    if place.level is Level.TOWNSHIP and len(mention.names) <= _FEW:
        weight += RARE_TOWN
    return max(0.0, weight)


def _unit_weight(mention: Mention, kind: Kind, place: Place) -> float:
    if not mention.unit:
        return 0.0
    own = unit_class(place)
    if mention.unit == own or (mention.unit == "region" and place.level is Level.PROVINCE):
        return UNIT_FITS if kind is not Kind.FULL else 0.0
    if kind in {Kind.FULL, Kind.FORMER}:
        return 0.0
    if mention.unit in _NEAR_CLASSES and own in _NEAR_CLASSES:
        return UNIT_NEAR
    return UNIT_WRONG
