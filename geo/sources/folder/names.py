"""What the name of a file tells: when it was taken, which bands it holds, by which satellite."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from geo.masks import SCL

BAND_NAMES = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12", SCL)
"""Every band id, by wavelength, with the scene classification layer last."""

RADAR_BANDS = ("VV", "VH", "HH", "HV")
"""The polarisations of radar: sent, received."""

COMMON_NAMES: Mapping[str, str] = {
    "coastal": "B01",
    "blue": "B02",
    "green": "B03",
    "red": "B04",
    "rededge1": "B05",
    "rededge2": "B06",
    "rededge3": "B07",
    "rededge071": "B05",
    "rededge075": "B06",
    "rededge078": "B07",
    "nir": "B08",
    "nir08": "B8A",
    "nir09": "B09",
    "cirrus": "B10",
    "swir16": "B11",
    "swir22": "B12",
    "scl": SCL,
}
"""Names that catalogues and cubes give to bands; ``rededge`` alone is three bands, so none."""

DATE_FORMS = "20170216, 2017-02-16, 20170216T102101 or 2017-02-16T10-21-01"
"""The forms of a date that are understood, for messages."""

_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(\d\d)\2(\d\d)(?!\d)")
_TIMES = tuple(
    re.compile(rf"(?<!\d)(?P<year>(?:19|20)\d\d){form}(?!\d)")
    for form in (
        r"(?P<month>\d\d)(?P<day>\d\d)T(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?",
        r"(?P<month>\d\d)(?P<day>\d\d)_(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)",
        r"-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d)(?P<sign>[-:_]?)(?P<minute>\d\d)((?P=sign)(?P<second>\d\d))?",
        r"-(?P<month>\d\d)-(?P<day>\d\d)[_ ](?P<hour>\d\d)(?P<sign>[-:_]?)(?P<minute>\d\d)(?P=sign)(?P<second>\d\d)",
    )
)
_SPAN = re.compile(r"(\d{4}-\d\d-\d\d)-\d\d[_:]\d\d_(\d{4}-\d\d-\d\d)-\d\d[_:]\d\d")
"""The first and last minute searched, as download portals write them: the day, if it is one, is what they tell."""

_MADE_NOT_SENSED = re.compile(r"S[12][A-D]_OPER_")
"""Product names of before December 2016 carry the time of processing, months off at worst…"""
_SENSED = re.compile(r"_V(\d{8}T\d{6})")
"""…unless the start of sensing stands behind a V."""

_BAND = re.compile(r"(?<![A-Za-z0-9])(B(?:8A|0?[1-9]|1[0-2])|SCL)(?![A-Za-z0-9])", re.IGNORECASE)
_RADAR_BAND = re.compile(rf"(?<![A-Za-z0-9])({'|'.join(RADAR_BANDS)})(?![A-Za-z0-9])", re.IGNORECASE)
_BURST = re.compile(r"(?<![A-Za-z0-9])T(\d{3})[-_]\d{6}[-_]IW[123](?![A-Za-z0-9])")
"""How products of single bursts name the relative orbit, as OPERA RTC-S1 does: T137-292319-IW2."""
_LINEAR_PRODUCT = re.compile(r"(?<![A-Za-z0-9])OPERA_L2_RTC-S1_")
_OTHER_SENSOR = re.compile(r"(?<![A-Z0-9])(?:L[COTEM]0[4-9](?![0-9])|HLS[._]L30)")
"""Landsat counts its bands in its own way: its B5 is not Sentinel-2's B05."""
_SENTINEL = re.compile(r"(?<![A-Za-z0-9])S([123])([A-D])(?![A-Za-z0-9])")
_SENTINEL_IN_FULL = re.compile(r"sentinel-?([123])([a-d]?)(?![a-z0-9])", re.IGNORECASE)
_PIXEL = re.compile(r"[_-](?:10|20|60)m$")
_UNFIT_FOR_ID = re.compile(r"[^\w.-]+")


def find_time(text: str) -> datetime | None:
    """Return when `text`, a name without suffix, says it was taken: aware, in UTC; None where it says nothing.

    Midnight stands for a day without a time. Of several full times the first counts: products carry sensing
    before processing.

    Raises:
        ValueError: `text` names several days and does not tell which one is meant.

    """
    if _MADE_NOT_SENSED.search(text):
        sensed = _SENSED.search(text)
        return find_time(sensed.group(1)) if sensed else None
    if (span := _SPAN.search(text)) is not None:
        return _only_day({*_days(span.group(1)), *_days(span.group(2))})
    times = sorted(_times(text))
    return times[0][1] if times else _only_day(set(_days(text)))


def read_time(text: str) -> datetime:
    """Return the time that `text`, a cell of a table, holds: ISO 8601 or one of the forms of file names.

    Raises:
        ValueError: It is none of them.

    """
    try:
        stamp = datetime.fromisoformat(text.strip())
    except ValueError:
        found = find_time(text)
        if found is None:
            raise ValueError(f"{text!r} is not a date such as {DATE_FORMS}") from None
        return found
    return stamp.replace(tzinfo=UTC) if stamp.tzinfo is None else stamp.astimezone(UTC)


def find_bands(text: str) -> tuple[str, ...]:
    """Return the bands that `text` names, in its order: `B4`, `b04` and `B04` are all ``B04``."""
    if _OTHER_SENSOR.search(text):
        return ()
    return tuple(band_id(token) for token in _BAND.findall(text))


def band_id(token: str) -> str:
    """Return the one spelling of a band: ``b4`` becomes ``B04``.

    Raises:
        ValueError: There is no such band.

    """
    upper = token.strip().upper()
    name = f"B0{upper[1]}" if re.fullmatch(r"B[1-9]", upper) else upper
    if name not in BAND_NAMES:
        raise ValueError(f"{token!r} is no band; there are {', '.join(BAND_NAMES)}")
    return name


def find_radar_bands(text: str) -> tuple[str, ...]:
    """Return the polarisations that `text` names, in its order: ``_vv`` is ``VV``."""
    return tuple(token.upper() for token in _RADAR_BAND.findall(text))


def find_relative_orbit(text: str) -> int | None:
    """Return the track that the name of a radar burst tells; None where it tells none."""
    match = _BURST.search(text)
    return int(match.group(1)) if match else None


def is_linear_product(text: str) -> bool:
    """Say whether `text` names a product whose specification fixes its numbers: OPERA RTC-S1 holds linear gamma0."""
    return _LINEAR_PRODUCT.search(text) is not None


def any_band_id(token: str) -> str:
    """Return the one spelling of a band, optical or radar: ``vh`` becomes ``VH``.

    Raises:
        ValueError: There is no such band.

    """
    upper = token.strip().upper()
    return upper if upper in RADAR_BANDS else band_id(token)


def find_platform(text: str) -> str | None:
    """Return the satellite that `text` names, such as ``sentinel-2a``; None where it names none."""
    match = _SENTINEL.search(text) or _SENTINEL_IN_FULL.search(text)
    return f"sentinel-{match.group(1)}{match.group(2).lower()}" if match else None


def shared_name(stem: str) -> str:
    """Return what the files of one scene have in common: `stem` without band and pixel size, fit to be an id."""
    bare = _RADAR_BAND.sub("", _BAND.sub("", _PIXEL.sub("", stem)))
    return re.sub(r"_{2,}", "_", _UNFIT_FOR_ID.sub("_", bare)).strip("_.-")


def _times(text: str) -> Iterator[tuple[int, datetime]]:
    for form in _TIMES:
        for match in form.finditer(text):
            day, clock = "-".join(match.group("year", "month", "day")), ":".join(match.group("hour", "minute"))
            try:
                yield match.start(), datetime.fromisoformat(f"{day}T{clock}:{match['second'] or '00'}+00:00")
            except ValueError:
                continue  # such as month 17: digits that are no date


def _days(text: str) -> Iterator[datetime]:
    for match in _DAY.finditer(text):
        try:
            yield datetime(int(match.group(1)), int(match.group(3)), int(match.group(4)), tzinfo=UTC)
        except ValueError:
            continue


def _only_day(days: set[datetime]) -> datetime | None:
    if len(days) > 1:
        raise ValueError("it names several days: " + ", ".join(f"{day:%Y-%m-%d}" for day in sorted(days)))
    return next(iter(days), None)
