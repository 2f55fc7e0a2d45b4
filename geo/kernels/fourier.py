"""Compiled Fourier sums at a few places: far cheaper there than a transform of the whole image."""

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def _add_turned(
    real: NDArray[np.float64],
    imaginary: NDArray[np.float64],
    spectrum: NDArray[np.float64],
    turn: tuple[float, float],
) -> None:
    """Add a row of `spectrum`, real and imaginary parts in turn, times a complex number."""
    cosine, sine = turn
    for column in range(real.size):
        one, other = spectrum[2 * column], spectrum[2 * column + 1]
        real[column] += cosine * one - sine * other
        imaginary[column] += cosine * other + sine * one


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc", "nsz"})
def real_at(
    spectrum: NDArray[np.float64],
    rows: NDArray[np.complex128],
    columns: NDArray[np.complex128],
    out: NDArray[np.float64],
) -> None:
    """Write to `out` the real part of ``rows @ spectrum @ columns``.

    Args:
        spectrum: Shape (k, 2 l): complex numbers, real and imaginary parts in turn.
        rows: Shape (s, k).
        columns: Shape (l, t).
        out: Shape (s, t).

    """
    count = len(columns)
    real, imaginary = np.empty(count), np.empty(count)
    for place in range(len(rows)):
        real[:] = 0
        imaginary[:] = 0
        for row in range(len(spectrum)):
            turn = rows[place, row]
            _add_turned(real, imaginary, spectrum[row], (turn.real, turn.imag))
        for other in range(columns.shape[1]):
            total = 0.0
            for column in range(count):
                turn = columns[column, other]
                total += real[column] * turn.real - imaginary[column] * turn.imag
            out[place, other] = total
