"""How much of each pixel a polygon covers, exactly; and how a sensor makes pixels of a finer image."""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, erf, exp, floor, pi, sqrt

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from geo.grid import Grid

Layer = NDArray[np.float32]

_FAR_SIGMAS = 9.0
"""Beyond so many standard deviations the normal curve is 0 to rounding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patch:
    """A piece of a raster: `share` (0-1, shape (y, x)) begins at (`row`, `column`), which may be negative."""

    row: int
    column: int
    share: Layer

    def clipped(self, *, rows: tuple[int, int], columns: tuple[int, int]) -> "Patch | None":
        """Return the part inside ``[first, end)`` of rows and columns, counted from their first; None if empty."""
        top, left = max(rows[0], self.row), max(columns[0], self.column)
        bottom = min(rows[1], self.row + self.share.shape[0])
        right = min(columns[1], self.column + self.share.shape[1])
        if top >= bottom or left >= right:
            return None
        share = self.share[top - self.row : bottom - self.row, left - self.column : right - self.column]
        return Patch(row=top - rows[0], column=left - columns[0], share=share)

    @property
    def window(self) -> tuple[slice, slice]:
        """The rows and columns it lies on."""
        height, width = self.share.shape
        return (slice(self.row, self.row + height), slice(self.column, self.column + width))


def coverage(polygon_px: Polygon) -> Patch:
    """Return the share of each pixel that `polygon_px` covers, exact to rounding.

    Each edge is cut where it crosses pixel borders; a piece adds its signed area to its pixel and its height
    to everything right of it, as in scan conversion of outline fonts. A running sum over each row closes the area.

    Args:
        polygon_px: In pixels, x = column and y = row (downwards), pixel (0, 0) from 0 to 1. Holes are respected.

    """
    left, top, right, bottom = polygon_px.bounds
    row, column = floor(top), floor(left)
    height, width = max(1, ceil(bottom) - row), max(1, ceil(right) - column)
    starts, ends = _edges(polygon_px, column, row)
    x, y, rise = _pieces(starts, ends)
    pixel_row = np.clip(np.floor(y).astype(np.int64), 0, height - 1)
    pixel_column = np.clip(np.floor(x).astype(np.int64), 0, width - 1)
    right_share = x - pixel_column
    flat = pixel_row * (width + 1) + pixel_column
    size = height * (width + 1)
    marks = (
        np.bincount(flat, rise * (1 - right_share), size) + np.bincount(flat + 1, rise * right_share, size + 1)[:size]
    )
    share = np.abs(np.cumsum(marks.reshape(height, width + 1), axis=1))[:, :width]
    return Patch(row=row, column=column, share=np.clip(share, 0, 1).astype(np.float32))


def coverage_on(polygon_m: Polygon, grid: Grid) -> Layer:
    """Return the share of each pixel of `grid`, shape (y, x), that `polygon_m` (in the CRS of `grid`) covers."""
    share = np.zeros(grid.shape, dtype=np.float32)
    if polygon_m.is_empty:
        return share
    patch = coverage(to_pixels(polygon_m, grid)).clipped(rows=(0, grid.height_px), columns=(0, grid.width_px))
    if patch is not None:
        share[patch.window] = patch.share
    return share


def to_pixels(polygon_m: Polygon, grid: Grid, *, oversample: int = 1) -> Polygon:
    """Return `polygon_m` in pixels of `grid`, each cut into `oversample` parts a side."""
    scale = oversample / grid.pixel_m
    origin = np.array([grid.left_m, grid.top_m])
    flipped: Polygon = shapely.transform(polygon_m, lambda xy: (xy - origin) * np.array([scale, -scale]))
    return flipped


def _edges(polygon_px: Polygon, column: int, row: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each edge starts and ends, shape (edge, 2), relative to the patch; holes run the other way."""
    oriented = shapely.geometry.polygon.orient(polygon_px)
    rings = [shapely.get_coordinates(ring) - (column, row) for ring in (oriented.exterior, *oriented.interiors)]
    return np.concatenate([ring[:-1] for ring in rings]), np.concatenate([ring[1:] for ring in rings])


def _pieces(
    starts: NDArray[np.float64], ends: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Cut edges at all pixel borders; return the middle (x, y) and the signed height of each piece."""
    edge = np.arange(len(starts))
    owners, places = [edge, edge], [np.zeros(len(starts)), np.ones(len(starts))]
    for axis in (0, 1):
        low = np.ceil(np.minimum(starts[:, axis], ends[:, axis]))
        high = np.floor(np.maximum(starts[:, axis], ends[:, axis]))
        counts = np.maximum(0, high - low + 1).astype(np.int64)
        owner = np.repeat(edge, counts)
        border = low[owner] + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        length = ends[owner, axis] - starts[owner, axis]
        place = np.divide(border - starts[owner, axis], length, out=np.zeros(len(owner)), where=length != 0)
        owners.append(owner)
        places.append(np.clip(place, 0, 1))
    owner, place = np.concatenate(owners), np.concatenate(places)
    order = np.lexsort((place, owner))
    owner, place = owner[order], place[order]
    points = starts[owner] + place[:, None] * (ends[owner] - starts[owner])
    is_same_edge = owner[1:] == owner[:-1]
    middle = (points[1:] + points[:-1])[is_same_edge] / 2
    rise = (points[1:, 1] - points[:-1, 1])[is_same_edge]
    return middle[:, 0], middle[:, 1], rise


def _blurred_ramp(x: float, sigma: float) -> float:
    """Return the integral of the normal distribution function: the ramp max(0, x) blurred by `sigma`."""
    if abs(x) > _FAR_SIGMAS * sigma:
        return max(0.0, x)
    scaled = x / sigma if sigma > 0 else 0.0
    return x * (1 + erf(scaled / sqrt(2))) / 2 + sigma * exp(-(scaled**2) / 2) / sqrt(2 * pi)


@lru_cache(maxsize=64)
def sensor_weights(shift_px: float, *, psf_sigma_px: float, oversample: int) -> tuple[int, tuple[float, ...]]:
    """Return how a sensor weighs the fine samples along one axis for a pixel: the first sample, and the weights.

    The pixel is a box blurred by a normal point spread function, moved by `shift_px` against the ground, integrated
    exactly over each fine sample. Sample numbers count from the pixel's own first one; weights sum to 1.
    A positive shift moves what is seen to higher rows or columns.
    """
    reach = 0.5 + 4 * psf_sigma_px
    middle = 0.5 - shift_px
    first, end = floor((middle - reach) * oversample), ceil((middle + reach) * oversample)

    def seen(border: int) -> float:
        x = border / oversample - middle
        return _blurred_ramp(x + 0.5, psf_sigma_px) - _blurred_ramp(x - 0.5, psf_sigma_px)

    weights = [seen(sample + 1) - seen(sample) for sample in range(first, end)]
    total = sum(weights)
    return first, tuple(weight / total for weight in weights)


def sense_rows(fine: Layer, weights: tuple[float, ...], *, first: int, step: int, count: int) -> Layer:
    """Return `count` pixels along the last but one axis: pixel i sums the fine rows from ``first + i * step`` on."""
    pixels = np.zeros((*fine.shape[:-2], count, fine.shape[-1]), dtype=np.float32)
    for offset, weight in enumerate(weights):
        begin = first + offset
        pixels += np.float32(weight) * fine[..., begin : begin + step * (count - 1) + 1 : step, :]
    return pixels


def sense_columns(fine: Layer, weights: tuple[float, ...], *, first: int, step: int, count: int) -> Layer:
    """Do along the last axis what `sense_rows` does along the last but one."""
    pixels = np.zeros((*fine.shape[:-1], count), dtype=np.float32)
    for offset, weight in enumerate(weights):
        begin = first + offset
        pixels += np.float32(weight) * fine[..., begin : begin + step * (count - 1) + 1 : step]
    return pixels
