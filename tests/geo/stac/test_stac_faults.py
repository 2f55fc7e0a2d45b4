"""What goes wrong on the way: each fault gives the error that says what to do about it, and never a hole."""

import logging
import time
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geo.errors import ConfigError, QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.sources.base import SceneRef
from geo.sources.stac import StacSource

if TYPE_CHECKING:
    from tests.geo.stac.conftest import World

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

EVER = {"first": date(1900, 1, 1), "last": date(2100, 1, 1)}
RED = "/S2A_1/B04.tif"
MakeGrid = Callable[..., Grid]


def found(world: "World", on: Grid, **options: object) -> tuple[StacSource, SceneRef]:
    world.add("S2A_1")
    source = world.source(**options)
    (ref,) = source.search(on.footprint_4326, **EVER)
    world.log.clear()
    return source, ref


def fault_of(source: StacSource, ref: SceneRef, on: Grid) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.read(ref, on, bands=("B02", "B04"))
    assert "item S2A_1, asset red" in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_search_that_is_refused_once_is_asked_again(world: "World", make_grid: MakeGrid, status: int) -> None:
    world.add("S2A_1", bands=("B04",))
    world.faults["/search"] = [status, None]
    assert len(world.source().search(make_grid().footprint_4326, **EVER)) == 1
    assert [request.status for request in world.requests("/search")] == [status, 200]


@pytest.mark.parametrize(
    ("status", "kind", "times"),
    [
        pytest.param(503, SourceUnavailableError, 3, id="busy"),
        pytest.param(429, QuotaExceededError, 3, id="too-many"),
        pytest.param(400, SourceError, 1, id="bad-request"),
        pytest.param(403, SourceError, 1, id="closed"),
    ],
)
def test_a_search_that_stays_refused_says_whether_to_try_later(
    world: "World", make_grid: MakeGrid, status: int, kind: type[SourceError], times: int
) -> None:
    for path in ("/search", "/"):
        world.faults[path] = [status]
        with pytest.raises(SourceError, match=f"sentinel-2-l2a: answered {status}") as caught:
            world.source().search(make_grid().footprint_4326, **EVER)
        assert type(caught.value) is kind
        assert [request.status for request in world.log if request.path == path and request.status != 200] == (
            [status] * times
        )


def test_a_catalogue_that_is_down_may_come_back(world: "World", make_grid: MakeGrid) -> None:
    source = world.source(url="http://127.0.0.1:9")
    with pytest.raises(SourceUnavailableError, match=r"127\.0\.0\.1:9.*no connection"):
        source.search(make_grid().footprint_4326, **EVER)
    with pytest.raises(SourceUnavailableError):
        source.check(timeout_s=1)


def test_a_catalogue_that_does_not_answer_in_time(world: "World", make_grid: MakeGrid) -> None:
    world.faults["/"] = [0.6]
    with pytest.raises(SourceUnavailableError, match="no answer in time"):
        world.source(timeout_s=0.2, retries=0).search(make_grid().footprint_4326, **EVER)
    with pytest.raises(SourceUnavailableError, match="no answer in time"):
        world.source().check(timeout_s=0.2)


def test_a_web_page_is_no_catalogue(world: "World", make_grid: MakeGrid) -> None:
    (world.root / "page.html").write_text("<html>Sign in to the network</html>", encoding="utf-8")
    with pytest.raises(SourceUnavailableError, match="no JSON"):
        world.source(url=f"{world.url}/page.html").search(make_grid().footprint_4326, **EVER)
    (world.root / "other.json").write_text('{"name": "something else"}', encoding="utf-8")
    with pytest.raises(SourceError, match="expected a STAC catalogue"):
        world.source(url=f"{world.url}/other.json").check(timeout_s=2)


def test_an_item_without_bands_is_not_an_empty_answer(world: "World", make_grid: MakeGrid) -> None:
    world.add("S2A_1", bands=("SCL",))["assets"] = {"elevation": {"href": f"{world.url}/dem.tif"}}
    with pytest.raises(SourceError, match=r"item S2A_1 and 0 more: expected .* bands"):
        world.source().search(make_grid().footprint_4326, **EVER)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"datetime": None}, id="no-time"),
        pytest.param({"datetime": "yesterday"}, id="no-date"),
        pytest.param({"platform": "landsat-9"}, id="other-sensor"),
    ],
)
def test_an_item_that_cannot_be_used_is_named(world: "World", make_grid: MakeGrid, change: dict[str, Any]) -> None:
    item = world.add("S2A_1", bands=("B04",))
    world.found = lambda body: [item]  # type: ignore[method-assign]  # noqa: ARG005  # an API that returns it anyway
    item["properties"] |= change
    with pytest.raises(SourceError, match="S2A_1"):
        world.source().search(make_grid().footprint_4326, **EVER)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param([503, None], id="busy-once"),
        pytest.param([429, None], id="too-many-once"),
        pytest.param([500, None], id="broken-once"),
        pytest.param([0, 503, None], id="busy-after-the-size"),
        pytest.param([0, 0, 500, None], id="broken-amid-the-pixels"),
        pytest.param([503, 503, None], id="busy-twice"),
    ],
)
def test_a_file_that_is_refused_for_a_moment_is_read_all_the_same(
    world: "World", make_grid: MakeGrid, make_tile: Callable[..., NDArray[Any]], plan: list[Any]
) -> None:
    on = make_grid(column=140, row=140)
    source, ref = found(world, on)
    world.faults[RED] = plan
    expected = make_tile("B04", 0)[140:200, 140:200] * np.float32(1e-4)
    np.testing.assert_allclose(source.read(ref, on, bands=("B04",)).bands["B04"], expected, rtol=1e-5)
    assert world.faults[RED] == [None], "the faults were met"


@pytest.mark.parametrize(
    ("status", "kind", "text"),
    [
        pytest.param(404, SourceError, "404 not found", id="missing"),
        pytest.param(403, SourceError, "may need credentials", id="closed"),
        pytest.param(410, SourceError, "410 gone", id="gone"),
        pytest.param(503, SourceUnavailableError, "503 service unavailable", id="busy"),
        pytest.param(500, SourceUnavailableError, "500 internal server error", id="broken"),
        pytest.param(429, QuotaExceededError, "429 too many requests", id="too-many"),
    ],
)
def test_a_file_that_stays_refused_says_whether_to_try_later(
    world: "World", make_grid: MakeGrid, status: int, kind: type[SourceError], text: str
) -> None:
    on = make_grid()
    source, ref = found(world, on)
    world.faults[RED] = [status]
    error = fault_of(source, ref, on)
    assert type(error) is kind
    assert text in str(error)
    assert len(world.requests("B04.tif")) < 15


def test_a_file_that_is_refused_now_can_be_read_later(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on)
    for status in (404, 503, 500):
        world.faults[RED] = [status]
        fault_of(source, ref, on)
    world.faults.clear()
    assert source.read(ref, on, bands=("B02", "B04")).is_clear.all()


def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on, max_wait_s=3)
    world.faults[RED] = [503, (503, {"Retry-After": "1"}), None]
    began = time.monotonic()
    assert source.read(ref, on, bands=("B02", "B04")).is_clear.all()
    assert time.monotonic() - began >= 1


def test_a_server_that_wants_more_patience_than_there_is_is_given_up(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on)
    world.faults[RED] = [(503, {"Retry-After": "3600"})]
    began = time.monotonic()
    assert type(fault_of(source, ref, on)) is SourceUnavailableError
    assert time.monotonic() - began < 2


def test_a_file_that_comes_too_slowly_is_given_up(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on, timeout_s=1.0, retries=0)
    world.faults[RED] = [4.0]
    began = time.monotonic()
    error = fault_of(source, ref, on)
    assert type(error) is SourceUnavailableError
    assert "no answer in time" in str(error)
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda content: content[: len(content) // 2], id="cut-off"),
        pytest.param(lambda _: b"<html>not found</html>" * 50, id="a-web-page"),
        pytest.param(lambda _: b"", id="empty"),
    ],
)
def test_a_damaged_file_is_given_up_after_another_try(
    world: "World", make_grid: MakeGrid, spoil: Callable[[bytes], bytes]
) -> None:
    on = make_grid(side_px=500)
    source, ref = found(world, on)
    path = world.root / "S2A_1" / "B04.tif"
    path.write_bytes(spoil(path.read_bytes()))
    error = fault_of(source, ref, on)
    assert type(error) is SourceError
    assert "damaged or incomplete" in str(error)
    assert "\n" not in str(error)
    assert len([request for request in world.requests("B04.tif") if request.method == "HEAD"]) <= 2


def test_a_file_of_another_format_is_not_opened(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on)
    inner = world.root / "S2A_1" / "B02.tif"
    vrt = f"""<VRTDataset rasterXSize="512" rasterYSize="512"><VRTRasterBand dataType="UInt16" band="1">
      <SimpleSource><SourceFilename>{inner}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
      </VRTRasterBand></VRTDataset>"""
    (world.root / "S2A_1" / "B04.tif").write_text(vrt, encoding="utf-8")
    assert "damaged" in str(fault_of(source, ref, on))


def test_numbers_of_unknown_meaning_are_refused(world: "World", make_grid: MakeGrid) -> None:
    item = world.add("S2A_1", baseline=None)
    on = make_grid()
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert "what its uint16 numbers mean is not known" in str(fault_of_first(source, ref, on))
    assert item["assets"]["red"]


def fault_of_first(source: StacSource, ref: SceneRef, on: Grid) -> SourceError:
    with pytest.raises(SourceError, match="item S2A_1, asset") as caught:
        source.read(ref, on, bands=("B04",))
    return caught.value


def test_an_offset_that_was_applied_already_shows_in_the_pixels(world: "World", make_grid: MakeGrid) -> None:
    world.add(
        "S2A_1",
        baseline="05.11",
        raster={"scale": 1e-4, "offset": -0.1},
        properties={"earthsearch:boa_offset_applied": False},
        added_dn=-2100,
    )
    on = make_grid(side_px=200)
    source = world.source()
    (ref,) = source.search(on.footprint_4326, **EVER)
    assert "shifted already" in str(fault_of_first(source, ref, on))


def test_a_band_that_is_not_there_and_a_scene_of_no_search(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on)
    with pytest.raises(SourceError, match="has no B12; it has B02"):
        source.read(ref, on, bands=("B04", "B12"))
    with pytest.raises(SourceError, match="no search found"):
        world.source().read(ref, on, bands=("B04",))


def test_a_missing_band_of_one_tile_is_not_offered(world: "World", make_grid: MakeGrid) -> None:
    world.add("tile0", bands=("B04", "B08"))
    world.add("tile1", column=1, bands=("B04",))
    (ref,) = world.source().search(make_grid(column=470, side_px=20).footprint_4326, **EVER)
    assert ref.bands == ("B04",)


def test_files_in_blob_storage_are_signed_and_the_signature_is_told_nobody(
    world: "World", make_grid: MakeGrid, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    on = make_grid()
    source, ref = found(world, on, token_url=f"{world.url}/token", blob_host=f":{world.url.rpartition(':')[2]}")
    source.read(ref, on, bands=("B02", "B04"))
    files = [request for request in world.log if request.path.endswith(".tif")]
    assert files
    assert {request.query for request in files} == {"sv=1&sig=secret"}
    assert [request.path for request in world.log if "token" in request.path] == ["/token/127/S2A_1"]
    world.faults["/S2A_1/B08.tif"] = [403]
    (world.root / "S2A_1" / "B03.tif").write_bytes(b"broken" * 100)
    for band in ("B08", "B03"):
        with pytest.raises(SourceError, match=r"item S2A_1, asset (nir|green)") as caught:
            source.read(ref, on, bands=(band,))
        assert "secret" not in str(caught.value)
    assert not [record.name for record in caplog.records if "secret" in record.getMessage()]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [pytest.param([503], SourceUnavailableError, id="busy"), pytest.param([404], SourceError, id="unknown")],
)
def test_a_token_that_is_not_to_be_had(
    world: "World", make_grid: MakeGrid, fault: list[int], kind: type[SourceError]
) -> None:
    on = make_grid()
    source, ref = found(world, on, token_url=f"{world.url}/token", blob_host=f":{world.url.rpartition(':')[2]}")
    world.faults["/token/127/S2A_1"] = list(fault)
    with pytest.raises(SourceError, match="a signature for 127/S2A_1: answered") as caught:
        source.read(ref, on, bands=("B04",))
    assert type(caught.value) is kind


def test_a_damaged_file_is_known_as_such_without_any_patience(world: "World", make_grid: MakeGrid) -> None:
    on = make_grid()
    source, ref = found(world, on, retries=0)
    (world.root / "S2A_1" / "B04.tif").write_bytes(b"II*" * 300)
    assert type(fault_of(source, ref, on)) is SourceError


def test_an_answer_without_end_is_given_up(
    world: "World", make_grid: MakeGrid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geo.sources.stac.api.MAX_ITEMS", 3)
    for day in range(1, 6):
        world.add(f"S2A_{day}", when=f"2021-06-0{day}T05:20:00Z", bands=("SCL",))
    with pytest.raises(SourceError, match="more than 3 items"):
        world.source().search(make_grid().footprint_4326, **EVER)


def test_an_api_is_searched_by_collection(world: "World", make_grid: MakeGrid) -> None:
    with pytest.raises(ConfigError, match="collection by collection"):
        world.source(collection="").search(make_grid().footprint_4326, **EVER)
