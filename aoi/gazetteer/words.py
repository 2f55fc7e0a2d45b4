"""Find the words of a text that may name places, and what stands around them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Protocol, cast

from opencc import OpenCC

from aoi.gazetteer.catalogue import Kind, Name
from aoi.gazetteer.index import Index
from aoi.gazetteer.names import fold_uyghur, has_hanzi, plain
from aoi.gazetteer.tables import read_words

_TOKEN = re.compile(
    r"[A-Za-z\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff](?:['\u2019\u2018\u02bc`\u00b4]?[A-Za-z\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff])*"
    r"|\d+|[\u3400-\u9fff]+|[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufeff]+"
)
_BREAK = re.compile(r"[,;:\uff0c\uff1b\u3001()\uff08\uff09|/\n\r\u060c]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LONGEST = 7
_LONGEST_NUMBER = 3
"""Digits of a number that a name may begin with: 121 Regiment."""
_LONGEST_CHARS = 52
_MIN_COMPOUND = 7
_MIN_PART = 4
_SHORT_TYPO, _LONG_TYPO = 5, 6
"""Shortest words that may be misspelt names: beside a word for a unit, and alone."""


class Around(StrEnum):
    """What the words after a name make of it."""

    NOTHING = "nothing"
    ROAD = "road"
    VILLAGE = "village"
    TOWN = "town"
    PARK = "park"
    BUILDING = "building"
    FIRM = "firm"


@dataclass(frozen=True, slots=True)
class Token:
    """One word, or one run of Hanzi, of a text."""

    text: str
    start: int
    end: int
    segment: int
    """How many commas and the like stand before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Words that may name a place."""

    start: int
    end: int
    text: str
    names: tuple[Name, ...]
    unit: str
    """The word for the kind of unit beside it, as its class (`city`, `county`, …); empty where none."""
    around: Around
    segment: int
    typos: int = 0


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


_LISTS = read_words()
_UNIT_WORDS = {word: unit for unit, words in _LISTS["unit"].items() for word in words}
_PEOPLE_WORDS = _LISTS["other"]["peoples"]
_BETWEEN = _LISTS["other"]["between"]
_CUT_OFF = _LISTS["around"]["road"] | {"china"}
_AFTER = {Around(around): words for around, words in _LISTS["around"].items()}
_AFTER_HANZI = (
    (Around.TOWN, re.compile(r"^(镇|乡|街道|苏木|民族乡)")),
    (Around.ROAD, re.compile(r"^[东西南北中一二三四五六七八九十\d]{0,3}(大道|大街|路|街|巷|弄|胡同|公路|桥|高速)")),
    (Around.VILLAGE, re.compile(r"^[东西南北中上下]?(村|社区|庄|屯|组)")),
    (Around.PARK, re.compile(r"^(工业|经济|高新|开发|产业|科技|保税|经开|出口|循环|纺织服装|综合)")),
    (Around.BUILDING, re.compile(r"^(大厦|广场|大楼|花园|公寓|酒店|商城|商厦|市场|中心)")),
    (Around.FIRM, re.compile(r"^.{0,8}(有限|公司|集团|厂)")),
)
_HANZI_UNIT = (
    ("省", "province"), ("自治区", "region"), ("地区", "prefecture"), ("自治州", "prefecture"), ("盟", "prefecture"),
    ("自治县", "county"), ("县", "county"), ("旗", "county"), ("市", "city"), ("区", "district"),
)  # fmt: skip


@cache
def _converter() -> _Converter:
    return cast("_Converter", OpenCC("t2s"))


def simplify(text: str) -> str:
    """Return Hanzi in simplified characters, as long as before; other text stays."""
    if not has_hanzi(text):
        return text
    simple = _converter().convert(text)
    return simple if len(simple) == len(text) else "".join(_converter().convert(char)[:1] or char for char in text)


def tokens_of(text: str) -> list[Token]:
    """Cut a text into words: Latin ones in lower case without accents, runs of Hanzi and of Arabic letters whole."""
    found: list[Token] = []
    segment, last = 0, 0
    for match in _TOKEN.finditer(text):
        segment += bool(_BREAK.search(text, last, match.start()))
        last = match.end()
        start = match.start()
        for part in _CAMEL.split(match.group()):
            word = plain(part) if part[0] < "\u0600" else part
            found.append(Token(word, start, start + len(part), segment))
            start += len(part)
    return found


def find_mentions(text: str, index: Index, *, typos: bool = True) -> list[Mention]:
    """Return what may name a place in a text, in reading order; of overlapping ones the longer.

    Args:
        text: An address or a name in any script, simplified already (see `simplify`).
        index: The names that are known.
        typos: Whether long Latin words that match nothing may be misspelt names.

    """
    tokens = _opened(tokens_of(text), index)
    found = [*_latin(text, tokens, index), *_hanzi(text, tokens, index), *_uyghur(text, tokens, index)]
    kept = _longest(found)
    if typos:
        kept = _longest([*kept, *_misspelt(text, tokens, index, kept)])
    return sorted(kept, key=lambda mention: mention.start)


def _opened(tokens: Sequence[Token], index: Index) -> list[Token]:
    """Cut words that were typed together: `Jiangsuprovince` -> `jiangsu`, `province`."""
    opened: list[Token] = []
    for token in tokens:
        cut = _cut(token.text, index)
        if cut:
            middle = token.start + cut
            opened.append(Token(token.text[:cut], token.start, middle, token.segment))
            opened.append(Token(token.text[cut:], middle, token.end, token.segment))
        else:
            opened.append(token)
    return opened


def _cut(word: str, index: Index) -> int:
    """Where to cut a compound; 0 where it is none."""
    if len(word) < _MIN_COMPOUND or not word.isascii() or not word.isalpha() or word in index.latin:
        return 0
    for cut in range(len(word) - 2, _MIN_PART - 1, -1):
        left, right = word[:cut], word[cut:]
        known = any(name.kind is not Kind.NEEDS_UNIT for name in index.latin.get(left, ()))
        if known and (right in _UNIT_WORDS or right in _CUT_OFF or _is_unit(right, index)):
            return cut
    return 0


def _is_unit(word: str, index: Index) -> bool:
    return len(word) >= _MIN_PART + 1 and any(name.kind <= Kind.STEM for name in index.latin.get(word, ()))


def _latin(text: str, tokens: Sequence[Token], index: Index) -> Iterator[Mention]:
    for first, token in enumerate(tokens):
        if not token.text.isascii() or (token.text.isdigit() and len(token.text) > _LONGEST_NUMBER):
            continue
        joined = ""
        for last in range(first, min(first + _LONGEST, len(tokens))):
            if tokens[last].segment != token.segment or not tokens[last].text.isascii():
                break
            joined += tokens[last].text
            if len(joined) > _LONGEST_CHARS:
                break
            if joined in index.latin and not joined.isdigit():
                yield from _latin_mention(text, tokens, (first, last), index.latin[joined])


def _latin_mention(
    text: str, tokens: Sequence[Token], span: tuple[int, int], names: tuple[Name, ...], typos: int = 0
) -> Iterator[Mention]:
    first, last = span
    unit, after = unit_after(tokens, last)
    kept = tuple(name for name in names if name.kind is not Kind.NEEDS_UNIT or unit)
    if not kept:
        return
    around = _around(tokens, after + 1)
    if unit and around is not Around.ROAD:
        around = Around.TOWN if unit == "town" else Around.NOTHING
    start, end = tokens[first].start, tokens[after].end
    yield Mention(
        start=start, end=end, text=text[start:end], names=kept, unit=unit, around=around,
        segment=tokens[first].segment, typos=typos,
    )  # fmt: skip


def unit_after(tokens: Sequence[Token], last: int) -> tuple[str, int]:
    """Return the class of the unit word after a token and the position of the last token that belongs to it."""
    step = last + 1
    while step < len(tokens) and step <= last + 3 and tokens[step].text in _PEOPLE_WORDS and _same(tokens, last, step):
        step += 1
    if step < len(tokens) and _same(tokens, last, step):
        word = tokens[step].text
        if word == "sub" and step + 1 < len(tokens) and tokens[step + 1].text.startswith("dist"):
            return "town", step + 1
        if word in _UNIT_WORDS and not _is_road_word(tokens, step):
            return _UNIT_WORDS[word], step
    return "", last


def _is_road_word(tokens: Sequence[Token], step: int) -> bool:
    """Whether a short word that could be a unit (`xiang`, `zhou`) rather begins another name."""
    ambiguous = tokens[step].text in {"xiang", "zhou", "shi", "qu", "pro", "dis", "zhen"}
    if not ambiguous or step + 1 >= len(tokens) or not _same(tokens, step, step + 1):
        return False
    return tokens[step + 1].text in _AFTER[Around.ROAD]


def _same(tokens: Sequence[Token], one: int, other: int) -> bool:
    return tokens[one].segment == tokens[other].segment


def _around(tokens: Sequence[Token], step: int) -> Around:
    """Tell what the words from `step` on make of the name before them."""
    before = step - 1
    for position in range(step, min(step + 4, len(tokens))):
        if not _same(tokens, before, position):
            return Around.NOTHING
        word = tokens[position].text
        for around, words in _AFTER.items():
            if word in words:
                return around
        if word not in _BETWEEN:
            return Around.NOTHING
    return Around.NOTHING


def _hanzi(text: str, tokens: Sequence[Token], index: Index) -> Iterator[Mention]:
    for token in tokens:
        if not has_hanzi(token.text):
            continue
        for last, names in index.hanzi.iter(token.text):
            length = len(names[0].text)
            start, end = token.start + last + 1 - length, token.start + last + 1
            yield Mention(
                start=start, end=end, text=text[start:end], names=names, unit=_hanzi_unit(names[0].text),
                around=_around_hanzi(text[end : end + 12]), segment=token.segment,
            )  # fmt: skip
    yield from _numbered(text, index)


def _numbered(text: str, index: Index) -> Iterator[Mention]:
    """Regiments in figures beside Hanzi: 121团, 兵团第8师121团."""
    for match in re.finditer(r"(?:兵团)?(?:第?[一二三四五六七八九十\d]{1,3}师)?第?\d{1,3}团", text):
        whole = match.group()
        short = whole[whole.rfind("师") + 1 :].replace("兵团", "").replace("第", "")
        names = index.whole_hanzi.get(whole) or index.whole_hanzi.get(short)
        if names:
            yield Mention(
                start=match.start(), end=match.end(), text=whole, names=names, unit="", around=Around.NOTHING, segment=0
            )  # fmt: skip


def _hanzi_unit(name: str) -> str:
    return next((unit for ending, unit in _HANZI_UNIT if name.endswith(ending)), "")


def _around_hanzi(rest: str) -> Around:
    return next((around for around, pattern in _AFTER_HANZI if pattern.match(rest)), Around.NOTHING)


def _uyghur(text: str, tokens: Sequence[Token], index: Index) -> Iterator[Mention]:
    folded = [fold_uyghur(token.text) if token.text[:1] >= "\u0600" else "" for token in tokens]
    for first, word in enumerate(folded):
        for last in range(first, min(first + 5, len(tokens))) if word else ():
            names = index.uyghur.get(" ".join(folded[first : last + 1]))
            if names and tokens[first].segment == tokens[last].segment:
                start, end = tokens[first].start, tokens[last].end
                yield Mention(
                    start=start, end=end, text=text[start:end], names=names, unit="", around=Around.NOTHING,
                    segment=tokens[first].segment,
                )  # fmt: skip


def _misspelt(text: str, tokens: Sequence[Token], index: Index, known: Sequence[Mention]) -> Iterator[Mention]:
    taken = [(mention.start, mention.end) for mention in known]
    for first, token in enumerate(tokens):
        if text[token.start - 1 : token.start].isalpha():
            continue  # in the midst of a word of mixed case
        joined = ""
        for last in range(first, min(first + 3, len(tokens))):
            word = tokens[last]
            if word.segment != token.segment or not word.text.isascii() or not word.text.isalpha():
                break
            if any(start < word.end and word.start < end for start, end in taken):
                break
            joined += word.text
            shortest = _SHORT_TYPO if unit_after(tokens, last)[0] else _LONG_TYPO
            for key, count in index.misspelt(joined, shortest):
                yield from _latin_mention(text, tokens, (first, last), index.latin[key], typos=count)


def _longest(found: Sequence[Mention]) -> list[Mention]:
    """Of overlapping mentions keep the longest; of equally long ones all (they are other readings of the words)."""
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda one: (-(one.end - one.start), one.typos, one.start)):
        rivals = [other for other in kept if other.start < mention.end and mention.start < other.end]
        same = [other for other in rivals if (other.start, other.end) == (mention.start, mention.end)]
        if not rivals or (same and mention.names != same[0].names):
            kept.append(mention)
    return kept
