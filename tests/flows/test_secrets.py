"""Whatever is done and whatever goes wrong, no secret and no token is left behind or shown."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from shapely.geometry import Polygon

from geo.sources.folder import FolderSource
from tests.standin.sentinelhub import Fault, Service, SourceWorld, every_fault, running

if TYPE_CHECKING:
    from tests.flows.conftest import Site

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"]), pytest.mark.slow]

IN_ENVIRONMENT = {"SH_CLIENT_ID": "env-client-4711-id", "SH_CLIENT_SECRET": "env+secret/0815=word"}
IN_FILE = {"SH_CLIENT_ID": "file-client-2342-id", "SH_CLIENT_SECRET": "file+secret/1337=word"}
OTHERS = {"AWS_ACCESS_KEY_ID": "AKIAZZTOPSECRETKEY", "AWS_SECRET_ACCESS_KEY": "aws+secret/4242=word"}
SPEAKING = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
for name in ("geo", "flows", "aoi", "detection", "outputs", "urllib3", "requests_oauthlib", "oauthlib", "sentinelhub"):
    logging.getLogger(name).setLevel(logging.DEBUG)
import flows.runs.run
log_to = flows.runs.run._log_to
def all_of_it(path):
    handler = log_to(path)
    for name in ("geo", "flows", "aoi", "detection", "outputs"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    return handler
flows.runs.run._log_to = all_of_it
from flows.cli import app
app(sys.argv[1:])
"""
"""The command, with everything logged that can be."""


@pytest.fixture
def service(site: "Site", polygon_of: Callable[[str], Polygon], monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Serve the site's images to the account of the file, and to that of the environment."""
    path = site.root.parent / "account.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in IN_FILE.items()), encoding="utf-8")
    path.chmod(0o600)
    places = (polygon_of(name).buffer(0.001) for name in ("west", "east"))
    monkeypatch.setattr("tests.standin.sentinelhub.CLIENT_ID", IN_FILE["SH_CLIENT_ID"])
    monkeypatch.setattr("tests.standin.sentinelhub.CLIENT_SECRET", IN_FILE["SH_CLIENT_SECRET"])
    with running(SourceWorld(FolderSource(site.imagery), *places)) as running_service:
        site.settings["source"] = {
            "kind": "sentinelhub",
            "base_url": running_service.base_url,
            "token_url": running_service.token_url,
            "credentials_file": "../account.env",
            "attempts": 2,
        }
        site.configure(period={"first": "2020-01-01", "last": "2020-05-31"})
        yield running_service


@dataclass(kw_only=True)
class Watched:
    """Commands, each in a process of its own, and all that they said."""

    site: "Site"
    said: dict[str, bytes] = field(default_factory=dict)

    def call(self, name: str, *arguments: str) -> int:
        """Run a command; return its exit code."""
        script = self.site.root.parent / "speaking.py"
        script.write_text(SPEAKING, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            env={**os.environ, **IN_ENVIRONMENT, **OTHERS, "OAUTHLIB_INSECURE_TRANSPORT": "1"},
            cwd=self.site.root,
            capture_output=True,
            check=False,
            timeout=120,
        )
        self.said[name] = done.stdout + done.stderr
        return done.returncode


def forms_of(known: Iterable[str]) -> set[bytes]:
    """Return secrets as they are, and as they would stand in an address, a form or JSON."""
    return {form.encode() for secret in known for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1])}


KNOWN = frozenset({*IN_ENVIRONMENT.values(), *IN_FILE.values(), *OTHERS.values()})


def left_in(folder: Path) -> dict[str, bytes]:
    """Return each file below a folder with what is in it."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()}


def holding(places: Mapping[str, bytes], known: Iterable[str]) -> list[tuple[str, bytes]]:
    """Return where which secret is found."""
    return [(place, form) for place, content in places.items() for form in forms_of(known) if form in content]


def test_no_byte_of_anything_holds_a_secret(site: "Site", service: Service) -> None:
    watched = Watched(site=site)
    assert watched.call("plan", "plan", "--json") == 0
    service.behaviour.faults.extend(every_fault()[-2:-1])
    assert watched.call("pull", "imagery", "pull", "--area", "west") == 0
    service.behaviour.faults.extend([Fault(status=400), Fault(status=500), Fault(body=b"<html>")])
    assert watched.call("faulty run", "run") == 1
    assert watched.call("run", "run", "--force") == 0
    assert watched.call("doctor", "doctor", "--online") == 0
    tokens = {*service.tokens}
    service.behaviour.token_faults.extend([Fault(status=503)] * 2)
    assert watched.call("no token", "doctor", "--online") == 1
    tokens |= refused(watched, service)
    files = left_in(site.root) | left_in(Path(os.environ["HOME"]))
    endings = {Path(name).suffix for name in files}
    assert {".png", ".log", ".json", ".tif", ".gpkg"} <= endings
    assert any(name.endswith("manifest.json") for name in files)
    assert b"DEBUG" in watched.said["run"]
    assert len(tokens) > 3
    assert holding(files | watched.said, KNOWN | tokens) == []


def refused(watched: Watched, service: Service) -> set[str]:
    """Go on where the service says no, and repeats what it was told; return the tokens it gave."""
    site = watched.site
    site.configure(period={"first": "2019-01-01"})
    echo = json.dumps({"error": {"message": f"who are you, {IN_FILE['SH_CLIENT_SECRET']}?"}}).encode()
    service.behaviour.catalog_faults.extend([Fault(status=400, body=echo)] * 4)
    assert watched.call("told on", "plan") == 0
    assert b"who are you" in watched.said["told on"]
    assert watched.call("config", "config") == 0
    assert watched.call("no such area", "run", "--area", "nowhere") == 2
    tokens = {*service.tokens}
    site.configure(source={"credentials_file": ""})
    assert watched.call("other account", "run") == 2
    assert b"credentials are refused" in watched.said["other account"]
    assert watched.call("other account's doctor", "doctor", "--online") == 1
    return tokens


@pytest.mark.parametrize("form", [str, lambda text: quote(text, safe="")], ids=["plain", "in-a-form"])
def test_the_sweep_would_find_one(tmp_path: Path, form: Callable[[str], str]) -> None:
    (tmp_path / "leak.bin").write_bytes(b"\x00\x01" + form(IN_FILE["SH_CLIENT_SECRET"]).encode() + b"\xff")
    assert [place for place, _ in holding(left_in(tmp_path), KNOWN)] == [str(tmp_path / "leak.bin")]
