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

from detection.kernels import planes, series
from detection.kernels.order import rank_values, sorting_network
from detection.kernels.regions import hysteresis
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
    assert agreeing.tolist() == [[1, 0], [2, 3]]
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
