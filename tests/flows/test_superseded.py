"""What was made with other settings, code or scenes is kept as superseded, in one step with what takes its place."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from detection.schema import Verdict, check_detections
from flows.area.product import KEPT_NAMES, Product, find_product
from flows.area.reviews import Decision, review_detection
from flows.area.superseded import NOTE_NAME, superseded_products
from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.workspace import point_to

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def product(site: "Site", area_id: str = "west") -> Product:
    found = find_product(site.root / "state" / "areas" / area_id)
    assert found is not None
    return found


def rows(site: "Site") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(site.root / "store.sqlite")) as store:
        return store.execute("SELECT area_id, superseded_run_id, run_id, reasons FROM supersessions").fetchall()


def other_settings(site: "Site", pictures: int = 7) -> None:
    site.configure(limits={"pictures": pictures})
    run_workspace(site.root)


def test_a_product_of_other_settings_is_kept_whole_but_for_pictures_and_maps(ran: "Site") -> None:
    before, first = product(ran), (ran.root / "latest").resolve().name
    layers = (before.folder / "area.gpkg").read_bytes()
    other_settings(ran)
    (one,) = superseded_products(ran.root / "state" / "areas" / "west")
    assert (one.key, one.by) == (before.record.inputs.key, product(ran).record.inputs.key)
    assert (one.reasons, one.changes) == (("other settings",), ("limits.pictures: 50 -> 7",))
    assert {path.name for path in one.folder.iterdir()} == {*KEPT_NAMES, NOTE_NAME}
    assert (one.folder / "area.gpkg").read_bytes() == layers
    old = Product(folder=one.folder, record=before.record)
    check_detections(old.detections())
    second = (ran.root / "latest").resolve().name
    assert [(area, was, now) for area, was, now, _ in rows(ran)] == [("west", first, second), ("east", first, second)]
    result = CliRunner().invoke(app, ["state", "superseded", "--area", "west", "-w", str(ran.root)])
    assert "other settings; limits.pictures: 50 -> 7" in result.stdout
    assert "east" not in result.stdout


def new_scene(site: "Site") -> None:
    site.write_scene("west", date(2020, 8, 1))


def verdict(site: "Site") -> None:
    (name,) = product(site).detections()["detection_id"]
    review_detection(site.root, name, Decision(verdict=Verdict.CONFIRMED, reviewer="AB"))


@pytest.mark.parametrize("change", [pytest.param(new_scene, id="scene"), pytest.param(verdict, id="verdict")])
def test_what_goes_on_from_the_product_before_supersedes_nothing(ran: "Site", change: Callable[["Site"], None]) -> None:
    before = product(ran).record.inputs.key
    change(ran)
    run_workspace(ran.root)
    assert product(ran).record.inputs.key != before
    assert superseded_products(ran.root / "state" / "areas" / "west") == []
    assert rows(ran) == []


def earlier_scene(site: "Site") -> None:
    site.write_scene("west", date(2019, 1, 1))


def scene_gone(site: "Site") -> None:
    sorted(site.imagery.glob("*_west.tif"))[1].unlink()


def scene_changed(site: "Site") -> None:
    path = sorted(site.imagery.glob("*_west.tif"))[1]
    site.write_scene("west", site.days()[1], bands=("B02", "B03", "B04"))
    assert path.exists()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(earlier_scene, "scenes from before the oldest known", id="earlier"),
        pytest.param(scene_gone, "scenes are gone", id="gone"),
        pytest.param(scene_changed, "scenes were changed", id="changed"),
    ],
)
def test_scenes_that_rewrite_the_past_supersede(ran: "Site", change: Callable[["Site"], None], reason: str) -> None:
    change(ran)
    run_workspace(ran.root)
    (one,) = superseded_products(ran.root / "state" / "areas" / "west")
    assert one.reasons == (reason,)
    assert superseded_products(ran.root / "state" / "areas" / "east") == []
    assert [row[0] for row in rows(ran)] == ["west"]


def test_a_run_killed_before_the_step_has_superseded_nothing(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    before = product(ran).record.inputs.key
    ran.configure(limits={"pictures": 7})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.area.product.point_to", killed)
        with pytest.raises(KeyboardInterrupt):
            run_workspace(ran.root)
    assert product(ran).record.inputs.key == before
    assert superseded_products(ran.root / "state" / "areas" / "west") == []
    run_workspace(ran.root)
    (one,) = superseded_products(ran.root / "state" / "areas" / "west")
    assert one.key == before
    assert len(list((ran.root / "state" / "areas" / "west" / "superseded").iterdir())) == 1


def test_a_run_killed_just_after_the_step_has_superseded(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    before, first = product(ran).record.inputs.key, (ran.root / "latest").resolve().name
    ran.configure(limits={"pictures": 7})

    def killed(link: Path, target: Path) -> None:
        point_to(link, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("flows.area.product.point_to", killed)
        with pytest.raises(KeyboardInterrupt):
            run_workspace(ran.root)
    assert product(ran).record.inputs.key != before
    assert [one.key for one in superseded_products(ran.root / "state" / "areas" / "west")] == [before]
    run_workspace(ran.root)  # west is up to date; what was superseded is told with the run that is published now
    assert ("west", first) in [row[:2] for row in rows(ran)]
    new_scene(ran)
    run_workspace(ran.root)
    assert [one.key for one in superseded_products(ran.root / "state" / "areas" / "west")] == [before]
    assert [row[0] for row in rows(ran)].count("west") == 1


def test_only_so_many_are_kept(ran: "Site") -> None:
    ran.configure(keep={"superseded": 2})
    for pictures in (7, 8, 9):
        other_settings(ran, pictures)
    kept = superseded_products(ran.root / "state" / "areas" / "west")
    assert [one.changes[0] for one in kept] == ["limits.pictures: 7 -> 8", "limits.pictures: 8 -> 9"]
    ran.configure(keep={"superseded": 0})
    other_settings(ran, 10)
    assert superseded_products(ran.root / "state" / "areas" / "west") == []


def test_a_published_run_that_supersedes_says_so_itself(ran: "Site") -> None:
    first = (ran.root / "latest").resolve().name
    other_settings(ran)
    document = json.loads((ran.root / "latest" / "run.json").read_text(encoding="utf-8"))
    assert {one["area_id"]: one["run_id"] for one in document["supersedes"]} == {"west": first, "east": first}
    assert CliRunner().invoke(app, ["verify", "-w", str(ran.root)]).exit_code == 0


def test_a_note_that_nobody_can_read_is_no_product(ran: "Site") -> None:
    other_settings(ran)
    folder = ran.root / "state" / "areas" / "west" / "superseded"
    (note,) = folder.glob(f"*/{NOTE_NAME}")
    note.write_text("{", encoding="utf-8")
    assert superseded_products(folder.parent) == []
    assert Path(note).exists()
