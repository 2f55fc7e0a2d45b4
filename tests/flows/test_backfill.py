"""Years of imagery pulled from a service that fails, by a process that is killed: nothing is lost or paid twice."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.backfill import Task, audit, benchmark, make_workspace, run_pull, start_pull, world_of
from geo.cache import ImageStore
from tests.standin.sentinelhub import Behaviour, Fault, Request, Service, running

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

TASK = Task(areas=12, dates=6, faults=0.1, seed=5)
MADE = Task(areas=2, dates=2, faults=0.0)
MIDWAY = 30
"""Answers after which the command is killed."""


@contextmanager
def served(folder: Path, task: Task) -> Iterator[tuple[Service, Path]]:
    """Run the service while the block lasts; give it and a workspace that was never pulled."""
    with running(world_of(task), Behaviour(fault_share=task.faults, seed=task.seed)) as service:
        yield service, make_workspace(folder / "workspace", task, service.base_url)


@pytest.mark.slow
@pytest.mark.parametrize("is_joint", [pytest.param(False, id="each-alone"), pytest.param(True, id="near-at-once")])
def test_every_scene_is_kept_once_and_paid_once_though_answers_fail(tmp_path: Path, *, is_joint: bool) -> None:
    result = benchmark(replace(TASK, is_joint=is_joint), tmp_path)
    found = result["audit"]
    assert found["problems"] == []
    assert found["kept"] == found["wanted"] == found["compared"] == 72
    assert (found["answers"] < 72) is is_joint
    assert set(result["second"]["requests"]) <= {"token", "search"}
    if not is_joint:
        assert found["answers"] == 72
        assert found["spoilt"] + found["refused"] > 0


@pytest.mark.slow
def test_a_pull_that_was_killed_is_gone_on_with(tmp_path: Path) -> None:
    with served(tmp_path, TASK) as (service, root):
        process = start_pull(root)
        wait_until(service, answers=MIDWAY)
        process.kill()
        process.communicate()
        kept = sum(1 for _ in ImageStore(root / "imagery").entries())
        assert MIDWAY - TASK.connections - 1 <= kept < 72
        second = run_pull(root)
        assert second.exit_code == 0
        assert sum(area["there"] for area in second.report["areas"]) == kept
        assert sum(area["fetched"] for area in second.report["areas"]) == 72 - kept
        found = audit(root, TASK, service.log, lost=TASK.connections)
    assert found.problems == ()
    assert found.paid_twice <= TASK.connections
    assert found.kept == found.wanted


def wait_until(service: Service, *, answers: int) -> None:
    """Wait until so many whole images were sent."""
    end = time.monotonic() + 60
    while sum(one.is_whole for one in service.requests_to("/process", status=200)) < answers:
        assert time.monotonic() < end
        time.sleep(0.005)


# --- the audit itself must be able to fail ----------------------------------------------------------


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Request, ...]]:
    """Pull a little once; return the workspace and what was asked."""
    with served(tmp_path_factory.mktemp("pulled"), MADE) as (service, root):
        assert run_pull(root).exit_code == 0
        return root, tuple(service.log)


def test_the_audit_finds_nothing_wrong_where_nothing_is(pulled: tuple[Path, tuple[Request, ...]]) -> None:
    root, log = pulled
    found = audit(root, MADE, log)
    assert found.problems == ()
    assert (found.kept, found.answers, found.spoilt, found.refused) == (4, 4, 0, 0)


def test_the_audit_finds_what_was_paid_twice(pulled: tuple[Path, tuple[Request, ...]]) -> None:
    root, log = pulled
    first = next(one for one in log if one.path.endswith("/process"))
    (problem,) = audit(root, MADE, [*log, first]).problems[:1]
    assert problem.startswith("1 scenes were paid twice")
    spoilt = audit(root, MADE, [*log, replace(first, is_whole=False)])
    assert (spoilt.paid_twice, spoilt.spoilt, spoilt.units_spoilt) == (0, 1, round(first.units, 4))


def test_the_audit_finds_what_is_missing_and_what_nobody_wanted(pulled: tuple[Path, tuple[Request, ...]]) -> None:
    root, log = pulled
    assert "missing: 2 scenes" in audit(root, replace(MADE, areas=3), log).problems
    assert "strangers: 2 scenes" in audit(root, replace(MADE, dates=1), log).problems


def test_a_spoilt_answer_is_asked_for_again_and_counted_apart(tmp_path: Path) -> None:
    with served(tmp_path, MADE) as (service, root):
        service.behaviour.faults.extend([Fault(keep_share=0.5, is_length_honest=False), Fault(body=b"<html>")])
        assert run_pull(root).exit_code == 0
        found = audit(root, MADE, service.log)
    assert found.problems == ()
    assert (found.answers, found.spoilt, found.paid_twice) == (4, 2, 0)
    assert found.units == pytest.approx(found.ledger_units)
