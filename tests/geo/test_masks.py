"""Where the classification layer says that the ground was clearly seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from geo.masks import MaskParams, clear_from_scl, shares_by_cause, with_cloud_probability

NO_BUFFER = MaskParams(buffer_px=0)


def test_clear_classes_are_vegetation_bare_water_unclassified_and_dark() -> None:
    classes = np.arange(14, dtype=np.float32).reshape(1, -1)
    assert np.flatnonzero(clear_from_scl(classes, NO_BUFFER)).tolist() == [2, 4, 5, 6, 7]


def test_no_class_is_not_clear() -> None:
    classes = np.array([[np.nan, 4, -1, 4.5]], dtype=np.float32)
    assert clear_from_scl(classes, NO_BUFFER).tolist() == [[False, True, False, False]]


def test_a_cloud_hides_a_disc() -> None:
    classes = np.full((5, 5), 4, dtype=np.float32)
    classes[2, 2] = 9
    assert (~clear_from_scl(classes, MaskParams(buffer_px=2))).astype(int).tolist() == [
        [0, 0, 1, 0, 0],
        [0, 1, 1, 1, 0],
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 0],
        [0, 0, 1, 0, 0],
    ]


@pytest.mark.parametrize("hidden", [0, 1, np.nan])
def test_gaps_and_defects_are_not_grown(hidden: float) -> None:
    classes = np.full((5, 5), 5, dtype=np.float32)
    classes[2, 2] = hidden
    assert np.argwhere(~clear_from_scl(classes, MaskParams())).tolist() == [[2, 2]]


scl = arrays(np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.sampled_from([0.0, 3, 4, 5, 8]))


@given(classes=scl, buffer_px=st.integers(0, 4))
def test_clear_is_farther_from_every_cloud_than_the_buffer(classes: NDArray[np.float32], buffer_px: int) -> None:
    is_cloud = (classes == 3) | (classes == 8)
    distance_px = distance_transform_edt(~is_cloud) if is_cloud.any() else np.full(classes.shape, np.inf)
    expected = ((classes == 4) | (classes == 5)) & (distance_px > buffer_px)
    np.testing.assert_array_equal(clear_from_scl(classes, MaskParams(buffer_px=buffer_px)), expected)


@pytest.mark.parametrize("percent", [0.0, -1.0, 100.5, float("nan")])
def test_a_limit_that_is_no_probability_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="cloud_probability_percent must be above 0 and at most 100; got"):
        MaskParams(cloud_probability_percent=percent)


def test_a_negative_buffer_is_refused() -> None:
    with pytest.raises(ValueError, match="buffer_px cannot be negative; got -1"):
        MaskParams(buffer_px=-1)


def test_probable_cloud_over_a_clear_class_becomes_cloud() -> None:
    classes = np.array([[4, 4, 4, 3, 0]], dtype=np.float32)
    percent = np.array([[39.9, 40, np.nan, 90, 90]], dtype=np.float32)
    assert with_cloud_probability(classes, percent).tolist() == [[4, 8, 4, 3, 0]]


def test_a_probability_alone_makes_classes() -> None:
    percent = np.array([[0, 70, np.nan]], dtype=np.float32)
    classes = with_cloud_probability(None, percent, min_cloud_percent=60)
    assert clear_from_scl(classes, NO_BUFFER).tolist() == [[True, False, False]]
    assert shares_by_cause(classes, clear_from_scl(classes, NO_BUFFER)) == {"cloud": 1 / 3, "nodata": 1 / 3}


@pytest.mark.parametrize("wrong", [-1, 255])
def test_a_probability_that_is_no_percentage_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 100 per cent"):
        with_cloud_probability(None, np.array([[wrong]], dtype=np.float32))


@given(classes=scl, buffer_px=st.integers(0, 2))
def test_the_causes_add_up_to_what_is_hidden(classes: NDArray[np.float32], buffer_px: int) -> None:
    is_clear = clear_from_scl(classes, MaskParams(buffer_px=buffer_px))
    assert sum(shares_by_cause(classes, is_clear).values()) == pytest.approx(1 - is_clear.mean())
