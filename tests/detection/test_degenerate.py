"""Imagery that no detector can make anything of: the answer is still defined, and does not claim to have seen."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from detection.detect import find_changes
from detection.params import DetectParams
from detection.schema import Outcome, Status, check_detections

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

SIDE = 64
PARAMS = DetectParams()
Spoil = Callable[[NDArray[np.float32]], None]
UNSEEN = {Outcome.NOT_OBSERVED}
SEEN = {Outcome.NOTHING_FOUND}
EITHER = {Outcome.NOTHING_FOUND, Outcome.FOUND}
"""Ground was seen, and what is odd about it may be told; but nothing of it may be confirmed."""


def ground(dates: int, bands: int, side_px: tuple[int, int]) -> NDArray[np.float32]:
    rng = np.random.default_rng(7)
    texture = ndimage.gaussian_filter(rng.standard_normal((bands, *side_px)), (0, 1.2, 1.2))
    return np.asarray(0.2 + 0.05 * texture + 0.004 * rng.standard_normal((dates, bands, *side_px)), dtype=np.float32)


def untouched(values: NDArray[np.float32]) -> None:
    """Leave it as it is."""


def nowhere(values: NDArray[np.float32]) -> None:
    values[:] = np.nan


def only_last(values: NDArray[np.float32]) -> None:
    values[:-1] = np.nan


def only_first_and_last(values: NDArray[np.float32]) -> None:
    values[1:-1] = np.nan


def one_band_never(values: NDArray[np.float32]) -> None:
    values[:, -1] = np.nan


def never_twice(values: NDArray[np.float32]) -> None:
    """Show each part of the ground on one date only."""
    for index, image in enumerate(values):
        keep = np.zeros(image.shape[1:], dtype=bool)
        keep[index :: len(values)] = True
        image[:, ~keep] = np.nan


def one_pixel(values: NDArray[np.float32]) -> None:
    seen = values[:, :, SIDE // 2, SIDE // 2].copy()
    values[:] = np.nan
    values[:, :, SIDE // 2, SIDE // 2] = seen


def chessboard(values: NDArray[np.float32]) -> None:
    values[:, :, ::2, ::2] = np.nan
    values[:, :, 1::2, 1::2] = np.nan


def constant(values: NDArray[np.float32]) -> None:
    values[:] = 0.25


def constant_in_space(values: NDArray[np.float32]) -> None:
    values[:] = values.mean(axis=(2, 3), keepdims=True)


def constant_in_time(values: NDArray[np.float32]) -> None:
    values[:] = values[:1]


def zero(values: NDArray[np.float32]) -> None:
    values[:] = 0


def negative(values: NDArray[np.float32]) -> None:
    values[:] -= 0.3


def saturated(values: NDArray[np.float32]) -> None:
    values[len(values) // 2] = 1.6


def huge(values: NDArray[np.float32]) -> None:
    values[:] *= 1e6


def seam_once(values: NDArray[np.float32]) -> None:
    values[len(values) // 2, :, :, SIDE // 2 :] *= 1.2


def seam_from_then_on(values: NDArray[np.float32]) -> None:
    values[len(values) // 2 :, :, :, SIDE // 2 :] *= 1.2


def seam_of_nothing(values: NDArray[np.float32]) -> None:
    values[::2, :, :, : SIDE // 2] = np.nan
    values[1::2, :, :, SIDE // 2 :] = np.nan


@pytest.mark.parametrize("bands", [1, 4], ids=["one-band", "four-bands"])
@pytest.mark.parametrize(
    ("dates", "spoil", "outcomes"),
    [
        pytest.param(1, untouched, UNSEEN, id="one-date"),
        pytest.param(1, nowhere, UNSEEN, id="one-date-all-cloud"),
        pytest.param(2, untouched, SEEN, id="two-dates"),
        pytest.param(2, only_last, UNSEEN, id="two-dates-one-cloudy"),
        pytest.param(2, constant, SEEN, id="two-dates-constant"),
        pytest.param(2, never_twice, UNSEEN, id="two-dates-of-other-ground"),
        pytest.param(20, nowhere, UNSEEN, id="all-cloud"),
        pytest.param(20, only_last, UNSEEN, id="one-clear-date"),
        pytest.param(20, only_first_and_last, SEEN, id="two-clear-dates"),
        pytest.param(20, one_band_never, UNSEEN, id="one-band-never-recorded"),
        pytest.param(20, never_twice, UNSEEN, id="no-ground-twice"),
        pytest.param(20, one_pixel, UNSEEN, id="one-pixel-seen"),
        pytest.param(20, chessboard, SEEN, id="chessboard"),
        pytest.param(20, constant, SEEN, id="constant"),
        pytest.param(20, constant_in_space, SEEN, id="constant-in-space"),
        pytest.param(20, constant_in_time, SEEN, id="constant-in-time"),
        pytest.param(20, zero, SEEN, id="zero"),
        pytest.param(20, negative, EITHER, id="negative"),
        pytest.param(20, saturated, SEEN, id="one-date-saturated"),
        pytest.param(20, huge, EITHER, id="huge"),
        pytest.param(20, seam_once, SEEN, id="a-seam-on-one-date"),
        pytest.param(20, seam_from_then_on, EITHER, id="a-seam-that-stays"),
        pytest.param(20, seam_of_nothing, SEEN, id="each-half-every-other-date"),
    ],
)
def test_spoilt_imagery_is_answered_for(
    make_stack: "MakeStack", dates: int, spoil: Spoil, outcomes: set[Outcome], bands: int
) -> None:
    values = ground(dates, bands, (SIDE, SIDE))
    spoil(values)
    findings = find_changes(make_stack(values), "a", np.ones((SIDE, SIDE), dtype=bool), PARAMS)
    row = findings.coverage.iloc[0]
    assert findings.outcome in outcomes
    check_detections(findings.detections)
    assert Status.CONFIRMED.value not in set(findings.detections["status"])
    assert row["looks"] == dates
    assert row["clear_looks"] <= dates
    assert 0 <= row["observed_share"] <= 1
    if findings.outcome is Outcome.NOT_OBSERVED:
        assert np.isnan(row["detectable_area_m2"])
    if findings.outcome is Outcome.NOTHING_FOUND:
        assert row["observed_share"] >= PARAMS.min_observed_share
        assert np.isfinite(row["detectable_contrast"])


@pytest.mark.parametrize("dates", [2, 8])
@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (6, 6), (8, 90)], ids=str)
def test_an_image_smaller_than_the_windows_is_answered_for(
    make_stack: "MakeStack", dates: int, shape: tuple[int, int]
) -> None:
    findings = find_changes(make_stack(ground(dates, 3, shape)), "a", np.ones(shape, dtype=bool), PARAMS)
    assert findings.outcome in EITHER
    assert Status.CONFIRMED.value not in set(findings.detections["status"])
    check_detections(findings.detections)
