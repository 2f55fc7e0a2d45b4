"""Taking apart a company's name in Latin letters (English, pinyin, romanised Uyghur)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from outputs.matching import corps, lexicon
from outputs.matching.lexicon import Entry, Kind
from outputs.matching.names_hanzi import words_of
from outputs.matching.numbers import LATIN_NUMBER, latin_number
from outputs.matching.parts import NameParts, PlaceWord, PlaceWords, Unit, UnitKind, finest, nested
from outputs.matching.text import Script, plain, squash, syllables

_TOKEN = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(rf"\b(?:no|nr|number|num)[ .]*(?P<after>\d{{1,3}})\b|\b(?P<ordinal>{LATIN_NUMBER})\b")
_SUBSIDIARY = re.compile(r"\b(?:an? )?(?:subsidiary|affiliate) of\b|\band (?:its|all|the) subsidiar(?:y|ies)\b")
_AND = re.compile(r"[&+]")
_SHORT_XINJIANG = re.compile(r"\bxj\b")
_COMPANY_FORMS = frozenset({"limited", "joint_stock", "company"})
_LONGEST_PHRASE = 6
_LONGEST_PLACE = 4
_PREFECTURE = 2
"""So many steps below the country lies a prefecture in a path."""
_UNIT_SYLLABLES = frozenset({"shi", "xian", "sheng", "qu", "zhou"})
"""City, county, province, district and prefecture in pinyin, right behind a place."""
_UNIT_WORDS = frozenset({"works", "branch", "office"})


@dataclass(slots=True)
class _Token:
    word: str
    start: int
    end: int
    in_bracket: bool
    entry: Entry | None = None
    paths: tuple[str, ...] = ()
    used: bool = False


@dataclass(slots=True)
class _Work:
    tokens: list[_Token]
    places: list[PlaceWord] = field(default_factory=list)
    industries: set[str] = field(default_factory=set)
    generic: list[str] = field(default_factory=list)
    form: str = ""
    is_group: bool = False
    is_subsidiary: bool = False
    unit: Unit | None = None
    number: int | None = None
    brand: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    brand_paths: tuple[str, ...] = ()


def parse_latin(text: str, place_words: PlaceWords, *, from_uyghur: bool = False) -> NameParts:
    """Take apart a name in Latin letters. `from_uyghur`: it was written in Uyghur letters, so Uyghur words count."""
    spaced = _CAMEL.sub(" ", text) if any(map(str.islower, text)) else text
    # One letter for one letter, so that places found in the text as it stands have the same bounds.
    low = spaced.casefold() if len(spaced.casefold()) == len(spaced) else spaced
    unit_of_corps, rest = corps.take_latin(plain(_AND.sub("&", low)) if len(plain(low)) == len(low) else low)
    said = _SUBSIDIARY.search(rest)
    if said:
        rest = rest[: said.start()] + " " * (said.end() - said.start()) + rest[said.end() :]
    work = _Work(tokens=_tokens(rest), is_subsidiary=said is not None)
    _mark_words(work, lexicon.load().uyghur if from_uyghur else {})
    _mark_places(work, spaced, place_words)
    _mark_unusual_words(work)
    _take_unit(work, rest)
    _take_words(work)
    _take_brand(work)
    _brand_from_place(work)
    _brand_at_head(work)
    brand = " ".join(work.brand)
    joined = squash(brand)
    if not brand and work.unit is not None and work.unit.kind is UnitKind.WORKS:
        work.number, work.unit = work.unit.number, None  # `No. 5 Cotton Mill` is a firm of its own
    return NameParts(
        text=text,
        script=Script.LATIN,
        places=tuple(work.places),
        paths=finest(tuple(word.paths for word in work.places)),
        brand=brand,
        sounds=(joined,) if joined else (),
        brand_paths=work.brand_paths,
        tail=tuple(work.tail),
        industries=frozenset(work.industries),
        generic=tuple(work.generic),
        form=work.form,
        is_group=work.is_group,
        is_subsidiary=work.is_subsidiary,
        unit=work.unit,
        corps=unit_of_corps,
        ordinal=work.number if not brand else None,
    )


def _tokens(low: str) -> list[_Token]:
    """Words of the name; brackets are remembered, apostrophes join."""
    flat = low.translate(dict.fromkeys(map(ord, "'`\u2018\u2019\u02bc\u02bb\u00b4"), "\u0640"))
    found: list[_Token] = []
    for match in _TOKEN.finditer(flat):
        inside = "(" in flat and flat.count("(", 0, match.start()) > flat.count(")", 0, match.start())
        word = squash(match.group().replace("\u0640", "")) or match.group()
        found.append(_Token(word=word, start=match.start(), end=match.end(), in_bracket=inside))
    return found


def _mark_words(work: _Work, uyghur: Mapping[str, Entry]) -> None:
    """Mark the tokens that the tables know, the longest phrases first."""
    tables = lexicon.load()
    words = [token.word for token in work.tokens]
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST_PHRASE, len(words) - at), 0, -1):
            joined = "".join(words[at : at + length])
            entry = tables.latin.get(joined) or uyghur.get(joined)
            if entry is not None:
                for token in work.tokens[at : at + length]:
                    token.entry = entry
                at += length
                break
        else:
            at += 1


def _mark_unusual_words(work: _Work) -> None:
    """Behind the first word of the brand, mark industries in pinyin and words with one error of typing.

    The brand comes first and may sound like an industry: it is never taken for one.
    """
    tables = lexicon.load()
    free = [token for token in work.tokens if token.entry is None]
    at = _behind_brand(free)
    while at < len(free):
        for length in range(min(_LONGEST_PLACE, len(free) - at), 0, -1):
            entry = tables.pinyin.get("".join(token.word for token in free[at : at + length]))
            if entry is not None:
                for token in free[at : at + length]:
                    token.entry, token.paths = entry, ()
                at += length
                break
        else:
            if not free[at].paths:
                free[at].entry = tables.corrected(free[at].word)
            at += 1


def _behind_brand(free: list[_Token]) -> int:
    """Return where the words behind the first word of the brand begin: one word, or a second place, is the brand."""
    places: list[tuple[str, ...]] = []
    for at, token in enumerate(free):
        if not token.paths or (places and token.paths != places[-1]):
            return at + 1
        places.append(token.paths)
    return len(free)


def _mark_places(work: _Work, text: str, place_words: PlaceWords) -> None:
    spans = words_of(text, place_words)
    for start, end, paths in spans:
        covered = [token for token in work.tokens if start <= token.start and token.end <= end]
        if any(token.entry is not None and token.entry.kind is not Kind.GENERIC for token in covered):
            continue
        for token in covered:
            token.paths, token.entry = paths, None
    short = next((token for token in work.tokens if token.word == "xj"), None)
    if short is not None:
        short.paths = ("cn/65",)
    _mark_spaced_places(work, place_words)


def _mark_spaced_places(work: _Work, place_words: PlaceWords) -> None:
    """A place may have its syllables apart or in capitals of their own: `Dong Guan`, `DongGuan`."""
    at = 0
    while at < len(work.tokens):
        run = _run_of_syllables(work.tokens[at : at + _LONGEST_PLACE])
        for length in range(run, 1, -1):
            joined = "".join(token.word for token in work.tokens[at : at + length])
            spans = words_of(joined, place_words)
            if spans and spans[0][:2] == (0, len(joined)):
                for token in work.tokens[at : at + length]:
                    token.paths = spans[0][2]
                at += length - 1
                break
        else:
            if run > 1 and len(syllables(work.tokens[at].word)) == 1:
                work.tokens[at].paths = ()  # one syllable among others is no place
        at += 1


def _run_of_syllables(tokens: list[_Token]) -> int:
    run = 0
    for token in tokens:
        if token.entry is not None or len(syllables(token.word)) != 1:
            break
        run += 1
    return run


def _take_unit(work: _Work, low: str) -> None:
    """What follows the legal form speaks of a unit, and so does a numbered works behind a brand."""
    forms = [
        place
        for place, token in enumerate(work.tokens)
        if token.entry and token.entry.kind is Kind.FORM and token.entry.concept in _COMPANY_FORMS
    ]
    number = next(_NUMBERED.finditer(low), None)
    if number is not None:
        work.number = latin_number(number["after"] or number["ordinal"])
        for token in work.tokens:
            token.used = token.used or (number.start() <= token.start and token.end <= number.end())
    behind = work.tokens[forms[-1] + 1 :] if forms else []
    behind = [token for token in behind if not token.in_bracket]
    kind = _unit_kind(behind) if forms else _unit_kind(work.tokens)
    if forms and kind is None and not behind:
        kind = _unit_kind([token for token in work.tokens if _is_unit(token, "branch")])
    if kind is None and not (forms and work.number is not None and behind):
        return
    if kind is UnitKind.WORKS and work.number is None and not behind:
        return
    paths = finest(tuple(token.paths for token in (behind or _before_branch(work)) if token.paths))
    work.unit = Unit(kind=kind or UnitKind.WORKS, number=work.number, paths=paths)
    work.number = None
    for token in behind:
        token.used = True


def _before_branch(work: _Work) -> list[_Token]:
    """Return the place right before the word for a branch: `... Korla Branch`."""
    for place, token in enumerate(work.tokens):
        if _is_unit(token, "branch") and place > 1 and work.tokens[place - 1].paths:
            work.tokens[place - 1].used = True
            return [work.tokens[place - 1]]
    return []


def _is_unit(token: _Token, *kinds: str) -> bool:
    entry = token.entry
    return entry is not None and entry.kind is Kind.ORGANISATION and entry.concept in kinds


def _unit_kind(tokens: list[_Token]) -> UnitKind | None:
    for token in tokens:
        if _is_unit(token, *_UNIT_WORDS):
            return UnitKind(token.entry.concept) if token.entry else None
        if token.entry and token.entry.kind is Kind.FORM and token.entry.concept == "works":
            return UnitKind.WORKS
    return None


def _take_words(work: _Work) -> None:
    for token in work.tokens:
        entry = token.entry
        if token.used or entry is None:
            continue
        token.used = True
        if entry.kind is Kind.INDUSTRY:
            work.industries.add(entry.concept)
        elif entry.kind is Kind.FORM:
            work.form = work.form if work.form in {"limited", "joint_stock"} else entry.concept
        elif entry.kind is Kind.GENERIC:
            work.generic.append(token.word)
        elif entry.concept == "group":
            work.is_group = True
        elif entry.concept == "subsidiary":
            work.is_subsidiary = True


def _take_brand(work: _Work) -> None:
    """Sort what remains into places, the brand and unknown words behind it.

    Places at the head, behind the brand and in brackets count, as far as they fit those before. The brand is the first
    run of words; in pinyin it ends where the pinyin ends.
    """
    known = _leading(work.tokens)
    for token in work.tokens:
        if token.used:
            continue
        fits = not known or any(nested(one, other) for one in known for other in token.paths)
        if token.paths and fits:
            known = finest((known, token.paths)) if known else token.paths
            _add_place(work, token)
        elif (token.word.isdecimal() and work.brand) or (
            token.word in _UNIT_SYLLABLES and work.places and not work.brand
        ):
            work.generic.append(token.word)
        else:
            work.brand.append(token.word)
            work.brand_paths = token.paths if len(work.brand) == 1 else ()
    _split_tail(work)


def _leading(tokens: list[_Token]) -> tuple[str, ...]:
    """Return the place that others must fit: a large one at the head, else one in brackets, a province, or the head."""
    named = [token for token in tokens if token.paths and not token.used]
    at_head = bool(named) and not tokens[0].used and named[0] is tokens[0]
    if not named or (at_head and _is_large(named[0])):
        return named[0].paths if named else ()
    best = next((token for token in named if token.in_bracket), None) or next(filter(_is_large, named), named[0])
    return best.paths


def _is_large(token: _Token) -> bool:
    return any(path.count("/") <= _PREFECTURE for path in token.paths)


def _add_place(work: _Work, token: _Token) -> None:
    if work.places and work.places[-1].paths == token.paths:  # another token of the same place word
        joined = work.places[-1].text + token.word
        work.places[-1] = PlaceWord(text=joined, paths=token.paths)
        return
    work.places.append(PlaceWord(text=token.word, paths=token.paths))


def _split_tail(work: _Work) -> None:
    work.brand, work.tail = split_brand(work.brand)


def split_brand(words: list[str]) -> tuple[list[str], list[str]]:
    """Part words that no table knows into the brand and what stands behind it.

    A brand in pinyin is the first word of two syllables or more, or the run of single syllables; of a brand in other
    words at most three belong to it.
    """
    sizes = [len(syllables(word)) for word in words]
    if not sizes or not sizes[0]:
        return words[:3], words[3:]
    length = 1
    if sizes[0] == 1:
        while length < len(sizes) and sizes[length] == 1:
            length += 1
        length = max(length, 2)  # one syllable alone is rarely a brand: what follows belongs to it (Wo Erte, Ge Tech)
    return words[:length], words[length:]


def _brand_from_place(work: _Work) -> None:
    """Where no brand remained, the last place word was one: Xinjiang Tianshan Wool Weaving."""
    if work.brand or len(work.places) <= 1 or work.number is not None or not work.industries:
        return
    last = work.places.pop()
    work.brand, work.brand_paths = [last.text], last.paths


def _brand_at_head(work: _Work) -> None:
    """A small place at the head, with words behind it that are no pinyin, was rather the brand: Heyang Hemical."""
    head = work.places[0] if len(work.places) == 1 else None
    if head is None or not work.brand or not head.text.startswith(work.tokens[0].word) or syllables(work.brand[0]):
        return
    if all(path.count("/") > _PREFECTURE for path in head.paths) and len(syllables(head.text)) > 1:
        work.tail = [*work.brand, *work.tail]
        work.brand, work.brand_paths = [head.text], head.paths
        work.places.clear()
