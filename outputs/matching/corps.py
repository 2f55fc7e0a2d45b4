"""Units of the Xinjiang Production and Construction Corps in names: divisions, regiments, companies."""

import re

from outputs.matching.numbers import HANZI_NUMBER, LATIN_NUMBER, hanzi_number, latin_number
from outputs.matching.parts import Corps

_CORPS_HANZI = re.compile(r"(?:新疆维吾尔自治区|新疆)?(?:生产建设兵团|建设兵团|兵团)")
_UNIT_HANZI = re.compile(
    rf"(?:农业?建?设?第?|第)?(?P<division>{HANZI_NUMBER})师(?!范|大|傅)|第?(?P<regiment>{HANZI_NUMBER})团场?(?!结)"
    rf"|(?<=[团场])第?(?P<company>{HANZI_NUMBER})连(?!锁)"
)
_CORPS_LATIN = re.compile(
    r"\b(?:(?:xinjiang )?production (?:and|&) construction (?:corps|group)|xpcc|bingtuan|bing tuan|xinjiang corps)\b"
)
_UNIT_LATIN = re.compile(
    rf"\b(?P<division>{LATIN_NUMBER}) (?:agricultural |agri )?(?:division|shi)\b|\b(?P<regiment>{LATIN_NUMBER}) "
    rf"(?:regiment|regimental farm|tuan)\b|\bdivision (?:no )?(?P<division_2>\d{{1,2}})\b"
    rf"|\bregiment (?:no )?(?P<regiment_2>\d{{1,3}})\b|(?<=regiment )(?P<company>{LATIN_NUMBER}) company\b"
)


def _blank(text: str, spans: list[tuple[int, int]]) -> str:
    """Take spans out of a text, each leaving blanks, so that what remains keeps its place."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def take_hanzi(text: str) -> tuple[Corps | None, str]:
    """Return the unit of the corps that a Hanzi name speaks of, and the name with those words blanked out."""
    corps = _CORPS_HANZI.search(text)
    units = list(_UNIT_HANZI.finditer(text))
    if corps is None and not any(unit["regiment"] or unit["division"] for unit in units):
        return None, text
    found = {kind: _first(units, kind) for kind in ("division", "regiment", "company")}
    if corps is None and found["division"] is None and "团" not in text[:8]:
        return None, text
    spans = [unit.span() for unit in units] + ([corps.span()] if corps else [])
    return Corps(**found), _blank(text, spans)


def _first(units: list[re.Match[str]], kind: str) -> int | None:
    return next((hanzi_number(unit[kind]) for unit in units if unit[kind]), None)


def take_latin(text: str) -> tuple[Corps | None, str]:
    """Return the unit of the corps that a Latin name in lower case speaks of, and the name with those words blanked."""
    if not any(word in text for word in ("corps", "xpcc", "bing", "division", "regiment", "tuan")):
        return None, text
    corps = list(_CORPS_LATIN.finditer(text))
    units = list(_UNIT_LATIN.finditer(text))
    found: dict[str, int | None] = {"division": None, "regiment": None, "company": None}
    for unit in units:
        for kind, value in unit.groupdict().items():
            if value:
                found[kind.removesuffix("_2")] = latin_number(value)
    if not corps and found["regiment"] is None:
        return None, text
    return Corps(**found), _blank(text, [match.span() for match in (*corps, *units)])
