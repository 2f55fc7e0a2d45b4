"""Imagery is pulled once, survives being killed, and is listed, checked and let go of on request."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.pull.fetching import MOST_SILENCES
from flows.pull.kept import Span, pull_workspace
from flows.pull.needs import bands_to_keep
from flows.runs.run import run_workspace
from geo.cache import ImageStore
from geo.errors import ConfigError, QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.scene import Scene
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource

if TYPE_CHECKING:
    from tests.flows.conftest import Site

read_from_folder = FolderSource.read


class Watched:
    """What a folder was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Grid]] = []
        self.errors: dict[str, SourceError] = {}

    def read(self, source: FolderSource, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Read as the folder does, unless told to fail."""
        self.asked.append((ref.scene_id, grid))
        for part, error in self.errors.items():
            if part in ref.scene_id:
                raise error
        return read_from_folder(source, ref, grid, bands=bands)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Return what counts the reads of folders."""
    spy = Watched()
    monkeypatch.setattr(
        FolderSource, "read", lambda source, ref, grid, *, bands: spy.read(source, ref, grid, bands=bands)
    )
    return spy


@pytest.fixture
def keeping(site: "Site") -> "Site":
    """Return a workspace over a folder, of which copies are kept as if it were far away."""
    site.configure(cache={"enabled": True})
    return site


def call(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; return exit code, stdout and stderr."""
    result = CliRunner().invoke(app, ["imagery", *(str(argument) for argument in arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def call_json(*arguments: object) -> tuple[int, Any]:
    code, out, _ = call(*arguments, "--json")
    return code, json.loads(out)


def store(site: "Site") -> ImageStore:
    return ImageStore(site.root / "imagery")


# --- runs ----------------------------------------------------------------------------------------


def test_a_second_run_reads_nothing_again_and_finds_the_same(keeping: "Site", watched: Watched) -> None:
    first = run_workspace(keeping.root)
    asked = len(watched.asked)
    assert asked == len(set(watched.asked)) == 14
    second = run_workspace(keeping.root, force=True)
    assert len(watched.asked) == asked
    assert [one.statuses for one in second.outcomes] == [one.statuses for one in first.outcomes]
    assert first.run_dir is not None
    assert second.run_dir is not None
    assert (first.run_dir / "detections.geojson").read_bytes() == (second.run_dir / "detections.geojson").read_bytes()


def test_by_default_no_copies_are_kept_of_a_folder(site: "Site") -> None:
    run_workspace(site.root)
    assert not (site.root / "imagery").exists()


def test_copies_in_the_folder_of_the_imagery_itself_are_refused(site: "Site") -> None:
    site.configure(cache={"enabled": True, "path": "../imagery/copies"})
    with pytest.raises(ConfigError, match=r"cache\.path: .* lies in the folder of the imagery itself"):
        run_workspace(site.root)


def test_scenes_that_are_not_chosen_are_told_with_the_reason(site: "Site") -> None:
    site.configure(scenes={"best_of": "quarter", "max_scenes": 3})
    report = run_workspace(site.root)
    assert report.run_dir is not None
    coverage = gpd.read_file(report.run_dir / "sitewatch.gpkg", layer="coverage")
    assert set(coverage["looks"]) == {2}  # seven looks in two quarters
    for not_seen in coverage["not_seen"]:
        reasons = [look["reason"] for look in json.loads(not_seen)]
        assert len(reasons) == 5
        assert all(reason.startswith("not read: ") and "best look of the quarter" in reason for reason in reasons)


# --- pulls ---------------------------------------------------------------------------------------


def test_what_was_pulled_is_not_asked_for_again(keeping: "Site", watched: Watched) -> None:
    code, report = call_json("pull", "-w", keeping.root)
    assert code == 0
    assert [(area["area_id"], area["fetched"], area["there"], area["left"]) for area in report["areas"]] == [
        ("west", 7, 0, 0),
        ("east", 7, 0, 0),
    ]
    code, again = call_json("pull", "-w", keeping.root)
    assert code == 0
    assert [(area["fetched"], area["there"]) for area in again["areas"]] == [(0, 7), (0, 7)]
    run_workspace(keeping.root)
    assert len(watched.asked) == 14


def test_the_newest_scenes_come_first_whatever_area_they_are_of(keeping: "Site", watched: Watched) -> None:
    pull_workspace(keeping.root, Span())
    days = [name.split("_")[1][:8] for name, _ in watched.asked]
    assert days == sorted(days, reverse=True)
    assert Counter(days) == dict.fromkeys(days, 2)


@pytest.mark.parametrize(
    ("options", "fetched"),
    [
        pytest.param(["--since", "2020-02-19"], {"west": 5, "east": 5}, id="since"),
        pytest.param(["--until", "2020-01-30"], {"west": 2, "east": 2}, id="until"),
        pytest.param(["--area", "east"], {"east": 7}, id="area"),
        pytest.param(["--since", "2016-01-01"], {"west": 7, "east": 7}, id="long-ago"),
    ],
)
def test_a_pull_may_be_of_a_part(options: list[str], fetched: dict[str, int], keeping: "Site") -> None:
    _, report = call_json("pull", "-w", keeping.root, *options)
    assert {area["area_id"]: area["fetched"] for area in report["areas"]} == fetched


def test_a_broken_scene_is_told_and_the_others_are_pulled(keeping: "Site", watched: Watched) -> None:
    watched.errors = {"20200219": SourceError("a file is broken")}
    code, out, err = call("pull", "-w", keeping.root)
    assert code == 1
    assert err.count("a file is broken") == 2
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["west", "7", "0", "6", "1", "0"],
        ["east", "7", "0", "6", "1", "0"],
    ]
    watched.errors = {}
    assert call("pull", "-w", keeping.root)[0] == 0


@pytest.mark.parametrize(
    ("errors", "asked"),
    [
        pytest.param({"2020": QuotaExceededError("no units left")}, 1, id="no-more-allowed"),
        pytest.param({"2020": SourceUnavailableError("busy")}, MOST_SILENCES, id="no-answer"),
    ],
)
def test_a_provider_that_does_not_want_to_is_left_alone(
    errors: dict[str, SourceError], asked: int, keeping: "Site", watched: Watched
) -> None:
    watched.errors = errors
    code, report = call_json("pull", "-w", keeping.root)
    assert code == 1
    assert len(watched.asked) == asked
    assert str(next(iter(errors.values()))) in report["stopped"]
    assert sum(area["left"] + len(area["failed"]) for area in report["areas"]) == 14
    watched.errors = {}
    assert call("pull", "-w", keeping.root)[0] == 0


def test_imagery_on_this_disk_needs_no_pull(site: "Site") -> None:
    code, _, err = call("pull", "-w", site.root)
    assert code == 2
    assert err == (
        "sitewatch: error: imagery of kind folder lies on this disk already: there is nothing to pull "
        "([cache] enabled = true would keep copies of it)\n"
    )


def test_where_none_of_the_bands_of_detection_is_offered_all_are_pulled() -> None:
    ref = SceneRef(
        scene_id="a", observed_at=datetime(2020, 1, 1, tzinfo=UTC), platform="x", bands=("VV", "VH"), fingerprint="f"
    )
    assert bands_to_keep(ref) == ("VV", "VH")


PULLER = """
import sys, time
from pathlib import Path
from flows.pull.kept import Span, pull_workspace
from geo.sources.folder import FolderSource

read = FolderSource.read

def slow(source, ref, grid, *, bands):
    with Path(sys.argv[2]).open("a") as log:
        log.write(ref.scene_id + "\\n")
    time.sleep(float(sys.argv[3]))
    return read(source, ref, grid, bands=bands)

FolderSource.read = slow
report = pull_workspace(Path(sys.argv[1]), Span())
print(sum(area.fetched for area in report.areas))
"""


def asked_in(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


@contextmanager
def puller(site: "Site", log: Path, pause_s: float) -> Iterator["subprocess.Popen[str]"]:
    script = site.root.parent / "puller.py"
    script.write_text(PULLER)
    command = [sys.executable, str(script), str(site.root), str(log), str(pause_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    "before_kill", [pytest.param(1, id="at-once", marks=pytest.mark.slow), pytest.param(6, id="half-way")]
)
def test_a_pull_that_is_killed_goes_on_where_it_stopped(before_kill: int, keeping: "Site", tmp_path: Path) -> None:
    log = tmp_path / "asked.txt"
    with puller(keeping, log, 0.05) as process:
        while len(asked_in(log)) < before_kill:
            assert process.poll() is None
            sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    first = asked_in(log)
    kept = {entry.facts.key.scene_id for entry in store(keeping).entries()}
    assert len(kept) >= len(first) - 1  # all but the one that was under way
    assert kept <= set(first)
    for entry in store(keeping).entries():
        store(keeping).check(entry)
    with puller(keeping, log, 0.0) as process:
        out, _ = process.communicate(timeout=60)
    second = asked_in(log)[len(first) :]
    assert int(out) == len(second) == 14 - len(kept)
    assert kept.isdisjoint(second)
    assert max(Counter(first + second).values()) <= 2
    assert sum(count == 2 for count in Counter(first + second).values()) <= 1
    assert call("verify", "-w", keeping.root)[0] == 0


# --- list, verify, prune ---------------------------------------------------------------------------


def test_before_anything_is_kept_the_list_says_so(keeping: "Site") -> None:
    code, out, _ = call("list", "-w", keeping.root)
    assert code == 0
    assert out == f"{keeping.root / 'imagery'}: nothing is kept yet\n"


def test_the_list_tells_what_is_kept(keeping: "Site") -> None:
    pull_workspace(keeping.root, Span(first=date(2020, 3, 1)), area_ids=["west"])
    code, out, _ = call("list", "-w", keeping.root)
    assert code == 0
    name, scenes, copies, superseded, _, first, last = out.splitlines()[1].split()
    assert (name, scenes, copies, superseded) == ("folder", "4", "4", "0")
    assert (first, last) == ("2020-03-10", "2020-05-09")
    _, document = call_json("list", "-w", keeping.root)
    assert len(document["entries"]) == 4
    assert all(Path(entry["image"]).is_file() for entry in document["entries"])


def test_a_damaged_image_is_found(keeping: "Site", watched: Watched) -> None:
    pull_workspace(keeping.root, Span(), area_ids=["west"])
    assert call("verify", "-w", keeping.root)[:2] == (0, "7 images checked, 0 damaged, 0 unfinished\n")
    entry = next(store(keeping).entries())
    entry.image_path.write_bytes(entry.image_path.read_bytes()[:-1])
    code, out, err = call("verify", "-w", keeping.root)
    assert (code, out) == (1, "7 images checked, 1 damaged, 0 unfinished\n")
    assert f"{entry.image_path}: is not the file that was written" in err
    run_workspace(keeping.root, area_ids=["west"])
    assert len(watched.asked) == 8
    assert call("verify", "-w", keeping.root)[0] == 0


def test_nothing_is_removed_unless_it_is_said_twice(keeping: "Site") -> None:
    pull_workspace(keeping.root, Span(), area_ids=["west"])
    code, out, _ = call("prune", "-w", keeping.root, "--max-gb", "0")
    assert code == 0
    assert "would remove 7 images of" in out
    assert "nothing was removed: say --yes to do it" in out
    assert len(list(store(keeping).entries())) == 7
    code, out, _ = call("prune", "-w", keeping.root, "--max-gb", "0", "--yes")
    assert code == 0
    assert "removed 7 images of" in out
    assert list(store(keeping).entries()) == []
    assert list((keeping.root / "imagery").rglob("*.tif")) == []


def test_without_a_rule_nothing_goes(keeping: "Site") -> None:
    code, _, err = call("prune", "-w", keeping.root, "--yes")
    assert code == 2
    assert "say what may go: --superseded, --older-than DAYS, --max-gb SIZE" in err


def test_what_was_not_read_for_long_goes_and_what_was_stays(keeping: "Site") -> None:
    pull_workspace(keeping.root, Span(), area_ids=["west"])
    old, *_ = entries = list(store(keeping).entries())
    past = (datetime.now(UTC) - timedelta(days=40)).timestamp()
    os.utime(old.item_path, (past, past))
    _, document = call_json("prune", "-w", keeping.root, "--older-than", "30", "--yes")
    assert [(entry["image"], entry["reason"]) for entry in document["entries"]] == [
        (str(old.image_path), "not read for 30 days")
    ]
    assert {entry.name for entry in store(keeping).entries()} == {entry.name for entry in entries} - {old.name}


def test_a_changed_file_supersedes_its_copy_and_the_old_one_may_go(keeping: "Site") -> None:
    pull_workspace(keeping.root, Span(), area_ids=["west"])
    path = keeping.write_scene("west", keeping.days()[0])
    os.utime(path, (0, 0))
    pull_workspace(keeping.root, Span(), area_ids=["west"])
    _, document = call_json("prune", "-w", keeping.root, "--superseded", "--yes")
    assert [entry["reason"] for entry in document["entries"]] == ["superseded"]
    assert len(list(store(keeping).entries())) == 7
    assert call_json("pull", "-w", keeping.root, "--area", "west")[1]["areas"][0]["there"] == 7


def test_what_a_killed_process_left_goes_when_it_is_old(keeping: "Site") -> None:
    pull_workspace(keeping.root, Span(), area_ids=["west"])
    folder = next(store(keeping).entries()).item_path.parent
    young, old = folder / ".a.tmp-1.tif", folder / ".b.tmp-2.tif"
    for path in (young, old):
        path.touch()
    os.utime(old, (0, 0))
    assert call("verify", "-w", keeping.root)[1] == "7 images checked, 0 damaged, 2 unfinished\n"
    call("prune", "-w", keeping.root, "--superseded", "--yes")
    assert (young.exists(), old.exists()) == (True, False)
