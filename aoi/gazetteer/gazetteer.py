"""Where an address is: the places of the world, offline, and how exactly an address tells one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from aoi.gazetteer import weights
from aoi.gazetteer.catalogue import Catalogue, Kind, build_catalogue
from aoi.gazetteer.index import Index, build_index
from aoi.gazetteer.names import fold_uyghur, has_arabic, has_hanzi, squash
from aoi.gazetteer.place import Geocode, Level, Place, Precision
from aoi.gazetteer.positions import with_coordinate
from aoi.gazetteer.postcodes import Postcodes, read_postcodes
from aoi.gazetteer.reading import Evidence, Reading, mention_evidence, read
from aoi.gazetteer.words import find_mentions, simplify
from aoi.gazetteer.world import load_world
from aoi.suppliers import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceWord:
    """Words of a text that can name places."""

    start: int
    end: int
    """`text[start:end]` are the words, the word for the unit (市, County) among them."""
    places: tuple[Place, ...]
    """Every place that they can name, provinces first, then prefectures, counties and the rest."""
    is_full: bool
    """Whether the kind of unit is said (武进区, Wujin District), so that it hardly is a brand."""


@dataclass(frozen=True)
class Gazetteer:
    """The places of China down to towns, parks and regiments, and the cities of the rest of the world."""

    catalogue: Catalogue
    index: Index
    postcodes: Postcodes

    @staticmethod
    def load() -> "Gazetteer":
        """Return the gazetteer; built once a process (about 2 s), nothing is fetched."""
        return _load()

    def place_words(self, text: str) -> tuple[PlaceWord, ...]:
        """Return the words of a company name (or any text) that can name places of China, in reading order.

        Spans never overlap. Scripts: Hanzi (also traditional), Latin (pinyin joined or apart, English, Uyghur
        romanisations), Uyghur in Arabic letters. Misspelt names are not looked for. A brand such as 天山 or
        Dongfang is reported too if a place bears that name: whether it is meant as a place is the caller's
        question, which `is_full`, the position in the text and the number of `places` help to answer.
        100,000 names take about 10 s.
        """
        simple = simplify(text)
        spans: dict[tuple[int, int], set[int]] = {}
        full: set[tuple[int, int]] = set()
        for mention in find_mentions(simple, self.index, typos=False):
            span = (mention.start, mention.end)
            spans.setdefault(span, set()).update(name.place for name in mention.names)
            if mention.unit or any(name.kind is Kind.FULL for name in mention.names):
                full.add(span)
        return tuple(
            PlaceWord(start=start, end=end, places=self._widest_first(found), is_full=(start, end) in full)
            for (start, end), found in sorted(spans.items())
        )

    def find(self, name: str, level: Level | None = None) -> tuple[Place, ...]:
        """Return the places that bear a name exactly, in any script, widest first; none where nobody does."""
        simple = simplify(name.strip())
        if has_hanzi(simple):
            names = self.index.whole_hanzi.get(simple, ())
        elif has_arabic(simple):
            names = self.index.uyghur.get(fold_uyghur(simple), ())
        else:
            names = self.index.latin.get(squash(simple), ())
        found = [one.place for one in names if one.kind is not Kind.NEEDS_UNIT] or self._with_unit(simple)
        return tuple(place for place in self._widest_first(found) if level in {None, place.level})

    def _with_unit(self, text: str) -> list[int]:
        """Return the places that a name with an English word for the unit can mean: `Ghulja City`, `Shan County`."""
        whole = [one for one in find_mentions(text, self.index, typos=False) if one.end - one.start == len(text)]
        return [
            name.place
            for mention in whole
            for name in mention.names
            if mention.unit == weights.unit_class(self.catalogue.places[name.place])
        ]

    def units(self, level: Level, within: str = "") -> tuple[Place, ...]:
        """Return the places of a level, by code; those whose code begins with `within` (`"65"`) where it is given."""
        return tuple(
            place for place in self.catalogue.places if place.level is level and place.place_id.startswith(within)
        )

    def geocode(
        self, address: Address, *, lon_lat: tuple[float, float] | None = None, datum: str = "unknown"
    ) -> tuple[Geocode, ...]:
        """Return the readings of an address, best first; none is an abstention.

        The probabilities are of readings that exclude each other (a unit's reading means: in it, and in no
        finer place that the address names); what is missing to 1 is that none of them holds.

        Args:
            address: In any script and language, with or without fields.
            lon_lat: As the list gives it, degrees; it is checked first, and used only where it agrees.
            datum: Of `lon_lat`: `wgs84`, `gcj02`, `bd09` or `unknown`.

        """
        country = self._country(address)
        if country in {"", "cn"}:
            found = self._in_china(address, stated=country == "cn")
            if not country and (not found or found[0].probability < _WEAK):
                elsewhere = load_world().geocode(address.text, "")
                found = max(found, elsewhere, key=lambda some: some[0].probability if some else 0.0)
        else:
            found = load_world().geocode(address.text, country)
        return with_coordinate(found, lon_lat, datum, in_china=country in {"", "cn"}) if lon_lat else found

    def _country(self, address: Address) -> str:
        """Return the country of an address; empty where it does not say."""
        if squash(address.country) in _CHINA or address.country.strip() in _CHINA:
            return "cn"
        if address.country.strip():
            return load_world().country_of(address.country)
        if squash(address.text).endswith("china"):
            return "cn"
        return load_world().country_in(address.text)

    def _in_china(self, address: Address, *, stated: bool) -> tuple[Geocode, ...]:
        evidence = self._evidence(address)
        readings = read(evidence, self.catalogue, in_china=stated)
        told = [one for one in readings[:_MOST] if one.probability >= _WORTH_TELLING]
        if sum(one.probability for one in told) < _ABSTAIN:
            return ()
        return tuple(self._geocode(one) for one in told)

    def _evidence(self, address: Address) -> list[Evidence]:
        found: list[Evidence] = []
        for text, bonus in _fields(address):
            mentions = find_mentions(simplify(text), self.index)
            found += [mention_evidence(mention, self.catalogue, bonus=bonus) for mention in mentions]
        return [*(one for one in found if one.by_place), *self.postcodes.evidence(address.text)]

    def _geocode(self, reading: Reading) -> Geocode:
        lineage = tuple(self.catalogue.places[place] for place in self.catalogue.lineage(reading.place))
        placed = next(place for place in reversed(lineage) if place.lon_lat is not None)
        assert placed.lon_lat is not None  # noqa: S101 - for the type checker: the line above saw to it
        return Geocode(
            place=lineage[-1],
            lineage=lineage,
            lon_lat=placed.lon_lat,
            radius_m=placed.radius_m,
            precision=_precision(placed),
            probability=reading.probability,
            evidence=reading.evidence,
        )

    def _widest_first(self, positions: Iterable[int]) -> tuple[Place, ...]:
        places = self.catalogue.places
        ranked = sorted(set(positions), key=lambda one: (_RANK[places[one].level], one))
        return tuple(places[position] for position in ranked)


def _fields(address: Address) -> Iterator[tuple[str, dict[Level, float]]]:
    """Yield each part of an address with what places of each level gain by standing there."""
    yield address.lines, {}
    yield address.town, {Level.TOWNSHIP: weights.FIELD, Level.COUNTY: weights.FIELD}
    yield address.county, {Level.COUNTY: weights.FIELD}
    yield address.prefecture, {Level.PREFECTURE: weights.FIELD, Level.COUNTY: weights.FIELD / 2}
    yield address.province, {Level.PROVINCE: weights.FIELD}


def _precision(place: Place) -> Precision:
    """Return how exact a place is; a regiment or division spread over a county's breadth is no more than that."""
    if place.level is Level.PARK and place.radius_m > _PARK_BREADTH_M:
        return Precision.COUNTY
    return Precision(place.level.value)


_CHINA = frozenset(
    ("cn", "chn", "china", "prc", "prchina", "peoplesrepublicofchina", "chinamainland", "mainlandchina", "chinaprc",
     "中国", "中國", "中华人民共和国")
)  # fmt: skip
_MOST = 8
_WORTH_TELLING = 0.01
_ABSTAIN = 0.25
"""Below this sum of probabilities an address is left unread."""
_WEAK = 0.5
_PARK_BREADTH_M = 20_000.0
_RANK = {level: rank for rank, level in enumerate(Level)}


@cache
def _load() -> Gazetteer:
    catalogue = build_catalogue()
    return Gazetteer(catalogue=catalogue, index=build_index(catalogue), postcodes=read_postcodes(catalogue))
