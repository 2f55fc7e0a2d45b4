"""The pixel grid that everything of one area lies on."""

from dataclasses import dataclass
from math import ceil, floor
from typing import Self

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from geo.crs import LON_LAT_EPSG, is_metric, reproject, utm_epsg


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """North-up grid in a projected CRS (metres) whose pixel edges sit on multiples of `pixel_m`."""

    epsg: int
    left_m: float
    top_m: float
    pixel_m: float
    width_px: int
    height_px: int

    def __post_init__(self) -> None:
        if not is_metric(self.epsg):
            raise ValueError(f"a grid needs a projected CRS in metres; EPSG:{self.epsg} is none")
        if self.pixel_m <= 0:
            raise ValueError(f"pixel_m must be above 0; got {self.pixel_m}")
        if self.width_px < 1 or self.height_px < 1:
            raise ValueError(f"a grid needs at least one pixel; got {self.width_px} x {self.height_px}")

    @classmethod
    def covering(cls, bounds_m: tuple[float, float, float, float], *, epsg: int, pixel_m: float) -> Self:
        """Return the smallest grid whose pixels wholly cover ``(left, bottom, right, top)``."""
        left, bottom, right, top = (edge / pixel_m for edge in bounds_m)
        return cls(
            epsg=epsg,
            left_m=floor(left) * pixel_m,
            top_m=ceil(top) * pixel_m,
            pixel_m=pixel_m,
            width_px=max(1, ceil(right) - floor(left)),
            height_px=max(1, ceil(top) - floor(bottom)),
        )

    @classmethod
    def around(cls, shape_4326: BaseGeometry, *, pixel_m: float, margin_m: float = 0.0) -> Self:
        """Return the grid over `shape_4326` and `margin_m` around it, in the UTM zone of its middle."""
        epsg = utm_epsg(shape_4326)
        left, bottom, right, top = reproject(shape_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg).bounds
        bounds_m = (left - margin_m, bottom - margin_m, right + margin_m, top + margin_m)
        return cls.covering(bounds_m, epsg=epsg, pixel_m=pixel_m)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, (y, x)."""
        return (self.height_px, self.width_px)

    @property
    def transform(self) -> Affine:
        """Affine map from (column, row) to (easting, northing) in metres."""
        return Affine(self.pixel_m, 0, self.left_m, 0, -self.pixel_m, self.top_m)

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """Outer edges: left, bottom, right, top."""
        right_m = self.left_m + self.width_px * self.pixel_m
        bottom_m = self.top_m - self.height_px * self.pixel_m
        return (self.left_m, bottom_m, right_m, self.top_m)

    @property
    def pixel_area_m2(self) -> float:
        """Ground area of one pixel."""
        return self.pixel_m**2

    @property
    def x_m(self) -> NDArray[np.float64]:
        """Eastings of the pixel centres, shape (x,)."""
        return np.asarray(self.left_m + (np.arange(self.width_px) + 0.5) * self.pixel_m, dtype=np.float64)

    @property
    def y_m(self) -> NDArray[np.float64]:
        """Northings of the pixel centres from north to south, shape (y,)."""
        return np.asarray(self.top_m - (np.arange(self.height_px) + 0.5) * self.pixel_m, dtype=np.float64)

    @property
    def footprint_4326(self) -> Polygon:
        """The outer edge as a polygon in longitude and latitude."""
        return reproject(box(*self.bounds_m), from_epsg=self.epsg, to_epsg=LON_LAT_EPSG)

    def is_inside(self, shape_4326: BaseGeometry) -> NDArray[np.bool_]:
        """Return which pixels, shape (y, x), have their centre inside `shape_4326`."""
        shape_m = reproject(shape_4326, from_epsg=LON_LAT_EPSG, to_epsg=self.epsg)
        is_in: NDArray[np.bool_] = geometry_mask([shape_m], out_shape=self.shape, transform=self.transform, invert=True)
        return is_in
