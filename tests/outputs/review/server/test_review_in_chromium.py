"""Twenty detections reviewed by keyboard in a real Chromium, with the network closed."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detection.schema import Verdict
from outputs.store import Store, stored_reviews

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = Path(__file__).with_name("review_in_chromium.py")
KEYS = {"c": Verdict.CONFIRMED, "r": Verdict.REJECTED, "u": Verdict.UNSURE}


@pytest.fixture
def server(workspace: Path) -> Iterator[str]:
    """Start the real command, and return the address that logs the reader in."""
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "review",
        "serve",
        "-w",
        str(workspace),
        "--reader",
        "Anna",
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name, _, url = process.stdout.readline().strip().partition(": ")
        assert name == "Anna"
        try:
            yield url
        finally:
            process.terminate()


def test_twenty_detections_are_reviewed_by_keyboard_with_the_network_closed(
    server: str, workspace: Path, tmp_path: Path
) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium: {CHROMIUM} is not there")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed (extra 'browser')")
    folder = Path(os.environ.get("SITEWATCH_SCREENSHOTS", str(tmp_path)))
    command = [sys.executable, str(SCRIPT), str(CHROMIUM), server, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    _is_private(told, server)
    _is_whole(told)
    _swipes(told)
    _is_stored(told, workspace)


def _is_private(told: dict[str, Any], server: str) -> None:
    home = server.partition("/login")[0]
    assert told["requests"]
    assert [url for url in told["requests"] if not url.startswith(f"{home}/")] == []
    assert told["dialogs"] == []  # the name of the facility is a script that would open one
    assert told["cookie"]["httpOnly"]
    assert told["cookie"]["sameSite"] == "Strict"
    assert told["cookie_in_scripts"] == ""


def _is_whole(told: dict[str, Any]) -> None:
    assert told["complaints"] == []
    assert {name: width for name, width in told["widths"].items() if width > int(name.split()[1])} == {}
    assert told["axe"] == {"queue": [], "detection": [], "agreement": []}


def _swipes(told: dict[str, Any]) -> None:
    assert told["swipe"] == {"start": "50", "keyboard": "20", "mouse": told["swipe"]["mouse"], "finger": "30"}
    before, after = told["colours"]["before"], told["colours"]["after"]
    assert max(before) < 60  # the ground that was there before, dark
    assert min(after) > 200  # what stands there after, bright


def _is_stored(told: dict[str, Any], workspace: Path) -> None:
    store = Store.open(f"sqlite:///{workspace / 'store.sqlite'}")
    given = stored_reviews(store)["home"]
    store.close()
    (first, *others) = given
    assert (first.detection_id, first.verdict) == (told["corrected"], Verdict.CONFIRMED)
    assert first.note == "corrected: c r u j"  # keys that are typed decide nothing
    assert first.outline_4326 is not None
    assert len(first.outline_4326.geoms[0].exterior.coords) == 6  # a square with one corner more
    *others, back = others
    assert [[one.detection_id, one.verdict] for one in others] == [[name, KEYS[key]] for name, key in told["reviewed"]]
    assert len({one.detection_id for one in given}) == 20
    assert "Unsure" in told["stored"] or "Confirmed" in told["stored"] or "Rejected" in told["stored"]
    assert (back.detection_id, back.verdict, back.note) == (others[-1].detection_id, Verdict.UNSURE, "taken back")
    assert "Unsure" in told["taken_back"]
    assert len(told["decided"]) == 20
