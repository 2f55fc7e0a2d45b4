"""Taking apart a company's name in Hanzi: place, brand, industry, legal form, unit."""

import re
from dataclasses import dataclass, field
from functools import cache

from outputs.matching import corps, lexicon
from outputs.matching.lexicon import Entry, Kind
from outputs.matching.numbers import HANZI_NUMBER, hanzi_number
from outputs.matching.parts import NameParts, PlaceWord, PlaceWords, Unit, UnitKind, finest, nested
from outputs.matching.places import WIDE, paths_of
from outputs.matching.text import Script, sounds

_BRACKET = re.compile(r"[((\u3014【\[]([^))\u3015】\]]*)[))\u3015】\]]")
_NOISE = re.compile(r"[\s·・,,。.;:;:\"'“”\u2018\u2019/\\&+-]+")
_ORDINAL = re.compile(rf"第({HANZI_NUMBER})(?=.)|^({HANZI_NUMBER})(?=[分车厂])")
_FARM = re.compile(rf"(?<=..)第?({HANZI_NUMBER})([牧农]?场)$")
_UNIT_NUMBER = re.compile(rf"第?({HANZI_NUMBER})(?:号)?$")
_LEADING = re.compile(r"^(?:维吾尔自治区|[一-龥]{1,5}自治州|自治区|地区|[省市县区州])(?=..)")
_SUFFIXES = ("省", "市", "县", "区", "州", "盟", "旗", "镇", "乡")
_COMPANY_FORMS = frozenset({"joint_stock", "limited", "company", "cooperative", "partnership"})
_TRADE = "业"
_LONGEST_WORD = 8
_MIN_BRAND = 2


@dataclass(slots=True)
class _Work:
    """What was found so far in one name."""

    body: str
    places: list[PlaceWord] = field(default_factory=list)
    industries: set[str] = field(default_factory=set)
    generic: list[str] = field(default_factory=list)
    form: str = ""
    is_group: bool = False
    is_subsidiary: bool = False
    unit: Unit | None = None
    ordinal: int | None = None
    tail: tuple[str, ...] = ()

    def take(self, entry: Entry, word: str) -> None:
        if entry.kind is Kind.INDUSTRY:
            self.industries.add(entry.concept)
        elif entry.kind is Kind.GENERIC:
            self.generic.append(word)
        elif entry.kind is Kind.FORM:
            self.form = self.form or entry.concept
        elif entry.concept == "group":
            self.is_group = True
        elif entry.concept == "subsidiary":
            self.is_subsidiary = True
        else:
            self.unit = self.unit or Unit(kind=UnitKind(entry.concept))


def words_of(text: str, place_words: PlaceWords) -> list[tuple[int, int, tuple[str, ...]]]:
    """Return the place words of a text as (start, end, paths), villages left out."""
    found = []
    for span in place_words(text):
        paths = paths_of(place for place in span.places if place.level in WIDE)
        if paths:
            found.append((span.start, span.end, paths))
    return found


def parse_hanzi(text: str, place_words: PlaceWords) -> NameParts:
    """Take apart a name in simplified Hanzi."""
    unit_of_corps, rest = corps.take_hanzi(text)
    work = _Work(body="")
    brackets = _BRACKET.findall(rest)
    work.body = _NOISE.sub("", _BRACKET.sub("", rest))
    for inside in brackets:
        _take_bracket(work, inside, place_words)
    _take_form(work, place_words)
    _take_leading_places(work, place_words)
    _take_ordinal(work)
    stripped = _strip_words(work)
    brand_paths = _brand_from_place(work, stripped)
    return NameParts(
        text=text,
        script=Script.HANZI,
        places=tuple(work.places),
        paths=finest(tuple(word.paths for word in work.places)),
        brand=work.body,
        sounds=sounds(work.body) if work.body else (),
        brand_paths=brand_paths,
        tail=work.tail,
        industries=frozenset(work.industries),
        generic=tuple(work.generic),
        form=work.form,
        is_group=work.is_group,
        is_subsidiary=work.is_subsidiary,
        unit=work.unit,
        corps=unit_of_corps,
        ordinal=work.ordinal,
    )


def _take_bracket(work: _Work, inside: str, place_words: PlaceWords) -> None:
    spans = words_of(inside, place_words)
    for start, end, paths in spans:
        work.places.append(PlaceWord(text=inside[start:end], paths=paths))
    if not spans:
        entry = lexicon.load().hanzi.get(inside)
        if entry is not None:
            work.take(entry, inside)
        elif inside:
            work.generic.append(inside)


def _take_form(work: _Work, place_words: PlaceWords) -> None:
    """Cut the body at its legal form; what stands behind the form speaks of a unit."""
    found = _forms().search(work.body)
    if found is None:
        return
    behind = work.body[found.end() :].removeprefix("公司")
    work.form = lexicon.load().hanzi[found.group()].concept
    work.body = work.body[: found.start()]
    _take_unit(work, behind, place_words)


@cache
def _forms() -> re.Pattern[str]:
    """Find the first legal form of a company, the longest word first. A branch (分公司) is none."""
    entries = lexicon.load().hanzi.items()
    words = [word for word, entry in entries if entry.kind is Kind.FORM and entry.concept in _COMPANY_FORMS]
    return re.compile("(?<=.)(?<![分子])(?:" + "|".join(sorted(words, key=len, reverse=True)) + ")")


def _take_unit(work: _Work, words: str, place_words: PlaceWords) -> None:
    if not words:
        return
    entries = lexicon.load().hanzi
    paths: list[tuple[str, ...]] = []
    for _, end, found in words_of(words, place_words):
        if end <= len(words):
            paths.append(found)
    for start in range(len(words)):
        entry = entries.get(words[start:])
        if entry is not None and entry.kind is Kind.ORGANISATION and entry.concept != "group":
            number = _UNIT_NUMBER.search(words[:start])
            if entry.concept == "subsidiary":
                work.is_subsidiary = True
            else:
                work.unit = Unit(
                    kind=UnitKind(entry.concept),
                    number=hanzi_number(number.group(1)) if number else None,
                    paths=finest(tuple(paths)),
                )
            return
    if "集团" in words:
        work.is_group = True
        return
    work.unit = Unit(kind=UnitKind.BRANCH, paths=finest(tuple(paths)))


def _take_leading_places(work: _Work, place_words: PlaceWords) -> None:
    """Take the chain of places that the body starts with, as long as each fits those before."""
    at = 0
    known = finest(tuple(word.paths for word in work.places))
    for generic in ("中国", "国营", "地方国营", "中外合资"):
        if work.body.startswith(generic) and len(work.body) > len(generic) + 1:
            work.generic.append(generic)
            at = len(generic)
    for start, end, paths in words_of(work.body, place_words):
        if start != at:
            break
        fits = not known or any(nested(one, other) for one in known for other in paths)
        if not fits:
            break
        known = finest((known, paths)) if known else paths
        work.places.append(PlaceWord(text=work.body[start:end], paths=paths))
        suffix = _LEADING.match(work.body[end:])
        at = end + (suffix.end() if suffix else 0)
    work.body = work.body[at:]


def _take_ordinal(work: _Work) -> None:
    found = _ORDINAL.search(work.body)
    if found:
        work.ordinal = hanzi_number(found.group(1) or found.group(2))
        work.body = work.body[: found.start()] + work.body[found.end() :]


def _strip_words(work: _Work) -> list[str]:
    """Take known words off the end of the body, the longest first, as long as a brand of two characters can remain.

    Returns the words taken, from the left.
    """
    farm = _FARM.search(work.body)
    if farm:
        work.unit = Unit(kind=UnitKind.WORKS, number=hanzi_number(farm.group(1)))
        work.body = work.body[: farm.start()]
    taken = _strip_end(work)
    if work.unit is not None and work.unit.number is None:
        _own_number(work)
        taken = _strip_end(work) + taken
    return taken


def _strip_end(work: _Work) -> list[str]:
    words = _known_end(work.body)
    for word in words:
        work.take(lexicon.load().hanzi[word], word)
    work.body = work.body[: len(work.body) - sum(map(len, words))]
    if words and words[0] == _TRADE and len(work.body) > _MIN_BRAND:
        # 刷业: with one character before it, the word for a trade is an industry that no table knows.
        work.tail, work.body = (work.body[-1] + _TRADE,), work.body[:-1]
    return words


def _known_end(body: str) -> list[str]:
    """Return the longest end of the body that consists of known words, parted into as few of them as can be.

    A word of one character counts only as the last one: inside, it is rather part of a brand.
    """
    words = lexicon.load().hanzi
    best: list[list[str] | None] = [None] * len(body) + [[]]
    for start in range(len(body) - 1, -1, -1):
        for end in range(min(len(body), start + _LONGEST_WORD), start, -1):
            rest = best[end]
            if rest is None or body[start:end] not in words or (end - start == 1 and end < len(body)):
                continue
            now = best[start]
            if now is None or len(rest) + 1 < len(now):
                best[start] = [body[start:end], *rest]
    allowed = (best[start] for start in (0, *range(_MIN_BRAND, len(body))))
    return next((found for found in allowed if found), [])


def _own_number(work: _Work) -> None:
    """Give the unit the number that stands before its word: it is not the name of a firm."""
    if work.unit is None:
        return
    trailing = _UNIT_NUMBER.search(work.body)
    number, work.ordinal = work.ordinal, None
    if trailing and trailing.start() >= _MIN_BRAND:
        number = hanzi_number(trailing.group(1))
        work.body = work.body[: trailing.start()]
    work.unit = Unit(kind=work.unit.kind, number=number, paths=work.unit.paths)


def _brand_from_place(work: _Work, stripped: list[str]) -> tuple[str, ...]:
    """Where no brand remained, the last place word was one: 新疆天山毛织. Returns what it means as a place."""
    alone = len(work.places) <= 1 or work.places[-1].text.endswith(_SUFFIXES)
    if work.body or alone or work.ordinal is not None or not stripped:
        return ()
    last = work.places.pop()
    work.body = last.text
    return last.paths
