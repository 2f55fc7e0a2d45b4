"""Numbers, shares and days from the many ways in which people write them."""

import calendar
import re
import unicodedata
from datetime import date

MISSING = frozenset(
    [
        "",
        "-",
        "--",
        "\u2014",
        "n/a",
        "#n/a",
        "na",
        "n.a.",
        "none",
        "null",
        "nan",
        "nil",
        "?",
        "??",
        "\u65e0",
        "\u4e0d\u8be6",
    ]
) | {"#ref!", "#value!", "#name?", "unknown", "not available", "not applicable", "tbc", "tbd"}
"""What people write in a cell of which they know nothing, in lower case."""
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_MONTHS |= {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name} | {"sept": 9}
_TIMES = {
    "k": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "million": 1e6,
    "bn": 1e9,
    "billion": 1e9,
    "万": 1e4,
    "億": 1e8,
    "亿": 1e8,
}
_CURRENCY = re.compile(r"[$€£¥₩₹]|\b(?:usd|eur|gbp|cny|rmb|jpy|hkd|chf)\b|元", re.IGNORECASE)
_AMOUNT = re.compile(r"^(?P<number>[-+]?\d[\d.,'\s]*)\s*(?P<times>[a-z]+|[万億亿])?$")
_YMD = re.compile(r"^(?P<y>\d{4})(?:[-/.年](?P<m>\d{1,2})(?:[-/.月](?P<d>\d{1,2})日?)?月?)?年?(?:[t\s].*)?$")
_DIGITS = re.compile(r"^(?P<y>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)$")
_MONTH_FIRST = re.compile(r"^(?P<month>[a-z]{3,9})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})$")
_DAY_FIRST = re.compile(r"^(?P<d>\d{1,2})(?:st|nd|rd|th)?[\s-]+(?P<month>[a-z]{3,9})\.?,?[\s-]+(?P<y>\d{4})$")
_NUMBERS = re.compile(r"^(?P<first>\d{1,2})[-/.](?P<second>\d{1,2})[-/.](?P<y>\d{4})$")
_LONGEST = 60
_MONTHS_IN_YEAR = 12
_GROUP = 3


def said(text: str) -> str:
    """Return `text` without blanks around it; empty where it only says that nothing is known."""
    plain = " ".join(text.split())
    return "" if plain.lower() in MISSING else plain


def amount(text: str) -> float | None:
    """Return a number with or without a currency and separators (1,234.5; 1.234,5; 1 234; 2.5m), else None.

    A lone separator before three digits is one of thousands.
    """
    plain = _CURRENCY.sub("", unicodedata.normalize("NFKC", text).lower()).strip()
    found = _AMOUNT.match(plain) if len(plain) <= _LONGEST else None
    if found is None or (found["times"] and found["times"] not in _TIMES):
        return None
    number = _number(re.sub(r"[\s']", "", found["number"]))
    return None if number is None else number * _TIMES.get(found["times"] or "", 1.0)


def _number(digits: str) -> float | None:
    marks = [sign for sign in digits if sign in ".,"]
    if len(set(marks)) == 2:  # noqa: PLR2004 - both: the last is the decimal one
        last = marks[-1]
        digits = digits.replace("," if last == "." else ".", "").replace(last, ".")
    elif marks and (len(marks) > 1 or len(digits) - digits.rindex(marks[0]) - 1 == _GROUP):
        digits = digits.replace(marks[0], "")
    else:
        digits = digits.replace(",", ".")
    try:
        return float(digits)
    except ValueError:
        return None


def share(text: str, *, in_percent: bool | None = None) -> float | None:
    """Return a share of 0 to 1 from `45 %`, `45`, `0.45`; None where it is none, or is out of range.

    Args:
        text: As it stands.
        in_percent: Whether plain numbers are percent; None: those above 1 are.

    """
    plain = unicodedata.normalize("NFKC", text).strip()
    has_sign = plain.endswith("%")
    number = _plain_number(plain.removesuffix("%").strip())
    if number is None:
        return None
    is_percent = has_sign or (number > 1 if in_percent is None else in_percent)
    value = number / 100 if is_percent else number
    return value if 0 <= value <= 1 else None


def _plain_number(text: str) -> float | None:
    return float(text.replace(",", ".")) if re.fullmatch(r"[-+]?\d+(?:[.,]\d+)?", text) else None


def period(text: str, *, month_first: bool | None = None) -> tuple[date, date] | None:
    """Return the first and last day that `text` may mean; None where it is no date, or may be two.

    Args:
        text: Such as 2022-06-21, 2022-06, 2022, June 21, 2022, 21 Jun 2022, 2022年6月21日, 6/21/2022.
        month_first: Whether 6/7/2022 is in June; None: such dates are not understood, unless only one reading is.

    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if not 0 < len(plain) <= _LONGEST:
        return None
    if found := _DIGITS.match(plain) or _YMD.match(plain):
        return _span(int(found["y"]), int(found["m"] or 0), int(found["d"] or 0))
    if (found := _MONTH_FIRST.match(plain) or _DAY_FIRST.match(plain)) and found["month"] in _MONTHS:
        return _span(int(found["y"]), _MONTHS[found["month"]], int(found["d"]))
    if found := _NUMBERS.match(plain):
        return _of_numbers(int(found["first"]), int(found["second"]), int(found["y"]), month_first=month_first)
    return None


def day(text: str, *, month_first: bool | None = None) -> date | None:
    """Return the first day that `text` may mean; None where `period` knows none."""
    found = period(text, month_first=month_first)
    return found[0] if found else None


def _of_numbers(first: int, second: int, year: int, *, month_first: bool | None) -> tuple[date, date] | None:
    if month_first is None and first != second and max(first, second) <= _MONTHS_IN_YEAR:
        return None
    if month_first is None:
        month_first = second > _MONTHS_IN_YEAR
    return _span(year, first, second) if month_first else _span(year, second, first)


def _span(year: int, month: int, of_month: int) -> tuple[date, date] | None:
    try:
        first = date(year, month or 1, of_month or 1)
    except ValueError:
        return None
    if of_month:
        return first, first
    last_month = month or _MONTHS_IN_YEAR
    return first, date(year, last_month, calendar.monthrange(year, last_month)[1])
