"""The radar step test: worked cases, its false alarm rate, its sign, and what it refuses to say."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from detection.radar.shapes import Shape, free_places, mean_power
from detection.radar.steps import RadarParams, RadarStep, Track, as_decibel, object_step, pixel_steps, tracks_of
from detection.radar.welch import Prior, welch
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack

PARAMS = RadarParams()
SIDE = 60
GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10.0, width_px=SIDE, height_px=SIDE)
NOTHING = np.zeros(GRID.shape, dtype=bool)
DAYS = [date(2022, 1, 3) + timedelta(days=12 * index) for index in range(24)]
CUT = 12
ONSET = (DAYS[CUT - 1], DAYS[CUT])


def object_at(row: int, column: int, *, side: int = 6) -> Shape:
    return Shape(mask=np.ones((side, side), dtype=bool), row=row, column=column)


def speckled(
    seed: int, *, step_db: float = 0.0, shape: Shape | None = None, looks: float = 4.4, bands: int = 2
) -> NDArray[np.float64]:
    """Return gamma speckle around -12 dB, shape (y, x, look, band), with a step of `shape` from `CUT` on."""
    rng = np.random.default_rng(seed)
    power = 10**-1.2 * rng.gamma(looks, 1 / looks, (SIDE, SIDE, len(DAYS), bands))
    if shape is not None:
        power[shape.window][:, :, CUT:] *= 10 ** (step_db / 10)
    return power


def step_of(power: NDArray[np.float64], shape: Shape, params: RadarParams = PARAMS) -> RadarStep:
    return object_step([Track.of(power, DAYS, relative_orbit=7)], shape, ONSET, NOTHING, params)


@pytest.mark.parametrize(
    ("step_db", "sign"), [pytest.param(2.0, 1, id="built"), pytest.param(-2.0, -1, id="demolished")]
)
def test_a_step_is_found_with_its_sign_and_size(step_db: float, sign: int) -> None:
    shape = object_at(20, 30)
    step = step_of(speckled(1, step_db=step_db, shape=shape), shape)
    assert step.steps(PARAMS) == sign
    assert step.is_sure(PARAMS)
    assert step.step_db == pytest.approx(step_db, abs=0.3)
    assert step.p == pytest.approx(1 / (1 + step.copies))
    assert [track.relative_orbit for track in step.tracks] == [7]


def test_swapping_before_and_after_turns_the_sign() -> None:
    shape = object_at(20, 30)
    power = speckled(2, step_db=1.5, shape=shape)
    forward, backward = step_of(power, shape), step_of(power[:, :, ::-1], shape)
    assert forward.step_db == pytest.approx(-backward.step_db, abs=0.01)
    assert forward.t > PARAMS.low_t
    assert backward.t < -PARAMS.low_t


def test_what_the_whole_scene_does_is_no_step() -> None:
    shape = object_at(20, 30)
    power = speckled(3)
    rain = np.where(np.arange(len(DAYS)) >= CUT, 10**0.4, 1.0)
    quiet, wet = step_of(power, shape), step_of(power * rain[:, None], shape)
    assert wet.t == pytest.approx(quiet.t, abs=1e-6)
    assert wet.steps(PARAMS) == 0


def test_the_false_alarm_rate_holds_on_noise_that_is_alike_from_look_to_look() -> None:
    """Speckle on top of ground that wanders from look to look with a correlation of 0.6."""
    rng = np.random.default_rng(4)
    power = speckled(4, looks=20)
    wander = np.zeros((SIDE // 6, SIDE // 6, len(DAYS), 1))
    for look in range(1, len(DAYS)):
        wander[:, :, look] = 0.6 * wander[:, :, look - 1] + 0.4 * rng.standard_normal((*wander.shape[:2], 1))
    power *= 10 ** (np.repeat(np.repeat(wander, 6, axis=0), 6, axis=1) / 10)
    found = [step_of(power, object_at(6 * row, 6 * column)) for row in range(10) for column in range(10)]
    assert np.mean([step.steps(PARAMS) != 0 for step in found]) <= 0.02
    assert 0.6 < np.std([step.t for step in found]) < 1.5


def test_a_site_that_grows_is_not_noisy_for_that() -> None:
    shape = object_at(20, 30)
    sudden, slow = speckled(5, step_db=3.0, shape=shape), speckled(5)
    slow[shape.window] *= 10 ** (np.clip(np.arange(len(DAYS)) - CUT + 1, 0, 8) / 8 * 0.3)[:, None]
    assert step_of(slow, shape).t > 0.5 * step_of(sudden, shape).t


def test_with_independent_looks_and_no_prior_it_is_welch() -> None:
    """The textbook's t, but for the variance after, which is taken from successive differences."""
    rng = np.random.default_rng(6)
    series = rng.normal(-12, 1, (400, 40, 1))
    before = np.arange(40) < 25
    found = welch(series, before, ~before, Prior(looks=0.0, sigma_floor=0.01))
    expected = stats.ttest_ind(series[:, ~before, 0], series[:, before, 0], axis=1, equal_var=False).statistic
    assert found.likeness < 0.1
    assert np.corrcoef(found.t, expected)[0, 1] > 0.97
    assert found.step[:, 0] == pytest.approx(series[:, ~before, 0].mean(1) - series[:, before, 0].mean(1))


def test_looks_that_are_alike_count_for_fewer() -> None:
    rng = np.random.default_rng(7)
    series = np.zeros((300, 60, 1))
    for look in range(1, 60):
        series[:, look] = 0.7 * series[:, look - 1] + rng.standard_normal((300, 1))
    before = np.arange(60) < 40
    found = welch(series, before, ~before, Prior(looks=0.0, sigma_floor=0.01))
    assert found.likeness == pytest.approx(0.7, abs=0.12)
    assert 0.7 < found.t.std() < 1.5


def test_a_look_from_another_track_is_never_compared() -> None:
    """One track sees the place 6 dB brighter; mixed with the other, that would be a step."""
    power = speckled(8)
    orbits = [7 if index < CUT else 8 for index in range(len(DAYS))]
    power[:30, :, CUT:] *= 4.0
    stack = stack_of(power, DAYS, orbits)
    assert [(track.relative_orbit, len(track.days)) for track in tracks_of(stack)] == [(7, 12), (8, 12)]
    step = object_step(tracks_of(stack), object_at(10, 10), ONSET, NOTHING, PARAMS)
    assert not step.is_told
    assert "track 7: 12 looks before and 0 after the onset, 3 each needed" in step.why_not


def test_without_an_orbit_looks_go_together_that_came_a_cycle_apart() -> None:
    days = [date(2023, 4, 3) + timedelta(days=offset) for offset in (0, 2, 6, 8, 12, 14, 24)]
    stack = stack_of(speckled(9)[:, :, :7], days, [None] * 7)
    assert [[day.day for day in track.days] for track in tracks_of(stack)] == [[3, 9, 15, 27], [5, 11, 17]]


def test_two_tracks_that_agree_are_surer_than_one() -> None:
    shape = object_at(20, 30)
    tracks = [Track.of(speckled(seed, step_db=1.0, shape=shape), DAYS, relative_orbit=seed) for seed in (10, 11)]
    alone = object_step(tracks[:1], shape, ONSET, NOTHING, PARAMS)
    both = object_step(tracks, shape, ONSET, NOTHING, PARAMS)
    assert both.t > alone.t
    assert both.sigma_db < alone.sigma_db
    assert len(both.tracks) == 2


def test_radar_that_does_not_see_the_object_says_so() -> None:
    shape = object_at(20, 30)
    power = speckled(12)
    power[shape.window] = np.nan
    step = step_of(power, shape)
    assert not step.is_told
    assert step.steps(PARAMS) == 0
    assert step.why_not == "track 7: the object is hidden from it, by layover, shadow or gaps"


def test_no_radar_at_all_tells_nothing() -> None:
    step = object_step([], object_at(2, 2), ONSET, NOTHING, PARAMS)
    assert (step.is_told, step.why_not) == (False, "no radar looks")


def test_copies_lie_on_free_ground_only_and_none_on_the_object() -> None:
    taken = NOTHING.copy()
    taken[:, 30:] = True
    shape = object_at(5, 5)
    places = free_places(shape, taken, most=400)
    for row, column in zip(places.rows.tolist(), places.columns.tolist(), strict=True):
        copy = replace(places.shape, row=row, column=column)
        assert not taken[copy.window].any()
        assert row >= 11 or column >= 11 or row + copy.mask.shape[0] <= 5 or column + copy.mask.shape[1] <= 5
    assert 10 < len(places.rows) <= 400


def test_an_object_too_large_for_copies_is_compared_with_smaller_ones() -> None:
    places = free_places(object_at(0, 0, side=40), NOTHING, most=400)
    assert places.shape.mask.size < 40 * 40 / 2
    assert places.independent >= 30


def test_the_mean_is_of_the_mask_alone() -> None:
    power = np.arange(16, dtype=np.float64).reshape(4, 4, 1, 1)
    corner = Shape(mask=np.array([[True, False], [True, True]]), row=1, column=1)
    places = free_places(corner, np.zeros((4, 4), dtype=bool), most=1)
    assert mean_power(power, None, corner, places)[0, 0, 0] == pytest.approx((5 + 9 + 10) / 3)


def test_decibel_of_nothing_is_nothing() -> None:
    assert as_decibel(np.array([10.0, 1.0])).tolist() == [10.0, 0.0]
    assert np.isnan(as_decibel(np.array([0.0]))[0])


def test_the_map_of_pixels_finds_the_same_step() -> None:
    shape = object_at(20, 30)
    steps = pixel_steps([Track.of(speckled(13, step_db=4.0, shape=shape), DAYS)], ONSET, patch_px=3, params=PARAMS)
    assert (steps[22:24, 32:34] > PARAMS.high_t).all()
    away = np.ones(GRID.shape, dtype=bool)
    away[18:28, 28:38] = False
    assert np.mean(np.abs(steps[away]) > PARAMS.low_t) < 0.005


@pytest.mark.parametrize(
    "power",
    [
        pytest.param(np.full((SIDE, SIDE, 24, 2), np.nan), id="never-seen"),
        pytest.param(np.full((SIDE, SIDE, 24, 2), 0.05), id="constant"),
        pytest.param(speckled(14, bands=1), id="one-band"),
        pytest.param(np.zeros((SIDE, SIDE, 24, 2)), id="zero-power"),
    ],
)
def test_degenerate_looks_are_no_step_and_no_warning(power: NDArray[np.float64]) -> None:
    assert step_of(power, object_at(20, 30)).steps(PARAMS) == 0
    pixel_steps([Track.of(power, DAYS)], ONSET, patch_px=3, params=PARAMS)


def test_what_is_no_radar_is_refused() -> None:
    with pytest.raises(ValueError, match="expected radar"):
        tracks_of(stack_of(speckled(15), DAYS, [7] * 24, quantity=Quantity.REFLECTANCE))


def test_thresholds_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="low_t"):
        RadarParams(low_t=6.0)


def stack_of(
    power: NDArray[np.float64],
    days: Sequence[date],
    orbits: Sequence[int | None],
    *,
    quantity: Quantity = Quantity.GAMMA0,
) -> Stack:
    return Stack.of(
        [
            Scene(
                scene_id=f"look-{index}",
                observed_at=datetime(day.year, day.month, day.day, 5, tzinfo=UTC),
                platform="made-up",
                quantity=quantity,
                grid=GRID,
                bands={"VV": power[:, :, index, 0].astype(np.float32), "VH": power[:, :, index, 1].astype(np.float32)},
                is_clear=np.ones(GRID.shape, dtype=bool),
                relative_orbit=orbits[index],
            )
            for index, day in enumerate(days)
        ]
    )
