"""Tables on their way out: one CRS for all of them."""

import geopandas as gpd
import pandas as pd

from geo.crs import LON_LAT_EPSG


def in_lon_lat(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return `frame` in EPSG:4326 with its geometry column named ``geometry``.

    A frame without rows may lack a CRS, and even a geometry column.

    Raises:
        ValueError: There are rows, and nothing says in which CRS.

    """
    if len(frame) == 0:
        others = [name for name in frame.columns if name != "geometry"]
        return gpd.GeoDataFrame(pd.DataFrame(frame)[others], geometry=gpd.GeoSeries([], crs=LON_LAT_EPSG))
    if frame.crs is None:
        raise ValueError("the CRS of the table is not known")
    moved = frame.to_crs(LON_LAT_EPSG)
    return moved if moved.geometry.name == "geometry" else moved.rename_geometry("geometry")
