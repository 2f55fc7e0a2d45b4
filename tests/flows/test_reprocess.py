"""What was made with other settings or code is made again, and no more; looking further back is one command."""

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from flows.area.product import find_product
from flows.cli import app
from flows.runs.again import first_set
from flows.runs.run import run_workspace
from flows.settings.config import load_config

if TYPE_CHECKING:
    from tests.flows.conftest import Site

NEW = date(2020, 8, 1)


def called(site: "Site", *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*arguments, "-w", str(site.root)])
    assert result.exit_code == code, (result.stdout, result.stderr)
    return result.stdout + result.stderr


def keys(site: "Site") -> dict[str, str]:
    found = {name: find_product(site.root / "state" / "areas" / name) for name in ("west", "east")}
    return {name: product.record.inputs.key for name, product in found.items() if product}


def of_the_version_before(site: "Site", area_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the product of one area anew with other code."""
    with monkeypatch.context() as patch:
        patch.setattr("flows.area.pipeline.code_version", lambda: "0.0+old")
        run_workspace(site.root, area_ids=[area_id])


def test_only_what_is_outdated_is_made_again(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    of_the_version_before(ran, "west", monkeypatch)
    ran.write_scene("east", NEW)  # a plain run would look at it: this is none
    before = keys(ran)
    told = called(ran, "reprocess", "--dry-run")
    assert "code: 0.0+old -> 0.0+test" in told
    assert "east" not in told
    assert keys(ran) == before
    document = json.loads(called(ran, "reprocess", "--json"))
    assert [(one["area_id"], one["state"]) for one in document["areas"]] == [("west", "done")]
    assert keys(ran)["west"] != before["west"]
    assert keys(ran)["east"] == before["east"]
    assert "nothing to make again" in called(ran, "reprocess")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        pytest.param((), ["west"], id="either"),
        pytest.param(("--code-older",), ["west"], id="code"),
        pytest.param(("--settings-changed",), [], id="settings"),
        pytest.param(("--area", "east"), [], id="another-area"),
        pytest.param(("--since", "2020-01-01"), ["west"], id="made-since"),
        pytest.param(("--since", "2999-01-01"), [], id="made-before"),
    ],
)
def test_what_is_to_be_made_again_can_be_narrowed(
    ran: "Site", monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], expected: list[str]
) -> None:
    of_the_version_before(ran, "west", monkeypatch)
    document: dict[str, Any] = json.loads(called(ran, "reprocess", "--dry-run", "--json", *flags))
    assert [one["area_id"] for one in document["outdated"]] == expected


def narrowed(site: "Site") -> Path:
    """Let the watch begin in March, with a remark behind it; return the settings."""
    site.configure(period={"first": "2020-03-01"})
    path = site.root / "sitewatch.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"2020-03-01"', "2020-03-01  # a year"), encoding="utf-8")
    return path


def test_looking_further_back_sets_the_first_day_and_supersedes(site: "Site") -> None:
    path = narrowed(site)
    run_workspace(site.root)
    shorter = keys(site)
    planned = called(site, "backfill", "2020-01-01", "--dry-run")
    assert keys(site) == shorter
    assert load_config(path).period.first == date(2020, 3, 1)
    assert "west" in planned
    called(site, "backfill", "2020-01-01")
    assert load_config(path).period.first == date(2020, 1, 1)
    product = find_product(site.root / "state" / "areas" / "west")
    assert product is not None
    assert (product.record.looks, product.record.supersedes) == (7, ("scenes from before the oldest known",))
    told = called(site, "backfill", "2021-01-01", code=2)
    assert "2021-01-01 is not earlier" in told


def test_a_period_that_no_longer_reaches_back_to_a_detection_fails_no_area(ran: "Site") -> None:
    narrowed(ran)
    report = run_workspace(ran.root)
    assert (report.exit_code, report.troubles()) == (0, [])
    product = find_product(ran.root / "state" / "areas" / "west")
    assert product is not None
    assert product.record.supersedes == ("scenes are gone",)
    assert len(product.detections()) == 1  # what was found is followed, though these looks alone do not show it


def test_a_period_without_a_first_day_cannot_begin_earlier(ran: "Site") -> None:
    assert "has no first day" in called(ran, "backfill", "2000-01-01", code=2)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[period]\nfirst = 2020-01-01 # then\nlast = 2021-01-01\n[grid]\npixel_m = 10\n", id="set"),
        pytest.param("[grid]\npixel_m = 10\n[period]\n# how far\n#first =\nlast = 2021-01-01\n", id="commented-out"),
        pytest.param("[grid]\npixel_m = 10\n", id="no-section"),
        pytest.param("[ period ]\n[grid]\nfirst = 3\n", id="another-first"),
    ],
)
def test_only_the_first_day_of_the_settings_is_changed(text: str) -> None:
    before, after = tomllib.loads(text), tomllib.loads(first_set(text, date(2015, 6, 27)))
    assert after["period"].pop("first") == date(2015, 6, 27)
    before.setdefault("period", {}).pop("first", None)
    assert after == before
    assert {line for line in text.splitlines() if line.startswith("#")} <= set(
        first_set(text, date(2015, 6, 27)).splitlines()
    )
