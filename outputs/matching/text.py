"""How a company's name is written: scripts, look-alikes and sounds."""

import re
import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from itertools import islice, product

from opencc import OpenCC
from pypinyin import Style, pinyin

_HANZI = re.compile(r"[\u3400-\u9fff]")
_ARABIC = re.compile(r"[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufeff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_UMLAUT = re.compile(r"([ln])v(?![aeiou])")
_APOSTROPHES = dict.fromkeys(map(ord, "'`\u2018\u2019\u02bc\u02bb\u00b4"))
_UYGHUR = str.maketrans(
    {
        **dict(zip("اەبپتجدرزسغفقكگلمنھوۇۆۈۋېىي،؛؟", "aebptjdrzsgfqkglmnhouöüwéiy,;?", strict=True)),
        "غ": "gh",
        "چ": "ch",
        "خ": "x",
        "ژ": "zh",
        "ش": "sh",
        "ڭ": "ng",
        "ئ": "",
    }
)
"""The Uyghur Latin alphabet of 2008 (Uyghur Latin Yëziqi), letter by letter. A hamza only carries a vowel."""
_HAMZA_INSIDE = re.compile(r"(?<=\w)ئ")
"""… but inside a word it parts two syllables."""
READINGS_LIMIT = 8
"""So many romanisations of one word of Hanzi are kept: each character may be read in several ways."""


class Script(StrEnum):
    """What a name is written in, as far as comparing asks."""

    HANZI = "hanzi"
    LATIN = "latin"


def has_hanzi(text: str) -> bool:
    """Whether the text holds a Chinese character."""
    return bool(_HANZI.search(text))


def has_arabic(text: str) -> bool:
    """Whether the text holds Arabic letters, as Uyghur is written with."""
    return bool(_ARABIC.search(text))


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


def simplify(text: str) -> str:
    """Return the text in full composition (NFKC), its Hanzi in the simplified form."""
    composed = unicodedata.normalize("NFKC", text)
    return str(_to_simplified().convert(composed)) if has_hanzi(composed) else composed


def romanise_uyghur(text: str) -> str:
    """Return Uyghur written in Arabic letters in the Uyghur Latin alphabet."""
    return _HAMZA_INSIDE.sub("'", text).translate(_UYGHUR)


def plain(text: str) -> str:
    """Return Latin text in lower case without accents and apostrophes; a pinyin u with two dots becomes a plain u."""
    if text.isascii():
        return text.casefold().translate(_APOSTROPHES)
    return _BEYOND_ASCII.sub(_without_accents, text.casefold()).translate(_APOSTROPHES)


def _without_accents(found: re.Match[str]) -> str:
    return "".join(char for char in unicodedata.normalize("NFKD", found.group()) if not unicodedata.combining(char))


def squash(text: str) -> str:
    """Return the letters and digits of a Latin text alone: `Dong Guan` -> `dongguan`."""
    return _UMLAUT.sub(r"\1u", _NOT_WORD.sub("", plain(text)))


@lru_cache(maxsize=20_000)
def readings(char: str) -> tuple[str, ...]:
    """Return how one character of Hanzi may be read, without tones, the commonest reading first."""
    spelt = pinyin(char, style=Style.NORMAL, heteronym=True, errors="ignore")
    flat = (plain(one).replace("v", "u") for one in (spelt[0] if spelt else ()))
    return tuple(dict.fromkeys(one for one in flat if one))


@lru_cache(maxsize=400_000)
def sounds(hanzi: str) -> tuple[str, ...]:
    """Return the romanisations of a word of Hanzi, syllables joined, at most `READINGS_LIMIT`, the commonest first."""
    each = [readings(char) for char in hanzi if has_hanzi(char)]
    if not each or not all(each):
        return ()
    return tuple(dict.fromkeys("".join(one) for one in islice(product(*each), READINGS_LIMIT)))


@cache
def _syllables_known() -> frozenset[str]:
    """Every syllable of standard Chinese, read off the characters of the national set GB 2312."""
    found: set[str] = set()
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            char = bytes((row, cell)).decode("gb2312", errors="ignore")
            found.update(readings(char)[:1] if char else ())
    return frozenset(found - {"m", "n", "ng", "hm", "hng", "o", "e"}) | {"e", "lue", "nue"}


@lru_cache(maxsize=400_000)
def syllables(word: str) -> tuple[str, ...]:
    """Return a Latin word as syllables of pinyin, as few as can be; empty where it is no pinyin."""
    known = _syllables_known()
    best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 6), end):
            head, piece = best[start], word[start:end]
            if head is None or piece not in known:
                continue
            now = best[end]
            if now is None or len(head) + 1 < len(now):
                best[end] = (*head, piece)
    return best[-1] or ()


_CLASSES = (
    ("ch", "j"), ("zh", "j"), ("sh", "s"), ("gh", "k"), ("kh", "h"), ("ng", "n"), ("th", "t"), ("ph", "b"),
)  # fmt: skip
_LETTERS = str.maketrans({
    "p": "b", "f": "b", "v": "b", "d": "t", "g": "k", "q": "k", "c": "j", "z": "j", "r": "l", "w": "w",
    "a": None, "e": None, "i": None, "o": None, "u": None,
})  # fmt: skip


def _consonants(word: str, x_is: str) -> str:
    for pair, sign in _CLASSES:
        word = word.replace(pair, sign)
    flat = word.replace("x", x_is).translate(_LETTERS)
    return re.sub(r"(.)\1+", r"\1", flat)


@lru_cache(maxsize=200_000)
def skeleton(word: str, *, is_pinyin: bool) -> str:
    """Return the classes of a word's consonants, by which a foreign name written in Hanzi is told from its sound.

    Hanzi write an r as er or an l, b and p, d and t, g and k fall together, and vowels are put in between:
    阿尔曼 (a-er-man) and Arman both give `lmn`. In pinyin x is an s, in Uyghur a kh.
    """
    return _consonants(word, "s" if is_pinyin else "h")
