"""How strongly does a long straight line, or an edge, of each direction stand out in an image?"""

from math import ceil, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

Values = NDArray[np.float32]

DIRECTIONS = 24
"""From east over north to west."""
_ACROSS_PX = 1.0
_MOST_STRENGTH = 4.0
"""However much something stands out, it counts for less than so many times the usual: a roof is no better a wall."""


def line_strength(composite: Values, *, along_px: float, sees_edges: bool) -> Values | None:
    """Return how strongly a line, or an edge, too, of each direction stands out, shape (direction, y, x).

    In usual strengths. Directions run from east over north to west, `DIRECTIONS` of them. None where nothing was seen.
    """
    is_seen = np.asarray(np.isfinite(composite).all(axis=0))
    if not is_seen.any():
        return None
    square = np.zeros((DIRECTIONS, *is_seen.shape), dtype=np.float32)
    for band in composite:
        filled = np.where(is_seen, band, np.median(band[is_seen]))
        for is_odd, index in np.ndindex(1 + sees_edges, DIRECTIONS):
            kernel = _across(pi * index / DIRECTIONS, is_odd)
            strip = _strip(pi * index / DIRECTIONS, along_px)
            square[index] += np.square(_filtered(_bounded(_filtered(filled, kernel), is_seen), strip))
    return np.where(is_seen, np.sqrt(square), 0).astype(np.float32)


def _bounded(found: NDArray[np.float64], is_seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return `found` in usual strengths, the larger ones pressed together."""
    usual = found / max(float(np.median(np.abs(found[is_seen]))), 1e-9)
    return usual / (1 + np.abs(usual) / _MOST_STRENGTH)


def _filtered(image: NDArray[np.floating], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(image, len(kernel) // 2, mode="edge")
    return np.asarray(fftconvolve(padded, kernel, "valid"), dtype=np.float64)


def _frame(direction: float, reach_px: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far along and across `direction` each pixel of a kernel lies."""
    reach = ceil(reach_px)
    down, right = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    along = right * np.cos(direction) - down * np.sin(direction)
    return along, right * np.sin(direction) + down * np.cos(direction)


def _across(direction: float, is_odd: int) -> NDArray[np.float64]:
    """Return the even filter that sees lines, or the odd one that sees edges; the sum is 0.

    A second derivative of a Gaussian and its Hilbert transform (Freeman and Adelson 1991, doi:10.1109/34.93808): the
    energy of both together is largest in the middle of a line and on an edge alike.
    """
    along, across = (part / (_ACROSS_PX * sqrt(2)) for part in _frame(direction, 4 * _ACROSS_PX))
    shape = -2.205 * across + 0.978 * across**3 if is_odd else 0.9213 * (2 * np.square(across) - 1)
    kernel = shape * np.exp(-(np.square(across) + np.square(along)))
    return np.asarray(kernel - kernel.mean())


def _strip(direction: float, along_px: float) -> NDArray[np.float64]:
    """Return a strip along `direction`, one pixel wide; the sum is 1."""
    along, across = _frame(direction, along_px / 2 + 1)
    inside = np.clip(along_px / 2 + 0.5 - np.abs(along), 0, 1) * np.exp(-np.square(across / 0.6) / 2)
    return np.asarray(inside / inside.sum())
