"""A screen raises what changed, keeps silent about what did not, and says the same date by date as at once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.monitoring.keeping import screen_arrays, screen_facts, screen_of
from detection.monitoring.monitor import alarms
from detection.monitoring.screen import (
    Screened,
    ScreenParams,
    ScreenState,
    begin,
    least_contrast,
    screen_look,
    unscreened_share,
    why_not_screened,
)
from detection.params import DetectParams
from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack

SIDE = 56
GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10.0, width_px=SIDE, height_px=SIDE)
BANDS = ("B02", "B03", "B04", "B08")
DAYS = tuple(date(2020, 1, 5) + timedelta(days=25 * index) for index in range(26))
KNOWN = 20
"""So many looks come before the screen."""
INSIDE = np.ones(GRID.shape, dtype=bool)
SITE = (slice(20, 28), slice(30, 38))
PARAMS, SCREEN = DetectParams(), ScreenParams(enabled=True)


def image(index: int, *, built_from: int | None = None, contrast: float = 0.08) -> NDArray[np.float32]:
    """Return textured ground with a season and noise, shape (band, y, x), in which something may be built."""
    ground = np.random.default_rng(1).normal(0.2, 0.02, (SIDE, SIDE))
    noise = np.random.default_rng([2, index]).normal(0, 0.004, (len(BANDS), SIDE, SIDE))
    season = 1 + 0.1 * np.cos(2 * np.pi * DAYS[index].timetuple().tm_yday / 365.25)
    values = ground * season + noise
    if built_from is not None and index >= built_from:
        values[:, *SITE] += contrast
    result: NDArray[np.float32] = values.astype(np.float32)
    return result


def stack_of(first: int, end: int, *, built_from: int | None = None, hidden_from: int | None = None) -> Stack:
    scenes = []
    for index in range(first, end):
        is_clear = np.ones(GRID.shape, dtype=bool)
        if hidden_from is not None and index >= hidden_from:
            is_clear[SITE] = False
        day = DAYS[index]
        scenes.append(
            Scene(
                scene_id=f"look-{index}",
                observed_at=datetime(day.year, day.month, day.day, 10, tzinfo=UTC),
                platform="sentinel-2a",
                quantity=Quantity.REFLECTANCE,
                grid=GRID,
                bands=dict(zip(BANDS, image(index, built_from=built_from), strict=True)),
                is_clear=is_clear,
            )
        )
    return Stack.of(scenes)


@lru_cache(maxsize=4)
def known(*, built_from: int | None = None) -> ScreenState:
    return begin(stack_of(0, KNOWN, built_from=built_from), PARAMS, SCREEN)


def after(
    state: ScreenState, *, end: int = len(DAYS), built_from: int | None = None, hidden_from: int | None = None
) -> tuple[ScreenState, list[Screened]]:
    said = []
    for index in range(KNOWN, end):
        look = stack_of(index, index + 1, built_from=built_from, hidden_from=hidden_from)
        state, one = screen_look(state, look, INSIDE, PARAMS, SCREEN)
        said.append(one)
    return state, said


def same(one: ScreenState, other: ScreenState) -> None:
    """Assert that two states are equal to the last bit."""
    assert screen_facts(one) == screen_facts(other)
    first, second = screen_arrays(one), screen_arrays(other)
    assert first.keys() == second.keys()
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def test_what_is_built_after_the_pass_calls_for_another_within_three_looks() -> None:
    state, said = after(known(), end=KNOWN + 3, built_from=KNOWN)
    assert [one.why_not for one in said] == ["", "", ""]
    assert state.first_alarm is not None
    assert not state.first_alarm.is_hidden
    assert state.first_alarm.since == DAYS[KNOWN]
    assert state.first_alarm.area_m2 == pytest.approx(8 * 8 * 100, rel=1.2)  # a patch wider on each side


def test_what_is_torn_down_calls_as_well() -> None:
    state = known()
    for index in range(KNOWN, KNOWN + 3):
        look = stack_of(index, index + 1)
        values = look.values
        values[:, :, *SITE] -= np.float32(0.06)
        state, _ = screen_look(state, look.with_values(values), INSIDE, PARAMS, SCREEN)
    assert state.first_alarm is not None


def test_quiet_ground_calls_for_nothing() -> None:
    state, said = after(known())
    assert state.first_alarm is None
    assert state.looks == len(said) == len(DAYS) - KNOWN
    assert unscreened_share(state, INSIDE) == 0


def test_change_outside_the_area_calls_for_nothing() -> None:
    inside = np.zeros(GRID.shape, dtype=bool)
    inside[:10, :10] = True
    state = known()
    for index in range(KNOWN, len(DAYS)):
        state, _ = screen_look(state, stack_of(index, index + 1, built_from=KNOWN), inside, PARAMS, SCREEN)
    assert state.first_alarm is None


@settings(max_examples=6)
@given(pauses=st.lists(st.booleans(), min_size=len(DAYS) - KNOWN, max_size=len(DAYS) - KNOWN))
def test_date_by_date_with_pauses_in_between_is_as_at_once(pauses: list[bool]) -> None:
    at_once, _ = after(known(), built_from=KNOWN + 2)
    state = known()
    for index, is_paused in zip(range(KNOWN, len(DAYS)), pauses, strict=True):
        if is_paused:
            state = screen_of(screen_arrays(state), screen_facts(state))
        state, _ = screen_look(state, stack_of(index, index + 1, built_from=KNOWN + 2), INSIDE, PARAMS, SCREEN)
    same(state, at_once)


def test_the_size_of_the_state_does_not_grow_with_the_looks() -> None:
    before = {name: values.nbytes for name, values in screen_arrays(known()).items()}
    state, _ = after(known())
    assert {name: values.nbytes for name, values in screen_arrays(state).items()} == before


def test_works_that_began_before_the_pass_are_judged_and_told_apart_from_news() -> None:
    """The pass had the evidence before it: only more of it calls for another."""
    state = known(built_from=KNOWN - 2)
    assert float(state.examined[SITE].max()) > 0.5
    assert state.first_alarm is None
    fresh, _ = after(state, end=KNOWN + 1, built_from=KNOWN - 2)
    grown, _ = after(state, end=KNOWN + 5, built_from=KNOWN - 2)
    strength = [alarms(one.monitor, SCREEN.evidence).strength[24, 34] for one in (state, fresh, grown)]
    assert strength[0] < strength[1] < strength[2]
    assert grown.first_alarm is not None


def test_ground_that_is_masked_date_after_date_calls_for_a_pass() -> None:
    state, _ = after(known(), hidden_from=KNOWN)
    assert state.first_alarm is not None
    assert state.first_alarm.is_hidden
    assert state.first_alarm.since is None
    assert unscreened_share(state, INSIDE) == pytest.approx(64 / SIDE**2)


def test_a_look_through_cloud_or_haze_does_not_count_and_changes_nothing() -> None:
    look = stack_of(KNOWN, KNOWN + 1)
    cloudy = look.with_values(np.where(np.arange(SIDE) < SIDE * 0.9, np.nan, look.values).astype(np.float32))
    hazy = look.with_values(look.values + np.array([0.12, 0.1, 0.08, 0.05], dtype=np.float32)[:, None, None])
    for odd, words in ((cloudy, "clearly seen, 20% needed"), (hazy, "brighter than usual")):
        state, said = screen_look(known(), odd, INSIDE, PARAMS, SCREEN)
        assert words in said.why_not
        same(state, known())


def test_a_look_that_lies_elsewhere_is_moved_onto_the_ground() -> None:
    look = stack_of(KNOWN, KNOWN + 1)
    shifted = look.with_values(np.roll(look.values, (1, 0), axis=(2, 3)))
    _, said = screen_look(known(), shifted, INSIDE, PARAMS, SCREEN)
    assert said.shift_px is not None
    assert said.shift_px[0] == pytest.approx(-1, abs=0.15)
    assert said.shift_px[1] == pytest.approx(0, abs=0.15)


def test_a_shift_that_makes_a_look_unlike_the_ground_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo.reference.estimate_shift", lambda *_: (-2.7, 2.1))
    _, said = screen_look(known(), stack_of(KNOWN, KNOWN + 1), INSIDE, PARAMS, SCREEN)
    assert (said.why_not, said.shift_px) == ("", None)


def test_an_older_look_is_refused() -> None:
    state, _ = after(known(), end=KNOWN + 2)
    with pytest.raises(ValueError, match="order of time"):
        screen_look(state, stack_of(KNOWN, KNOWN + 1), INSIDE, PARAMS, SCREEN)


def test_more_looks_make_smaller_changes_show_and_what_is_stated_is_raised() -> None:
    few, _ = after(known(), end=KNOWN + 2)
    many, _ = after(known())
    assert np.isnan(least_contrast(known(), INSIDE, SCREEN))
    assert least_contrast(many, INSIDE, SCREEN) < least_contrast(few, INSIDE, SCREEN) < 0.08
    contrast = 1.5 * least_contrast(many, INSIDE, SCREEN)
    state = known()
    for index in range(KNOWN, len(DAYS)):
        look = stack_of(index, index + 1)
        values = look.values
        values[:, :, 18:34, 18:34] += np.float32(contrast)
        state, _ = screen_look(state, look.with_values(values), INSIDE, PARAMS, SCREEN)
    assert state.first_alarm is not None


@pytest.mark.parametrize(
    ("days", "words"),
    [
        pytest.param(DAYS[:11], "11 clear looks; a screen needs 12", id="few"),
        pytest.param(tuple(date(2020, 1, 1) + timedelta(days=9 * i) for i in range(20)), "171 days", id="short"),
        pytest.param(DAYS, "", id="enough"),
    ],
)
def test_a_short_history_is_not_screened(days: tuple[date, ...], words: str) -> None:
    assert words in why_not_screened(days, SCREEN)
    assert bool(words) == bool(why_not_screened(days, SCREEN))


def test_settings_without_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="every_days"):
        replace(SCREEN, every_days=0)
    with pytest.raises(ValueError, match="grown"):
        replace(SCREEN, grown=0.5)
