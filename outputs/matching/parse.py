"""Taking apart a company's name in any script."""

import re

from outputs.matching.names_hanzi import parse_hanzi
from outputs.matching.names_latin import parse_latin
from outputs.matching.parts import NameParts, PlaceWords
from outputs.matching.text import has_arabic, has_hanzi, romanise_uyghur, simplify

_HANZI_RUN = re.compile(r"[\u3400-\u9fff((][\u3400-\u9fff()()0-9·\s]*[\u3400-\u9fff))]")
_LATIN_WORDS = re.compile(r"[A-Za-z]{2,}[^\u3400-\u9fff]*[A-Za-z]{2,}")
_WHOLE_NAME = 4
"""So many characters of Hanzi beside Latin words are a name of their own."""


def split_scripts(name: str) -> tuple[str, ...]:
    """Return a name that is given in Hanzi and in Latin letters at once as two names; else the name alone."""
    hanzi, latin = _HANZI_RUN.search(name), _LATIN_WORDS.search(name)
    if hanzi is None or latin is None or len(hanzi.group()) < _WHOLE_NAME:
        return (name,)
    return (hanzi.group().strip(), latin.group())


def parse_name(name: str, place_words: PlaceWords) -> NameParts:
    """Take apart one company name: place, brand, industry, legal form, branch, group, unit of the corps.

    Hanzi (also traditional), Latin letters (English, pinyin, romanised Uyghur) and Uyghur letters are read; whatever
    no table knows is the brand, or stands behind it in `tail`.
    """
    text = simplify(name).strip()
    if has_hanzi(text):
        return parse_hanzi(text, place_words)
    if has_arabic(text):
        return parse_latin(romanise_uyghur(text), place_words, from_uyghur=True)
    return parse_latin(text, place_words)
