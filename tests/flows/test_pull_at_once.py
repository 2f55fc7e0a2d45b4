"""Several requests at a time change how long a pull takes, and nothing that it promises."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from shapely.geometry import Polygon

from flows.pull.cost import plan_workspace
from flows.pull.fetching import MOST_SILENCES, ground_of, memory_mb
from flows.pull.kept import Span, pull_workspace
from flows.pull.needs import Look, Reading
from flows.pull.pulled import PullReport
from flows.reading import sources
from flows.runs.run import run_workspace
from geo.cache import ImageStore
from geo.errors import OutputError
from geo.grid import Grid
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from geo.sources.ledger import Ledger
from geo.sources.sentinelhub import SentinelHubOptions
from tests.standin.sentinelhub import CLIENT_ID, CLIENT_SECRET, Fault, Service, SourceWorld, running

if TYPE_CHECKING:
    from flows.settings.config import SentinelHubSettings
    from tests.flows.conftest import Site

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

LOOKS = 7
AT_ONCE = 4
SLOW_S = 0.05
"""So long an image takes, so that several are under way."""


@pytest.fixture
def service(site: "Site", polygon_of: Callable[[str], Polygon], monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Serve the site's images by account, slowly, and let its workspace ask for them."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the stand-in speaks plain HTTP
    monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)
    places = (polygon_of(name).buffer(0.001) for name in ("west", "east"))
    with running(SourceWorld(FolderSource(site.imagery), *places)) as running_service:
        running_service.behaviour.latency_s = SLOW_S
        site.settings["source"] = {
            "kind": "sentinelhub",
            "base_url": running_service.base_url,
            "token_url": running_service.token_url,
            "attempts": 1,
            "connections": AT_ONCE,
        }
        site.configure(period={"first": "2020-01-01", "last": "2020-05-31"})  # one page of the catalogue
        yield running_service


class Heard:
    """What a listener was told, and in which threads."""

    def __init__(self) -> None:
        self.totals: list[int] = []
        self.labels: list[str] = []
        self.threads: set[int] = set()

    def start(self, total: int) -> None:
        self.totals.append(total)
        self.threads.add(threading.get_ident())

    def step(self, label: str) -> None:
        self.labels.append(label)
        self.threads.add(threading.get_ident())


def spent(site: "Site") -> float:
    """Return the units in the ledger of the workspace's account."""
    (folder,) = (site.root / "state" / "accounts").iterdir()
    (month,) = {path.stem.removeprefix("ledger-") for path in folder.glob("ledger-*.jsonl")}
    return Ledger(folder).spent(month).units


def kept(site: "Site") -> int:
    return sum(1 for _ in ImageStore(site.root / "imagery").entries())


def totals(report: PullReport) -> dict[str, int]:
    return {
        name: sum(getattr(area, name) for area in report.areas) for name in ("chosen", "there", "fetched", "left")
    } | {"failed": sum(len(area.failed) for area in report.areas)}


def test_no_more_requests_than_allowed_are_under_way_and_the_listener_hears_one_thread(
    site: "Site", service: Service
) -> None:
    heard = Heard()
    report = pull_workspace(site.root, Span(), listener=heard)
    assert (report.exit_code, totals(report)["fetched"]) == (0, 2 * LOOKS)
    assert 1 < service.most_under_way <= AT_ONCE
    assert heard.threads == {threading.get_ident()}
    assert heard.totals[-1] == len(heard.labels) == 2 * LOOKS
    assert spent(site) == pytest.approx(service.units, abs=1e-4)
    assert len(service.requests_to("/token")) == 1


def test_the_report_is_that_of_one_request_after_another(site: "Site", service: Service) -> None:
    service.behaviour.faults.extend([Fault(status=400)] * 2 * LOOKS)  # every scene fails
    several = pull_workspace(site.root, Span())
    site.configure(source={"connections": 1})
    service.most_under_way = 0
    service.behaviour.faults.extend([Fault(status=400)] * 2 * LOOKS)
    alone = pull_workspace(site.root, Span())
    assert service.most_under_way == 1
    assert json.dumps(several.as_json()) == json.dumps(alone.as_json())  # down to the order
    assert totals(several)["failed"] == 2 * LOOKS


def test_a_used_up_account_lets_what_is_under_way_come_and_asks_for_nothing_more(
    site: "Site", service: Service
) -> None:
    planned = plan_workspace(site.root).total
    each = planned.units / planned.requests
    service.behaviour.units_left = 5.5 * each
    report = pull_workspace(site.root, Span())
    asked = service.requests_to("/process")
    refused = [one for one in asked if one.status == 403]
    whole = len(asked) - len(refused)
    assert whole == 5
    assert 1 <= len(refused) <= AT_ONCE  # those that were under way
    assert "used up" in report.stopped
    assert totals(report) == {"chosen": 2 * LOOKS, "there": 0, "fetched": whole, "left": 2 * LOOKS - whole, "failed": 0}
    assert kept(site) == whole
    assert spent(site) == pytest.approx(service.units, abs=1e-4)
    service.behaviour.units_left = 1e6
    again = pull_workspace(site.root, Span())
    assert totals(again) == {"chosen": 14, "there": whole, "fetched": 14 - whole, "left": 0, "failed": 0}
    assert len(service.requests_to("/process", status=200)) == 2 * LOOKS
    assert spent(site) == pytest.approx(service.units, abs=1e-4)


@pytest.mark.parametrize("connections", [1, AT_ONCE, 9])
def test_a_provider_that_is_silent_is_asked_as_often_as_by_one_request_after_another(
    site: "Site", service: Service, connections: int
) -> None:
    site.configure(source={"connections": connections})
    service.behaviour.faults.extend([Fault(status=503)] * 99)
    report = pull_workspace(site.root, Span())
    asked = len(service.requests_to("/process"))
    assert asked == max(MOST_SILENCES, connections)
    assert report.stopped.startswith(f"{MOST_SILENCES} times in a row: ")
    assert totals(report)["failed"] == asked
    assert totals(report)["left"] == 2 * LOOKS - asked


def test_an_answer_between_silences_lets_it_go_on(site: "Site", service: Service) -> None:
    service.behaviour.latency_s = 0.0
    site.configure(source={"connections": 2})
    service.behaviour.faults.extend([Fault(status=503), Fault(status=503), Fault()] * 4)
    report = pull_workspace(site.root, Span())
    assert report.stopped == ""
    assert totals(report)["failed"] == 8
    assert totals(report)["fetched"] == 2 * LOOKS - 8


def test_a_disk_that_is_full_ends_the_pull_when_nothing_is_under_way(
    site: "Site", service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, full = ImageStore.put, threading.Event()

    def put_or_not(store: ImageStore, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401  # as the store has it
        if full.is_set():
            return put(store, *arguments, **named)
        full.set()
        raise OutputError("cannot write: no space left")

    monkeypatch.setattr(ImageStore, "put", put_or_not)
    with pytest.raises(OutputError, match="no space left"):
        pull_workspace(site.root, Span())
    assert len(service.requests_to("/process")) == AT_ONCE
    assert kept(site) == AT_ONCE - 1


def test_a_refused_token_is_replaced_once_for_all_that_were_under_way(site: "Site", service: Service) -> None:
    site.configure(source={"attempts": 3})
    refused = threading.Event()
    check = service.check_token

    def check_or_refuse(header: str) -> None:
        if len(service.requests_to("/process")) >= 2 and not refused.is_set():
            refused.set()
            service.revoke_tokens()
        check(header)

    service.check_token = check_or_refuse  # type: ignore[method-assign]  # of this one service
    report = pull_workspace(site.root, Span())
    assert report.exit_code == 0
    assert 1 <= len(service.requests_to("/process", status=401)) <= AT_ONCE
    assert len(service.requests_to("/token")) == 2


def test_a_run_reads_several_looks_at_once_and_writes_down_for_whom(site: "Site", service: Service) -> None:
    report = run_workspace(site.root)
    assert report.exit_code == 0
    assert 1 < service.most_under_way <= AT_ONCE
    (folder,) = (site.root / "state" / "accounts").iterdir()
    (month,) = {path.stem.removeprefix("ledger-") for path in folder.glob("ledger-*.jsonl")}
    assert set(Ledger(folder).by_area(month)) == {"west", "east"}


def test_areas_too_large_for_the_memory_together_are_fetched_one_by_one(site: "Site", service: Service) -> None:
    grid = Grid(epsg=32631, left_m=0, top_m=0, pixel_m=10, width_px=4000, height_px=4000)
    ref = SceneRef(scene_id="a", observed_at=None, platform="", bands=(), fingerprint="")  # type: ignore[arg-type]  # unused
    look = Look(area_id="a", ref=ref, grid=grid, bands=("B02", "B03", "B04", "B08", "B11", "B12"))
    assert memory_mb(Reading(looks=(look,), grid=grid)) == pytest.approx(14 * 16 * 8)
    site.configure(grid={"pixel_m": 0.8}, limits={"memory_mb": 100})  # each of 875 x 875 pixels and 4 bands: 64 MB
    report = pull_workspace(site.root, Span())
    assert report.exit_code == 0
    assert totals(report)["fetched"] == 14, "scenes are counted, not the blocks in which they are asked for"
    assert service.most_under_way == 1


def test_far_areas_in_one_product_are_fetched_at_the_same_time(
    site: "Site", service: Service, polygon_of: Callable[[str], Polygon]
) -> None:
    day = site.days()[0]
    for image in site.imagery.glob("*_east.tif"):
        image.unlink()
    image = site.write_scene("far", day)
    image.rename(image.with_name(f"S2A_{day:%Y%m%d}T100000_far.tif"))  # the time of the west: one pass saw both
    west, far = polygon_of("west"), polygon_of("far")
    service.world = SourceWorld(FolderSource(site.imagery), west.union(far).buffer(0.001))
    service.behaviour.latency_s = 10 * SLOW_S
    site.write_areas(west=west, far=far)
    site.configure(period={"first": str(day), "last": str(day)})
    report = pull_workspace(site.root, Span())
    assert totals(report)["fetched"] == 2
    assert len({entry.facts.key.scene_id for entry in ImageStore(site.root / "imagery").entries()}) == 1
    assert service.most_under_way == 2


def test_areas_on_the_same_ground_are_fetched_one_after_the_other_also_where_others_lie_between() -> None:
    def grid(left_km: float, width_km: float, *, top_km: float = 5000) -> Grid:
        return Grid(
            epsg=32631, left_m=1e3 * left_km, top_m=1e3 * top_km, pixel_m=10, width_px=int(100 * width_km), height_px=99
        )

    inner, outer, beside, far, south = grid(509, 0.5), grid(505, 9), grid(518, 9), grid(551, 3), grid(509, 1, top_km=90)
    ground = ground_of([far, beside, inner, outer, inner, south])
    assert ground[inner] == ground[outer] == ground[beside]
    assert len({ground[inner], ground[far], ground[south]}) == 3


# --- first looks ---------------------------------------------------------------------------------


@pytest.fixture
def near(site: "Site", service: Service, polygon_of: Callable[[str], Polygon]) -> "Site":  # noqa: ARG001  # it is served
    """Return a workspace that watches two areas side by side, and one apart, and reads clear scenes alone."""
    west = polygon_of("west")
    site.write_areas(west=west, east=polygon_of("east"), beside=west.buffer(0.0005))
    site.configure(scenes={"min_clear_share": 0.1})
    return site


def clear_shares(site: "Site") -> dict[str, Any]:
    """Return what is kept of how clear the areas were."""
    return {
        f"{path.parent.name}/{path.name}": json.loads(path.read_text())
        for path in (site.root / "imagery").rglob("clear-*.json")
    }


@pytest.mark.parametrize("command", ["pull", "run"])
def test_near_areas_are_looked_at_first_at_once_and_cost_what_the_plan_says(
    near: "Site", service: Service, command: str
) -> None:
    planned = plan_workspace(near.root).total
    assert planned.requests == 2 * 2 * LOOKS  # first looks and looks; west and beside at once
    if command == "pull":
        assert pull_workspace(near.root, Span()).exit_code == 0
    else:
        assert run_workspace(near.root).exit_code == 0
    asked = service.requests_to("/process")
    assert len(asked) == planned.requests
    assert sum(one.units for one in asked) == pytest.approx(planned.units, rel=1e-6)
    assert len(clear_shares(near)) == 3 * LOOKS
    assert pull_workspace(near.root, Span()).exit_code == 0
    assert len(service.requests_to("/process")) == planned.requests


def test_how_clear_areas_were_is_the_same_asked_at_once_or_alone(near: "Site", service: Service) -> None:
    assert pull_workspace(near.root, Span()).exit_code == 0
    together = clear_shares(near)
    near.configure(cache={"path": "other"}, budget={"requests": 0})  # requests are worth nothing: each is asked alone
    before = len(service.requests_to("/process"))
    assert pull_workspace(near.root, Span(), over_budget=True).exit_code == 0
    assert len(service.requests_to("/process")) == before + 2 * 3 * LOOKS
    alone = {
        f"{path.parent.name}/{path.name}": json.loads(path.read_text())
        for path in (near.root / "other").rglob("clear-*.json")
    }
    assert together == alone


def test_an_account_used_up_by_first_looks_is_asked_for_nothing_more(near: "Site", service: Service) -> None:
    service.behaviour.units_left = 0.02
    report = pull_workspace(near.root, Span(), over_budget=True)
    assert report.exit_code == 1
    assert "used up" in report.stopped
    assert len([one for one in service.log if one.status == 403]) <= AT_ONCE


# --- reads that broke off ------------------------------------------------------------------------


def test_a_plan_counts_only_the_parts_that_a_read_that_broke_off_has_left(
    site: "Site", service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = sources.sentinelhub_options

    def small(settings: "SentinelHubSettings") -> SentinelHubOptions:
        return replace(asked(settings), max_side_px=40)  # four parts an image

    monkeypatch.setattr(sources, "sentinelhub_options", small)
    site.configure(source={"connections": 1}, period={"first": "2020-01-01", "last": "2020-01-20"})  # one look
    whole = plan_workspace(site.root, area_ids=["west"]).total
    assert whole.requests == 4
    service.behaviour.faults.extend([Fault(), Fault(), Fault(status=400)])
    assert pull_workspace(site.root, Span(), area_ids=["west"]).exit_code == 1
    paid = service.requests_to("/process", status=200)
    left = plan_workspace(site.root, area_ids=["west"]).total
    assert left.requests == 2
    assert left.units == pytest.approx(whole.units - sum(one.units for one in paid), abs=1e-6)
    assert pull_workspace(site.root, Span(), area_ids=["west"]).exit_code == 0
    assert len(service.requests_to("/process", status=200)) == 4
    assert plan_workspace(site.root, area_ids=["west"]).total.requests == 0


# --- searches ------------------------------------------------------------------------------------


def test_an_account_used_up_by_searches_is_asked_for_nothing_more(site: "Site", service: Service) -> None:
    service.behaviour.units_left = 0.0
    report = pull_workspace(site.root, Span(), over_budget=True)
    assert (report.exit_code, [area.area_id for area in report.areas]) == (1, ["west", "east"])
    assert "used up" in report.stopped
    assert all(area.failed for area in report.areas)
    assert service.requests_to("/process") == []
