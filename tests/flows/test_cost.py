"""A plan says what a run will cost before it costs anything; a budget and a used-up account end a run in order."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from shapely.geometry import Polygon
from typer.testing import CliRunner

from detection.params import DETECTION_BANDS
from flows.area.outcome import State
from flows.area.pipeline import Job
from flows.cli import app
from flows.pull.cost import plan_workspace
from flows.runs.run import run_workspace
from flows.settings.config import BudgetSettings, SentinelHubSettings
from geo.cache import ImageStore
from geo.cost import Cost, processing_units
from geo.errors import ConfigError
from geo.grid import Grid
from geo.scene import Scene
from geo.sources.folder import FolderSource
from geo.sources.ledger import Ledger
from tests.standin.sentinelhub import CLIENT_ID, CLIENT_SECRET, Fault, Service, SourceWorld, running

if TYPE_CHECKING:
    from tests.flows.conftest import Site

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

LOOKS = 7
SIDE_PX = 70


@pytest.fixture
def service(site: "Site", polygon_of: Callable[[str], Polygon], monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Serve the site's images by account, and let its workspace ask for them."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the stand-in speaks plain HTTP
    monkeypatch.setenv("SH_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("SH_CLIENT_SECRET", CLIENT_SECRET)
    places = (polygon_of(name).buffer(0.001) for name in ("west", "east"))
    with running(SourceWorld(FolderSource(site.imagery), *places)) as running_service:
        site.settings["source"] = {
            "kind": "sentinelhub",
            "base_url": running_service.base_url,
            "token_url": running_service.token_url,
            "attempts": 2,
        }
        site.configure(period={"first": "2020-01-01", "last": "2020-05-31"})  # one page of the catalogue
        yield running_service


def ledger_of(site: "Site") -> Ledger:
    (folder,) = (site.root / "state" / "accounts").iterdir()
    return Ledger(folder)


def call(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


# --- the plan ------------------------------------------------------------------------------------


def test_the_plan_says_exactly_what_the_run_then_spends(site: "Site", service: Service) -> None:
    planned = plan_workspace(site.root)
    assert service.requests_to("/process") == []
    assert [(area.area_id, area.scenes, area.kept) for area in planned.areas] == [
        ("west", LOOKS, 0),
        ("east", LOOKS, 0),
    ]
    before = ledger_of(site).spent(planned.month)
    report = run_workspace(site.root)
    assert report.exit_code == 0
    read = service.requests_to("/process")
    assert len(read) == planned.total.requests == 2 * LOOKS
    assert sum(one.units for one in read) == pytest.approx(planned.total.units, rel=1e-6)
    spent = ledger_of(site).spent(planned.month)
    assert spent.units == pytest.approx(before.units + planned.total.units, abs=1e-4)  # the search is remembered
    assert spent.units == pytest.approx(service.units, abs=1e-4)
    assert set(ledger_of(site).by_area(planned.month)) == {"west", "east"}


def test_what_was_read_once_costs_nothing_again(site: "Site", service: Service) -> None:
    run_workspace(site.root)
    read = len(service.requests_to("/process"))
    planned = plan_workspace(site.root)
    assert planned.total.requests == 0
    assert {area.note for area in planned.areas} == {"nothing changed"}
    forced = plan_workspace(site.root, force=True)
    assert [(area.kept, area.cost.requests) for area in forced.areas] == [(LOOKS, 0), (LOOKS, 0)]
    run_workspace(site.root, force=True)
    assert len(service.requests_to("/process")) == read


def test_the_plan_in_json_adds_up(site: "Site", service: Service) -> None:
    code, out, _ = call("plan", "-w", site.root, "--json")
    document = json.loads(out)
    assert code == document["exit_code"] == 0
    assert document["total"]["requests"] == sum(area["requests"] for area in document["areas"]) == 2 * LOOKS
    each = processing_units(SIDE_PX, SIDE_PX, len(DETECTION_BANDS) + 1)  # and the classification
    assert document["total"]["processing_units"] == pytest.approx(2 * LOOKS * each, rel=0.1)
    assert document["budget"] == {"processing_units": 10_000.0, "requests": 10_000}
    assert document["spent"]["requests"] == len(service.requests_to("/search"))


def test_the_plan_for_a_person_names_areas_totals_and_budget(site: "Site", service: Service) -> None:
    code, out, err = call("plan", "-w", site.root)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == ["west", "east", "all"]
    assert "budget a month: 10,000 processing units, 10000 requests" in out
    assert service.requests_to("/process") == []


def test_first_looks_are_counted_where_scenes_are_chosen_by_them(site: "Site", service: Service) -> None:
    plain = plan_workspace(site.root).total
    site.configure(scenes={"min_clear_share": 0.1})
    assert plan_workspace(site.root).total.requests == plain.requests + 2 * LOOKS
    assert service.requests_to("/process") == []


# --- near areas ----------------------------------------------------------------------------------


@pytest.fixture
def near(site: "Site", service: Service, polygon_of: Callable[[str], Polygon]) -> "Site":  # noqa: ARG001  # it is served
    """Return a workspace that watches two areas side by side, and one apart."""
    west = polygon_of("west")
    site.write_areas(west=west, east=polygon_of("east"), beside=west.buffer(0.0005))
    return site


def alone(near: "Site") -> Cost:
    """Return what the areas cost if each is asked for alone."""
    return sum((plan_workspace(near.root, area_ids=[name]).total for name in ("west", "east", "beside")), start=Cost())


@pytest.mark.parametrize("command", [("run",), ("imagery", "pull")], ids=["run", "pull"])
def test_near_areas_are_asked_for_at_once_and_cost_what_the_plan_says(
    near: "Site", service: Service, command: tuple[str, ...]
) -> None:
    planned, each = plan_workspace(near.root), alone(near)
    assert planned.requests_saved == LOOKS
    assert (planned.total.requests, each.requests) == (2 * LOOKS, 3 * LOOKS)
    assert planned.total.units < each.units
    assert [area.note for area in planned.areas] == ["together with beside", "", "together with west"]
    assert service.requests_to("/process") == []
    assert call(*command, "-w", near.root)[0] == 0
    read = service.requests_to("/process")
    assert len(read) == planned.total.requests
    assert sum(one.units for one in read) == pytest.approx(planned.total.units, rel=1e-6)
    by_area = ledger_of(near).by_area(planned.month)
    assert by_area["west + beside"].requests == LOOKS
    assert call("run", "-w", near.root)[0] == 0
    assert len(service.requests_to("/process")) == planned.total.requests


def test_the_plan_tells_the_price_of_asking_at_once(near: "Site", service: Service) -> None:
    code, out, _ = call("plan", "-w", near.root)
    assert code == 0
    assert f"near areas are asked for at once, which saves {LOOKS} requests" in out
    assert service.requests_to("/process") == []


def test_pixels_asked_for_at_once_are_those_asked_for_alone(near: "Site", service: Service) -> None:
    assert call("imagery", "pull", "-w", near.root)[0] == 0
    together = kept_in(near)
    shutil.rmtree(near.root / "imagery")
    for name in ("west", "east", "beside"):  # each in turn: nothing to join
        assert call("imagery", "pull", "-w", near.root, "--area", name)[0] == 0
    apart = kept_in(near)
    assert together.keys() == apart.keys()
    assert len(together) == 3 * LOOKS
    for key, scene in together.items():
        other = apart[key]
        assert scene.hidden_share == other.hidden_share
        np.testing.assert_array_equal(scene.is_clear, other.is_clear)
        for band, values in scene.bands.items():
            np.testing.assert_array_equal(values, other.bands[band])
    assert service.log


def kept_in(site: "Site") -> dict[tuple[str, Grid], Scene]:
    """Return all scenes that are kept, by id and grid."""
    store = ImageStore(site.root / "imagery")
    return {
        (entry.facts.key.scene_id, entry.facts.grid): store.load(entry, entry.facts.grid, entry.facts.bands)
        for entry in store.entries()
    }


def test_what_one_of_near_areas_has_is_not_asked_for_again(near: "Site", service: Service) -> None:
    assert call("imagery", "pull", "-w", near.root, "--area", "west")[0] == 0
    read = len(service.requests_to("/process"))
    planned = plan_workspace(near.root)
    assert [(area.kept, area.cost.requests) for area in planned.areas] == [(LOOKS, 0), (0, LOOKS), (0, LOOKS)]
    assert call("run", "-w", near.root)[0] == 0
    assert len(service.requests_to("/process")) == read + planned.total.requests


def test_where_nothing_is_kept_each_area_is_asked_for_alone(near: "Site", service: Service) -> None:
    near.configure(cache={"enabled": False})
    planned = plan_workspace(near.root)
    assert (planned.requests_saved, planned.total.requests) == (0, 3 * LOOKS)
    assert call("run", "-w", near.root)[0] == 0
    assert len(service.requests_to("/process")) == 3 * LOOKS


def test_a_joint_request_that_fails_is_its_areas_trouble(near: "Site", service: Service) -> None:
    service.behaviour.faults.extend([Fault(status=400)] * 2 * LOOKS)  # at once, and one area of the two alone
    code, _, err = call("run", "-w", near.root)
    assert code == 1
    assert "area west" in err
    assert call("run", "-w", near.root)[0] == 0


# --- scenes that are chosen ----------------------------------------------------------------------


def test_a_plan_counts_what_is_chosen_by_how_clear_the_area_was_once_that_is_kept(
    site: "Site", service: Service
) -> None:
    site.configure(scenes={"best_of": "quarter"})
    assert plan_workspace(site.root).total.requests == 2 * (LOOKS + 2)
    assert call("run", "-w", site.root)[0] == 0
    read = len(service.requests_to("/process"))
    assert read == 2 * (LOOKS + 2)
    planned = plan_workspace(site.root, force=True)
    assert [(area.scenes, area.kept, area.cost.requests) for area in planned.areas] == [(2, 2, 0), (2, 2, 0)]
    assert len(service.requests_to("/process")) == read


def test_an_area_that_would_be_refused_costs_nothing(site: "Site", service: Service) -> None:
    site.configure(limits={"memory_mb": 100}, grid={"pixel_m": 1.0})
    planned = plan_workspace(site.root)
    assert planned.total.requests == 0
    assert all(area.note.startswith("would be refused: area ") for area in planned.areas)
    assert service.requests_to("/process") == []


def test_a_cloud_probability_is_pulled_only_where_it_is_wanted_and_costs_a_band(site: "Site", service: Service) -> None:
    plain = plan_workspace(site.root).total
    assert run_workspace(site.root).exit_code == 0
    site.configure(**{"source.mask": {"cloud_probability_percent": 40}})
    planned = plan_workspace(site.root).total
    bands = len(DETECTION_BANDS) + 1
    assert planned.requests == plain.requests
    assert planned.units == pytest.approx(plain.units * (bands + 1) / bands)
    before = service.requests_to("/process")
    assert not any("CLD" in one.body["evalscript"] for one in before)
    assert run_workspace(site.root).exit_code == 0  # what is kept has another mask
    after = service.requests_to("/process")[len(before) :]
    assert all('"CLD"' in one.body["evalscript"] for one in after)
    assert sum(one.units for one in after) == pytest.approx(planned.units, rel=1e-6)
    del site.settings["source.mask"]
    site.configure()
    assert plan_workspace(site.root, force=True).total.requests == 0  # and what was kept before is good again


# --- what is free --------------------------------------------------------------------------------


def test_imagery_on_this_disk_costs_nothing(site: "Site") -> None:
    site.configure(budget={"processing_units": 0, "requests": 0})
    planned = plan_workspace(site.root)
    assert (planned.is_paid, planned.total.requests, planned.excess) == (False, 0, "")
    assert call("plan", "-w", site.root)[0] == 0
    assert run_workspace(site.root).exit_code == 0


def test_an_area_whose_cost_cannot_be_told_says_why(site: "Site", service: Service) -> None:
    service.behaviour.units_left = 0
    planned = plan_workspace(site.root)
    assert all("used up" in area.note for area in planned.areas)
    assert len(service.requests_to("/search")) == 1


# --- the budget ----------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [{"processing_units": 0.5}, {"requests": 10}])
def test_over_budget_nothing_is_pulled_unless_asked_for(
    site: "Site", service: Service, budget: dict[str, float]
) -> None:
    site.configure(budget=budget)
    code, _, err = call("plan", "-w", site.root)
    assert code == 1
    assert "over budget" in err
    code, _, err = call("run", "-w", site.root)
    assert code == 2
    assert "--over-budget" in err
    assert service.requests_to("/process") == []
    assert call("run", "-w", site.root, "--over-budget")[0] == 0
    assert len(service.requests_to("/process")) == 2 * LOOKS


def test_a_pull_over_budget_does_not_begin_unless_asked_for(site: "Site", service: Service) -> None:
    site.configure(budget={"requests": 10})
    code, out, err = call("imagery", "pull", "-w", site.root)
    assert (code, out) == (2, "")
    assert "over budget" in err
    assert "--over-budget" in err
    assert service.requests_to("/process") == []
    assert call("imagery", "pull", "-w", site.root, "--over-budget")[0] == 0
    assert len(service.requests_to("/process")) == 2 * LOOKS
    (month,) = {entry.at[:7] for entry in ledger_of(site).entries(plan_workspace(site.root).month)}
    assert {name: cost.requests >= LOOKS for name, cost in ledger_of(site).by_area(month).items()} == {
        "west": True,
        "east": True,
    }
    assert call("imagery", "pull", "-w", site.root)[0] == 0, "what is kept costs nothing, whatever the budget"


def test_what_was_spent_this_month_counts(site: "Site", service: Service) -> None:
    before = plan_workspace(site.root, area_ids=["west"]).spent
    site.configure(budget={"requests": before.requests + 2 * LOOKS})  # holds one area and the searches, not two
    assert run_workspace(site.root, area_ids=["west"]).exit_code == 0
    with pytest.raises(ConfigError, match="over budget"):
        run_workspace(site.root, area_ids=["east"])
    assert len(service.requests_to("/process")) == LOOKS


def test_a_budget_is_exceeded_by_one_more_than_it_holds(site: "Site", service: Service) -> None:
    planned = plan_workspace(site.root)
    needed = (planned.spent + planned.total).requests
    assert replace(planned, budget=BudgetSettings(requests=needed)).excess == ""
    assert "requests" in replace(planned, budget=BudgetSettings(requests=needed - 1)).excess
    assert service.requests_to("/process") == []


# --- a used-up account ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "workers", [pytest.param(1, id="one-process"), pytest.param(2, id="two-processes", marks=pytest.mark.slow)]
)
def test_a_used_up_account_ends_the_run_and_a_later_one_goes_on(site: "Site", service: Service, workers: int) -> None:
    site.configure(limits={"workers": workers})
    planned = plan_workspace(site.root)
    each = planned.total.units / planned.total.requests
    service.behaviour.units_left = 3.5 * each  # the searches are remembered
    report = run_workspace(site.root)
    assert report.exit_code == 1
    assert {one.state for one in report.outcomes} == {State.NOT_DONE}
    (line,) = {line.split(": not done: ")[1].split(":")[0] for line in report.troubles()}
    assert line == "Copernicus Data Space"
    refused = [one for one in service.log if one.status == 403]
    assert len(refused) <= workers * SentinelHubSettings().connections  # those that were under way
    read = len(service.requests_to("/process", status=200))
    service.behaviour.units_left = 1000.0
    again = run_workspace(site.root)
    assert again.exit_code == 0
    assert len(service.requests_to("/process", status=200)) == 2 * LOOKS  # what had come was kept
    assert 0 < read < 2 * LOOKS


# --- the account ---------------------------------------------------------------------------------


def test_a_run_without_credentials_does_not_begin(
    site: "Site", service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SH_CLIENT_SECRET")
    code, _, err = call("run", "-w", site.root)
    assert code == 2
    assert "not set: SH_CLIENT_SECRET" in err
    assert service.log == []


def test_refused_credentials_end_a_run_before_it_begins(
    site: "Site", service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SH_CLIENT_SECRET", "wrong-secret-55")
    code, _, err = call("run", "-w", site.root)
    assert code == 2
    assert "credentials are refused" in err
    assert "wrong-secret-55" not in err
    assert len(service.log) == 1


def test_credentials_in_the_workspace_are_refused(site: "Site", service: Service) -> None:
    path = site.root / "account.env"
    path.write_text(f"SH_CLIENT_ID={CLIENT_ID}\nSH_CLIENT_SECRET={CLIENT_SECRET}\n", encoding="utf-8")
    path.chmod(0o600)
    site.configure(source={"credentials_file": "account.env"})
    with pytest.raises(ConfigError, match="outside the workspace"):
        Job.open(site.root)
    path.rename(site.root.parent / "account.env")
    site.configure(source={"credentials_file": "../account.env"})
    assert Job.open(site.root).source.credit.startswith("Contains modified Copernicus")
    assert service.log == []


def test_the_doctor_asks_the_account_only_online(
    site: "Site", service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "--online asks for a token" in call("doctor", "-w", site.root)[1]
    assert service.log == []
    assert "the credentials are accepted" in call("doctor", "-w", site.root, "--online")[1]
    assert [one.path for one in service.log] == ["/auth/token"]
    monkeypatch.setenv("SH_CLIENT_SECRET", "wrong-secret-55")
    code, out, _ = call("doctor", "-w", site.root, "--online")
    assert code == 1
    assert "credentials are refused" in out
    assert "wrong-secret-55" not in out


def test_a_run_leaves_no_secret_behind(site: "Site", service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert run_workspace(site.root).exit_code == 0
    files = b"".join(path.read_bytes() for path in site.root.rglob("*") if path.is_file())
    shown = files.decode(errors="replace") + caplog.text
    assert not [secret for secret in (CLIENT_ID, CLIENT_SECRET, *service.tokens) if secret in shown]


def test_how_often_an_account_may_be_asked_makes_no_product_again(site: "Site", service: Service) -> None:
    run_workspace(site.root)
    site.configure(source={"requests_per_minute": 77, "answer_timeout_s": 33.0})
    report = run_workspace(site.root)
    assert {one.state for one in report.outcomes} == {State.UP_TO_DATE}
    assert service.log
