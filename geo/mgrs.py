"""In which 100 km square of the Military Grid Reference System, and so in which Sentinel-2 tile, does a place lie?"""

from shapely.geometry import Point

from geo.crs import LON_LAT_EPSG, reproject, utm_epsg

_BANDS = "CDEFGHJKLMNPQRSTUVWX"
_COLUMNS = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")
_ROWS = "ABCDEFGHJKLMNPQRSTUV"
_SQUARE_M = 100_000
_BAND_DEG = 8
_SOUTHERNMOST_DEG = -80
_SOUTHERN_EPSG = 32700


def mgrs_square(lon: float, lat: float) -> str:
    """Return zone, latitude band and 100 km square of a place, such as ``45TXN``.

    Columns repeat every three zones, rows every 2,000 km, shifted by five in zones of even number.

    Raises:
        ValueError: The place lies beyond 80 degrees south or 84 north.

    """
    place = Point(lon, lat)
    epsg = utm_epsg(place)
    zone = epsg % 100
    metres = reproject(place, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    band = _BANDS[min(int((lat - _SOUTHERNMOST_DEG) // _BAND_DEG), len(_BANDS) - 1)]
    column = _COLUMNS[(zone - 1) % 3][int(metres.x // _SQUARE_M) - 1]
    northing_m = metres.y - (10_000_000 if epsg > _SOUTHERN_EPSG else 0)
    row = _ROWS[(int(northing_m // _SQUARE_M) + (0 if zone % 2 else 5)) % len(_ROWS)]
    return f"{zone:02d}{band}{column}{row}"
