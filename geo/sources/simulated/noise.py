"""Smooth random fields: the stuff of ground texture, haze, clouds and of noise that is not white."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Field = NDArray[np.float32]


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], *, length_px: float) -> Field:
    """Return a normal random field, mean 0 and sd 1, whose correlation falls off over about `length_px`.

    It is periodic: its edges fit each other.
    """
    down, right = _frequencies(shape)
    return _field(rng, shape, np.exp(-((np.pi * length_px) ** 2) * (down**2 + right**2)))


def fractal_field(rng: np.random.Generator, shape: tuple[int, int], *, longest_px: float, slope: float) -> Field:
    """Return a periodic normal field, mean 0 and sd 1, whose power falls as frequency to the -`slope`.

    Above the wavelength `longest_px` the power no longer grows.
    """
    down, right = _frequencies(shape)
    squared = down**2 + right**2 + 1 / longest_px**2
    return _field(rng, shape, squared ** (-slope / 4))


def streaked_field(
    rng: np.random.Generator, shape: tuple[int, int], *, length_px: float, stretch: float, angle_deg: float
) -> Field:
    """Return a fractal field drawn out `stretch` times along `angle_deg` (clockwise from right): washes and fans."""
    down, right = _frequencies(shape)
    turn = np.deg2rad(angle_deg)
    along = (right * np.cos(turn) + down * np.sin(turn)) * stretch
    across = down * np.cos(turn) - right * np.sin(turn)
    return _field(rng, shape, (along**2 + across**2 + 1 / length_px**2) ** -1.1)


def _frequencies(shape: tuple[int, int]) -> tuple[Field, Field]:
    down = np.fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    right = np.fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    return down, right


def _field(rng: np.random.Generator, shape: tuple[int, int], gain: Field) -> Field:
    waves = scipy.fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    waves *= gain
    waves[0, 0] = 0
    field: Field = scipy.fft.irfft2(waves, s=shape).astype(np.float32)
    spread = field.std()
    if spread > 0:
        field /= spread
    return field
