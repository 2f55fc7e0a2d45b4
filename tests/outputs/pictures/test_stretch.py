import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outputs.pictures.stretch import joint_limits, stretched


def _chip(value: float, side: int = 10) -> np.ndarray:
    return np.full((side, side, 3), value, np.float32)


def test_both_chips_get_the_same_limits_so_that_brighter_stays_brighter() -> None:
    dark, bright = _chip(0.1), _chip(0.3)
    limits = joint_limits([dark, bright])
    assert limits == pytest.approx((0.1, 0.3))
    assert stretched(dark, limits).max() < stretched(bright, limits).min()


def test_a_glint_does_not_darken_the_rest() -> None:
    chip = np.random.default_rng(0).uniform(0.1, 0.3, (100, 100, 3)).astype(np.float32)
    glinting = chip.copy()
    glinting[0, 0] = 50.0
    assert joint_limits([glinting]) == pytest.approx(joint_limits([chip]), abs=0.002)


def test_what_was_not_seen_has_no_say_and_stays_unseen() -> None:
    chip = _chip(0.2)
    chip[:5] = np.nan
    chip[5] = 0.4
    low, high = joint_limits([chip, _chip(np.nan)])
    assert low == pytest.approx(0.2)
    assert high == pytest.approx(0.4)
    assert np.isnan(stretched(chip, (low, high))[:5]).all()


def test_nothing_seen_has_limits_too() -> None:
    assert joint_limits([_chip(np.nan)]) == (0.0, 1.0)


@given(value=st.floats(0.125, 1, width=32), noise=st.floats(0, 1e-4))
def test_even_ground_is_not_blown_up_to_noise(value: float, noise: float) -> None:
    chip = _chip(value)
    chip[::2] += np.float32(noise)
    low, high = joint_limits([chip])
    assert high > low
    assert high - low >= 0.04 * value
    assert stretched(_chip(value), (low, high)).mean() == pytest.approx(0.5, abs=0.3)


@given(st.lists(st.floats(-1, 2, width=32), min_size=2, max_size=20))
def test_the_stretch_keeps_the_order_and_stays_in_0_to_1(values: list[float]) -> None:
    chip = np.array(values, np.float32).reshape(-1, 1, 1).repeat(3, axis=2)
    shown = stretched(chip, (0.05, 0.4))[:, 0, 0]
    assert shown.min() >= 0
    assert shown.max() <= 1
    assert (np.diff(shown[np.argsort(values)]) >= 0).all()
