from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detection.monitoring.baseline import fit_baseline
from detection.monitoring.monitor import (
    MonitorParams,
    MonitorState,
    alarms,
    as_arrays,
    from_arrays,
    start,
    update,
    update_all,
)
from geo.sealed import read_sealed, write_sealed

HISTORY = 30
Series = tuple[NDArray[np.float32], list[date]]


def series(  # noqa: PLR0913 - what a made-up series can differ in
    seed: int,
    *,
    dates: int = 50,
    shape: tuple[int, int, int] = (2, 6, 7),
    likeness: float = 0.0,
    hidden: float = 0.25,
    sigma: float = 0.02,
) -> Series:
    rng = np.random.default_rng(seed)
    days = [date(2019, 3, 1) + timedelta(days=int(day)) for day in np.sort(rng.choice(1000, dates, replace=False))]
    noise = rng.normal(size=(dates, *shape))
    for index in range(1, dates):
        noise[index] = likeness * noise[index - 1] + np.sqrt(1 - likeness**2) * noise[index]
    phase = 2 * np.pi * np.array([day.timetuple().tm_yday for day in days]) / 365.25
    values = (0.3 + 0.06 * np.cos(phase)[:, None, None, None] + sigma * noise).astype(np.float32)
    values[np.broadcast_to(rng.random((dates, 1, *shape[1:])) < hidden, values.shape)] = np.nan
    return values, days


def begun(values: NDArray[np.float32], days: list[date], params: MonitorParams | None = None) -> MonitorState:
    baseline = fit_baseline(values[:HISTORY], days[:HISTORY])
    return start(baseline, values[:HISTORY], days[:HISTORY], params)


def assert_equal(one: MonitorState, other: MonitorState, *, but_day: bool = False) -> None:
    first, second = as_arrays(one), as_arrays(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        if not (but_day and name == "last_day"):
            np.testing.assert_array_equal(array, second[name], err_msg=name)


@given(seed=st.integers(0, 2**31), bands=st.integers(1, 4))
def test_date_by_date_equals_all_at_once(seed: int, bands: int) -> None:
    values, days = series(seed, shape=(bands, 6, 7))
    values[HISTORY + 6 :, :, :3] += 0.1
    state = begun(values, days)
    at_once = update_all(state, values[HISTORY:], days[HISTORY:])
    for image, day in zip(values[HISTORY:], days[HISTORY:], strict=True):
        state = update(state, image, day)
    assert_equal(state, at_once)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), cut=st.integers(HISTORY, 49))
def test_saved_and_loaded_equals_never_saved(tmp_path_factory: pytest.TempPathFactory, seed: int, cut: int) -> None:
    values, days = series(seed)
    path = tmp_path_factory.mktemp("state") / "state.npz"
    state = update_all(begun(values, days), values[HISTORY:cut], days[HISTORY:cut])
    write_sealed(path, as_arrays(state), {"kind": "monitor"})
    loaded = from_arrays(read_sealed(path, {"kind": "monitor"})[0])
    assert_equal(loaded, state)
    assert_equal(update_all(loaded, values[cut:], days[cut:]), update_all(state, values[cut:], days[cut:]))


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31))
def test_pixels_do_not_know_of_each_other(seed: int) -> None:
    values, days = series(seed)
    values[HISTORY + 4 :, :, 2, 2] -= 0.15
    state = begun(values, days)
    whole = update_all(state, values[HISTORY:], days[HISTORY:])
    part = from_arrays({name: _rows(array, slice(2, 4)) for name, array in as_arrays(state).items()})
    alone = update_all(part, values[HISTORY:, :, 2:4], days[HISTORY:])
    np.testing.assert_array_equal(alone.evidence, whole.evidence[:, 2:4])
    np.testing.assert_array_equal(alone.alarm_day, whole.alarm_day[2:4])


def _rows(array: NDArray[np.generic], rows: slice) -> NDArray[np.generic]:
    return array[..., rows, :] if array.ndim >= 2 and array.shape[-1] == 7 else array


@given(seed=st.integers(0, 2**31))
def test_a_date_nobody_saw_changes_nothing(seed: int) -> None:
    values, days = series(seed)
    before = update_all(begun(values, days), values[HISTORY:40], days[HISTORY:40])
    after = update(before, np.full_like(values[0], np.nan), days[40])
    assert_equal(after, before, but_day=True)
    assert after.last_day == days[40]


def test_update_leaves_the_state_it_was_given_alone() -> None:
    values, days = series(4)
    state = begun(values, days)
    kept = {name: array.copy() for name, array in as_arrays(state).items()}
    update_all(state, values[HISTORY:] + np.float32(0.3), days[HISTORY:])
    for name, array in as_arrays(state).items():
        np.testing.assert_array_equal(array, kept[name])


@pytest.mark.parametrize("sign", [1, -1], ids=["brighter", "darker"])
@pytest.mark.parametrize("bands", [1, 4])
def test_a_step_is_found_with_its_date_and_nothing_beside_it(sign: int, bands: int) -> None:
    values, days = series(5, shape=(bands, 30, 30), hidden=0.0)
    values[HISTORY + 5 :, :, :3] += np.float32(sign * 0.15)
    state = update_all(begun(values, days), values[HISTORY:], days[HISTORY:])
    found = alarms(state)
    assert found.is_raised[:3].all()
    assert found.is_raised[3:].mean() < 0.01
    assert (found.raised_on[:3] <= np.datetime64(days[HISTORY + 8])).mean() > 0.9
    assert (np.abs(found.since[:3] - np.datetime64(days[HISTORY + 5])) <= np.timedelta64(60, "D")).mean() > 0.9
    assert np.isnat(found.raised_on[~found.is_raised]).all()
    assert found.strength[:3].min() > 1


@pytest.mark.parametrize(("odd", "share"), [(1, 0.002), (2, 0.12), (3, 1.0)])
def test_one_or_two_odd_looks_raise_hardly_anything_however_odd(odd: int, share: float) -> None:
    values, days = series(6, shape=(3, 19, 19), hidden=0.0)
    values[HISTORY + 3 : HISTORY + 3 + odd] += 0.8
    end = HISTORY + 3 + odd
    state = update_all(begun(values, days), values[HISTORY:end], days[HISTORY:end])
    raised = alarms(state).is_raised.mean()
    assert raised <= share if odd < 3 else raised > 0.9


def test_work_begun_under_the_last_looks_of_the_history_is_not_lost() -> None:
    values, days = series(7, shape=(3, 15, 15), hidden=0.0)
    values[HISTORY - 2 :] += 0.2
    state = begun(values, days)
    assert not alarms(state).is_raised.any()
    after = update_all(state, values[HISTORY : HISTORY + 2], days[HISTORY : HISTORY + 2])
    cold = start(state.baseline, values[:0], [])
    without = update_all(cold, values[HISTORY : HISTORY + 2], days[HISTORY : HISTORY + 2])
    assert alarms(after).is_raised.mean() > 0.8
    assert not alarms(without).is_raised.any()


@pytest.mark.parametrize("likeness", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("bands", [1, 4])
def test_false_alarm_rate_holds_on_noise_that_remembers(likeness: float, bands: int) -> None:
    values, days = series(210, dates=60, shape=(bands, 100, 100), likeness=likeness)
    baseline = fit_baseline(values[:40], days[:40])
    state = update_all(start(baseline, values[:40], days[:40]), values[40:], days[40:])
    assert alarms(state).is_raised.mean() < 0.003  # 0.001 is aimed at; the scene's noise is itself an estimate


def test_what_a_whole_scene_shares_raises_nothing() -> None:
    values, days = series(12, shape=(3, 30, 30), hidden=0.0)
    values[HISTORY:] = 0.3 + (values[HISTORY:] - 0.3) * 1.5 + 0.15
    values[HISTORY:, :, :5, :5] += 0.2
    found = alarms(update_all(begun(values, days), values[HISTORY:], days[HISTORY:])).is_raised
    assert found[:5, :5].mean() > 0.9
    found[:5, :5] = False
    assert found.mean() < 0.01


def test_states_stay_of_one_size() -> None:
    values, days = series(8)
    state = begun(values, days)
    size = sum(array.nbytes for array in as_arrays(state).values())
    after = update_all(state, values[HISTORY:], days[HISTORY:])
    assert sum(array.nbytes for array in as_arrays(after).values()) == size


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda state, values, days: update(state, values[0], days[0]), "order of time"),
        (lambda state, values, days: update(state, values[40, :, :3], days[40]), "expected looks of shape"),
    ],
    ids=["an earlier day", "another shape"],
)
def test_wrong_looks_are_refused(
    spoil: Callable[[MonitorState, NDArray[np.float32], list[date]], MonitorState], words: str
) -> None:
    values, days = series(9)
    with pytest.raises(ValueError, match=words):
        spoil(begun(values, days), values, days)


def test_without_any_history_nothing_is_judged(tmp_path: Path) -> None:
    empty = np.empty((0, 2, 4, 4), dtype=np.float32)
    state = start(fit_baseline(empty, []), empty, [])
    state = update(state, np.ones((2, 4, 4), dtype=np.float32), date(2024, 1, 1))
    assert not alarms(state).is_raised.any()
    assert (state.looks == 0).all()
    write_sealed(tmp_path / "state.npz", as_arrays(state), {})
    assert_equal(from_arrays(read_sealed(tmp_path / "state.npz", {})[0]), state)


def test_a_higher_alarm_is_raised_later_or_never() -> None:
    values, days = series(11, shape=(1, 30, 30))
    values[HISTORY + 3 :, :, :15] += 0.07
    low, high = (
        update_all(begun(values, days, params), values[HISTORY:], days[HISTORY:], params).alarm_day
        for params in (replace(MonitorParams(), height=10.0), replace(MonitorParams(), height=20.0))
    )
    assert ((high == 0) | ((low > 0) & (low <= high))).mean() > 0.999
