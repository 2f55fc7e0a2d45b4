"""Compiled loops give what plain numpy and scipy give, whatever the size, gaps and threads."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import disk

from detection.kernels import planes, series
from detection.kernels.order import middle_and_scatter, rank_values, sorting_network
from detection.kernels.pair import middle_of_two
from detection.kernels.regions import closed, hysteresis, outstanding
from detection.kernels.threads import parts, spread, thread_count

NUMBERS = st.floats(-4, 4, width=32)
SCORES = arrays(
    np.float32,
    st.tuples(st.integers(1, 9), st.integers(1, 11)),
    elements=st.one_of(st.just(np.float32(np.nan)), st.sampled_from([0.0, 2.0, 5.0]), NUMBERS),
)


@given(score=SCORES)
def test_regions_are_those_of_scikit_image(score: NDArray[np.float32]) -> None:
    found = np.empty(score.shape, dtype=bool)
    hysteresis(score, 1.0, 3.0, found)
    expected = apply_hysteresis_threshold(np.nan_to_num(score, nan=-np.inf), 1.0, 3.0)
    np.testing.assert_array_equal(found, expected)


@given(score=SCORES, share=st.sampled_from([0.1, 0.3, 0.7]), reach=st.integers(0, 4))
def test_what_stands_out_reaches_its_share_of_the_highest_near_it(
    score: NDArray[np.float32], share: float, reach: int
) -> None:
    found = np.empty(score.shape, dtype=bool)
    outstanding(score, 1.0, share, reach, found)
    seen = np.nan_to_num(score, nan=-np.inf)
    highest = ndimage.maximum_filter(seen, 2 * reach + 1, mode="constant", cval=-np.inf)
    np.testing.assert_array_equal(found, (seen >= 1) & (seen >= np.float32(share) * highest))


def test_a_region_that_winds_back_on_itself_is_one() -> None:
    score = np.zeros((7, 9), dtype=np.float32)
    score[0], score[:, 0], score[6], score[2:, 8], score[2, 2:] = 2, 2, 2, 2, 2
    score[2, 2] = 4
    found = np.empty(score.shape, dtype=bool)
    hysteresis(score, 1, 3, found)
    np.testing.assert_array_equal(found, score > 1)


@given(values=arrays(np.float32, st.integers(1, 60), elements=st.floats(width=32, allow_nan=False)), data=st.data())
def test_ranks_are_those_of_sorting(values: NDArray[np.float32], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, values.size - 1))
    second = data.draw(st.integers(first, values.size - 1))
    ordered = np.sort(values)
    assert rank_values(values, first, second) == (ordered[first], ordered[second])


MANY = np.random.default_rng(5).standard_normal(30_000).astype(np.float32)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(MANY, id="normal"),
        pytest.param(np.sort(MANY), id="ascending"),
        pytest.param(np.sort(MANY)[::-1].copy(), id="descending"),
        pytest.param(np.ones(30_000, dtype=np.float32), id="all-alike"),
        pytest.param(np.repeat(np.array([0, 1], dtype=np.float32), 15_000), id="two-values"),
        pytest.param(np.where(np.arange(30_000) % 59 == 0, MANY, 100).astype(np.float32), id="a-sample-that-misleads"),
        pytest.param(MANY[:10_000].repeat(3), id="ties"),
    ],
)
def test_ranks_of_many_values_are_exact_whatever_their_order(values: NDArray[np.float32]) -> None:
    ordered = np.sort(values)
    kept = values.copy()
    for first in (0, 1, 14_999, 15_000, 29_998, 29_999):
        second = min(first + 1, 29_999)
        assert rank_values(values, first, second) == (ordered[first], ordered[second])
    np.testing.assert_array_equal(values, kept)


@given(values=arrays(np.float32, st.integers(1, 60), elements=st.one_of(NUMBERS, st.just(np.float32(np.nan)))))
def test_middle_and_scatter_are_numpys_of_what_is_seen(values: NDArray[np.float32]) -> None:
    seen = values[np.isfinite(values)].astype(float)
    found = middle_and_scatter(values)
    if not seen.size:
        assert np.isnan(found).all()
        return
    middle = np.median(seen)
    np.testing.assert_allclose(found, (middle, np.median(np.abs(seen - middle))), rtol=1e-5, atol=1e-6)


@given(mask=arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 14))))
def test_closing_is_that_of_scipy_and_keeps_what_was_there(mask: NDArray[np.bool_]) -> None:
    found = np.empty_like(mask)
    closed(mask, found)
    np.testing.assert_array_equal(found, mask | ndimage.binary_closing(mask, structure=disk(2)))


def test_the_middle_of_two_is_their_mean_or_the_one_that_is_known() -> None:
    one = np.array([1, np.nan, 3, np.nan], dtype=np.float32)
    other = np.array([2, 5, np.nan, np.nan], dtype=np.float32)
    found = np.full(4, -1, dtype=np.float32)
    middle_of_two(one, other, found, (0, 4))
    np.testing.assert_array_equal(found, np.array([1.5, 5, 3, np.nan], dtype=np.float32))


def test_means_around_places_leave_out_what_is_not_seen_and_go_on_at_the_edge() -> None:
    values = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    values[0, 1, 1] = np.nan
    found = np.empty((1, 4), dtype=np.float32)
    planes.means_around(values, np.array([[0, 1, 1, 2], [0, 1, 2, 3]]), found)
    corner = np.mean([0, 0, 1, 0, 0, 1, 4, 4])
    inner = np.mean([1, 2, 3, 6, 7, 9, 10, 11])
    last = np.mean([6, 7, 7, 10, 11, 11, 10, 11, 11])
    np.testing.assert_allclose(found, np.array([[corner, np.nan, inner, last]]), rtol=1e-6)


@given(values=arrays(np.float32, st.tuples(st.integers(1, 70), st.just(3)), elements=NUMBERS))
def test_the_network_sorts_any_number_of_values(values: NDArray[np.float32]) -> None:
    rows = values.copy()
    for one, other in sorting_network(len(rows)):
        rows[one], rows[other] = np.minimum(rows[one], rows[other]), np.maximum(rows[one], rows[other])
    np.testing.assert_array_equal(rows, np.sort(values, axis=0))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (8, 1), (23, 31)])
@pytest.mark.parametrize("side", [1, 3, 9])
def test_ratios_of_sums_are_those_of_scipys_filters(shape: tuple[int, int], side: int) -> None:
    rng = np.random.default_rng(side)
    above, below = rng.uniform(0.1, 1, (2, *shape)).astype(np.float32)
    gap = rng.random(shape) < 0.3
    above[gap] = below[gap] = np.nan
    found = np.empty(shape, dtype=np.float32)
    planes.ratio_of_sums(above, below, side, 1e-9, found)
    top, bottom = (
        ndimage.uniform_filter(np.where(gap, 0, layer).astype(float), side, mode="constant") for layer in (above, below)
    )
    np.testing.assert_allclose(found, np.where(gap, np.nan, top / np.maximum(bottom, 1e-9)), rtol=1e-4)


def test_leaps_skip_what_was_not_seen() -> None:
    values = np.array([[1.0, np.nan], [np.nan, 2.0], [4.0, 2.5]], dtype=np.float32)[:, None]
    found = np.empty((2, 2), dtype=np.float32)
    series.leaps(values, found)
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [3.0, 0.5]])


def test_agreement_counts_what_lies_on_the_right_side() -> None:
    progress = np.array([0.1, 0.9, np.nan, 0.8, 0.2, 1.0], dtype=np.float32)[:, None].repeat(2, axis=1)
    persistence, season = np.empty((2, 2), dtype=np.float32)
    agreeing = np.empty((2, 2), dtype=np.int16)
    in_season = np.eye(6, dtype=bool)
    in_season[4, 1] = in_season[5, 2] = True
    series.agreement(progress, np.array([3, -1], dtype=np.int16), in_season, persistence, season, agreeing, (0, 2))
    assert agreeing.tolist() == [[1, 0], [2, 0]]
    np.testing.assert_allclose(persistence, [3 / 5, np.nan])
    np.testing.assert_allclose(
        season, [0.0, np.nan]
    )  # of the looks from the cut on, only the fifth had its season before


@given(count=st.integers(1, 400_000))
def test_parts_cover_all_pixels_once(count: int) -> None:
    bounds = [part for (part,) in parts(count)]
    assert bounds[0][0] == 0
    assert bounds[-1][1] == count
    assert all(one[1] == other[0] for one, other in pairwise(bounds))


def test_an_error_in_a_thread_is_raised() -> None:
    def task(number: int) -> None:
        if number == 3:
            raise ValueError("three")

    with pytest.raises(ValueError, match="three"):
        spread(task, [(number,) for number in range(5)])


@pytest.mark.parametrize(("asked", "expected"), [("3", 3), ("1", 1)])
def test_the_number_of_threads_can_be_set(monkeypatch: pytest.MonkeyPatch, asked: str, expected: int) -> None:
    monkeypatch.setenv("SITEWATCH_THREADS", asked)
    assert thread_count() == expected


@pytest.mark.parametrize("asked", ["", "0", "many", "-2"])
def test_without_a_usable_number_all_cores_are_used(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    monkeypatch.setenv("SITEWATCH_THREADS", asked)
    assert thread_count() >= 1


def test_kernels_compile_where_the_program_lies_in_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    code = "import numpy as np; from detection.kernels.order import rank_values as r; print(r(np.ones(3, 'f4'), 1, 1))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "(1.0, 1.0)"
    assert list(tmp_path.rglob("*.nbi"))
