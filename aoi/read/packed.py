"""Several names in one cell: "A (including two aliases: B; and C) and its subordinate and affiliated entities".

Authorities write the aliases, the subsidiaries and sometimes further firms of a listing into one cell. The forms are
those of the US lists under the Uyghur Forced Labor Prevention Act and of withhold-release orders. What a cell says in
words ("two aliases") is held against what was found, and told where the two differ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aoi.read.countries import country_code

_NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_COUNT = rf"(?:{'|'.join(_NUMBERS)}|\d+|several|various|multiple)"
_FORM = (
    r"(?:co|corp|inc|ltd|llc|limited|company|corporation|group|gmbh|plc|pvt|bhd|s\.?a\.?|s\.?r\.?l\.?|d\.?o\.?o\.?|c\.?v\.?"
    r"|holdings?|l\.?l\.?c\.?)\.?"
)
_GLUED = re.compile(
    r",\s*(?=(?:(?:co|inc|ltd|llc|corp|limited|company|incorporated|corporation|plc|l\.l\.c|s\.a|s\.r\.l|gmbh|pvt)\b\.?[\s,.]*)+"
    r"(?:$|[,;()]|and\b))",
    re.IGNORECASE,
)
"""A comma that belongs to the legal form after it."""
_ENDS_IN_FORM = re.compile(rf"\b{_FORM}$", re.IGNORECASE)
_ALIAS_OPEN = re.compile(
    rf"\((?:(?:and|including|with)\s+)?(?:{_COUNT}\s+)?alias(?:es)?\s*:\s*"
    r"|\((?:(?:formerly|also|or)\s+)+(?:known|doing business) as:?\s*"
    r"|\((?:a/?k/?a|f/?k/?a|d/?b/?a|formerly):?\s+",
    re.IGNORECASE,
)
_INLINE_ALIAS = re.compile(
    r"[,;]?\s*\b(?:a/k/a|aka|a\.k\.a\.|f/k/a|fka|f\.k\.a\.|d/b/a|n/k/a|(?:also|formerly) known as)\b:?\s*",
    re.IGNORECASE,
)
_SAID_COUNT = re.compile(rf"\b(?P<count>{'|'.join(_NUMBERS)}|\d+)\s+(?:[\w-]+\s+)?(?:alias|subsidiar)", re.IGNORECASE)
_KIN = r"(?:subordinates?|subsidiar(?:y|ies)|affiliate[sd]?|joint ventures|entities|branches)"
_COVERS = re.compile(
    r",?\s*\b(?:and|with)\s+(?:(?:its|their|all|any|of|the)\s+)*"
    rf"(?:{_KIN}(?:\s*(?:,\s*and|,|and|or)\s*)?)+\s*(?:entities)?\.?$",
    re.IGNORECASE,
)
_SUBSIDIARIES = re.compile(
    rf",?\s*\band\s+(?:its|their)\s+(?:(?:{_COUNT})\s+)?(?:[\w-]+-based\s+)?(?:subsidiar(?:y|ies)|affiliates?)"
    r"(?:\s+from\s+[\w ]+?)?"
    r"(?:\s*[,:]\s*(?:which\s+(?:include|are)\s*:?\s*|including\s*:?\s*|namely\s*:?\s*)?|\s+)(?P<names>\S.*)$",
    re.IGNORECASE,
)
_COLLECTIVELY = re.compile(r"\s*\((?:collectively|together|hereafter)[, ]+(?P<group>[^()]+)\)\s*$", re.IGNORECASE)
_PLACE_IN_BRACKETS = re.compile(r"\s*\((?:of|in|located in|from)\s+(?P<place>[^()]+)\)\s*$", re.IGNORECASE)
_ACRONYM = re.compile(r"\s*\((?P<short>[A-Z][A-Z0-9&-]{1,9})\)\s*$")
_OR_FORM = re.compile(r"(?P<before>\S+)\s+\(or\s+(?P<other>[^()\s]+)\)")
_VESSEL = re.compile(r"^fishing vessels?(?:\s+owned by|:)\s*", re.IGNORECASE)
_KEPT = "\x00"
"""Stands for a comma that belongs to a name while lists are taken apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedName:
    """One firm of a cell."""

    name: str
    aliases: tuple[str, ...] = ()
    place: str = ""
    """Where the cell says it is: `Nagoya, Japan`."""
    covers_subsidiaries: bool = False
    under: int | None = None
    """Which of the cell's firms, from 0, it belongs to; None: it stands for itself."""
    remarks: tuple[str, ...] = field(default=())
    """What could not be taken for certain."""


def is_packed(cell: str) -> bool:
    """Return whether `cell` says in words that it holds more than one name."""
    found = _ALIAS_OPEN.search(cell) or _INLINE_ALIAS.search(cell) or _SUBSIDIARIES.search(cell) or _COVERS.search(cell)
    return found is not None


def unpack(cell: str) -> tuple[PackedName, ...]:
    """Return the firms that `cell` names, the leading one first; nothing for an empty cell.

    A cell whose form is not known is one name, as it stands.
    """
    text = _balanced(" ".join(_GLUED.sub(_KEPT + " ", " ".join(cell.split())).split()))
    if not text:
        return ()
    if found := _COLLECTIVELY.search(text):
        members = _list_of(text[: found.start()])
        return _restored([PackedName(name=found["group"]), *(PackedName(name=one, under=0) for one in members)])
    return _restored([packed for piece in _firms(text) for packed in piece])


def _restored(found: Sequence[PackedName]) -> tuple[PackedName, ...]:
    def plain(text: str) -> str:
        return text.replace(_KEPT, ",").strip(" ;,")

    return tuple(
        replace(
            one, name=plain(one.name), aliases=tuple(dict.fromkeys(map(plain, one.aliases))), place=plain(one.place)
        )
        for one in found
        if plain(one.name)
    )


def _firms(text: str) -> list[list[PackedName]]:
    """Return each firm that stands for itself, with what belongs to it; `under` counts all firms of the cell."""
    found: list[list[PackedName]] = []
    count = 0
    for piece in _split_outside(text, ";"):
        if found and found[0][0].name and (place := _mere_place(piece)):
            found = [[replace(one, place=place) for one in group] for group in found]
            continue
        for firm in _several_firms(piece):
            group = [replace(one, under=None if one.under is None else one.under + count) for one in _firm(firm)]
            found.append(group)
            count += len(group)
    return found


def _mere_place(piece: str) -> str:
    """Return the words after a semicolon where they name a place and no firm: "; Kathmandu."""
    plain = piece.strip(" .")
    is_one_word = len(plain.split()) == 1 and not _ENDS_IN_FORM.search(plain)
    return plain if is_one_word else ""


def _several_firms(text: str) -> list[str]:
    """Take apart firms that stand in one row as equals; a name that has "and" or commas in itself stays whole."""
    whole = text.strip(" .") if text.strip().endswith("..") else text.strip()
    covering = _COVERS.search(whole)
    body = whole[: covering.start()] if covering else whole
    tail = whole[covering.start() :] if covering else ""
    if _SUBSIDIARIES.search(body) or _INLINE_ALIAS.search(body) or ("(" in body and "alias" in body):
        return [whole]
    names = _list_of(body)
    forms = sum(_ENDS_IN_FORM.search(name.rstrip(".")) is not None for name in names)
    are_words = all(len(name.split()) > 1 for name in names)
    is_pair = len(names) == 2 and forms == 2  # noqa: PLR2004 - two firms, each with its legal form
    is_row = len(names) > 2 and forms >= 2 and are_words  # noqa: PLR2004 - a row of firms
    if is_pair or is_row:
        return [f"{name}{tail}" for name in names]
    return [whole]


def _firm(text: str) -> list[PackedName]:
    remarks: list[str] = []
    rest, covers = _without_cover(text)
    subsidiaries: tuple[str, ...] = ()
    if found := _SUBSIDIARIES.search(rest):
        subsidiaries = _listed(found["names"], found.group()[: found.start("names") - found.start()], remarks)
        covers = covers or bool(remarks)  # of those that it counts, some go unnamed
        rest = rest[: found.start()]
    rest, aliases = _without_aliases(rest, remarks)
    rest, covers_too = _without_cover(rest)
    name, more, place = _heading(rest)
    main = PackedName(
        name=name,
        aliases=(*more, *aliases),
        place=place,
        covers_subsidiaries=covers or covers_too,
        remarks=tuple(remarks),
    )
    return [main, *(PackedName(name=one, under=0) for one in subsidiaries)]


def _without_cover(text: str) -> tuple[str, bool]:
    found = _COVERS.search(text.rstrip(" ."))
    return (text[: found.start()].rstrip(), True) if found else (text, False)


def _without_aliases(text: str, remarks: list[str]) -> tuple[str, tuple[str, ...]]:
    aliases: list[str] = []
    while found := _ALIAS_OPEN.search(text):
        end = _closing(text, found.start())
        aliases += _listed(text[found.end() : end], found.group(), remarks)
        text = f"{text[: found.start()].rstrip()} {text[end + 1 :].lstrip()}".strip()
    first, *inline = _INLINE_ALIAS.split(text)
    aliases += [one for part in inline for one in _split_outside(part.rstrip(" ,;."), ";")]
    return first.rstrip(" ,;"), tuple(alias.strip() for alias in aliases if alias.strip())


def _listed(text: str, opening: str, remarks: list[str]) -> tuple[str, ...]:
    """Return the names of a list; of the ways to take it apart, the one that gives as many as the cell says."""
    said = _SAID_COUNT.search(opening)
    expected = 0 if said is None else _as_number(said["count"])
    ways = [_split_list(text, signs) for signs in (";", ";,")] + [_split_list(text, ";,", with_and=True)]
    ways.append(tuple(_bare(part) for part in _pair(re.split(r"\s+and\s+", text))))
    fitting = [way for way in ways if len(way) == expected]
    if expected and not fitting:
        best = min(ways, key=lambda way: abs(len(way) - expected))
        shown = text.replace(_KEPT, ",")
        remarks.append(f"says {said['count'] if said else ''} names, but {len(best)} were found in {shown!r}")
        return best
    if fitting:
        return fitting[0]
    return ways[0] if ";" in text else _list_of(text)


def _as_number(word: str) -> int:
    return int(word[:6]) if word.isdecimal() else _NUMBERS.index(word.lower()) + 1


def _split_list(text: str, signs: str, *, with_and: bool = False) -> tuple[str, ...]:
    parts = [text]
    for sign in signs:
        parts = [piece for part in parts for piece in _split_outside(part, sign)]
    if with_and:
        parts = [piece for part in parts for piece in re.split(r"\s+and\s+(?=\S)", part)]
    return tuple(plain for part in parts if (plain := _bare(part)))


def _bare(part: str) -> str:
    words = re.sub(r"^(?:and|or)\s+", "", part.strip(" ;,"), flags=re.IGNORECASE)
    return re.sub(r"^(?:formerly|also) known as:?\s+", "", words, flags=re.IGNORECASE).strip()


def _list_of(text: str) -> tuple[str, ...]:
    """Return the names of a list with commas and a last "and"; of "A and B" both."""
    parts = [part for part in _split_outside(text, ",") if part.strip()]
    last = re.split(r"\s+and\s+", parts[-1]) if parts else []
    if len(parts) == 1 and len(last) > 1:
        return tuple(map(_bare, _pair(last)))
    return tuple(plain for part in parts if (plain := _bare(part)))


def _pair(words: Sequence[str]) -> list[str]:
    """Put "X and Y Co. and Z Co." together so that each part ends in a legal form where it can."""
    parts: list[str] = []
    for word in words:
        if parts and not _ENDS_IN_FORM.search(parts[-1].rstrip(".")):
            parts[-1] = f"{parts[-1]} and {word}"
        else:
            parts.append(word)
    return parts


def _heading(text: str) -> tuple[str, tuple[str, ...], str]:
    """Return the name, further ways to write it that stand in it, and the place that stands behind it."""
    name, place = _VESSEL.sub("", text.strip()), ""
    if found := _PLACE_IN_BRACKETS.search(name):
        name, place = name[: found.start()], found["place"]
    pieces = name.split(",")
    if len(pieces) > 2 and country_code(pieces[-1].strip(" .")) and not _ENDS_IN_FORM.search(pieces[0]):  # noqa: PLR2004
        name, place = pieces[0], ", ".join(piece.strip() for piece in pieces[1:])
    also: list[str] = []
    if found := _ACRONYM.search(name):
        also, name = [found["short"]], name[: found.start()]
    if found := _OR_FORM.search(name):
        also.append(f"{name[: found.start()]}{found['other']}{name[found.end() :]}")
        name = f"{name[: found.start()]}{found['before']}{name[found.end() :]}"
    return name.strip(), tuple(also), place


def _split_outside(text: str, sign: str) -> list[str]:
    """Split `text` at `sign` where it stands in no bracket."""
    parts, depth, start = [], 0, 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == sign and depth <= 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def _closing(text: str, opening: int) -> int:
    """Return where the bracket that opens at `opening` closes; the end of the text where it never does."""
    depth = 0
    for index in range(opening, len(text)):
        depth += (text[index] == "(") - (text[index] == ")")
        if depth == 0:
            return index
    return len(text)


def _balanced(text: str) -> str:
    return text.replace("（", "(").replace("）", ")").replace("；", ";").strip()  # noqa: RUF001 - signs of Chinese
