"""Which scenes are read, and why the others are not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.choice import Choice, ChoiceParams, Period, join, pick, screen
from geo.scene import Quantity
from geo.sources.base import SceneRef

NEW_YEAR = date(2020, 1, 1)


def ref(day: int | str, *, cloud: float | None = None, quantity: Quantity = Quantity.REFLECTANCE) -> SceneRef:
    """Return a scene of a day, or of so many days after New Year 2020."""
    when = date.fromisoformat(day) if isinstance(day, str) else NEW_YEAR + timedelta(days=day)
    return SceneRef(
        scene_id=f"{when} {quantity.value}",
        observed_at=datetime(when.year, when.month, when.day, 5, tzinfo=UTC),
        platform="sentinel-2a",
        bands=("B04",),
        fingerprint="f",
        quantity=quantity,
        cloud_share=cloud,
    )


def days(refs: Sequence[SceneRef]) -> list[int]:
    return [(one.observed_at.date() - NEW_YEAR).days for one in refs]


def left_out(choice: Choice) -> dict[int, str]:
    return {(one.observed_at.date() - NEW_YEAR).days: why for one, why in choice.left_out}


def clear(shares: Mapping[int, float]) -> dict[str, float]:
    return {ref(day).scene_id: share for day, share in shares.items()}


def test_by_default_everything_is_read() -> None:
    refs = [ref(2, cloud=1.0), ref(0), ref(1, cloud=0.3)]
    choice = join(screen(refs, ChoiceParams()), pick(screen(refs, ChoiceParams()).chosen, ChoiceParams()))
    assert days(choice.chosen) == [0, 1, 2]
    assert choice.left_out == ()


def test_too_cloudy_a_scene_is_left_out_and_one_of_which_nothing_is_said_is_not() -> None:
    choice = screen([ref(0, cloud=0.5), ref(1, cloud=0.51), ref(2)], ChoiceParams(max_cloud_share=0.5))
    assert days(choice.chosen) == [0, 2]
    assert left_out(choice) == {1: "the catalogue says 51% cloud, above the limit of 50%"}


def test_radar_and_pictures_are_left_out_beside_reflectance() -> None:
    refs = [ref(0, quantity=Quantity.GAMMA0), ref(1), ref(2, quantity=Quantity.DISPLAY)]
    choice = screen(refs, ChoiceParams())
    assert days(choice.chosen) == [1]
    assert left_out(choice)[0] == "its numbers are gamma0; those of the other scenes are reflectance"


@pytest.mark.parametrize("quantity", [pytest.param(one, id=one.value) for one in Quantity])
def test_where_there_is_but_one_kind_it_is_read(quantity: Quantity) -> None:
    assert days(screen([ref(0, quantity=quantity), ref(1, quantity=quantity)], ChoiceParams()).chosen) == [0, 1]


@pytest.mark.parametrize(
    ("day", "is_in_season"),
    [
        pytest.param("2019-07-15", True, id="the-day"),
        pytest.param("2017-06-15", True, id="30-days-before"),
        pytest.param("2017-06-14", False, id="31-days-before"),
        pytest.param("2021-08-14", True, id="30-days-after"),
        pytest.param("2021-01-15", False, id="the-other-half-of-the-year"),
    ],
)
def test_the_season_is_a_window_around_a_day_of_any_year(day: str, is_in_season: bool) -> None:  # noqa: FBT001
    params = ChoiceParams(season_day="07-15", season_window_days=30)
    assert bool(screen([ref(day)], params).chosen) == is_in_season


@pytest.mark.parametrize(
    ("day", "is_in_season"),
    [
        pytest.param("2019-12-22", True, id="before-new-year"),
        pytest.param("2020-12-31", True, id="the-last-day-of-a-leap-year"),
        pytest.param("2020-01-11", True, id="after-new-year"),
        pytest.param("2020-01-12", False, id="a-day-too-late"),
    ],
)
def test_a_season_may_lie_across_new_year(day: str, is_in_season: bool) -> None:  # noqa: FBT001
    params = ChoiceParams(season_day="01-01", season_window_days=10)
    assert bool(screen([ref(day)], params).chosen) == is_in_season


def test_a_scene_that_shows_too_little_of_the_area_is_left_out() -> None:
    shares = clear({0: 0.2, 1: 0.19, 2: 1.0})
    choice = pick([ref(0), ref(1), ref(2), ref(3)], ChoiceParams(min_clear_share=0.2), shares)
    assert days(choice.chosen) == [0, 2, 3]
    assert left_out(choice) == {1: "19% of the area clearly seen, below 20%"}


@pytest.mark.parametrize(
    ("period", "chosen"),
    [
        pytest.param(Period.WEEK, [1, 8, 14, 40, 100], id="week"),
        pytest.param(Period.MONTH, [14, 40, 100], id="month"),
        pytest.param(Period.QUARTER, [40, 100], id="quarter"),
        pytest.param(Period.YEAR, [100], id="year"),
    ],
)
def test_of_each_period_the_clearest_look_is_read(period: Period, chosen: list[int]) -> None:
    shares = {0: 0.1, 1: 0.5, 8: 0.6, 14: 0.7, 40: 0.8, 100: 0.9}
    choice = pick([ref(day) for day in shares], ChoiceParams(best_of=period), clear(shares))
    assert days(choice.chosen) == chosen
    assert all(f"is the best look of the {period.value}" in why for why in left_out(choice).values())


def test_the_area_itself_says_more_than_the_catalogue_and_the_catalogue_more_than_nothing() -> None:
    refs = [ref(0, cloud=0.0), ref(1, cloud=0.9), ref(2)]
    best = ChoiceParams(best_of=Period.MONTH)
    assert days(pick(refs, best).chosen) == [0]
    assert days(pick(refs, best, clear({0: 0.1, 1: 0.8})).chosen) == [1]
    assert days(pick(refs[1:], best).chosen) == [2]


def test_of_close_looks_the_clearer_is_read() -> None:
    shares = {0: 0.9, 3: 1.0, 5: 0.5, 8: 0.8, 20: 0.1}
    choice = pick([ref(day) for day in shares], ChoiceParams(min_spacing_days=5), clear(shares))
    assert days(choice.chosen) == [3, 8, 20]
    assert left_out(choice)[0] == f"3 days from {ref(3).scene_id}, a look as good or better"


def test_a_limit_of_number_keeps_the_ends_and_thins_the_crowd() -> None:
    refs = [ref(day) for day in (0, 1, 2, 3, 50, 100)]
    choice = pick(refs, ChoiceParams(max_scenes=3))
    assert days(choice.chosen) == [0, 50, 100]
    assert "more than 3 scenes" in left_out(choice)[2]


def test_a_limit_of_one_keeps_the_clearest_end_or_the_newest() -> None:
    assert days(pick([ref(0), ref(9)], ChoiceParams(max_scenes=1)).chosen) == [9]
    assert days(pick([ref(0), ref(9)], ChoiceParams(max_scenes=1), clear({0: 1.0, 9: 0.3})).chosen) == [0]


shares = st.dictionaries(st.integers(0, 800), st.floats(0, 1), max_size=40)
params = st.builds(
    ChoiceParams,
    min_clear_share=st.floats(0, 1),
    best_of=st.sampled_from(Period),
    min_spacing_days=st.integers(0, 60),
    max_scenes=st.integers(0, 20),
)


@given(shares=shares, params=params)
def test_every_scene_is_chosen_or_left_out_with_a_reason_and_the_rules_hold(
    shares: dict[int, float], params: ChoiceParams
) -> None:
    choice = pick([ref(day) for day in shares], params, clear(shares))
    chosen = days(choice.chosen)
    assert sorted([*chosen, *left_out(choice)]) == sorted(shares)
    assert chosen == sorted(chosen)
    assert all(left_out(choice).values())
    assert all(shares[day] >= params.min_clear_share for day in chosen)
    assert all(later - earlier >= params.min_spacing_days for earlier, later in pairwise(chosen))
    assert params.max_scenes == 0 or len(chosen) <= params.max_scenes


@given(shares=shares, params=params, seed=st.randoms(use_true_random=False))
def test_the_order_in_which_scenes_are_found_does_not_matter(
    shares: dict[int, float], params: ChoiceParams, seed: "object"
) -> None:
    refs = [ref(day) for day in shares]
    shuffled = list(refs)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a Random
    assert pick(refs, params, clear(shares)) == pick(shuffled, params, clear(shares))


@given(shares=shares, params=params)
def test_what_was_chosen_is_chosen_again_alone(shares: dict[int, float], params: ChoiceParams) -> None:
    chosen = pick([ref(day) for day in shares], params, clear(shares)).chosen
    assert pick(chosen, params, clear(shares)).chosen == chosen


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"max_cloud_share": 1.2}, "max_cloud_share is a share", id="cloud"),
        pytest.param({"min_clear_share": -0.1}, "min_clear_share is a share", id="clear"),
        pytest.param({"max_scenes": -1}, "max_scenes cannot be negative", id="number"),
        pytest.param({"season_day": "31-12"}, "a month and a day such as 07-15; got '31-12'", id="day"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(ChoiceParams(), **changes)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(
    ("params", "needs"),
    [
        pytest.param(ChoiceParams(), False, id="all"),
        pytest.param(ChoiceParams(max_cloud_share=0.5, max_scenes=3, season_day="07-15"), False, id="catalogue"),
        pytest.param(ChoiceParams(min_clear_share=0.1), True, id="clear"),
        pytest.param(ChoiceParams(best_of=Period.MONTH), True, id="best"),
        pytest.param(ChoiceParams(min_spacing_days=3), True, id="spacing"),
    ],
)
def test_classes_are_looked_at_only_where_they_matter(params: ChoiceParams, needs: bool) -> None:  # noqa: FBT001
    assert params.needs_clear_shares == needs
