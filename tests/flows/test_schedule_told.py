"""What a scheduled run shows and how it ends: nothing of it loads or obeys what stands in a name or an error."""

import base64
import html
import io
import json
import re
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from flows.area.outcome import AreaOutcome, RunReport, State
from flows.schedule.told import MOST_ROWS, areas_table, cost_text, coverage_text, pictures_text, plain
from flows.settings.workspace import Workspace, locked
from geo.errors import BusyError, ConfigError
from geo.sources.ledger import Entry, Ledger

if TYPE_CHECKING:
    from tests.flows.conftest import Site

NOW = datetime(2026, 12, 1, 0, 30, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)> ![p](http://evil.example/p.png) [l](javascript:x) `c` | www.evil.example \u202e"


def outcome(area_id: str, state: State, reason: str = "first run") -> AreaOutcome:
    return AreaOutcome(area_id=area_id, state=state, reason=reason, seconds=1.25)


def test_markup_is_shown_as_it_is() -> None:
    shown = plain(HOSTILE)
    assert not re.search(r"[<>\[\]()`|!*]|://|www\.|\u202e", shown)
    assert html.unescape(shown) == HOSTILE.replace("\u202e", "\\u202e")


def test_what_went_wrong_stands_at_the_top_with_its_cause() -> None:
    rows = areas_table(
        [outcome("a", State.UP_TO_DATE), outcome("b", State.DONE), outcome("c", State.FAILED, "no <b>file</b>")]
    )
    assert [row["area"] for row in rows] == ["c", "b", "a"]
    assert rows[0]["why"] == plain("no <b>file</b>")
    assert rows[1]["seconds"] == 1.2


def test_of_very_many_areas_the_last_are_counted() -> None:
    rows = areas_table([outcome(f"a{number}", State.UP_TO_DATE) for number in range(MOST_ROWS + 5)])
    assert len(rows) == MOST_ROWS + 1
    assert rows[-1]["area"] == "and 5 more"


def test_what_a_run_cost_is_summed_over_the_turn_of_the_month(site: "Site") -> None:
    assert "costs no processing units" in cost_text(Workspace.open(site.root), since=NOW, now=NOW)
    site.configure(source={"kind": "sentinelhub"}, budget={"processing_units": 100.0, "requests": 50})
    source = site.settings["source"]
    site.settings["source"] = {key: value for key, value in source.items() if key == "kind"}
    site.configure()
    ledger = Ledger(site.root / "state" / "accounts" / "abc")
    for at, units in ((NOW - timedelta(hours=9), 50.0), (NOW - timedelta(minutes=40), 2.5), (NOW, 4.0)):
        entry = Entry(
            at=at.isoformat(),
            kind="process",
            area="west",
            product="",
            units=units,
            is_stated=True,
            size_bytes=2_000_000,
        )
        ledger.record(entry)
    told = cost_text(Workspace.open(site.root), since=NOW - timedelta(hours=1), now=NOW)
    assert "| this run | 6.50 | 2 | 4.0 |" in told
    assert "| all of 2026-12 | 4.00 | 1 | 2.0 |" in told
    assert "| left of the budget | 96.00 | 49 | - |" in told


def test_coverage_and_pictures_are_those_of_the_newest_run(ran: "Site") -> None:
    workspace = Workspace.open(ran.root)
    told = coverage_text(workspace.latest, ["west", "east", "new"])
    assert "| west | never | 7/7 | 100% | not known |" in told
    assert "| new | - | - | - | - |" in told
    assert "Copernicus" in told
    done = RunReport(
        outcomes=(outcome("west", State.DONE), outcome("east", State.UP_TO_DATE)), run_dir=None, is_new=True
    )
    text = pictures_text(workspace, done)
    found = re.findall(r"!\[[^\]]*\]\(data:image/jpeg;base64,([^)]+)\)", text)
    assert found
    for one in found:
        with Image.open(io.BytesIO(base64.b64decode(one))) as picture:
            assert max(picture.size) <= 800
            assert picture.format == "JPEG"
    idle = RunReport(outcomes=(outcome("west", State.UP_TO_DATE),), run_dir=None, is_new=False)
    assert pictures_text(workspace, idle) == ""


def test_before_the_first_run_coverage_says_so(tmp_path: Path) -> None:
    assert "no finished run" in coverage_text(tmp_path, ["a"])


@pytest.fixture
def scheduled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401  # a module
    """Return the module of the flow; called without a server, it shows nothing."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    from flows.schedule import scheduled  # noqa: PLC0415  # imports Prefect

    return scheduled


@pytest.mark.filterwarnings("ignore")
class TestRun:
    """A scheduled run called as a function: no server is asked before the first area."""

    def test_one_that_finds_another_at_work_is_skipped_and_names_it(self, scheduled: Any, site: "Site") -> None:  # noqa: ANN401
        site.configure(schedule={"wait_minutes": 0})
        with locked(Workspace.open(site.root)):
            state = scheduled.watch_cadence.fn(str(site.root), "daily")
        assert (state.type.value, state.name) == ("COMPLETED", "Skipped")
        assert re.search(r"another run \(process \d+\)", state.message)
        assert not (site.root / "state" / "schedule" / "daily.json").exists()

    def test_one_waits_until_the_other_ends(self, scheduled: Any, site: "Site") -> None:  # noqa: ANN401
        workspace = Workspace.open(site.root)
        until = datetime.now(UTC) + timedelta(hours=1)
        report = RunReport(outcomes=(), run_dir=None, is_new=False)
        errors = [BusyError("a run began in between")]

        def run() -> RunReport:
            if errors:
                raise errors.pop()
            return report

        waits: list[float] = []
        stack = ExitStack()

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            stack.close()

        with stack:
            stack.enter_context(locked(workspace))
            assert scheduled.when_free(run, workspace, until=until, sleep=sleep) is report
        assert len(waits) == 2  # once for the lock, once for the run that was quicker

    def test_what_is_wrong_with_the_workspace_is_one_line_of_a_failed_run(self, scheduled: Any, site: "Site") -> None:  # noqa: ANN401
        site.configure(workspace={"facilities": "facilities.geojson"})
        (site.root / "facilities.geojson").write_text("no list")
        state = scheduled.watch_cadence.fn(str(site.root), "daily")
        assert state.type.value == "FAILED"
        assert "facilities.geojson" in state.message
        record = json.loads((site.root / "state" / "schedule" / "daily.json").read_text())
        assert record["is_failed"]
        assert record["words"].startswith("AoiError: ")

    def test_a_cadence_that_no_area_has_any_more_is_skipped(self, scheduled: Any, site: "Site") -> None:  # noqa: ANN401
        state = scheduled.watch_cadence.fn(str(site.root), "weekly")
        assert state.name == "Skipped"
        assert "schedule apply" in state.message

    def test_how_a_run_ends_says_what_came_of_it(self, scheduled: Any) -> None:  # noqa: ANN401
        def ending(*outcomes: AreaOutcome) -> tuple[str, str]:
            state = scheduled.state_of(RunReport(outcomes=outcomes, run_dir=None, is_new=False))
            return state.name, state.message

        done, bad = outcome("a", State.DONE), outcome("b", State.FAILED, "no file")
        assert ending(done) == ("Completed", "1 area: 1 done")
        assert ending(done, bad) == ("WithProblems", "2 areas: 1 done, 1 failed; area b: failed: no file")
        assert ending(bad) == ("Failed", "1 area: 1 failed; area b: failed: no file")

    def test_two_workspaces_that_are_called_the_same_do_not_take_each_other_s_deployments(self, site: "Site") -> None:
        from flows.schedule.deployments import check_owner  # noqa: PLC0415  # imports Prefect

        workspace = Workspace.open(site.root)
        check_owner(workspace, [SimpleNamespace(parameters={"root": str(site.root), "cadence": "daily"})])
        with pytest.raises(ConfigError, match=r"^schedule\.name: .* in /srv/other; give this one another name"):
            check_owner(workspace, [SimpleNamespace(parameters={"root": "/srv/other"})])
