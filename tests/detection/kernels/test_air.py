"""How a look differs from the usual one is what numpy's medians and quantiles say."""

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.kernels.air import ratio, regression


def looks(seed: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    base = rng.uniform(-0.02, 0.4, count).astype(np.float32)
    layer = (0.9 * base + 0.03 + 0.01 * rng.standard_normal(count)).astype(np.float32)
    layer[rng.random(count) < 0.2] = np.nan
    base[rng.random(count) < 0.1] = np.nan
    return layer, base


@pytest.mark.parametrize("count", [60, 700, 9_000])
@pytest.mark.parametrize("seed", range(3))
def test_the_ratio_is_the_median_and_its_spread_that_around_it(seed: int, count: int) -> None:
    layer, base = looks(seed, count)
    seen = np.isfinite(layer) & (base > 0)
    ratios = layer[seen] / base[seen]
    middle, spread = ratio(layer, base)
    assert middle == pytest.approx(np.median(ratios), rel=1e-6)
    assert spread == pytest.approx(np.median(np.abs(ratios / np.median(ratios) - 1)), rel=1e-5)


@pytest.mark.parametrize("count", [60, 700, 9_000])
@pytest.mark.parametrize("seed", range(3))
def test_the_line_runs_through_the_dark_and_the_bright_tenth(seed: int, count: int) -> None:
    layer, base = looks(seed, count)
    seen = np.isfinite(layer) & np.isfinite(base)
    x, y = base[seen].astype(float), layer[seen].astype(float)
    is_dark, is_bright = x <= np.quantile(x, 0.1), x >= np.quantile(x, 0.9)
    slope = (np.median(y[is_bright]) - np.median(y[is_dark])) / (np.median(x[is_bright]) - np.median(x[is_dark]))
    found = regression(layer, base, 30)
    assert found[0] == pytest.approx(slope, rel=0.02 if count < 100 else 1e-4)
    assert found[1] == pytest.approx(np.median(y) - found[0] * np.median(x), abs=1e-5)
    assert found[2] == pytest.approx(np.corrcoef(x, y)[0, 1], rel=1e-5)


def test_nothing_is_told_where_nothing_is_seen_or_has_contrast() -> None:
    nothing = np.full(80, np.nan, dtype=np.float32)
    flat = np.full(80, 0.2, dtype=np.float32)
    assert np.isnan(ratio(nothing, flat)).all()
    assert np.isnan(ratio(flat, -flat)).all()
    assert ratio(flat, flat) == (1.0, 0.0)
    for layer, base in ((nothing, flat), (flat, flat), (flat[:9], flat[:9])):
        assert regression(layer, base, 50) == (1.0, 0.0, 1.0)
