"""The compiled search for beginnings gives what whole images of numpy arrays give, look by look."""

from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.series.beginnings import BeginningParams, find_beginnings, sun_of_year

PARAMS = BeginningParams()


def by_images(
    series: NDArray[np.float32], sigma: NDArray[np.float32], shadows: NDArray[np.float32], sun: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first certain and the first possible look of each pixel: all pixels of a look at once."""
    looks, _, *shape = series.shape
    mean = np.zeros(series.shape[1:])
    weight, unrest, judged, place = np.zeros((4, *shape))
    certain, hinted = np.full((2, *shape), looks)
    is_seen = np.asarray(np.isfinite(series).all(axis=1))
    for look in range(looks):
        later = sorted(
            {*range(look, min(look + 3, looks))}
            | set(np.linspace(look, looks - 1, min(16, looks - look)).round().astype(int).tolist())
        )
        own = np.sqrt(np.maximum((4 + unrest) / (4 + judged), 1)) * np.sqrt(1 + 1 / np.maximum(weight, 1))
        far = [
            np.sqrt(np.square(series[at] - mean).mean(axis=0))
            / (np.hypot(np.maximum(sigma[at], PARAMS.sigma_floor), shadows * np.abs(sun[at] - place)) * own)
            for at in later
        ]
        z = np.array(far)
        could = is_seen[look] & (weight > 0)
        for first_z, later_z, into in ((PARAMS.certain_z, PARAMS.hint_z, certain), (PARAMS.hint_z, 2.0, hinted)):
            seen = np.isfinite(z)
            differs = np.where(seen, z, -1) >= later_z
            lasts = differs.sum(axis=0) >= PARAMS.lasting_share * seen.sum(axis=0)
            soon = 2 * differs[:3].sum(axis=0) >= seen[:3].sum(axis=0)
            into[could & (np.where(seen[0], z[0], -1) >= first_z) & lasts & soon & (into == looks)] = look
        noise = np.hypot(np.maximum(sigma[look], PARAMS.sigma_floor), shadows * np.abs(sun[look] - place))
        change = np.where(is_seen[look], series[look] - mean, 0)
        size = np.sqrt(np.square(change).mean(axis=0)) / noise
        trust = np.where(weight == 0, 1, np.minimum(1, 3 / np.maximum(size, 1e-3))) * is_seen[look]
        known = is_seen[look] & (weight > 0)
        unrest += np.where(known, np.minimum(np.square(size), 9) * trust, 0)
        judged += known
        weight += trust
        gain = trust / np.maximum(weight, 1e-6)
        mean += gain * change
        place += gain * (sun[look] - place)
    return certain, np.minimum(hinted, certain)


@pytest.mark.parametrize("seed", range(3))
def test_pixel_by_pixel_is_image_by_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks, side = 30, 24
    series = (0.2 + 0.01 * rng.standard_normal((looks, 3, side, side))).astype(np.float32)
    series[14:, :, 4:18, 4:18] += rng.uniform(0, 0.12, (14, 14)).astype(np.float32)
    series[np.broadcast_to(rng.random((looks, 1, side, side)) < 0.3, series.shape)] = np.nan
    series[rng.integers(0, looks, 3)] = np.nan
    sigma = np.full((looks, side, side), 0.006, dtype=np.float32) * rng.uniform(0.5, 2, (looks, 1, 1))
    shadows = rng.uniform(0, 0.02, (side, side)).astype(np.float32)
    sun = sun_of_year([date(2020, 1, 1) + timedelta(days=17 * index) for index in range(looks)])
    found = find_beginnings(series, sigma.astype(np.float32), shadows, sun, PARAMS)
    certain, hinted = by_images(series, sigma.astype(np.float32), shadows, sun)
    assert (certain < looks).sum() > 40
    assert (found.certain != certain).mean() < 0.002  # rounding decides what lies on a limit
    assert (found.hinted != hinted).mean() < 0.002
