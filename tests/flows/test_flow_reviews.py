"""A verdict is taken down, shown by the next run, and forgotten by none; what moves is told with its cause."""

import csv
import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from shapely.geometry import shape
from typer.testing import CliRunner

from detection.detect import Findings
from detection.life.history import Review
from detection.params import DetectParams
from detection.schema import Event, Verdict
from flows.area.outcome import State
from flows.area.product import find_product
from flows.area.reviews import read_reviews
from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from flows.store import opened
from geo.errors import ConfigError
from geo.scene import Stack
from outputs.review.marks import SheetRow
from outputs.store import add_reviews
from tests.flows.conftest import plain_detector, site_polygon

if TYPE_CHECKING:
    from tests.flows.conftest import Site


def detection(site: "Site") -> dict[str, object]:
    document = json.loads((site.root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    (feature,) = document["features"]
    return dict(feature["properties"])


def history(site: "Site") -> list[dict[str, str]]:
    with (site.root / "latest" / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def ask(site: "Site", *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["review", "add", *arguments, "--workspace", str(site.root)])
    return result.exit_code, result.output


def test_the_first_run_tells_what_began(ran: "Site") -> None:
    (first,) = history(ran)
    assert (first["area_id"], first["status_from"], first["status_to"]) == ("west", "", "confirmed")
    assert first["on"] == f"{ran.days()[-1]}"


def test_a_rejected_detection_is_rejected_in_the_next_run_and_ever_after(ran: "Site") -> None:
    name = str(detection(ran)["detection_id"])
    code, said = ask(ran, name, "rejected", "--reviewer", "ayse", "--note", "a car park")
    assert code == 0
    assert "area west" in said
    report = run_workspace(ran.root)
    states = {one.area_id: (one.state, one.reason) for one in report.outcomes}
    assert states == {"west": (State.DONE, "reviews changed"), "east": (State.UP_TO_DATE, "nothing changed")}
    assert (detection(ran)["status"], detection(ran)["verdict"]) == ("rejected", "rejected")
    ran.write_scene("west", ran.days()[-1] + timedelta(days=20))
    run_workspace(ran.root)
    assert (detection(ran)["status"], detection(ran)["detection_id"]) == ("rejected", name)
    assert [(row["status_from"], row["status_to"], row["cause"]) for row in history(ran)][1:] == [
        ("confirmed", "rejected", "rejected by ayse: a car park")
    ]


def test_a_forced_run_over_the_same_looks_moves_nothing(ran: "Site") -> None:
    before = history(ran)
    run_workspace(ran.root, force=True)
    assert history(ran) == before


def test_what_no_run_finds_any_more_is_dropped_with_its_cause(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(stack: Stack, area_id: str, inside: NDArray[np.bool_], params: DetectParams, **_: object) -> Findings:
        found = plain_detector(stack, area_id, inside, params)
        return replace(found, detections=found.detections.iloc[:0])

    monkeypatch.setattr("flows.area.pipeline.find_changes", blind)
    for step in (20, 40):
        ran.write_scene("west", ran.days()[-1] + timedelta(days=step))
    run_workspace(ran.root)
    assert detection(ran)["status"] == "dropped"
    assert "2 clear looks from" in history(ran)[-1]["cause"]


def test_a_product_without_a_history_is_read_as_one_that_begins_now(ran: "Site") -> None:
    product = find_product(ran.root / "state" / "areas" / "west")
    assert product is not None
    (product.folder / "history.jsonl").unlink()
    assert product.history() == ()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("nobody", "rejected", "--reviewer", "a"), "no detection is called 'nobody'"),
        (("nobody", "maybe", "--reviewer", "a"), "a verdict is one of confirmed, rejected, unsure; got 'maybe'"),
        (("nobody", "unsure", "--reviewer", " "), "who gives it"),
    ],
    ids=["an id that is none", "a word that is no verdict", "nobody decides"],
)
def test_what_is_no_review_is_refused_and_nothing_is_written(
    ran: "Site", arguments: tuple[str, ...], named: str
) -> None:
    code, said = ask(ran, *arguments)
    assert code == 2
    assert named in " ".join(said.split())
    assert read_reviews(Workspace.open(ran.root)) == {}


def line(site: "Site", verdict: str, at: str) -> str:
    name = str(detection(site)["detection_id"])
    document = {"area_id": "west", "detection_id": name, "verdict": verdict, "reviewer": "x", "at": at, "note": "说明"}
    return json.dumps(document, ensure_ascii=False) + "\n"


def test_an_earlier_file_of_reviews_is_taken_over_whole_and_once(ran: "Site") -> None:
    earlier = line(ran, "rejected", "2022-03-01T00:00:00+00:00") + line(ran, "unsure", "2022-02-28T22:00:00-01:00")
    (ran.root / "reviews.jsonl").write_text(earlier, encoding="utf-8")
    for _ in range(2):
        reviews = read_reviews(Workspace.open(ran.root))["west"]
        assert [(one.verdict, one.note) for one in reviews] == [(Verdict.UNSURE, "说明"), (Verdict.REJECTED, "说明")]
    assert (ran.root / "reviews.jsonl.adopted").read_text(encoding="utf-8") == earlier
    run_workspace(ran.root)
    assert detection(ran)["verdict"] == "rejected"


def test_a_line_that_cannot_be_read_is_named_and_the_file_stays(ran: "Site") -> None:
    path = ran.root / "reviews.jsonl"
    path.write_text(line(ran, "unsure", "2022-03-01T00:00:00+00:00") + '{"area_id": "west"}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"reviews\.jsonl, line 2: expected area_id, detection_id"):
        run_workspace(ran.root)
    assert path.exists()


def test_before_the_first_run_there_are_no_reviews_and_looking_makes_no_file(site: "Site") -> None:
    assert read_reviews(Workspace.open(site.root)) == {}
    assert not (site.root / "store.sqlite").exists()


def test_a_corrected_event_and_outline_are_published_with_the_same_id_and_what_was_found_is_kept(ran: "Site") -> None:
    before = detection(ran)
    drawn = site_polygon("west").centroid.buffer(0.001)
    with opened(Workspace.open(ran.root), is_written=True) as store:
        assert store is not None
        review = Review(
            detection_id=str(before["detection_id"]), verdict=Verdict.CONFIRMED, reviewer="ayse",
            at=datetime(2022, 3, 1, tzinfo=UTC), event=Event.DEMOLITION, outline_4326=drawn,
        )  # fmt: skip
        assert add_reviews(store, [("west", review)]) == 1
    for step in (0, 20, 40):  # the run that first shows it, and two later ones that find the old outline again
        if step:
            ran.write_scene("west", ran.days()[-1] + timedelta(days=step))
        run_workspace(ran.root)
        after = detection(ran)
        assert (after["detection_id"], after["event"], after["verdict"]) == (
            before["detection_id"], "demolition", "confirmed",
        )  # fmt: skip
        shown = shape(outline(ran))
        assert shown.symmetric_difference(drawn).area < 0.001 * drawn.area
        evidence = after["evidence"]
        assert isinstance(evidence, dict)
        kept = evidence["review"]
        assert (kept["corrected_by"], kept["found"]["event"]) == ("ayse", "construction")
        assert kept["found"]["area_m2"] == before["area_m2"]
    assert [row["status_to"] for row in history(ran)] == ["confirmed"]


def outline(site: "Site") -> dict[str, object]:
    document = json.loads((site.root / "latest" / "detections.geojson").read_text(encoding="utf-8"))
    return dict(document["features"][0]["geometry"])


def test_a_place_rejected_before_marks_what_is_found_there_under_a_new_id(ran: "Site") -> None:
    name = str(detection(ran)["detection_id"])
    ask(ran, name, "rejected", "--reviewer", "ayse", "--note", "a car park")
    run_workspace(ran.root)
    shutil.rmtree(ran.root / "state" / "areas")  # ids are given anew, as after a move to another machine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("flows.area.pipeline.find_changes", renamed_detector)
        run_workspace(ran.root, force=True)
    found = detection(ran)
    assert found["detection_id"] == "west-anew"
    assert (found["status"], found["verdict"]) == ("confirmed", None)
    evidence = found["evidence"]
    assert isinstance(evidence, dict)
    known = evidence["review"]["known_false_alarm"]
    assert (known["detection_id"], known["verdict"], known["shared_share"]) == (name, "rejected", 1.0)
    assert "rejected by ayse: a car park" in evidence["note"]


def renamed_detector(
    stack: Stack, area_id: str, inside: NDArray[np.bool_], params: DetectParams, **_: object
) -> Findings:
    found = plain_detector(stack, area_id, inside, params)
    anew = pd.Series("west-anew", index=found.detections.index, dtype=object)
    return replace(found, detections=found.detections.assign(detection_id=anew))


def test_readers_who_disagree_are_both_kept_and_no_verdict_is_applied_until_one_settles_it(ran: "Site") -> None:
    name = str(detection(ran)["detection_id"])
    ask(ran, name, "rejected", "--reviewer", "ayse")
    ask(ran, name, "confirmed", "--reviewer", "ben")
    run_workspace(ran.root)
    assert (detection(ran)["status"], detection(ran)["verdict"]) == ("confirmed", "unsure")
    assert len(read_reviews(Workspace.open(ran.root))["west"]) == 2
    ask(ran, name, "rejected", "--reviewer", "lead", "--settles")
    run_workspace(ran.root)
    assert (detection(ran)["status"], detection(ran)["verdict"]) == ("rejected", "rejected")


def test_the_queue_and_the_feedback_are_told_on_the_command_line(ran: "Site") -> None:
    name = str(detection(ran)["detection_id"])
    asked = CliRunner().invoke(app, ["--json", "review", "queue", "-w", str(ran.root)])
    (item,) = json.loads(asked.stdout)["queue"]
    assert (item["detection_id"], item["reviews"]) == (name, [])
    ask(ran, name, "confirmed", "--reviewer", "ayse")
    asked = CliRunner().invoke(app, ["--json", "review", "queue", "-w", str(ran.root)])
    assert json.loads(asked.stdout)["queue"] == []
    blind = CliRunner().invoke(
        app, ["--json", "review", "queue", "--reviewer", "ben", "--readers", "2", "-w", str(ran.root)]
    )
    (item,) = json.loads(blind.stdout)["queue"]
    assert (item["reviews"], item["state"], item["status"]) == ([], None, None)
    told = CliRunner().invoke(app, ["--json", "review", "feedback", "-w", str(ran.root)])
    first = json.loads(told.stdout)["precisions"][0]
    assert (first["by"], first["confirmed"], first["precision"]) == ("all", 1, 1.0)
    plain = CliRunner().invoke(app, ["review", "feedback", "-w", str(ran.root)])
    assert (plain.exit_code, "0.9" in plain.output) == (0, True)


def test_a_sheet_is_imported_once_and_what_is_refused_is_named(ran: "Site", monkeypatch: pytest.MonkeyPatch) -> None:
    name = str(detection(ran)["detection_id"])
    asked = CliRunner().invoke(app, ["--json", "review", "queue", "-w", str(ran.root)])
    mark = json.loads(asked.stdout)["queue"][0]["base_version"]
    when = datetime(2026, 3, 1, tzinfo=UTC)
    rows = tuple(
        SheetRow(detection_id=one, base_version=mark, verdict=Verdict.REJECTED, reviewer="ayse", reviewed_at=when)
        for one in (name, "nobody")
    )
    monkeypatch.setattr("outputs.review.sheet.read_sheet", lambda _: rows)
    for taken in ("added", "already there"):
        result = CliRunner().invoke(app, ["--json", "review", "import", "sheet.gpkg", "-w", str(ran.root)])
        told = [(one["detection_id"], one["outcome"]) for one in json.loads(result.stdout)["rows"]]
        assert (result.exit_code, told) == (1, [(name, taken), ("nobody", "refused: unknown")])
    run_workspace(ran.root)
    assert detection(ran)["status"] == "rejected"
