"""Two hundred areas, one in ten of which fails: all others are done, each failure is named, the next run repairs those.

The imagery comes from a real HTTP server on the loopback interface that serves some areas badly; other areas fail at
this end. What the server is asked in the second run says what was done again.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.backfill import Task, make_workspace, world_of
from flows.area import pipeline
from flows.area.journal import read_journal
from flows.area.outcome import RunReport, State
from flows.reading.looks import area_grid
from flows.runs.run import run_workspace
from flows.runs.why import runs_of
from flows.settings.config import load_config
from flows.settings.workspace import Workspace
from geo.grid import Grid
from tests.standin.sentinelhub import CLIENT_ID, CLIENT_SECRET, RefusalError, Service, running

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"]), pytest.mark.slow]

MANY = Task(areas=200, dates=3, faults=0.0, connections=2)
FEW = replace(MANY, areas=20)
CHEAP = "[limits]\npictures = 0\nworkers = {workers}\n[products]\nrasters = false\ntimelapses = []\n"


def breaks_down(*_: object) -> tuple[bytes, str, float]:
    raise RefusalError(500, "the service broke down")


def refuses(*_: object) -> tuple[bytes, str, float]:
    raise RefusalError(400, "this place is not served")


def is_no_image(*_: object) -> tuple[bytes, str, float]:
    return b"II*\0 this is no GeoTIFF", "image/tiff", 0.01


def is_cut_off(body: bytes, kind: str, units: float) -> tuple[bytes, str, float]:
    return body[: len(body) // 2], kind, units


Spoil = Callable[..., tuple[bytes, str, float]]
AT_THE_PROVIDER: Mapping[str, Spoil] = {
    "500": breaks_down,
    "400": refuses,
    "no image": is_no_image,
    "cut off": is_cut_off,
}


class Places:
    """Which area a request is for, and how it is answered."""

    def __init__(self, root: Path, task: Task, service: Service) -> None:
        config = load_config(root / "sitewatch.toml")
        self.ids = [area.area_id for area in task.watched]
        self._of = {self._mark(area_grid(area, config)): area.area_id for area in task.watched}
        self.spoilt: dict[str, Spoil] = {}
        self.asked: Counter[str] = Counter()
        self._process = service.process
        service.process = self._answer  # type: ignore[method-assign]  # the service's own answer, spoilt for some

    @staticmethod
    def _mark(grid: Grid) -> tuple[int, int]:
        return round(grid.left_m), round(grid.top_m)

    def _answer(self, asked: Mapping[str, Any]) -> tuple[bytes, str, float]:
        left, _, _, top = asked["input"]["bounds"]["bbox"]
        area_id = self._of[round(left), round(top)]
        self.asked[area_id] += 1
        spoil = self.spoilt.get(area_id)
        return spoil(*self._process(asked)) if spoil else self._process(asked)


def prepared(folder: Path, task: Task, service: Service, *, workers: int) -> tuple[Path, Places]:
    root = make_workspace(folder / "workspace", task, service.base_url)
    path = root / "sitewatch.toml"
    text = path.read_text(encoding="utf-8").replace("attempts = 10", "attempts = 1")
    path.write_text(text + "\n" + CHEAP.format(workers=workers), encoding="utf-8")
    return root, Places(root, task, service)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the account of the stand-in, which speaks plain HTTP."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)


def states(report: RunReport) -> dict[str, State]:
    return {one.area_id: one.state for one in report.outcomes}


def check_told(root: Path, report: RunReport, failing: Sequence[str]) -> None:
    """Each failure is named once, with its cause: by the report, the page and the journal; nothing else is."""
    failed = [one for one in report.outcomes if one.state is State.FAILED]
    assert sorted(one.area_id for one in failed) == sorted(failing)
    assert all(one.reason for one in failed)
    assert report.exit_code == 1
    assert report.run_dir is not None
    page = (report.run_dir / "summary.html").read_text(encoding="utf-8")
    document = json.loads((report.run_dir / "run.json").read_text(encoding="utf-8"))
    told = Counter(one["area_id"] for one in document["areas"] if one["state"] == "failed")
    assert told == Counter(failing)
    troubles = "\n".join(report.troubles())
    workspace = Workspace.open(root)
    for one in failed:
        assert one.reason in troubles
        assert one.area_id in page
        last = runs_of(workspace, one.area_id)[-1]
        assert (last.state, last.reason) == ("failed", one.reason)


def block(root: Path, area_ids: Sequence[str]) -> None:
    """Put a file where the folder of each of these areas should be."""
    areas = root / "state" / "areas"
    areas.mkdir(parents=True)
    for area_id in area_ids:
        (areas / area_id).write_text("in the way", encoding="utf-8")


def buggy_in(area_ids: Sequence[str]) -> Callable[..., object]:
    """Return a detector with a bug that some areas show."""
    detect: Callable[..., Any] = vars(pipeline)["find_changes"]

    def detector(stack: object, name: str, *rest: object, **more: object) -> object:
        if name in area_ids:
            raise RuntimeError(f"a bug that only {name} shows")
        return detect(stack, name, *rest, **more)

    return detector


def test_of_two_hundred_areas_those_that_fail_stop_no_other_and_only_those_are_repaired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(world_of(MANY)) as service:
        root, places = prepared(tmp_path, MANY, service, workers=1)
        failing = places.ids[5::10]
        assert len(failing) == 20
        cases = list(AT_THE_PROVIDER.values())
        places.spoilt = {area_id: cases[number % 4] for number, area_id in enumerate(failing[:14])}
        blocked, buggy = failing[14:17], failing[17:]
        block(root, blocked)
        with monkeypatch.context() as patch:
            patch.setattr("flows.area.pipeline.find_changes", buggy_in(buggy))
            first = run_workspace(root)
        assert Counter(states(first).values()) == {State.DONE: 180, State.FAILED: 20}
        check_told(root, first, failing)
        assert all(any(name in line for line in first.troubles()) for name in buggy)
        assert all(places.asked[area_id] == MANY.dates for area_id in places.ids if area_id not in failing)

        places.spoilt.clear()
        places.asked.clear()
        for area_id in blocked:
            (root / "state" / "areas" / area_id).unlink()
        second = run_workspace(root)
        assert {area_id for area_id, state in states(second).items() if state is State.DONE} == set(failing)
        assert Counter(states(second).values()) == {State.UP_TO_DATE: 180, State.DONE: 20}
        assert (second.exit_code, second.troubles()) == (0, [])
        # What the detector failed on had been read and kept: nothing of it is asked for again.
        assert places.asked == Counter(dict.fromkeys(failing[:17], MANY.dates))
        assert read_journal(root / "state" / "areas" / places.ids[0])[-1].stages[-1].facts["action"] == "up to date"

        places.asked.clear()
        third = run_workspace(root)
        assert set(states(third).values()) == {State.UP_TO_DATE}
        assert not third.is_new
        assert not places.asked


def test_the_same_holds_where_two_processes_share_the_areas(tmp_path: Path) -> None:
    with running(world_of(FEW)) as service:
        root, places = prepared(tmp_path, FEW, service, workers=2)
        failing = places.ids[2::5]
        places.spoilt = dict(zip(failing, AT_THE_PROVIDER.values(), strict=True))
        first = run_workspace(root)
        assert Counter(states(first).values()) == {State.DONE: 16, State.FAILED: 4}
        check_told(root, first, failing)
        places.spoilt.clear()
        places.asked.clear()
        second = run_workspace(root)
        assert {area_id for area_id, state in states(second).items() if state is State.DONE} == set(failing)
        assert second.exit_code == 0
        assert places.asked == Counter(dict.fromkeys(failing, FEW.dates))
        runs = {one.run for area_id in places.ids for one in read_journal(root / "state" / "areas" / area_id)}
        assert len(runs) == 2, "worker processes write under the run's own stamp"
