"""Who is told what and when, and how old a look may be."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.schema import Event, Status
from outputs.notices.ages import AGAIN, AgeState, Look, age_days, age_step
from outputs.notices.choose import Wanted, due_at, next_week
from outputs.notices.happenings import Happening, Kind, kind_of

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def happening(**changed: object) -> Happening:
    values = {
        "key": "k",
        "kind": Kind.CONFIRMED,
        "on": date(2026, 3, 1),
        "area_id": "west",
        "area_name": "The west",
        "is_simulated": False,
        "event": "construction",
        "status": Status.CONFIRMED,
        "confidence": 0.7,
    }
    return Happening(**(values | changed))  # type: ignore[arg-type]  # values of several kinds


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (None, Status.CANDIDATE, Kind.NEW_CANDIDATE),
        (None, Status.CONFIRMED, Kind.CONFIRMED),
        (Status.CANDIDATE, Status.CONFIRMED, Kind.CONFIRMED),
        (Status.CONFIRMED, Status.CLOSED, Kind.CLOSED),
        (Status.CANDIDATE, Status.DROPPED, Kind.DROPPED),
        (Status.CONFIRMED, Status.NOT_OBSERVABLE, Kind.NOT_OBSERVABLE),
        (Status.NOT_OBSERVABLE, Status.CONFIRMED, Kind.REOPENED),
        (Status.CLOSED, Status.CANDIDATE, Kind.REOPENED),
        (Status.CONFIRMED, Status.REJECTED, Kind.VERDICT),
    ],
)
def test_each_move_is_of_one_kind(before: Status | None, after: Status, kind: Kind) -> None:
    assert kind_of(before, after) is kind


def test_every_move_between_two_statuses_has_a_kind() -> None:
    for before, after in product([None, *Status], Status):
        assert kind_of(before, after) in Kind


@pytest.mark.parametrize(
    ("wanted", "is_told"),
    [
        (Wanted(), True),
        (Wanted(areas=frozenset({"west"})), True),
        (Wanted(areas=frozenset({"east"})), False),
        (Wanted(kinds=frozenset({Kind.CLOSED})), False),
        (Wanted(events=frozenset({Event.CONSTRUCTION})), True),
        (Wanted(events=frozenset({Event.DEMOLITION})), False),
        (Wanted(statuses=frozenset({Status.CONFIRMED})), True),
        (Wanted(statuses=frozenset({Status.CANDIDATE})), False),
        (Wanted(least_confidence=0.7), True),
        (Wanted(least_confidence=0.71), False),
    ],
)
def test_a_subscription_is_told_what_it_asks_for(wanted: Wanted, is_told: bool) -> None:  # noqa: FBT001  # a case
    assert wanted.has(happening()) is is_told


def test_what_is_asked_of_detections_does_not_bar_ages() -> None:
    age = happening(kind=Kind.DATA_AGE, event=None, status=None, confidence=None)
    strict = Wanted(events=frozenset({Event.DEMOLITION}), statuses=frozenset({Status.CLOSED}), least_confidence=1.0)
    assert strict.has(age)
    assert not Wanted(kinds=frozenset({Kind.CLOSED})).has(age)


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        (datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)),
        (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)),
        (datetime(2025, 12, 31, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)),
        (datetime(2026, 3, 2, 6, tzinfo=timezone(timedelta(hours=8))), datetime(2026, 3, 2, tzinfo=UTC)),
    ],
    ids=["last second of Sunday", "first of Monday", "over the year", "Monday morning in Ürümqi is Sunday in UTC"],
)
def test_weeks_begin_on_monday_in_utc(now: datetime, begins: datetime) -> None:
    assert next_week(now) == begins
    assert due_at(now, is_weekly=True) == begins
    assert due_at(now, is_weekly=False) == now


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001  # the strategy adds the zone
def test_the_next_week_is_at_most_seven_days_ahead(now: datetime) -> None:
    assert timedelta() < next_week(now) - now <= timedelta(days=7)
    assert next_week(now).weekday() == 0


def look(days_ago: int | None) -> Look:
    last = None if days_ago is None else NOW.date() - timedelta(days=days_ago)
    return Look(area_id="west", area_name="The west", last=last)


@pytest.mark.parametrize(
    ("days_ago", "told_days_ago", "kind"),
    [
        (45, None, None),
        (46, None, Kind.DATA_AGE),
        (None, None, Kind.DATA_AGE),
        (60, 13, None),
        (60, 14, Kind.DATA_AGE),
        (45, 5, Kind.SEEN_AGAIN),
        (-3, None, None),
    ],
)
def test_an_old_look_is_warned_of_at_most_once_a_fortnight(
    days_ago: int | None, told_days_ago: int | None, kind: Kind | None
) -> None:
    before = AgeState(told_at=None if told_days_ago is None else NOW - timedelta(days=told_days_ago))
    assert age_step(look(days_ago), before, NOW, limit_days=45).kind is kind


def test_a_look_after_the_clock_counts_as_today() -> None:
    assert age_days(look(-3), NOW) == 0


def test_a_warning_told_in_the_future_counts_as_told_now() -> None:
    step = age_step(look(60), AgeState(told_at=NOW + timedelta(days=2000)), NOW, limit_days=45)
    assert (step.kind, step.state.told_at) == (None, NOW)
    assert age_step(look(60), step.state, NOW + AGAIN, limit_days=45).kind is Kind.DATA_AGE


def test_no_warning_where_none_is_asked_for_and_no_end_of_it_either() -> None:
    assert age_step(look(900), AgeState(told_at=NOW - AGAIN), NOW, limit_days=0).kind is None
    assert Wanted(age_days_of={"west": 0}).age_limit("west") == 0
    assert Wanted(age_days_of={"west": 10}).age_limit("east") == 45
