"""Longitude and latitude from the many ways in which people write them."""

import re
import unicodedata

_NUMBER = r"[-+]?\d+(?:[.,]\d+)?"
_PARTS = re.compile(
    rf"^(?P<before>[NSEW]|北纬|南纬|东经|西经)?\s*(?P<degrees>{_NUMBER})\s*(?:°|º|度|d|deg|:|\s)?\s*"
    r"(?:(?P<minutes>\d+(?:[.,]\d+)?)\s*(?:'|分|m|min|:|\s)?\s*)?"
    r"(?:(?P<seconds>\d+(?:[.,]\d+)?)\s*(?:\"|秒|s|sec)?\s*)?"
    r"(?P<after>[NSEW]|北纬|南纬|东经|西经)?$",
    re.IGNORECASE,
)
_NEGATIVE = frozenset({"S", "W", "南纬", "西经"})
_OF_LATITUDE = frozenset({"N", "S", "北纬", "南纬"})
_PAIR = re.compile(rf"[(\[]?\s*(?P<first>{_NUMBER})\s*(?:[,;/\s]|，)\s*(?P<second>{_NUMBER})\s*[)\]]?$")  # noqa: RUF001 - a comma of Chinese
_WKT_POINT = re.compile(r"^(?:SRID=4326;)?POINT(?: Z)?\s*\(\s*(?P<first>\S+)\s+(?P<second>[^\s)]+)", re.IGNORECASE)
_MAP_ADDRESS = re.compile(r"[@=/](?P<first>-?\d{1,2}\.\d+),(?P<second>-?\d{1,3}\.\d+)")
_SIGNS = str.maketrans({"\u2032": "'", "\u2019": "'", "\u2018": "'", "\u201d": '"', "\u201c": '"', "\u2212": "-"})
"""Primes, curly quotes and the minus sign as typewriters have them."""
_SIXTY = 60.0
_LATITUDE_MOST = 90.0
_LONGEST = 100


def degrees(text: str) -> float | None:
    """Return an angle in degrees from decimals (point or comma) or degrees, minutes and seconds; None where it is none.

    South and west are negative, whether a letter or a sign says so.
    """
    plain = _plain(text)
    found = _PARTS.match(plain) if 0 < len(plain) <= _LONGEST else None
    if found is None:
        return None
    sign = found["before"] or found["after"] or ""
    if found["before"] and found["after"]:
        return None
    whole, minutes, seconds = (_float(found[name]) for name in ("degrees", "minutes", "seconds"))
    if minutes >= _SIXTY or seconds >= _SIXTY or (found["minutes"] and not whole.is_integer()):
        return None
    size = abs(whole) + minutes / _SIXTY + seconds / _SIXTY**2
    is_negative = sign.upper() in _NEGATIVE or found["degrees"].startswith("-")
    return -size if is_negative else size


def axis(text: str) -> str:
    """Return `latitude` or `longitude` where a letter says which it is, else an empty text."""
    found = _PARTS.match(_plain(text)[:_LONGEST])
    sign = ((found["before"] or found["after"] or "") if found else "").upper()
    if not sign:
        return ""
    return "latitude" if sign in _OF_LATITUDE else "longitude"


def lon_lat(text: str) -> tuple[float, float] | None:
    """Return (longitude, latitude) from one text that holds both; None where it does not.

    Two plain numbers are latitude, longitude unless the first cannot be a latitude; well-known text is the other way.
    Letters (N, E) say it themselves. The address of an online map is understood.
    """
    plain = _plain(text)
    if not plain or len(text) > 20 * _LONGEST:
        return None
    if found := _WKT_POINT.match(plain):
        first, second = degrees(found["first"]), degrees(found["second"])
        return None if first is None or second is None else (first, second)
    if found := _MAP_ADDRESS.search(text):
        return float(found["second"]), float(found["first"])
    if found := _PAIR.match(plain):
        return _ordered(_float(found["first"]), _float(found["second"]))
    return _lettered(plain)


def _lettered(plain: str) -> tuple[float, float] | None:
    """Return the pair of two angles with letters: 43°23'N 88°17'E."""
    for split in re.finditer(r"[,;/]\s*|\s+|(?<=[NSEWnsew])(?=\d)|(?=[东西南北])", plain):
        first, second = plain[: split.start()].strip(), plain[split.end() :].strip()
        axes = axis(first), axis(second)
        one, other = degrees(first), degrees(second)
        if one is None or other is None or "" in axes or axes[0] == axes[1]:
            continue
        return (other, one) if axes[0] == "latitude" else (one, other)
    return None


def _ordered(first: float, second: float) -> tuple[float, float]:
    return (first, second) if abs(first) > _LATITUDE_MOST >= abs(second) else (second, first)


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.replace("\u2033", '"')).strip()
    return folded.translate(_SIGNS).replace("''", '"')


def _float(text: str | None) -> float:
    return float(text.replace(",", ".")) if text else 0.0
