"""Which country is meant by this word? Names in many languages come from the Unicode CLDR (through Babel)."""

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from babel import Locale
from babel.core import get_global

_LANGUAGES = (
    "en",
    "zh",
    "zh_Hant",
    "de",
    "es",
    "fr",
    "it",
    "pt",
    "nl",
    "pl",
    "sv",
    "tr",
    "ru",
    "ja",
    "ko",
    "vi",
    "id",
    "ug",
)
_CODE_LENGTH = 2
_ALSO: Mapping[str, str] = {
    "prc": "cn", "p r china": "cn", "pr china": "cn", "p r c": "cn", "peoples republic of china": "cn",
    "the peoples republic of china": "cn", "mainland china": "cn", "china mainland": "cn", "china prc": "cn",
    "中华人民共和国": "cn", "中華人民共和國": "cn", "中国大陆": "cn", "中國大陸": "cn",
    "hong kong": "hk", "hongkong": "hk", "hong kong sar": "hk", "香港": "hk",
    "macau": "mo", "macao": "mo", "澳门": "mo",
    "taiwan": "tw", "taiwan roc": "tw", "chinese taipei": "tw", "taiwan china": "tw",
    "usa": "us", "u s a": "us", "u s": "us", "united states of america": "us", "america": "us", "美国": "us",
    "uk": "gb", "u k": "gb", "great britain": "gb", "england": "gb", "scotland": "gb", "wales": "gb",
    "northern ireland": "gb", "viet nam": "vn", "korea": "kr", "south korea": "kr", "republic of korea": "kr",
    "korea republic of": "kr", "korea south": "kr", "dprk": "kp", "north korea": "kp", "korea north": "kp",
    "democratic peoples republic of korea": "kp", "turkey": "tr", "turkiye": "tr", "czech republic": "cz",
    "russia": "ru", "russian federation": "ru", "burma": "mm", "myanmar": "mm", "lao pdr": "la", "laos": "la",
    "lao peoples democratic republic": "la", "ivory coast": "ci", "swaziland": "sz", "macedonia": "mk",
    "holland": "nl", "the netherlands": "nl", "uae": "ae", "u a e": "ae", "bosnia": "ba", "bolivia": "bo",
    "iran": "ir", "iran islamic republic of": "ir", "syria": "sy", "moldova": "md", "republic of moldova": "md",
    "tanzania": "tz", "venezuela": "ve", "east timor": "tl", "palestine": "ps", "cape verde": "cv", "brunei": "bn",
    "dominican rep": "do", "the gambia": "gm", "the philippines": "ph", "el salvador": "sv", "srilanka": "lk",
}  # fmt: skip
"""Ways to write a country that no list of official names has."""


def country_code(text: str) -> str:
    """Return the ISO 3166-1 alpha-2 code, lower case, of the country that `text` names; empty where it names none.

    Codes of two and three letters and names in many languages are known. A name that is part of a longer text is
    not looked for.
    """
    plain = _plain(text)
    if not plain:
        return ""
    return _ALSO.get(plain) or _names().get(plain, "")


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    names: dict[str, str] = {}
    codes = {code for code in map(str, Locale("en").territories) if len(code) == _CODE_LENGTH and code.isalpha()}
    codes -= {"EU", "EZ", "UN", "ZZ", "XA", "XB", "QO"}
    for language in reversed(_LANGUAGES):  # the first language has the last word
        for code, name in Locale.parse(language).territories.items():
            if code in codes:
                names[_plain(str(name))] = str(code).lower()
    for old, new in get_global("territory_aliases").items():
        if len(new) == 1 and new[0] in codes and str(old).isalpha():
            names[_plain(str(old))] = new[0].lower()
    names.update({code.lower(): code.lower() for code in codes})
    return names


def _plain(text: str) -> str:
    spread = unicodedata.normalize("NFKD", text).casefold()
    letters = "".join(sign for sign in spread if not unicodedata.combining(sign))
    return " ".join(re.sub(r"[^\w\s]|_", " ", letters.replace("'", "").replace("\u2019", "")).split())
