"""The journal of an area says, stage by stage, what was done; a run that was killed has a beginning and no end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.area.journal import BROKEN_OFF, JOURNAL_NAME, Journal, Stage, read_journal, shorten_journal
from flows.area.outcome import AreaOutcome, State
from flows.runs.run import run_workspace
from geo.errors import SourceError

if TYPE_CHECKING:
    from tests.flows.conftest import Site

FULL = ["search", "choose", "decide", "read", "detect", "perimeters", "draw", "seal"]


def stop(error: BaseException) -> Callable[..., object]:
    """Return a stage that ends with `error`."""

    def stopped(*_: object, **__: object) -> object:
        raise error

    return stopped


def test_a_first_run_takes_down_every_stage_in_order(ran: "Site") -> None:
    (one,) = read_journal(ran.root / "state" / "areas" / "west")
    assert [stage.stage for stage in one.stages] == FULL
    assert {stage.state for stage in one.stages} == {"done"}
    assert (one.state, one.reason, one.outcome, one.code) == ("done", "first run", "found", "0.0+test")
    assert one.decision["new"] == 7
    assert {stage.stage: stage.facts for stage in one.stages}["read"] == {"scenes": 7, "unreadable": 0}


def test_a_run_as_a_whole_has_a_journal_too(ran: "Site") -> None:
    (one,) = read_journal(ran.root / "state")
    assert [stage.stage for stage in one.stages] == ["prefetch", "areas", "publish", "store", "notices", "tidy"]
    facts = {stage.stage: stage.facts for stage in one.stages}
    assert facts["areas"]["states"] == {"done": 2}
    assert facts["publish"]["folder"] == (ran.root / "latest").resolve().name
    assert facts["store"]["is_new"] is True
    assert one.run == (ran.root / "latest").resolve().name.partition("-")[0]


def test_where_nothing_changed_nothing_further_is_done(ran: "Site") -> None:
    run_workspace(ran.root)
    last = read_journal(ran.root / "state" / "areas" / "west")[-1]
    assert [stage.stage for stage in last.stages] == FULL[:3]
    assert (last.state, last.reason) == ("up to date", "nothing changed")


def test_what_stops_an_area_is_taken_down_with_the_stage(site: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.area.pipeline.read_area", stop(SourceError("nothing there")))
    run_workspace(site.root)
    (one,) = read_journal(site.root / "state" / "areas" / "west")
    assert [(stage.stage, stage.state) for stage in one.stages][-1] == ("read", "failed")
    assert (one.state, one.reason) == ("failed", "nothing there")
    (whole,) = read_journal(site.root / "state")
    stopped = {stage.stage: stage.facts for stage in whole.stages}["areas"]["stopped"]
    assert stopped["west"] == {"state": "failed", "reason": "nothing there"}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param("flows.area.pipeline.find_scenes", "its beginning", id="search"),
        pytest.param("flows.area.pipeline.read_area", "read", id="read"),
        pytest.param("flows.area.pipeline.find_changes", "detect", id="detect"),
        pytest.param("flows.area.pipeline.draw_all", "draw", id="draw"),
        pytest.param("flows.area.pipeline.seal", "seal", id="seal"),
    ],
)
def test_a_run_that_was_killed_is_seen_to_be_broken_off(
    site: "Site", monkeypatch: pytest.MonkeyPatch, place: str, name: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(place, stop(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            run_workspace(site.root)
    (one,) = read_journal(site.root / "state" / "areas" / "west")
    assert (one.state, one.broken_in) == (BROKEN_OFF, name)
    (whole,) = read_journal(site.root / "state")
    assert (whole.state, whole.broken_in) == (BROKEN_OFF, "areas")
    run_workspace(site.root)
    assert [run.state for run in read_journal(site.root / "state" / "areas" / "west")] == [BROKEN_OFF, "done"]


def test_a_torn_line_is_passed_over_and_the_next_run_goes_on_below_it(ran: "Site") -> None:
    path = ran.root / "state" / "areas" / "west" / JOURNAL_NAME
    path.write_bytes(path.read_bytes()[:-20])
    (one,) = read_journal(path.parent)
    assert one.state == BROKEN_OFF
    run_workspace(ran.root)
    assert [run.state for run in read_journal(path.parent)] == [BROKEN_OFF, "up to date"]


def test_no_secret_of_the_environment_is_taken_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "not-for-anybody")
    journal = Journal(tmp_path, run="20260101T000000Z", code="1")
    journal.begin()
    outcome = AreaOutcome(area_id="a", state=State.FAILED, reason="https://user:word@host/?token=abc not-for-anybody")
    journal.end(outcome)
    text = (tmp_path / JOURNAL_NAME).read_text(encoding="utf-8")
    assert "not-for-anybody" not in text
    assert "word" not in text
    assert "abc" not in text
    assert all(json.loads(line)["run"] == "20260101T000000Z" for line in text.splitlines())


def made_up(folder: Path, states: str) -> None:
    """Write the journal of runs, one a letter: ``u`` up to date, ``d`` done, ``k`` killed."""
    for number, letter in enumerate(states):
        journal = Journal(folder, run=f"{number:04d}", code="1")
        journal.begin()
        if letter != "k":
            state = State.UP_TO_DATE if letter == "u" else State.DONE
            journal.end(AreaOutcome(area_id="a", state=state, reason=""))


def test_old_runs_are_let_go_of_but_not_the_last_ones_that_did_something(tmp_path: Path) -> None:
    made_up(tmp_path, "ddkuuuuuuu")
    assert shorten_journal(tmp_path, keep=2) == 6
    kept = read_journal(tmp_path)
    assert [int(one.run) for one in kept] == [1, 2, 8, 9]
    assert [one.state for one in kept] == ["done", BROKEN_OFF, "up to date", "up to date"]


def test_a_journal_is_written_anew_only_now_and_then(tmp_path: Path) -> None:
    made_up(tmp_path, "dddd")
    assert shorten_journal(tmp_path, keep=2) == 0
    assert len(read_journal(tmp_path)) == 4
    assert shorten_journal(tmp_path / "none", keep=2) == 0


def test_a_second_try_within_a_run_is_a_beginning_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        journal = Journal(tmp_path, run="one", code="1")
        journal.begin()
    assert [one.run for one in read_journal(tmp_path)] == ["one", "one"]


def test_a_stage_that_is_dear_leaves_what_was_before_it_on_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path, run="one", code="1")
    journal.begin()
    with journal.stage(Stage.SEARCH):
        pass
    assert read_journal(tmp_path)[0].stages == ()
    with journal.stage(Stage.READ):
        assert [one.stage for one in read_journal(tmp_path)[0].stages] == ["search"]
    assert [one.stage for one in read_journal(tmp_path)[0].stages] == ["search", "read"]
