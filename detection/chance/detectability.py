"""How small a new building would still have been found, here and in this period?

"Nothing found" means little without this. The answer follows from the detector's own arithmetic. The score of a patch
is the mean of the absolute contrast over its window, less that of unchanged ground, in units of the noise of the scene
and of the place. A building that fills a share f of the window lifts it to

    z = (1 - f) z0 + f (E|C + e| - m) / hypot(sigma, own / sqrt(information))

where z0 is the score the place has by itself, C the contrast of a roof with the ground it stands on, e the noise of
one pixel with mean absolute value m, sigma the noise of the scene, own the unrest of the place in time, and the
information how many looks lie on both sides of the step. It is found where z reaches the seed, and as often as the
outline that follows from growing and sharpening holds the least number of pixels. The power is the share of all places
of the area, of all dates between which the detector can tell a step, and of six usual roofs and grounds made by
builders, for which both hold; ground never seen counts as a miss. z0 is the area's real score: no distribution is
assumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil, pi, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from detection.changes import ChangeMap, fine_contrast
from detection.looks.context import Noise, box_mean
from detection.objects.outline import changed_pixels
from detection.params import DetectParams
from detection.series.season import design
from geo.scene import Quantity
from geo.sources.simulated.spectra import BANDS, SPECTRA, Surface

POWER = 0.8
"""What is found with at least this probability counts as detectable."""
CAUTION = 2.0
"""On the worst of the measured series four in five were found from 1.9 times the predicted size on
(`python -m benchmarks.detectability`); on the others from less than 1.4 times: nobody knows which kind a new one is."""
LARGEST_M2 = 250_000.0
"""Where not even this much is found, nothing is."""
_SMALLEST_M2 = 100.0
_HALVINGS = 8
"""Of the logarithm between the two: the answer is good to three per cent."""
_ROUND_M2 = 50.0
ROOFS = (
    Surface.WHITE_ROOF,
    Surface.BLUE_ROOF,
    Surface.GREY_ROOF,
    Surface.RED_ROOF,
    Surface.CONCRETE,
    Surface.GRADED,
)
_OPEN_GROUND = (Surface.GRAVEL, Surface.SAND, Surface.SOIL)
_MEAN_TO_SIGMA = sqrt(pi / 2)
"""A normal distribution's standard deviation in units of its mean absolute value."""
_MOST_CUTS = 5
_MOST_PLACES = 4000
_FEW_DATES = 6
_TINY = 1e-9
_FINE_PX = 3
"""Side of the window by which outlines are sharpened."""
_DRAWS = 10
_SURELY = 1.5
"""So many times the least number of pixels is enough, whatever the noise."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sight:
    """What the power depends on: the noise of one area in one period, as the detector measured it.

    The arrays of one value a place hold places of the area evenly spread, all where there are few.
    """

    own_z: NDArray[np.float32]
    """Score of the whole grid by itself, shape (y, x), about 0 on calm ground; -inf where not seen or changed."""
    places: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Rows and columns of the places: the area, but for what did change."""
    noise: Noise
    own_noise: NDArray[np.float32]
    """Standard deviation in time at each place, in units of the bands."""
    fine_noise: Noise
    information: NDArray[np.float64]
    """Independent looks behind a step at each cut, for ground that was seen on all dates."""
    seen_share: NDArray[np.float32]
    """Share (0-1) of the dates on which each place was seen."""
    pixel_m: float
    patch_px: int

    @classmethod
    def of(cls, changes: ChangeMap, inside: NDArray[np.bool_], params: DetectParams) -> Self:
        """Read it from the maps of a run; `inside`, shape (y, x), is the area."""
        steps, stack = changes.steps, changes.stack
        is_calm = np.isfinite(steps.score_z) & ~changes.is_changed
        middle = float(np.median(steps.score_z[is_calm])) if is_calm.any() else 0.0
        places = np.nonzero(inside & ~changes.is_changed)
        spread = slice(None, None, max(1, len(places[0]) // _MOST_PLACES))
        places = (places[0][spread], places[1][spread])
        return cls(
            own_z=np.where(is_calm, steps.score_z - middle, -np.inf).astype(np.float32),
            places=places,
            noise=steps.noise,
            own_noise=np.nan_to_num(steps.own_noise[places]),
            fine_noise=Noise.of(fine_contrast(steps, changes.trust), sigma_floor=params.steps.sigma_floor),
            information=_information(stack.days, params),
            seen_share=(changes.clear_looks[places] / len(stack.days)).astype(np.float32),
            pixel_m=stack.grid.pixel_m,
            patch_px=params.patch_px(stack.grid),
        )


def detectable_area_m2(changes: ChangeMap, inside: NDArray[np.bool_], params: DetectParams) -> float:
    """Return an upper bound of the smallest new building (m2) found with probability `POWER`, rounded up to 50 m2.

    What is predicted, times `CAUTION`. NaN where none is, however large: too little of the area was seen, or too
    seldom.

    Args:
        changes: The maps of the run.
        inside: Shape (y, x): the pixels of the area.
        params: How changes were found.

    """
    sight = Sight.of(changes, inside, params)
    contrasts = roof_contrasts(changes, sight.places)
    if power_of(sight, LARGEST_M2, contrasts, params) < POWER:
        return float("nan")
    low, high = _SMALLEST_M2, LARGEST_M2
    for _ in range(_HALVINGS):
        middle = sqrt(low * high)
        if power_of(sight, middle, contrasts, params) >= POWER:
            high = middle
        else:
            low = middle
    return float(ceil(CAUTION * high / _ROUND_M2) * _ROUND_M2)


def power_of(sight: Sight, area_m2: float, contrasts: NDArray[np.float32], params: DetectParams) -> float:
    """Return the probability (0-1) that a new square building of `area_m2` at a place drawn at random is found.

    Args:
        sight: The noise.
        area_m2: Its ground.
        contrasts: Mean absolute change over the bands where it stands, in units of the bands, shape (roof, place).
        params: How changes are found.

    """
    if not sight.places[0].size or not sight.information.size or not contrasts.size or not sight.noise.sigma > 0:
        return 0.0
    side_px = sqrt(area_m2) / sight.pixel_m
    share = np.float32(min(1.0, side_px / sight.patch_px) ** 2)
    free_px = max(1, round(sight.patch_px - side_px) + 1)
    own_z = ndimage.maximum_filter(sight.own_z, free_px)[sight.places]
    is_seen = np.isfinite(sight.own_z[sight.places])
    rest_z = np.where(is_seen, (1 - share) * np.where(is_seen, own_z, 0), -np.inf)
    looks = np.maximum(sight.information[:, None] * sight.seen_share, params.steps.season.min_information)
    noise = np.hypot(sight.noise.sigma, sight.own_noise / np.sqrt(looks))
    found = []
    for contrast in contrasts:
        rise = _mean_of_folded(contrast, sight.noise.middle) - sight.noise.middle
        lift = rise / noise
        is_clear = float((rest_z + share * lift >= params.seed_z).mean())
        typical = _typical(lift), _typical(contrast)
        found.append(is_clear * _large_share(side_px, typical, sight, params) if is_clear > 0 else 0.0)
    return float(np.mean(found))


def power_curve(
    sight: Sight, areas_m2: Sequence[float], contrasts: NDArray[np.float32], params: DetectParams
) -> NDArray[np.float64]:
    """Return the power for each of `areas_m2`."""
    return np.array([power_of(sight, area_m2, contrasts, params) for area_m2 in areas_m2])


def roof_contrasts(changes: ChangeMap, places: tuple[NDArray[np.int64], NDArray[np.int64]]) -> NDArray[np.float32]:
    """Return how far usual roofs lie from the ground of each place, shape (roof, place), in units of the bands.

    The mean absolute difference over the bands, each by its trust; 0 where the ground was not seen. Of a picture whose
    stretch nobody knows, the gain is taken that gives its median ground the brightness of open ground. No roof where no
    band is known.
    """
    bands = [index for index, name in enumerate(changes.stack.bands) if name in BANDS]
    columns = [BANDS.index(changes.stack.bands[index]) for index in bands]
    ground = changes.steps.before[:, *places][bands]
    if not np.isfinite(ground).any():
        return np.zeros((0, len(places[0])), dtype=np.float32)
    roofs = np.stack([SPECTRA[surface][columns] for surface in ROOFS])
    if changes.stack.quantity is Quantity.DISPLAY:
        open_ground = np.mean([SPECTRA[surface][columns].mean() for surface in _OPEN_GROUND])
        roofs = np.minimum(roofs * np.nanmedian(ground) / open_ground, 1.0)
    distances = (np.abs(ground[None] - roofs[:, :, None]) * changes.trust[bands][:, None]).mean(axis=1)
    return np.asarray(np.nan_to_num(distances), dtype=np.float32)


def _information(days: Sequence[date], params: DetectParams) -> NDArray[np.float64]:
    """Return the independent looks behind a step at each cut that has the least number of looks on both sides."""
    columns = design(days, params.steps.season)
    dates = len(columns)
    least = 2 if dates >= _FEW_DATES else 1
    if dates < 2 * least:
        return np.zeros(0)
    gram = columns.T @ columns + np.diag([1e-6] + [params.steps.season.ridge] * (columns.shape[1] - 1))
    told = []
    for cut in np.unique(np.linspace(least, dates - least, _MOST_CUTS).round().astype(int)):
        moment = columns[cut:].sum(axis=0)
        told.append(dates - cut - float(moment @ np.linalg.solve(gram, moment)))
    return np.array(told, dtype=np.float64)


def _mean_of_folded(contrast: NDArray[np.float32], mean_noise: float) -> NDArray[np.float64]:
    """Return E|C + e| for normal e whose mean absolute value is `mean_noise`: the mean of a folded normal."""
    sigma = max(mean_noise * _MEAN_TO_SIGMA, _TINY)
    ratio = contrast.astype(np.float64) / sigma
    rest = sigma / _MEAN_TO_SIGMA * np.exp(-np.square(ratio) / 2)
    return np.asarray(rest + contrast * (1 - 2 * ndtr(-ratio)), dtype=np.float64)


def _large_share(side_px: float, typical: tuple[float, float], sight: Sight, params: DetectParams) -> float:
    """Return how often (0-1) the detector outlines enough pixels of a square, by its own thresholds.

    Only near the least number does it depend on the noise; there some draws of it decide.

    Args:
        side_px: Of the square.
        typical: By how much it lifts the score of a window that it fills, and its contrast.
        sight: The noise.
        params: How changes are found.

    """
    lift_z, contrast = typical
    cover = _square(min(side_px, 2.0 * sight.patch_px), beyond_px=sight.patch_px)
    noise = sight.fine_noise
    fine_rise = float(_mean_of_folded(np.array([contrast], dtype=np.float32), noise.middle)[0]) - noise.middle
    score_z = box_mean(cover, sight.patch_px) * np.float32(lift_z)
    fine_z = box_mean(cover, _FINE_PX) * np.float32(fine_rise / max(noise.sigma, _TINY))
    seed_z = min(params.seed_z, max(float(score_z.max()), params.grow_z))
    least_px = ceil(params.min_area_m2 / sight.pixel_m**2)

    def outlined_px(own_z: NDArray[np.float32]) -> int:
        return int(changed_pixels(score_z, fine_z + own_z, seed_z=seed_z, grow_z=params.grow_z).sum())

    if outlined_px(np.zeros_like(fine_z)) >= _SURELY * least_px:
        return 1.0
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((_DRAWS, *cover.shape)).astype(np.float32)
    return float(np.mean([outlined_px(box_mean(draw, _FINE_PX) * _FINE_PX) >= least_px for draw in draws]))


def _square(side_px: float, *, beyond_px: int) -> NDArray[np.float32]:
    """Return the share (0-1) of each pixel that a square covers, with `beyond_px` empty pixels on each side."""
    reach_px = ceil(side_px / 2) + beyond_px
    from_middle = np.abs(np.arange(-reach_px, reach_px + 1))
    covered = np.clip(side_px / 2 - from_middle + 1 / 2, 0, min(1.0, side_px))
    return np.outer(covered, covered).astype(np.float32)


def _typical(values: NDArray[np.floating]) -> float:
    return float(np.median(values))
