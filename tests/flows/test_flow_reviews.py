"""A verdict is taken down, shown by the next run, and forgotten by none; what moves is told with its cause."""

import csv
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from detection.detect import Findings
from detection.params import DetectParams
from detection.schema import Verdict
from flows.area.outcome import State
from flows.area.product import find_product
from flows.area.reviews import read_reviews
from flows.cli import app
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from geo.errors import ConfigError
from geo.scene import Stack
from tests.flows.conftest import plain_detector

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
    result = CliRunner().invoke(app, ["review", *arguments, "--workspace", str(site.root)])
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
