"""What would have been found follows the noise, the looks and the contrast, and agrees with what is found."""

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from detection.chance.detectability import (
    CAUTION,
    POWER,
    ROOFS,
    Sight,
    detectable_area_m2,
    power_curve,
    power_of,
    roof_contrasts,
)
from detection.changes import ChangeMap, map_changes
from detection.detect import find_changes
from detection.params import DetectParams
from geo.scene import Quantity
from geo.sources.simulated.spectra import SPECTRA

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

SIDE = 80
PARAMS = DetectParams()
EVERYWHERE = np.ones((SIDE, SIDE), dtype=bool)


def desert(dates: int, *, sigma: float, seed: int = 0) -> NDArray[np.float32]:
    """Return ground with the colour of gravel, textured, with noise that stays for a while, as real noise does."""
    rng = np.random.default_rng(seed)
    texture = 0.01 * ndimage.gaussian_filter(rng.standard_normal((4, SIDE, SIDE)), (0, 2, 2)) / 0.14
    noise = rng.standard_normal((dates, 4, SIDE, SIDE))
    for index in range(1, dates):
        noise[index] = 0.5 * noise[index - 1] + sqrt(0.75) * noise[index]
    base = np.array([0.108, 0.131, 0.152, 0.186])[:, None, None]
    return np.asarray(base + texture + sigma * noise, dtype=np.float32)


@pytest.fixture
def calm(make_stack: "MakeStack") -> ChangeMap:
    return map_changes(make_stack(desert(12, sigma=0.006)), PARAMS)


def curve(changes: ChangeMap, contrast: float, *, inside: NDArray[np.bool_] = EVERYWHERE) -> NDArray[np.float64]:
    sight = Sight.of(changes, inside, PARAMS)
    contrasts = np.full((1, len(sight.places[0])), contrast, dtype=np.float32)
    return power_curve(sight, (200, 400, 900, 1600, 2500, 4900, 10_000), contrasts, PARAMS)


def test_the_power_grows_with_the_building_and_with_its_contrast(calm: ChangeMap) -> None:
    faint, plain, bright = (curve(calm, contrast) for contrast in (0.01, 0.05, 0.2))
    for power in (faint, plain, bright):
        assert (np.diff(power) >= -0.02).all()
        assert ((power >= 0) & (power <= 1)).all()
    assert (bright >= plain).all()
    assert (plain >= faint).all()
    assert faint[0] < POWER < bright[3]
    assert plain[0] < POWER < plain[-1]


def test_without_contrast_nothing_is_found(calm: ChangeMap) -> None:
    assert curve(calm, 0.0).max() < 0.05


def test_more_noise_finds_less(make_stack: "MakeStack") -> None:
    areas = [
        detectable_area_m2(map_changes(make_stack(desert(12, sigma=sigma)), PARAMS), EVERYWHERE, PARAMS)
        for sigma in (0.002, 0.014, 0.03)
    ]
    assert areas[0] < areas[1]
    assert not areas[2] <= areas[1]  # larger, or none at all


def test_ground_that_is_never_seen_counts_as_missed(make_stack: "MakeStack") -> None:
    values = desert(12, sigma=0.003)
    values[:, :, :, : SIDE // 4] = np.nan
    power = curve(map_changes(make_stack(values), PARAMS), 0.2)
    assert 0.7 < power[-1] < 0.78
    values[:, :, :, : SIDE // 2] = np.nan
    assert np.isnan(detectable_area_m2(map_changes(make_stack(values), PARAMS), EVERYWHERE, PARAMS))


def test_an_area_without_pixels_finds_nothing(calm: ChangeMap) -> None:
    assert np.isnan(detectable_area_m2(calm, ~EVERYWHERE, PARAMS))


def test_one_date_has_no_power(calm: ChangeMap) -> None:
    sight = replace(Sight.of(calm, EVERYWHERE, PARAMS), information=np.zeros(0))
    assert power_of(sight, 1e4, roof_contrasts(calm, sight.places), PARAMS) == 0


def test_roofs_lie_as_far_from_the_ground_as_their_spectra_say(calm: ChangeMap) -> None:
    sight = Sight.of(calm, EVERYWHERE, PARAMS)
    contrasts = roof_contrasts(calm, sight.places)
    gravel = np.array([0.108, 0.131, 0.152, 0.186])
    for roof, contrast in zip(ROOFS, contrasts, strict=True):
        assert np.median(contrast) == pytest.approx(np.abs(SPECTRA[roof][:4] - gravel).mean(), abs=0.012)


def test_a_picture_of_unknown_stretch_has_about_the_contrast_of_its_stretch(calm: ChangeMap) -> None:
    stretched = replace(
        calm,
        stack=replace(calm.stack, quantity=Quantity.DISPLAY),
        steps=replace(calm.steps, before=np.float32(2.5) * calm.steps.before),
    )
    places = Sight.of(calm, EVERYWHERE, PARAMS).places
    plain, display = (roof_contrasts(changes, places) for changes in (calm, stretched))
    ratio = float(np.median(display) / np.median(plain))
    assert 2.5 / 1.5 < ratio < 2.5 * 1.5  # this ground is darker than usual open ground, so the gain is taken for less


def test_a_larger_least_area_needs_larger_buildings(calm: ChangeMap) -> None:
    small, large = (
        detectable_area_m2(calm, EVERYWHERE, replace(PARAMS, min_area_m2=area)) for area in (1500.0, 9000.0)
    )
    assert small < large
    assert large > 4000


def test_what_is_stated_is_an_upper_bound(calm: ChangeMap) -> None:
    sight = Sight.of(calm, EVERYWHERE, PARAMS)
    contrasts = roof_contrasts(calm, sight.places)
    stated = detectable_area_m2(calm, EVERYWHERE, PARAMS)
    assert power_of(sight, stated / CAUTION, contrasts, PARAMS) >= POWER
    assert power_of(sight, 0.9 * (stated - 50) / CAUTION, contrasts, PARAMS) < POWER


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.004, 0.01])
def test_the_prediction_agrees_with_what_is_found(make_stack: "MakeStack", sigma: float) -> None:
    """Within a pixel of the side, which is what the outline may be off, and two standard deviations of 24 buildings."""
    values = desert(14, sigma=sigma, seed=3)
    sight = Sight.of(map_changes(make_stack(values), PARAMS), EVERYWHERE, PARAMS)
    rng = np.random.default_rng(11)
    contrast = np.full((1, len(sight.places[0])), 0.05, dtype=np.float32)
    predicted = {side_px: power_of(sight, 100.0 * side_px**2, contrast, PARAMS) for side_px in range(1, 7)}
    for side_px in (2, 3, 5):
        measured = np.mean([_found_share(make_stack, values, side_px, rng) for _ in range(6)])
        assert predicted[side_px - 1] - 0.2 <= measured <= predicted[side_px + 1] + 0.2
    assert predicted[1] < 0.2
    assert predicted[6] > 0.8


def _found_share(make_stack: "MakeStack", values: NDArray[np.float32], side_px: int, rng: np.random.Generator) -> float:
    """Put four buildings of contrast 0.05 into the ground and return the share of them that is found."""
    built = values.copy()
    onset = int(rng.integers(2, len(values) - 1))
    places = []
    for row, column in ((0.28, 0.28), (0.28, 0.72), (0.72, 0.28), (0.72, 0.72)):
        top, left = (round(SIDE * share) + int(rng.integers(-4, 5)) for share in (row, column))
        place = np.s_[top : top + side_px, left : left + side_px]
        built[onset:, :, *place] += np.float32(0.05)
        places.append(place)
    stack = make_stack(built)
    detections = find_changes(stack, "a", EVERYWHERE, PARAMS).detections
    hit = [stack.grid.is_inside(shape) for shape in detections.to_crs(4326).geometry]
    return float(np.mean([any(mask[place].mean() >= 0.2 for mask in hit) for place in places]))
