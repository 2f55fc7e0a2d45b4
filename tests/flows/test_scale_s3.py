"""A run whose workers see nothing of the workspace: all goes through a real server that speaks S3."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from shutil import copytree
from time import monotonic, sleep

import numpy as np
import pytest

from benchmarks.scale_world import World, configure, make_world
from flows.area.product import find_product
from flows.scale.shelf import Laid, Shelf, pieces_of, stem_of
from flows.scale.storage import Storage
from geo.errors import OutputError

pytestmark = [
    pytest.mark.s3,
    pytest.mark.slow,
    pytest.mark.enable_socket,
    pytest.mark.allow_hosts(["127.0.0.1", "::1"]),
]

KEYS = {"AWS_ACCESS_KEY_ID": "a-key-of-the-test", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-test"}
AREAS = 2


@contextmanager
def serving(folder: Path, **environ: str) -> Iterator[str]:
    """Start a server with one bucket; give its address."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environ})
        try:
            address = f"http://127.0.0.1:{port}"
            give_up = monotonic() + 120
            while True:
                try:
                    asked(address, "PUT", "/bucket")
                    break
                except OSError:
                    assert process.poll() is None, (folder / "server.log").read_text()
                    assert monotonic() < give_up
                    sleep(0.1)
            yield address
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(tmp_path) as address:
        for name, value in (KEYS | {"AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"}).items():
            monkeypatch.setenv(name, value)
        yield address


def ran(root: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", "run", "-w", str(root), "--json", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


def objects(address: str) -> str:
    return asked(address, "GET", "/bucket?list-type=2&max-keys=1000")


def asked(address: str, verb: str, path: str) -> str:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=20)
    try:
        connection.request(verb, path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def assert_same(alone: Path, far: Path, name: str) -> None:
    mine, its = (find_product(root / "state" / "areas" / name) for root in (alone, far))
    assert mine is not None
    assert its is not None
    assert its.is_intact()
    assert mine.record.inputs == its.record.inputs
    assert mine.detections().equals(its.detections())
    assert mine.coverage().equals(its.coverage())
    assert {file for file, mark in mine.record.files.items() if its.record.files.get(file) != mark} <= {"area.gpkg"}


@pytest.mark.dask
def test_workers_that_share_nothing_but_a_bucket_give_what_one_process_gives(server: str, tmp_path: Path) -> None:
    make_world(tmp_path / "alone", World(areas=AREAS, side_px=90))
    copytree(tmp_path / "alone", tmp_path / "far")
    alone, far = tmp_path / "alone" / "workspace", tmp_path / "far" / "workspace"
    scale = {"on": "dask", "shared": "s3://bucket/watch", "scratch": str(tmp_path / "scratch")}
    configure(far, {"scale": scale, "limits": {"workers": 2}})
    assert ran(alone).returncode == 0
    first = ran(far)
    told = json.loads(first.stdout)
    assert (first.returncode, told["troubles"]) == (0, []), first.stderr
    for number in range(AREAS):
        name = f"area-{number:03d}"
        assert_same(alone, far, name)
        assert '"detect"' in (far / "state" / "areas" / name / "journal.jsonl").read_text(encoding="utf-8")
    listed = objects(server)
    assert listed.count("<Key>watch/objects/") > 8 * AREAS
    assert listed.count("<Key>watch/areas/") == AREAS
    assert "<Key>watch/blocks/" not in listed
    assert list((tmp_path / "scratch").glob("*/home-*")) == []
    log = "".join(path.read_text(encoding="utf-8") for path in (far / "state" / "log").glob("*.log"))
    assert "left at s3://bucket/watch" in log
    assert not any(secret in log + first.stderr for secret in KEYS.values())

    again = json.loads(ran(far).stdout)
    assert {area["state"] for area in again["areas"]} == {"up to date"}

    # what a worker had finished when its run was killed is taken over, and not made again
    (far / "state" / "areas" / "area-001" / "current").unlink()
    third = json.loads(ran(far).stdout)
    assert {area["state"] for area in third["areas"]} == {"up to date"}


@pytest.mark.dask
def test_storage_that_does_not_answer_is_one_line_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (KEYS | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).items():
        monkeypatch.setenv(name, value)
    root = make_world(tmp_path / "far", World(areas=1, side_px=90))
    assert ran(root).returncode == 0
    before = find_product(root / "state" / "areas" / "area-000")
    configure(root, {"scale": {"on": "dask", "shared": "s3://bucket/watch"}})
    result = ran(root, "--force")
    assert result.returncode == 3
    (line,) = result.stderr.splitlines()
    assert line.startswith("sitewatch: error: s3://bucket/watch/check-")
    assert "127.0.0.1:9" in line
    after = find_product(root / "state" / "areas" / "area-000")
    assert before is not None
    assert after is not None
    assert after.folder == before.folder
    assert after.is_intact()


def test_keys_that_are_wrong_are_said_to_be_and_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(tmp_path, INITIAL_NO_AUTH_ACTION_COUNT="1") as address:
        for name, value in (KEYS | {"AWS_ENDPOINT_URL": address, "AWS_DEFAULT_REGION": "us-east-1"}).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(OutputError, match="the keys do not open it") as caught:
            Storage("s3://bucket/watch").check()
        assert not any(secret in str(caught.value) for secret in KEYS.values())


@pytest.mark.usefixtures("server")
def test_arrays_laid_in_a_bucket_are_cut_by_fetching_no_more_blocks_than_needed(tmp_path: Path) -> None:
    storage = Storage("s3://bucket/watch")
    storage.check()
    array = np.random.default_rng(1).normal(size=(2, 30, 20)).astype(np.float32)
    shelf = Shelf(storage=storage, name="x", scratch=str(tmp_path / "scratch"))
    laid = []
    for rows in (slice(0, 10), slice(10, 20), slice(20, 30)):
        name = stem_of((rows, slice(0, 20)))
        laid.append(((rows, slice(0, 20)), name, shelf.lay(name, {"m": array[:, rows]})))
    whole = Laid(shelf=shelf, pieces=pieces_of("m", laid), shape=array.shape)
    np.testing.assert_array_equal(whole[:, 8:12, 3:9], array[:, 8:12, 3:9])
    fetched = [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert len(fetched) == 2
    np.testing.assert_array_equal(whole[1, :, :], array[1])
    shelf.clear()
    assert storage.read("x/0-10-0-20") is None
