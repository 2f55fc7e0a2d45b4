"""The reviewer's pages, asked without a browser: who may use them, what they tell, what they store."""

import json
import re
from typing import Any

import pytest
import shapely
from starlette.testclient import TestClient

from detection.schema import Event, Verdict
from outputs.review.server.access import MOST_BYTES, Readers, cookie_name
from outputs.review.server.app import decision_of, review_app
from outputs.review.server.desk import Desk
from outputs.serving.address import Address
from outputs.store import Store, stored_reviews

HERE = Address(host="127.0.0.1", port=8750)
HOSTILE = "<script>alert(1)</script>"


def client_of(app: Any, readers: Readers | None = None, name: str = "Anna") -> TestClient:  # noqa: ANN401  # an ASGI application
    client = TestClient(app, base_url=HERE.url, follow_redirects=False)
    if readers is not None:
        answer = client.get(readers.login_urls(HERE)[name].removeprefix(HERE.url))
        assert answer.status_code == 303
    return client


@pytest.fixture
def anna(app: Any, readers: Readers) -> TestClient:  # noqa: ANN401  # an ASGI application
    return client_of(app, readers, "Anna")


@pytest.fixture
def ben(app: Any, readers: Readers) -> TestClient:  # noqa: ANN401  # an ASGI application
    return client_of(app, readers, "Ben")


def sent(client: TestClient, name: str, verdict: str = "confirmed", **others: object) -> Any:  # noqa: ANN401  # a response
    page = client.get(f"/detections/{name}").text
    mark = re.search(r'data-mark="([0-9a-f]+)"', page)
    assert mark is not None
    content = {"detection_id": name, "base_version": mark[1], "verdict": verdict, "note": "", **others}
    return client.post("/verdicts", json=content)


# ---- who may use it


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/detections/home-01",
        "/agreement",
        "/tiles/home/before/15/1/1.png",
        "/pictures/a.png",
        "/colours.css",
        "/no",
    ],
)
def test_without_a_token_nothing_is_told(app: Any, path: str) -> None:  # noqa: ANN401  # an ASGI application
    answer = client_of(app).get(path)
    assert answer.status_code == 401
    assert "home" not in answer.text.lower()


@pytest.mark.parametrize("path", ["/verdicts", "/undo"])
def test_without_a_token_nothing_is_stored(app: Any, review_store: Store, path: str) -> None:  # noqa: ANN401  # an ASGI application
    assert client_of(app).post(path, json={"detection_id": "home-01"}).status_code == 401
    assert stored_reviews(review_store) == {}


@pytest.mark.parametrize("token", ["", "x", "ü" * 43, "A" * 5000])
def test_a_wrong_token_logs_nobody_in(app: Any, token: str) -> None:  # noqa: ANN401  # an ASGI application
    client = client_of(app)
    answer = client.get("/login", params={"token": token})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_forged_cookie_is_refused(app: Any) -> None:  # noqa: ANN401  # an ASGI application
    client = client_of(app)
    client.cookies.set(cookie_name(HERE.port), "forged")
    assert client.get("/").status_code == 401


def test_the_cookie_is_for_this_site_alone_and_out_of_reach_of_scripts(app: Any, readers: Readers) -> None:  # noqa: ANN401  # an ASGI application
    answer = client_of(app).get(readers.login_urls(HERE)["Anna"].removeprefix(HERE.url))
    attributes = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert answer.headers["location"] == "/"


def test_each_reader_has_a_token_of_their_own_that_nobody_guesses() -> None:
    readers = Readers.make(["Anna", "Ben", "Anna"])
    assert readers.names == ("Anna", "Ben")
    assert len(set(readers.tokens)) == 2
    assert all(len(token) >= 43 for token in readers.tokens)
    assert set(readers.tokens).isdisjoint(Readers.make(["Anna", "Ben"]).tokens)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8750", "127.0.0.1", "127.0.0.1:8751", "127.0.0.1.evil.example:8750"]
)
def test_another_host_name_is_refused_even_with_a_token(anna: TestClient, host: str) -> None:
    assert anna.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:8750", "localhost:8750", "LOCALHOST:8750", "[::1]:8750"])
def test_the_names_of_this_machine_are_answered(anna: TestClient, host: str) -> None:
    assert anna.get("/static/review.css", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
    ],
    ids=str,
)
def test_what_another_page_sends_is_not_stored(anna: TestClient, review_store: Store, headers: dict[str, str]) -> None:
    body = json.dumps({"detection_id": "home-01", "base_version": "x", "verdict": "confirmed"})
    answer = anna.post("/verdicts", content=body, headers={"content-type": "application/json", **headers})
    assert answer.status_code == 403
    assert stored_reviews(review_store) == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(anna: TestClient, method: str) -> None:
    assert anna.request(method, "/verdicts").status_code == 405


@pytest.mark.parametrize("path", ["/", "/login", "/static/review.js", "/detections/home-01", "/no"])
def test_every_answer_forbids_what_comes_from_elsewhere(anna: TestClient, path: str) -> None:
    headers = anna.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy.pop("default-src") == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/detections/home-00", "/agreement"])
def test_pages_name_no_foreign_host_and_hold_no_program(anna: TestClient, path: str) -> None:
    page = anna.get(path).text
    assert "://" not in page
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/..%2f..%2fstore.png",
        "/pictures/%2e%2e.png",
        "/static/..%2fapp.py",
        "/static/%2e%2e/app.py",
        "/rasters/before.png",
    ],
)
def test_no_path_leads_out_of_the_pictures(anna: TestClient, path: str) -> None:
    assert anna.get(path).status_code == 404


# ---- what is told


def test_hostile_names_are_shown_and_not_executed(anna: TestClient) -> None:
    for path in ("/", "/detections/home-00"):
        page = anna.get(path).text
        assert HOSTILE not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Roofs in rows &lt;b&gt;closed&lt;/b&gt;" in anna.get("/detections/home-00").text


def test_a_note_of_another_reader_is_escaped(anna: TestClient, ben: TestClient) -> None:
    sent(ben, "home-02", note=HOSTILE)
    sent(anna, "home-02")
    page = anna.get("/detections/home-02").text
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_a_detection_that_is_not_there_is_said_to_be_missing(anna: TestClient) -> None:
    answer = anna.get("/detections/%3Cscript%3E")
    assert answer.status_code == 404
    assert "<script>" not in answer.text


def test_the_page_tells_measures_reasons_coverage_and_history(anna: TestClient) -> None:
    page = anna.get("/detections/home-03").text
    for said in (
        "1.0 ha",
        "3 before, 11 after",
        "brightness step",
        "speaks",
        "9 of 12",
        "2017-06-10: cloud",
        "12 clear looks",
    ):
        assert said.lower() in page.lower()


def test_the_queue_has_the_most_worth_first_and_only_what_waits(anna: TestClient) -> None:
    def waiting() -> list[str]:
        table = anna.get("/").text.partition("Decided by you")[0]
        return re.findall(r'href="/detections/([^"]+)"', table)

    before = waiting()
    assert len(set(before)) == 24
    assert before[0] == "home-00"  # as likely as not, and beside a known place
    sent(anna, "home-00")
    assert "home-00" not in waiting()
    assert "Decided by you" in anna.get("/").text


# ---- what is stored


def test_a_verdict_is_stored_at_once_with_all_that_was_said(anna: TestClient, review_store: Store) -> None:
    square = shapely.box(88.24, 43.42, 88.241, 43.421)
    answer = sent(
        anna,
        "home-04",
        "confirmed",
        note="  roofs  ",
        event="expansion",
        outline=json.loads(shapely.to_geojson(square)),
    )
    assert answer.status_code == 200
    (review,) = stored_reviews(review_store)["home"]
    assert (review.detection_id, review.verdict, review.reviewer) == ("home-04", Verdict.CONFIRMED, "Anna")
    assert (review.note, review.event) == ("roofs", Event.EXPANSION)
    assert review.outline_4326 is not None
    assert review.outline_4326.equals(square)


def test_after_a_verdict_comes_the_next_that_waits(anna: TestClient) -> None:
    order = re.findall(r'href="/detections/([^"]+)"', anna.get("/").text)[1:]  # the first link starts
    assert sent(anna, order[0]).json()["next"] == f"/detections/{order[1]}?after={order[0]}"
    assert sent(anna, order[5]).json()["next"] == f"/detections/{order[6]}?after={order[5]}"
    assert f"for {order[5]}" in anna.get(f"/detections/{order[6]}?after={order[5]}").text


def test_who_has_decided_on_all_is_led_back_to_the_queue(anna: TestClient, desk: Desk) -> None:
    *most, last = [one.row["detection_id"] for one in desk.queue("Anna")]
    for name in most:
        sent(anna, name, "unsure")
    assert sent(anna, last).json()["next"] == "/"
    assert "nothing to look at" in anna.get("/").text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": None}, "verdict"),
        ({"event": "war"}, "event"),
        ({"note": "x" * 2001}, "note"),
        ({"note": 7}, "note"),
        ({"outline": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}, "outline"),
        ({"outline": {"type": "Point", "coordinates": [0, 0]}}, "outline"),
        ({"outline": "POLYGON"}, "outline"),
        ({"base_version": ""}, "base_version"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_is_refused_and_named(
    anna: TestClient, review_store: Store, wrong: dict[str, object], said: str
) -> None:
    content = {"detection_id": "home-01", "base_version": "0" * 16, "verdict": "confirmed", **wrong}
    answer = anna.post("/verdicts", json=content)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert stored_reviews(review_store) == {}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b" " * (MOST_BYTES + 1)], ids=["none", "list", "half", "text", "long"]
)
@pytest.mark.parametrize("path", ["/verdicts", "/undo"])
def test_what_is_no_json_object_is_refused(anna: TestClient, path: str, body: bytes) -> None:
    assert anna.post(path, content=body, headers={"content-type": "application/json"}).status_code == 400


@pytest.mark.parametrize(("name", "mark"), [("home-01", "0" * 16), ("nobody", "0" * 16)], ids=["never so", "unknown"])
def test_a_verdict_on_what_is_not_so_is_refused(anna: TestClient, review_store: Store, name: str, mark: str) -> None:
    answer = anna.post("/verdicts", json={"detection_id": name, "base_version": mark, "verdict": "confirmed"})
    assert answer.status_code == 409
    assert stored_reviews(review_store) == {}


def test_taking_back_gives_the_verdict_before_again(anna: TestClient, review_store: Store) -> None:
    sent(anna, "home-05", "rejected", note="shadow")
    sent(anna, "home-05", "confirmed", note="slip")
    assert anna.post("/undo", json={"detection_id": "home-05"}).json() == {"next": "/detections/home-05"}
    given = stored_reviews(review_store)["home"]
    assert [(one.verdict, one.note) for one in given][-1] == (Verdict.REJECTED, "shadow")
    assert len(given) == 3  # nothing is ever deleted


def test_taking_back_the_only_verdict_leaves_the_reader_unsure(anna: TestClient, review_store: Store) -> None:
    sent(anna, "home-05", "confirmed", event="expansion")
    assert anna.post("/undo", json={"detection_id": "home-05"}).status_code == 200
    last = stored_reviews(review_store)["home"][-1]
    assert (last.verdict, last.note, last.event) == (Verdict.UNSURE, "taken back", None)


def test_nobody_takes_back_what_another_said(anna: TestClient, ben: TestClient, review_store: Store) -> None:
    sent(anna, "home-05")
    assert ben.post("/undo", json={"detection_id": "home-05"}).status_code == 409
    assert len(stored_reviews(review_store)["home"]) == 1


# ---- two readers


def test_readers_are_blind_until_both_have_decided(anna: TestClient, ben: TestClient) -> None:
    sent(anna, "home-06", "rejected", note="only a field")
    page = ben.get("/detections/home-06").text
    assert "Anna" not in page
    assert "only a field" not in page
    assert "Told after your verdict" in page
    assert "home-06" in ben.get("/").text
    sent(ben, "home-06", "confirmed", note="roofs")
    for reader, other, note in ((ben, "Anna", "only a field"), (anna, "Ben", "roofs")):
        page = reader.get("/detections/home-06").text
        assert other in page
        assert note in page


def test_agreement_is_told_as_kappa_and_differences_only_to_who_has_decided(
    desk: Desk, anna: TestClient, ben: TestClient
) -> None:
    assert "No detection has verdicts of two readers" in anna.get("/agreement").text
    said = ("confirmed", "confirmed", "rejected", "rejected")
    other = ("confirmed", "confirmed", "rejected", "confirmed")
    for number, (one, two) in enumerate(zip(said, other, strict=True)):
        sent(anna, f"home-{number:02d}", one)
        sent(ben, f"home-{number:02d}", two)
    page = anna.get("/agreement").text
    assert ">4<" in page
    assert ">3<" in page
    assert "0.50 (" in page  # observed 3/4, by chance (2*3 + 2*1)/16 = 1/2: (0.75 - 0.5) / 0.5
    assert "/detections/home-03" in page
    third = Readers.make(["Cleo"])
    cleo = client_of(review_app(desk, third, HERE, credit=str), third, "Cleo")
    page = cleo.get("/agreement").text
    assert "home-03" not in page
    assert "1 more" in page


def test_a_decision_is_read_as_it_was_sent() -> None:
    found = decision_of({"detection_id": "a", "base_version": "b", "verdict": "unsure", "note": None, "event": ""})
    assert (found.verdict, found.note, found.event, found.outline_4326) == (Verdict.UNSURE, "", None, None)
