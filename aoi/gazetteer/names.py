"""How names of places are written: scripts, suffixes, spellings of one sound."""

import re
import unicodedata
from functools import cache

_HANZI = re.compile(r"[\u3400-\u9fff]")
_ALL_HANZI = re.compile(r"^[\u3400-\u9fff]+$")
_ARABIC = re.compile(r"[\u0600-\u06ff\ufb50-\ufdff\ufe70-\ufeff]")
_NOT_WORD = re.compile(r"[^a-z0-9]+")

_PEOPLES = (
    "维吾尔|蒙古族|蒙古|哈萨克|柯尔克孜|回族|塔吉克|锡伯|藏族|羌族|彝族|苗族|侗族|布依族|壮族|瑶族|土家族|满族|朝鲜族|"
    "傣族|景颇族|白族|哈尼族|傈僳族|拉祜族|佤族|纳西族|怒族|独龙族|布朗族|黎族|畲族|仫佬族|毛南族|仡佬族|水族|土族|"
    "撒拉族|保安族|东乡族|裕固族|达斡尔族|鄂温克族|鄂伦春|普米族|各族|回"
)
_PEOPLED = re.compile(rf"^(.{{2,}}?)((?:{_PEOPLES})+)(自治区|自治州|自治县|自治旗|民族乡|区|乡)$")
_UNIT_SUFFIX = re.compile(
    r"^(.{2,}?)(特别行政区|自治区|自治州|自治县|自治旗|联合旗|街道办事处|民族乡|地区|特区|矿区|新区|街道|苏木|"
    r"省|市|州|盟|县|区|旗|镇|乡)$"
)
_AUTONOMOUS = {"内蒙古自治区": "内蒙古", "神农架林区": "神农架", "鄂伦春自治旗": "鄂伦春", "鄂温克族自治旗": "鄂温克"}

_UYGHUR_LETTERS = str.maketrans({
    "\u064a": "\u0649", "\u06cc": "\u0649",  # yeh, farsi yeh
    "\u0643": "\u06a9",  # kaf
    "\u06be": "\u0647", "\u06d5": "\u0647",  # heh doachashmee, ae
    "\u06c7": "\u0648", "\u06c6": "\u0648", "\u06c8": "\u0648",  # u, oe, yu
})  # fmt: skip
"""Letters that writers and fonts mix up, folded into one."""


def is_hanzi(text: str) -> bool:
    """Whether the text is Chinese characters only."""
    return bool(_ALL_HANZI.match(text))


def has_hanzi(text: str) -> bool:
    """Whether the text holds a Chinese character."""
    return bool(_HANZI.search(text))


def has_arabic(text: str) -> bool:
    """Whether the text holds Arabic letters, as Uyghur is written with."""
    return bool(_ARABIC.search(text))


def plain(text: str) -> str:
    """Return the text in lower-case Latin without accents, tones and apostrophes; other scripts stay."""
    flat = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in flat if not unicodedata.combining(char))
    return bare.translate({ord(mark): None for mark in "'`\u2018\u2019\u02bc\u02bb\u00b4"})


def squash(text: str) -> str:
    """Return the letters and digits of a Latin name only: `Wu-Jin Qu` -> `wujinqu`."""
    return _NOT_WORD.sub("", plain(text))


def fold_uyghur(text: str) -> str:
    """Return Uyghur in Arabic letters with look-alikes made one and marks taken off."""
    flat = unicodedata.normalize("NFKC", text).translate(_UYGHUR_LETTERS)
    return "".join(char for char in flat if char.isspace() or unicodedata.category(char) == "Lo")


@cache
def stem_of(name: str) -> str:
    """Return a Hanzi name without what kind of unit it is: 武进区 -> 武进; names of two characters stay whole."""
    if name in _AUTONOMOUS:
        return _AUTONOMOUS[name]
    peopled = _PEOPLED.match(name)
    if peopled:
        return peopled.group(1)
    plain_unit = _UNIT_SUFFIX.match(name)
    return plain_unit.group(1) if plain_unit else name


def spellings(pinyin: str) -> tuple[str, ...]:
    """Return how a pinyin name is typed: with v, u, yu or lyu for ü."""
    joined = pinyin.replace(" ", "")
    if "v" not in joined:
        return (joined,)
    return tuple(dict.fromkeys(joined.replace("v", typed) for typed in ("v", "u", "yu", "ue")))
