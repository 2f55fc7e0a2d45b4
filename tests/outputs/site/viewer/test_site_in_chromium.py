"""The site in a real Chromium, by file and from a web server on the loopback."""

import functools
import http.server
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import geopandas as gpd
import pytest

from outputs.release.tiles import write_tiles
from outputs.site.viewer.content import SiteContent
from outputs.site.viewer.write import write_site

pytestmark = [pytest.mark.chromium, pytest.mark.slow]

CHROMIUM = Path("/usr/bin/chromium")
SCRIPT = Path(__file__).with_name("site_in_chromium.py")
HOSTILE = '</script><img src=x onerror="window.hit=1">\u2028{{ 7 * 7 }}'
ALL = ["dab-1", "dab-2", "dab-3", "near", "dab-5", HOSTILE]


class _Ranges(http.server.SimpleHTTPRequestHandler):
    """A server that answers range requests; the one of the standard library does not."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:  # the base class names it so
        wanted = self.headers.get("Range", "")
        path = Path(self.translate_path(self.path))
        if not wanted.startswith("bytes=") or not path.is_file():
            super().do_GET()
            return
        self.asked.append(wanted)
        data = path.read_bytes()
        first, last = (int(one) for one in wanted.removeprefix("bytes=").split("-"))
        part = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(part)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the base class names it so
        """Say nothing."""


class _Plain(http.server.SimpleHTTPRequestHandler):
    """The server of the standard library: no range requests."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # the base class names it so
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path, sample: Callable[..., SiteContent]) -> Path:
    """Write the site with tiles of the features that have outlines."""
    content = sample()
    table = gpd.GeoDataFrame.from_features(list(content.records())[:4], crs=4326)
    write_tiles(tmp_path / "cut.pmtiles", table, name="release", members={})
    with (tmp_path / "cut.pmtiles").open("ab") as archive:
        archive.write(bytes(32_000))  # longer than its reader's first question: else any server will do
    folder = tmp_path / "release 达"
    write_site(folder, sample(tiles=tmp_path / "cut.pmtiles"))
    return folder


@pytest.fixture
def address(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Serve the folder in the way that the test asks for."""
    if request.param == "file":
        yield f"{site.as_uri()}/"
        return
    handler = functools.partial(_Ranges if request.param == "ranges" else _Plain, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture
def told(address: str, tmp_path: Path) -> dict[str, Any]:
    """Return what happened in the browser."""
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium: {CHROMIUM} is not there")
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("playwright is not installed (extra 'browser')")
    folder = Path(os.environ.get("SITEWATCH_SCREENSHOTS", str(tmp_path)))
    command = [sys.executable, str(SCRIPT), str(CHROMIUM), address, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout), "address": address}


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_by_file_everything_works_on_every_page_in_every_language(told: dict[str, Any]) -> None:
    _map_list_and_filters_work(told, "embedded")
    _slider_keyboard_and_swipe_work(told)
    pages = told["pages"]
    for name, width in pages["widths"].items():
        assert width <= int(name.split()[-1]), f"{name} runs over the edge"
    assert {name: found for name, found in pages["axe"].items() if found} == {}
    assert len(pages["axe"]) == 14
    assert pages["directions"]["ug/index.html"] == "ug,rtl"
    assert pages["directions"]["zh/index.html"] == "zh,ltr"
    assert pages["fonts"]["ug/index.html"] >= 1, "the font for Uyghur was not loaded"
    assert told["without_scripts"] == {
        "rows": 6, "table_is_shown": True, "cards_are_shown": False, "pictures": 2,
    }  # fmt: skip


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(("address", "source"), [("ranges", "tiles"), ("plain", "embedded")], indirect=["address"])
def test_from_a_server_the_map_reads_tiles_where_it_can(told: dict[str, Any], source: str) -> None:
    _map_list_and_filters_work(told, source)
    _slider_keyboard_and_swipe_work(told)
    assert told["embedded"] == {"frame": "drawn"}


def _map_list_and_filters_work(told: dict[str, Any], source: str) -> None:
    assert told["complaints"] == []
    elsewhere = [one for one in told["requests"] if not one.startswith((told["address"], "blob:", "data:"))]
    assert elsewhere == []
    seen = told["map"]
    assert seen["source"] == source
    assert seen["colours"] > 50, "the canvas is blank"
    assert seen["changed_by_filter"] > 200, "the filter did not change the map"
    assert seen["shown_at_first"] == ALL
    assert seen["shown_after_filter"] == ["dab-2", "dab-3", "dab-5"]
    assert seen["count_after_filter"] == "3 of 6 detections shown"
    assert seen["hash_after_filter"] == "#ev=expansion,demolition,surface_change"
    assert sorted(seen["numbers_on_map"]) == ["2", "3", "5"]
    assert seen["hit"], "text of a record was run as a script"
    assert told["filters"]["least"] == ["dab-1", "near"]
    assert told["filters"]["dated"] == ["dab-2"]
    assert told["filters"]["nonsense"] == "No detection fits these filters."


def _slider_keyboard_and_swipe_work(told: dict[str, Any]) -> None:
    slider = told["slider"]
    assert slider["first"] == {"shown": ["dab-1"], "said": "Begun by 2017-05-31"}
    assert slider["later"] == {"shown": ["dab-1", "dab-2"], "said": "Begun by 2017-09-30"}
    assert slider["last"] == ALL
    keys = told["keyboard"]
    assert (keys["skip"], keys["button"], keys["title"]) == ("skip", "dab-1", "1 Construction")
    assert (keys["focus"], keys["on_map"], keys["back_on"]) == ("chosen-title", "1", "dab-1")
    assert keys["hash"].startswith("#id=dab-1&v=")
    assert keys["moved"]
    swipe = told["swipe"]
    expected = {"start": 0.5, "home": 0.0, "end": 1.0, "dragged": 0.25, "touched": 0.75}
    for name, share in expected.items():
        assert swipe[name] == pytest.approx(share, abs=0.04), name
    assert (swipe["moving_images"], swipe["moving_images_asked_for"]) == (0, 200)
