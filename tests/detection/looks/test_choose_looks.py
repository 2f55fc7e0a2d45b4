"""Dates that cannot be compared are left out, each with its reason."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from detection.looks.choose import LookParams, WhyNot, choose_looks

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

INSIDE = np.ones((20, 30), dtype=bool)


def ground(dates: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(1)
    base = rng.uniform(0.1, 0.4, (3, 20, 30))
    return (base * (1 + 0.02 * rng.standard_normal((dates, 3, 20, 30)))).astype(np.float32)


def test_clear_dates_all_count(make_stack: "MakeStack") -> None:
    stack = make_stack(ground(6))
    looks = choose_looks(stack, INSIDE, LookParams())
    assert looks.offered is stack
    assert looks.stack is not None
    assert looks.stack.days == looks.clear_days == stack.days
    assert looks.left_out == ()


def test_a_cloudy_date_is_left_out_with_its_share(make_stack: "MakeStack") -> None:
    values = ground(6)
    values[2, :, :17] = np.nan
    stack = make_stack(values)
    looks = choose_looks(stack, INSIDE, LookParams())
    assert looks.left_out == ((stack.days[2], "15% of the area clearly seen, 20% needed"),)
    assert looks.stack is not None
    assert len(looks.stack.days) == 5
    np.testing.assert_array_equal(looks.stack.values, np.delete(values, 2, axis=0))


def test_just_enough_in_sight_counts(make_stack: "MakeStack") -> None:
    values = ground(3)
    values[1, :, :16] = np.nan
    assert choose_looks(make_stack(values), INSIDE, LookParams()).left_out == ()


def test_only_clouds_over_the_area_itself_matter(make_stack: "MakeStack") -> None:
    values = ground(3)
    values[0, :, :16] = np.nan
    values[1, :, 16:] = np.nan
    inside = np.zeros((20, 30), dtype=bool)
    inside[16:] = True
    stack = make_stack(values)
    assert [day for day, _ in choose_looks(stack, inside, LookParams()).left_out] == [stack.days[1]]


@pytest.mark.parametrize("brightening", ["uneven-haze", "snow"])
def test_a_date_that_differs_far_more_than_usual_is_left_out(make_stack: "MakeStack", brightening: str) -> None:
    values = ground(8)
    if brightening == "snow":
        values[5] = 0.7
    else:
        values[5] += np.linspace(0, 0.4, 30, dtype=np.float32)
    stack = make_stack(values)
    looks = choose_looks(stack, INSIDE, LookParams())
    ((day, reason),) = looks.left_out
    assert day == stack.days[5]
    assert reason.startswith("haze, dust or snow: differs ")


@pytest.mark.parametrize("light", [0.6, 1.8])
def test_even_light_is_no_haze(make_stack: "MakeStack", light: float) -> None:
    values = ground(8)
    values[5] *= np.float32(light)
    assert choose_looks(make_stack(values), INSIDE, LookParams()).left_out == ()


def test_a_lasting_change_of_a_third_of_the_area_is_no_haze(make_stack: "MakeStack") -> None:
    values = ground(8)
    values[4:, :, :, :10] *= np.float32(2)
    assert choose_looks(make_stack(values), INSIDE, LookParams()).left_out == ()


def test_four_dates_cannot_judge_one_another(make_stack: "MakeStack") -> None:
    values = ground(4)
    values[3] += np.linspace(0, 0.4, 30, dtype=np.float32)
    assert choose_looks(make_stack(values), INSIDE, LookParams()).left_out == ()


@pytest.mark.parametrize("clear", [0, 1])
def test_fewer_than_two_clear_dates_leave_nothing_to_compare(make_stack: "MakeStack", clear: int) -> None:
    values = ground(4)
    values[clear:] = np.nan
    stack = make_stack(values)
    looks = choose_looks(stack, INSIDE, LookParams())
    assert looks.stack is None
    assert looks.clear_days == stack.days[:clear]
    assert [day for day, _ in looks.left_out] == list(stack.days[clear:])


def test_an_area_without_a_pixel_is_never_seen(make_stack: "MakeStack") -> None:
    looks = choose_looks(make_stack(ground(3)), ~INSIDE, LookParams())
    assert looks.stack is None
    assert len(looks.left_out) == 3


def test_dates_without_any_noise_are_all_kept(make_stack: "MakeStack") -> None:
    looks = choose_looks(make_stack(np.full((6, 3, 20, 30), 0.3)), INSIDE, LookParams())
    assert looks.left_out == ()


def test_each_look_is_judged_with_what_was_measured(make_stack: "MakeStack") -> None:
    values = ground(8)
    values[2, :, :17] = np.nan
    values[5] = 0.7
    stack = make_stack(values)
    judged = choose_looks(stack, INSIDE, LookParams()).judged
    assert [look.scene_id for look in judged] == list(stack.scene_ids)
    expected: list[WhyNot | None] = [None] * 8
    expected[2], expected[5] = WhyNot.TOO_HIDDEN, WhyNot.MURKY
    assert [look.why_not for look in judged] == expected
    assert judged[2].clear_share == pytest.approx(0.15)
    assert [bool(look.reason) for look in judged] == [why is not None for why in expected]


def test_thick_haze_is_seen_in_blue_and_told_so(make_stack: "MakeStack") -> None:
    values = ground(8)
    values[5, 0] += np.float32(0.08)  # the band that is called B02
    values[5, 1:] += np.float32(0.01)
    ((_, reason),) = choose_looks(make_stack(values), INSIDE, LookParams()).left_out
    assert reason.startswith("haze, cloud or snow: blue 0.0")
    assert reason.endswith("brighter than usual, 0.05 allowed")


@pytest.mark.parametrize("dates", [(4,), (4, 5), (0,), (7,)], ids=["alone", "lasting", "first", "last"])
def test_a_veil_of_dust_is_told_only_where_it_comes_and_goes(make_stack: "MakeStack", dates: tuple[int, ...]) -> None:
    values = ground(8)
    for index in dates:
        values[index, 2] = 0.7 * values[index, 2] + np.float32(0.09)  # the band that is called B04
    left_out = choose_looks(make_stack(values), INSIDE, LookParams(max_noise_ratio=1e9)).left_out
    assert len(left_out) == (1 if dates == (4,) else 0)
    if left_out:
        assert left_out[0][1].startswith("dust or haze: contrast in red 0.7")
