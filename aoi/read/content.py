"""What do the cells of a column look like: countries, postcodes, coordinates, names of firms?"""

import re
from collections.abc import Callable, Mapping, Sequence

from aoi.read.countries import country_code
from aoi.read.degrees import axis, degrees, lon_lat
from aoi.read.values import amount, period, said, share

_LATITUDE_MOST = 90.0
_LONGITUDE_MOST = 180.0
_LONGEST_NAME = 200
_LONGEST_WORDS = 80
_MANY_TIERS = 9
_HANZI = re.compile(r"[\u3400-\u9fff]")
_LETTER = re.compile(r"[^\W\d_]")
_POSTCODE = re.compile(r"^(?=.*\d)[A-Z0-9][A-Z0-9 -]{2,9}$", re.IGNORECASE)
_ID = re.compile(r"^[A-Z0-9][A-Z0-9._/-]{0,63}$", re.IGNORECASE)
_CREDIT_CODE = re.compile(r"^[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}$")
"""Unified social credit codes, GB 32100: 18 signs."""
_LEGAL_FORM = re.compile(
    r"\b(?:co|ltd|limited|inc|corp|corporation|company|llc|gmbh|ag|kg|sa|s\.a|spa|s\.p\.a|srl|s\.r\.l|bv|b\.v|nv|n\.v|pvt|plc"
    r"|sdn|bhd|lda|ltda|jsc|ooo|oy|ab|as|aps|sarl|s\.a\.r\.l|pte|pty|tbk|pt|cv|kft|sro|s\.r\.o|doo|d\.o\.o|group|factory|mills?"
    r"|garments?|textiles?|industr(?:y|ies)|manufactur\w*|apparel|fashions?|knit\w*|clothing|enterprises?|products)\b"
    r"|公司|厂|廠|集团|企业|合作社|株式会社|주식회사|\u043e\u043e\u043e|\u043e\u0430\u043e",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:road|rd|street|st|avenue|ave|lane|no|block|plot|building|floor|zone|village|industrial|park|district|town|city"
    r"|province|county|km|sector|highway|estate|area|strasse|str|rue|via|calle|rua|avenida|jalan|jl|house|unit|lot)\b"
    r"|[路街道号號镇鎮村区區县縣市省园園栋层室]",
    re.IGNORECASE,
)
_MIN_ADDRESS_LENGTH = 8


def _is_name(text: str) -> float:
    is_wordy = _LETTER.search(text) is not None and len(text) <= _LONGEST_NAME and "@" not in text and "://" not in text
    return 1.0 if is_wordy and not country_code(text) else 0.0


def _is_words(text: str) -> float:
    return 1.0 if _LETTER.search(text) and len(text) <= _LONGEST_WORDS and amount(text) is None else 0.0


def _is_id(text: str) -> float:
    return 1.0 if _ID.match(text) or (_HANZI.search(text) is None and " " not in text) else 0.3


def _angle(most: float, name: str) -> Callable[[str], float]:
    def test(text: str) -> float:
        value = degrees(text)
        said_axis = axis(text)
        if value is None or (said_axis and said_axis != name):
            return 0.0
        return 1.0 if abs(value) <= most else 0.5

    return test


def _is_tier(text: str) -> float:
    found = re.search(r"\d+", text)
    return 1.0 if found and 1 <= int(found.group()[:3]) <= _MANY_TIERS and len(text) <= 2 * _MANY_TIERS else 0.0


TESTS: Mapping[str, Callable[[str], float]] = {
    "name": _is_name,
    "words": _is_words,
    "id": _is_id,
    "country": lambda text: 1.0 if country_code(text.split(";")[0]) else 0.0,
    "postcode": lambda text: 1.0 if _POSTCODE.match(text) else 0.0,
    "latitude": _angle(_LATITUDE_MOST, "latitude"),
    "longitude": _angle(_LONGITUDE_MOST, "longitude"),
    "position": lambda text: 1.0 if lon_lat(text) or text.upper().startswith(("POLYGON", "MULTIPOLYGON")) else 0.0,
    "tier": _is_tier,
    "number": lambda text: 1.0 if amount(text) is not None else 0.0,
    "date": lambda text: 1.0 if period(text, month_first=True) or period(text, month_first=False) else 0.0,
    "share": lambda text: 1.0 if share(text) is not None else 0.0,
}
"""How well a cell, blanks around it gone, passes: 0 to 1."""

_UNHEADED: Mapping[str, Callable[[str], bool]] = {
    "name": lambda text: _LEGAL_FORM.search(text) is not None and _is_name(text) > 0,
    "address": lambda text: (
        len(text) >= _MIN_ADDRESS_LENGTH and len(_ADDRESS.findall(text)) > 0 and _has_digit_or_list(text)
    ),
    "country": lambda text: bool(country_code(text)),
    "registration_number": lambda text: _CREDIT_CODE.match(text) is not None,
    "latitude": lambda text: _is_decimal_degree(text, _LATITUDE_MOST),
    "longitude": lambda text: _is_decimal_degree(text, _LONGITUDE_MOST),
    "position": lambda text: lon_lat(text) is not None,
}


def share_passing(cells: Sequence[str], test: str) -> float:
    """Return how well the cells that say something pass the test called `test`, 0 to 1; 1 where none says anything."""
    said_cells = [plain for cell in cells if (plain := said(cell))]
    return sum(map(TESTS[test], said_cells)) / len(said_cells) if said_cells else 1.0


def looks_like(cells: Sequence[str]) -> Mapping[str, float]:
    """Return, for what can be told without a heading, the share of cells that look like it.

    A latitude and a longitude that no letter tells apart are told by their range alone: a column in which some value
    is beyond 90 holds longitudes.
    """
    said_cells = [plain for cell in cells if (plain := said(cell))]
    if not said_cells:
        return {}
    return {name: sum(map(test, said_cells)) / len(said_cells) for name, test in _UNHEADED.items()}


def _has_digit_or_list(text: str) -> bool:
    return any(sign.isdigit() for sign in text) or "," in text or _HANZI.search(text) is not None


def _is_decimal_degree(text: str, most: float) -> bool:
    value = degrees(text)
    has_fraction = re.search(r"[.,]\d{3}|[NSEW°′']", text, re.IGNORECASE) is not None  # noqa: RUF001 - primes of degrees
    return value is not None and has_fraction and abs(value) <= most
