"""Small maps for the page, as numbers that a template turns into SVG: no tiles, no request, no library."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, cos, floor, log10, radians
from unicodedata import east_asian_width

from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from outputs.pictures.furniture import length_words, scale_bar_m

WIDTH = 720.0
_MIN_HEIGHT, _MAX_HEIGHT = 340.0, 560.0
_MARGIN_SHARE = 0.08
_LEAST_SIDE_DEG = 0.004
_METRES_PER_DEGREE = 111_320.0
_LINES_WANTED = 4
_SMALLEST_STEP_DEG = 0.001
_LETTER_PX = 9.4
_LEAST_LABEL_PX = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something to draw: an outline, a point, or both."""

    shape_4326: BaseGeometry
    label: str
    kind: str
    """A CSS class."""
    colour: str = "#1a1a1a"
    target: str = ""
    """The id of the element on the page that tells more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A mark in the pixels of its map."""

    mark: Mark
    path: str
    """SVG path data of its outline; empty for a point."""
    x: float
    y: float
    """A point inside it."""
    left: float
    top: float
    """The upper left of its bounds, within the map."""
    short_label: str
    """As much of the label as fits into the width of the bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A meridian or parallel."""

    at: float
    """x of a meridian, y of a parallel."""
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallMap:
    """Everything that one map shows, in pixels from the upper left."""

    key: str
    """Unique on the page."""
    title: str
    width: float
    height: float
    areas: tuple[Drawn, ...]
    facilities: tuple[Drawn, ...]
    detections: tuple[Drawn, ...]
    meridians: tuple[Line, ...]
    parallels: tuple[Line, ...]
    bar: float
    bar_words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """Longitude and latitude to pixels: equirectangular, true to scale at its middle latitude."""

    west: float
    north: float
    px_per_lon: float
    px_per_lat: float
    height: float

    def x(self, lon: float) -> float:
        """Pixels from the left."""
        return (lon - self.west) * self.px_per_lon

    def y(self, lat: float) -> float:
        """Pixels from the top."""
        return (self.north - lat) * self.px_per_lat


def small_map(
    key: str, title: str, *, areas: Sequence[Mark], facilities: Sequence[Mark], detections: Sequence[Mark]
) -> SmallMap | None:
    """Return the map that shows all `areas`, or all marks where there are none; None where there is nothing to show.

    Facilities that lie off the map are left out.
    """
    framed = [mark.shape_4326 for mark in areas or [*detections, *facilities] if not mark.shape_4326.is_empty]
    if not framed:
        return None
    frame = _frame([shape.bounds for shape in framed])
    bar_m = scale_bar_m(0.25 * WIDTH / frame.px_per_lat * _METRES_PER_DEGREE)
    return SmallMap(
        key=key,
        title=title,
        width=WIDTH,
        height=round(frame.height, 1),
        areas=tuple(_drawn(areas, frame)),
        facilities=tuple(_drawn(facilities, frame)),
        detections=tuple(_drawn(detections, frame)),
        meridians=tuple(_meridians(frame)),
        parallels=tuple(_parallels(frame)),
        bar=round(bar_m / _METRES_PER_DEGREE * frame.px_per_lat, 1),
        bar_words=length_words(bar_m),
    )


def _frame(bounds: Sequence[tuple[float, float, float, float]]) -> _Frame:
    west, south = min(b[0] for b in bounds), min(b[1] for b in bounds)
    east, north = max(b[2] for b in bounds), max(b[3] for b in bounds)
    middle_lon, middle_lat = (west + east) / 2, (south + north) / 2
    shrink = max(cos(radians(middle_lat)), 0.01)  # a degree of longitude against one of latitude
    wide = max((east - west) * shrink, _LEAST_SIDE_DEG) * (1 + 2 * _MARGIN_SHARE)
    high = max(north - south, _LEAST_SIDE_DEG) * (1 + 2 * _MARGIN_SHARE)
    height = min(max(WIDTH * high / wide, _MIN_HEIGHT), _MAX_HEIGHT)
    px_per_lat = min(WIDTH / wide, height / high)
    px_per_lon = px_per_lat * shrink
    return _Frame(
        west=middle_lon - WIDTH / 2 / px_per_lon,
        north=middle_lat + height / 2 / px_per_lat,
        px_per_lon=px_per_lon,
        px_per_lat=px_per_lat,
        height=height,
    )


def _drawn(marks: Sequence[Mark], frame: _Frame) -> Iterator[Drawn]:
    for mark in marks:
        if mark.shape_4326.is_empty:
            continue
        point = mark.shape_4326.representative_point()
        x, y = frame.x(point.x), frame.y(point.y)
        if not (0 <= x <= WIDTH and 0 <= y <= frame.height):
            continue
        west, _, east, north = mark.shape_4326.bounds
        yield Drawn(
            mark=mark,
            path=_path(mark.shape_4326, frame),
            x=round(x, 1),
            y=round(y, 1),
            left=round(max(frame.x(west), 0.0), 1),
            top=round(max(frame.y(north), 0.0), 1),
            short_label=shortened(mark.label, (east - west) * frame.px_per_lon),
        )


def shortened(label: str, room_px: float) -> str:
    """Return `label`, cut where it would be wider than `room_px`. Chinese characters are as wide as two Latin ones."""
    used = 0.0
    for index, char in enumerate(label):
        used += _LETTER_PX * (2 if east_asian_width(char) in "WF" else 1)
        if used > max(room_px, _LEAST_LABEL_PX):
            return label[:index].rstrip() + "…"
    return label


def _path(shape: BaseGeometry, frame: _Frame) -> str:
    rings = [
        ring
        for part in getattr(shape, "geoms", [shape])
        if isinstance(part, Polygon)
        for ring in (part.exterior, *part.interiors)
    ]
    return " ".join(
        "M" + " L".join(f"{frame.x(lon):.1f},{frame.y(lat):.1f}" for lon, lat, *_ in list(ring.coords)[:-1]) + " Z"
        for ring in rings
    )


def _meridians(frame: _Frame) -> Iterator[Line]:
    for lon, digits in _round_values(frame.west, frame.west + WIDTH / frame.px_per_lon):
        yield Line(at=round(frame.x(lon), 1), label=f"{abs(lon):.{digits}f}° {'E' if lon >= 0 else 'W'}")


def _parallels(frame: _Frame) -> Iterator[Line]:
    for lat, digits in _round_values(frame.north - frame.height / frame.px_per_lat, frame.north):
        yield Line(at=round(frame.y(lat), 1), label=f"{abs(lat):.{digits}f}° {'N' if lat >= 0 else 'S'}")


def _round_values(first: float, last: float) -> list[tuple[float, int]]:
    """Return a few round numbers between `first` and `last`, and how many decimals they need."""
    step = max(scale_bar_m((last - first) / _LINES_WANTED), _SMALLEST_STEP_DEG)
    digits = max(0, -floor(log10(step) + 1e-9))
    return [(index * step, digits) for index in range(ceil(first / step), floor(last / step) + 1)]
