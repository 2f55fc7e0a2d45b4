"""What surrounds an image: how long, where, in words."""

from collections.abc import Iterator
from math import floor, log10

from shapely.geometry import LinearRing, Point, Polygon
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid


def scale_bar_m(longest_m: float) -> float:
    """Return the longest round length (1, 2 or 5 times a power of ten) that is not above `longest_m`.

    Raises:
        ValueError: `longest_m` is not above 0.

    """
    if longest_m <= 0:
        raise ValueError(f"a scale bar needs a length above 0; got {longest_m}")
    power = 10.0 ** floor(log10(longest_m))
    return max(step * power for step in (1, 2, 5, 0.5) if step * power <= longest_m * (1 + 1e-9))


def length_words(length_m: float) -> str:
    """Return a length as people write it: ``200 m``, ``1.5 km``."""
    return f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"  # noqa: PLR2004


def rings(shape: BaseGeometry) -> Iterator[LinearRing]:
    """Give every outer and inner ring of a polygon or of many; nothing for points."""
    for part in getattr(shape, "geoms", [shape]):
        if isinstance(part, Polygon):
            yield part.exterior
            yield from part.interiors


def place_words(grid: Grid) -> str:
    """Return longitude and latitude of the middle of `grid`, four decimals, about ten metres."""
    left, bottom, right, top = grid.bounds_m
    middle = Point((left + right) / 2, (bottom + top) / 2)
    lon_lat = reproject(middle, from_epsg=grid.epsg, to_epsg=LON_LAT_EPSG)
    return lon_lat_words(lon_lat.x, lon_lat.y)


def lon_lat_words(lon: float, lat: float) -> str:
    """Return a position in words, latitude first as readers expect it."""
    north_south = "N" if lat >= 0 else "S"
    east_west = "E" if lon >= 0 else "W"
    return f"{abs(lat):.4f}° {north_south}, {abs(lon):.4f}° {east_west}"
