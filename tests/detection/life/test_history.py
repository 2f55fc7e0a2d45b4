"""The life of detections from run to run: what moves, when, why, and what never does."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate
from shapely.geometry.base import BaseGeometry

from detection.life.history import Circumstances, Followed, Move, Review, follow_up
from detection.life.lifecycle import LifecycleParams
from detection.schema import Status, Verdict, detections_frame
from tests.detection.conftest import MakeRow

PARAMS = LifecycleParams()
SEEN = date(2022, 9, 1)
"""The last clear look of the rows that the fixture makes."""


def table(*rows: dict[str, object]) -> gpd.GeoDataFrame:
    return detections_frame(list(rows), epsg=32645)


def now(*clear_days: date, last_look: date | None = None, settings: str = "0123456789ab") -> Circumstances:
    def seen_on(_: BaseGeometry) -> Sequence[date]:
        return clear_days

    return Circumstances(last_look=last_look or max(clear_days, default=SEEN), seen_on=seen_on, settings_hash=settings)


def after(days: int) -> date:
    return SEEN + timedelta(days=days)


def follow(
    found: gpd.GeoDataFrame, previous: gpd.GeoDataFrame | None, when: Circumstances, *reviews: Review
) -> Followed:
    return follow_up(found, previous, reviews, when, PARAMS)


def statuses(followed: Followed) -> dict[str, str]:
    return dict(zip(followed.detections["detection_id"], followed.detections["status"], strict=True))


def steps(followed: Followed) -> list[tuple[str, str | None, str]]:
    return [(move.detection_id, move.status_from, move.status_to) for move in followed.moves]


def review(verdict: Verdict, *, at: datetime = datetime(2022, 10, 1, tzinfo=UTC)) -> Review:
    return Review(detection_id="a-1", verdict=verdict, reviewer="ayse", at=at, note="seen on 0.5 m imagery")


def test_what_was_not_known_before_moves_from_nothing(make_row: MakeRow) -> None:
    followed = follow(table(make_row(status="candidate", confirmed_on=None)), None, now(SEEN))
    assert steps(followed) == [("a-1", None, "candidate")]
    assert followed.moves[0].on == SEEN
    assert "9 clear looks with it, 4 without it" in followed.moves[0].cause


def test_nothing_moves_when_the_same_run_is_made_again(make_row: MakeRow) -> None:
    old = [
        make_row("a-1", onset_by=date(2019, 4, 1), onset_after=date(2019, 3, 1), status="candidate", confirmed_on=None),
        make_row("a-2", phase="complete", complete_after=date(2020, 3, 1), complete_by=date(2020, 4, 1)),
    ]
    first = follow(table(*old), None, now(SEEN))
    again = follow(table(*old), first.detections, now(SEEN))
    assert again.moves == ()
    pd.testing.assert_frame_equal(again.detections, first.detections)


def test_a_candidate_becomes_confirmed_and_the_day_of_it_stays(make_row: MakeRow) -> None:
    first = follow(table(make_row(status="candidate", confirmed_on=None)), None, now(SEEN))
    second = follow(table(make_row(last_seen_on=after(5))), first.detections, now(after(5)))
    assert steps(second) == [("a-1", "candidate", "confirmed")]
    later = make_row(last_seen_on=after(20), confirmed_on=date(2022, 8, 1))
    third = follow(table(later), second.detections, now(after(20)))
    assert third.moves == ()
    assert third.detections["confirmed_on"].iloc[0].date() == date(2022, 6, 1)


@pytest.mark.parametrize("status", ["candidate", "confirmed"])
def test_two_clear_looks_without_it_drop_it_and_it_stays_in_the_table(make_row: MakeRow, status: str) -> None:
    previous = table(make_row(status=status))
    one = follow(table(), previous, now(SEEN, after(5)))
    assert steps(one) == []
    assert statuses(one) == {"a-1": status}
    two = follow(table(), previous, now(SEEN, after(5), after(10)))
    assert steps(two) == [("a-1", status, "dropped")]
    assert f"2 clear looks from {after(5)} to {after(10)} do not show it" in two.moves[0].cause
    assert statuses(follow(table(), two.detections, now(after(15)))) == {"a-1": "dropped"}


def test_what_was_dropped_and_is_found_again_is_open_again(make_row: MakeRow) -> None:
    followed = follow(table(make_row(last_seen_on=after(30))), table(make_row(status="dropped")), now(after(30)))
    assert steps(followed) == [("a-1", "dropped", "confirmed")]


def test_a_place_that_clouds_hide_is_not_observable_and_neither_dropped_nor_forgotten(make_row: MakeRow) -> None:
    previous = table(make_row())
    soon = follow(table(), previous, now(SEEN, last_look=after(60)))
    assert steps(soon) == []
    late = follow(table(), previous, now(SEEN, last_look=after(91)))
    assert steps(late) == [("a-1", "confirmed", "not_observable")]
    assert late.detections["not_observable_since"].iloc[0].date() == SEEN
    assert not pd.isna(late.detections["confirmed_on"].iloc[0])
    back = follow(table(make_row(last_seen_on=after(100))), late.detections, now(after(100)))
    assert steps(back) == [("a-1", "not_observable", "confirmed")]
    assert pd.isna(back.detections["not_observable_since"].iloc[0])


def test_what_is_found_but_was_last_seen_long_ago_is_not_observable(make_row: MakeRow) -> None:
    followed = follow(table(make_row()), None, now(SEEN, last_look=after(200)))
    assert steps(followed) == [("a-1", None, "not_observable")]


def test_a_finished_site_at_rest_is_closed_and_opened_when_it_grows(make_row: MakeRow) -> None:
    done = {"phase": "complete", "complete_after": date(2022, 8, 1), "complete_by": date(2022, 9, 1)}
    first = follow(table(make_row("a-1", **done)), None, now(SEEN))
    at_rest = follow(table(make_row("a-1", **done, last_seen_on=after(365))), first.detections, now(after(365)))
    assert steps(at_rest) == [("a-1", "confirmed", "closed")]
    still = follow(table(make_row("a-1", **done, last_seen_on=after(400))), at_rest.detections, now(after(400)))
    assert still.moves == ()
    grown = make_row("a-1", **done | {"complete_by": after(420)}, area_m2=15_000.0, last_seen_on=after(430))
    assert steps(follow(table(grown), still.detections, now(after(430)))) == [("a-1", "closed", "confirmed")]


def test_a_candidate_that_is_never_confirmed_is_closed(make_row: MakeRow) -> None:
    waiting = make_row(status="candidate", confirmed_on=None)
    late = date(2022, 4, 1) + timedelta(days=PARAMS.expire_days)
    followed = follow(table(waiting | {"last_seen_on": late}), table(waiting), now(late))
    assert steps(followed) == [("a-1", "candidate", "closed")]
    assert "not confirmed within" in followed.moves[0].cause


def test_other_settings_are_named_as_the_cause(make_row: MakeRow) -> None:
    followed = follow(table(), table(make_row()), now(SEEN, settings="ffffffffffff"))
    assert steps(followed) == [("a-1", "confirmed", "dropped")]
    assert "0123456789ab became ffffffffffff" in followed.moves[0].cause


def test_sites_that_grow_together_end_in_one(make_row: MakeRow) -> None:
    first = make_row("a-1")
    second = make_row("a-2", geometry=translate(first["geometry"], xoff=130))
    both = make_row("a-1", geometry=first["geometry"].union(second["geometry"]).envelope)
    followed = follow(table(both), table(first, second), now(after(5), after(10)))
    assert steps(followed) == [("a-2", "confirmed", "closed")]
    assert followed.moves[0].cause == "grown together with a-1"


def test_a_rejected_detection_stays_rejected_whatever_later_runs_find(make_row: MakeRow) -> None:
    no = review(Verdict.REJECTED)
    first = follow(table(make_row()), table(make_row()), now(SEEN), no)
    assert steps(first) == [("a-1", "confirmed", "rejected")]
    assert first.moves[0].on == date(2022, 10, 1)
    assert first.moves[0].cause == "rejected by ayse: seen on 0.5 m imagery"
    for found in (table(make_row(last_seen_on=after(50), confidence=0.99)), table()):
        later = follow(found, first.detections, now(after(40), after(50)), no)
        assert statuses(later) == {"a-1": "rejected"}
        assert later.moves == ()


def test_a_detection_that_a_person_confirmed_is_not_dropped_by_a_run(make_row: MakeRow) -> None:
    yes = review(Verdict.CONFIRMED)
    waiting = table(make_row(status="candidate", confirmed_on=None))
    first = follow(waiting, None, now(SEEN), yes)
    assert statuses(first) == {"a-1": "confirmed"}
    assert first.detections["confirmed_on"].iloc[0].date() == date(2022, 10, 1)
    gone = follow(table(), first.detections, now(after(5), after(10)), yes)
    assert statuses(gone) == {"a-1": "confirmed"}
    assert gone.detections["verdict"].iloc[0] == "confirmed"


def test_the_newest_verdict_counts_and_unsure_decides_nothing(make_row: MakeRow) -> None:
    later = datetime(2022, 11, 1, tzinfo=UTC)
    followed = follow(table(make_row()), None, now(SEEN), review(Verdict.REJECTED), review(Verdict.UNSURE, at=later))
    assert statuses(followed) == {"a-1": "confirmed"}
    assert followed.detections["verdict"].iloc[0] == "unsure"


def test_a_move_is_the_same_after_json() -> None:
    move = Move(detection_id="a-1", on=SEEN, status_from=None, status_to=Status.CANDIDATE, cause="墙")
    assert Move.of_json(move.as_json()) == move


_STATUS = st.sampled_from(["candidate", "confirmed"])


@given(
    runs=st.lists(st.tuples(st.booleans(), _STATUS, st.integers(1, 200)), min_size=1, max_size=8),
)
def test_the_moves_tell_the_whole_story_and_nothing_is_lost(
    make_row: MakeRow, runs: list[tuple[bool, str, int]]
) -> None:
    previous, day, days, told = None, SEEN, [SEEN], None
    for is_found, status, step in runs:
        day += timedelta(days=step)
        days.append(day)
        found = table(make_row(status=status, last_seen_on=day)) if is_found else table()
        followed = follow(found, previous, now(*days))
        for move in followed.moves:
            assert move.status_from == told
            told = move.status_to
        kept = statuses(followed)
        assert kept.get("a-1") == told
        assert previous is None or set(previous["detection_id"]) <= kept.keys()
        previous = followed.detections
