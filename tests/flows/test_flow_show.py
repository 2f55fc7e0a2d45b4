"""What is printed is aligned where it is text, drawn where somebody sits at a terminal, and never markup."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.schema import Outcome
from flows.area.outcome import AreaOutcome, RunReport, State, failed, not_started
from flows.runs.report import show_report
from flows.settings.environment import GIS_VARIABLES, clean_gis_environment
from flows.show import Show, plain_table, plural, show_table
from geo.errors import QuotaExceededError, SourceError

cells = st.text(st.characters(categories=["L", "N"]), max_size=12)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def report(*outcomes: AreaOutcome) -> RunReport:
    return RunReport(outcomes=outcomes, run_dir=None, is_new=False)


def done(area_id: str, outcome: Outcome = Outcome.FOUND, problems: tuple[str, ...] = ()) -> AreaOutcome:
    return AreaOutcome(area_id=area_id, state=State.DONE, reason="r", outcome=outcome, problems=problems)


@given(rows=st.lists(st.tuples(cells, cells, st.just("end")), max_size=5))
def test_the_columns_of_a_plain_table_stand_below_each_other(rows: list[tuple[str, str, str]]) -> None:
    lines = plain_table(("one", "two", "end"), rows).splitlines()
    assert len(lines) == len(rows) + 1
    assert len({line.rindex("end") for line in lines}) == 1


def test_a_cell_with_brackets_is_shown_as_it_is_at_a_terminal() -> None:
    out = Terminal()
    show_table(("area",), [("[bold]x[/bold]",)], out=out)
    assert "[bold]x[/bold]" in out.getvalue()


def test_progress_is_shown_to_nobody_who_does_not_look(capsys: pytest.CaptureFixture[str]) -> None:
    with Show().progress("watching") as bar:
        bar.start(2)
        bar.step("one")
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_at_a_terminal_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Show().progress("watching") as bar:
        bar.start(1)
        bar.step("west: done")
    assert "west: done" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_one_trouble_of_several_areas_is_one_line() -> None:
    outcomes = [done(name, problems=("file x is broken",)) for name in "abcdefg"]
    assert report(*outcomes).troubles() == ["areas a, b, c, d, e and 2 more: file x is broken"]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        pytest.param([done("a"), done("b", Outcome.NOTHING_FOUND)], 0, id="all-well"),
        pytest.param([done("a", Outcome.NOT_OBSERVED)], 0, id="clouds-are-an-answer"),
        pytest.param([done("a"), done("b", Outcome.NO_IMAGERY)], 0, id="one-without-imagery"),
        pytest.param([done("a", Outcome.NO_IMAGERY)], 1, id="all-without-imagery"),
        pytest.param([done("a"), failed("b", SourceError("x"))], 1, id="one-failed"),
        pytest.param([done("a", problems=("x",))], 1, id="a-problem"),
    ],
)
def test_the_exit_code_says_whether_something_went_wrong(outcomes: list[AreaOutcome], code: int) -> None:
    assert report(*outcomes).exit_code == code


def test_an_unexpected_error_is_told_from_one_that_is_meant_for_users() -> None:
    assert failed("a", SourceError("file x")).reason == "file x"
    assert failed("a", KeyError("x")).reason == "unexpected KeyError: 'x'"


def test_only_a_used_up_quota_stops_a_run() -> None:
    assert failed("a", QuotaExceededError("enough")).stops_run
    assert not failed("a", SourceError("x")).stops_run
    assert not_started("b", "enough").state is State.NOT_DONE


def test_a_run_without_any_result_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(report(failed("a", SourceError("x"))), Show())
    out, err = capsys.readouterr()
    assert "no area has a result yet" in out
    assert err == "sitewatch: problem: area a: failed: x\n"


def test_a_report_in_json_holds_what_a_program_needs(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(report(done("a")), Show(is_json=True))
    assert json.loads(capsys.readouterr().out)["areas"][0]["outcome"] == "found"


@pytest.mark.parametrize(("count", "text"), [(0, "0 areas"), (1, "1 area"), (2, "2 areas")])
def test_plural(count: int, text: str) -> None:
    assert plural(count, "area") == text


def test_only_what_points_to_other_installations_is_unset() -> None:
    environ = dict.fromkeys(GIS_VARIABLES, "x") | {"PATH": "y"}
    assert clean_gis_environment(environ) == GIS_VARIABLES
    assert environ == {"PATH": "y"}
