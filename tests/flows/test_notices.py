"""Notices from a workspace that was run, to a real mail server and a real receiver on the loopback interface."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from sqlalchemy import insert, select
from typer.testing import CliRunner

from detection.life.history import Review
from detection.schema import Verdict
from flows.cli import app
from flows.notices.outbox import Outbox
from flows.notices.send import Clock, Post, collect, notify, outbox_path, send
from flows.runs.run import run_workspace
from flows.settings.workspace import Workspace
from flows.store import written
from outputs.store import tables
from outputs.store.reviews import add_reviews
from tests.standin.post import PASSWORD, USER, Hook, Mailbox, hook_server, mail_server

if TYPE_CHECKING:
    from tests.flows.conftest import Site

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

SECRET = "hook+word/0815=y"  # noqa: S105  # of no account
SECRET_NAME = "TEAM_HOOK_SECRET"  # noqa: S105  # the name of a variable
RUN_DAY = datetime(2048, 5, 20, 12, tzinfo=UTC)
"""A Wednesday, after the day on which the fixture was run, whenever that is."""


@dataclass(kw_only=True)
class Hands:
    """A clock that a test turns; what sleeps under it turns it on."""

    at: datetime = RUN_DAY
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)

    @property
    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, sleep=self.sleep, jitter=lambda: 0.0)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    monkeypatch.setenv(SECRET_NAME, SECRET)
    with hook_server() as served:
        yield served


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setenv("SITEWATCH_SMTP_USER", USER)
    monkeypatch.setenv("SITEWATCH_SMTP_PASSWORD", PASSWORD)
    with mail_server(tmp_path) as served:
        yield served


def subscribe(site: "Site", *subscriptions: Mapping[str, Any], head: str = "") -> Workspace:
    """Write the subscriptions; those without a name are called `team`."""
    lines = [head]
    for one in subscriptions:
        lines.append("[[subscription]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in ({"name": "team"} | dict(one)).items()]
    (site.root / "subscriptions.toml").write_text("\n".join(lines), encoding="utf-8")
    return Workspace.open(site.root)


def to_hook(hook: Hook, **more: object) -> dict[str, object]:
    return {"webhook": hook.url, "webhook_secret": SECRET_NAME, "age_days": 0, **more}


def by_mail(box: Mailbox, tmp_path: Path) -> str:
    return (
        f'[mail]\nhost = "127.0.0.1"\nport = {box.port}\nsender = "watch@example.org"\n'
        f'ca_file = "{tmp_path / "ca.pem"}"\ntimeout_s = 5.0\n'
    )


def bodies(hook: Hook) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in hook.taken]


def add_run(
    workspace: Workspace,
    at: datetime,
    *,
    moves: Sequence[tuple[str, str]] = (),
    looks: Mapping[str, date | None] | None = None,
) -> None:
    """Put a run into the store: moves of the one detection, from and to, and the last clear look of each area."""
    run_id = f"{at:%Y%m%dT%H%M%SZ}-made"
    with written(workspace) as store, store.writing() as connection:
        old = dict(connection.execute(select(tables.runs).order_by(tables.runs.c.started_at)).mappings().all()[-1])
        connection.execute(
            insert(tables.runs), old | {"run_id": run_id, "started_at": at, "recorded_at": at, "manifest_sha256": "0"}
        )
        rows = connection.execute(select(tables.coverage).where(tables.coverage.c.run_id == old["run_id"])).mappings()
        known = [dict(row) | {"run_id": run_id} for row in rows]
        for row in known:
            row["last_clear_look"] = (looks or {}).get(row["area_id"], at.date())
        connection.execute(insert(tables.coverage), known)
        name = connection.execute(select(tables.detections.c.detection_id)).scalars().one()
        count = len(connection.execute(select(tables.moves)).all())
        for number, (before, after) in enumerate(moves, start=count + 1):
            row = {"detection_id": name, "number": number, "area_id": "west", "on": at.date(), "run_id": run_id}
            connection.execute(
                insert(tables.moves), row | {"status_from": before, "status_to": after, "cause": "rejected by Ada: no"}
            )


def test_without_subscriptions_nothing_is_sent_nor_kept(ran: "Site") -> None:
    assert notify(Workspace.open(ran.root)) == ()
    assert not (ran.root / "notices").exists()


def test_a_run_tells_by_webhook_what_it_found_signed_and_once(ran: "Site", hook: Hook, hands: Hands) -> None:
    workspace = subscribe(ran, to_hook(hook))

    assert notify(workspace, hands.clock) == ()
    assert notify(workspace, hands.clock) == ()

    (told,) = bodies(hook)
    (one,) = told["happenings"]
    assert (one["kind"], one["area_id"], one["event"], one["status"]) == (
        "confirmed",
        "west",
        "construction",
        "confirmed",
    )
    assert "lon" not in one
    assert "detection_id" not in one
    assert hook.is_signed(0, SECRET)
    assert not hook.is_signed(0, "another")
    headers = hook.taken[0][0]
    assert headers["idempotency-key"] == told["id"]
    assert headers["x-sitewatch-timestamp"] == str(int(RUN_DAY.timestamp()))


def test_the_run_itself_calls_and_its_trouble_is_one_line_and_no_failure(site: "Site", hook: Hook) -> None:
    subscribe(site, to_hook(hook, age_days=45), head="patience_s = 0.0")
    hook.answers.append((503, {}, 0.0))

    report = run_workspace(site.root)

    assert report.exit_code == 0
    (line,) = report.troubles()
    assert line == "notices: 0 messages sent, 1 to be tried again: webhook at 127.0.0.1: answered 503"
    (told,) = bodies(hook)
    assert [one["kind"] for one in told["happenings"]] == ["confirmed", "data_age", "data_age"]


def test_wrong_subscriptions_do_not_fail_a_run_either(site: "Site") -> None:
    (site.root / "subscriptions.toml").write_text("[[subscription]]\nname = 'a b'\n", encoding="utf-8")

    report = run_workspace(site.root)

    assert report.exit_code == 0
    assert report.run_dir is not None
    assert len(report.troubles()) == 1
    assert "subscription.1.name" in report.troubles()[0]


def test_a_server_error_is_tried_again_under_the_same_key_and_only_the_timestamp_differs(
    ran: "Site", hook: Hook, hands: Hands
) -> None:
    hook.answers.extend([(500, {}, 0.0), (429, {"Retry-After": "7"}, 0.0), (200, {}, 0.0)])

    assert send(_post(ran, hands, to_hook(hook))).sent == 1

    keys = {headers["idempotency-key"] for headers, _ in hook.taken}
    assert len(keys) == 1
    assert len({body for _, body in hook.taken}) == 1
    assert hands.slept == pytest.approx([2.0, 7.0])
    assert all(hook.is_signed(index, SECRET) for index in range(3))
    assert _state(ran, "sent")[0].attempts == 3


def test_who_does_not_answer_in_time_is_asked_again(
    ran: "Site", hook: Hook, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.notices.deliver._ANSWER_S", 0.1)
    hook.answers.append((200, {}, 0.4))

    tally = send(_post(ran, hands, to_hook(hook)))

    assert (tally.sent, tally.reasons) == (1, ["webhook at 127.0.0.1: ReadTimeout"])
    assert hook.taken[0][0]["idempotency-key"] == hook.taken[1][0]["idempotency-key"]


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
def test_what_would_fail_again_is_a_dead_letter_at_once_until_it_is_retried(
    ran: "Site", hook: Hook, hands: Hands, status: int
) -> None:
    hook.answers.append((status, {"Location": "http://127.0.0.2/stolen"}, 0.0))

    assert send(_post(ran, hands, to_hook(hook))).dead == 1
    assert len(hook.taken) == 1
    assert send(_post(ran, hands, to_hook(hook))).sent == 0

    (dead,) = _state(ran, "dead")
    listed = _call(ran, "dead")
    assert (listed.exit_code, dead.message_id in listed.stdout, str(status) in listed.stdout) == (1, True, True)
    assert _call(ran, "retry", "nosuch").exit_code == 2
    assert _call(ran, "retry", dead.message_id).exit_code == 0
    assert bodies(hook)[1]["id"] == dead.message_id
    assert _call(ran, "dead").exit_code == 0


def test_after_the_last_try_a_message_is_put_aside(ran: "Site", hook: Hook, hands: Hands) -> None:
    hook.answers.extend([(500, {}, 0.0)] * 9)

    tally = send(_post(ran, hands, to_hook(hook), head="attempts = 4\npatience_s = 3600"))

    assert (tally.dead, len(hook.taken)) == (1, 4)
    assert hands.slept == pytest.approx([2.0, 4.0, 8.0])


def test_a_long_retry_after_outlasts_the_run_and_binds_the_next(ran: "Site", hook: Hook, hands: Hands) -> None:
    hook.answers.append((503, {"Retry-After": "3600"}, 0.0))
    post = _post(ran, hands, to_hook(hook))

    assert send(post).waiting == 1
    hands.at += timedelta(minutes=59)
    assert (send(post).waiting, len(hook.taken)) == (1, 1)
    hands.at += timedelta(minutes=2)
    assert send(post).sent == 1


def test_a_clock_that_was_set_back_neither_repeats_nor_loses(ran: "Site", hook: Hook, hands: Hands) -> None:
    workspace = subscribe(ran, to_hook(hook))
    hands.at = datetime(2061, 1, 1, tzinfo=UTC)
    hook.answers.append((503, {"Retry-After": "7200"}, 0.0))
    notify(workspace, hands.clock)

    hands.at = RUN_DAY
    notify(workspace, hands.clock)
    notify(workspace, hands.clock)

    assert len(hook.taken) == 2
    assert hook.taken[0][0]["idempotency-key"] == hook.taken[1][0]["idempotency-key"]


KILLED = """
import os, signal, sys
from pathlib import Path
import flows.notices.send as room
from flows.settings.workspace import Workspace
def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(room, sys.argv[2], killed)
room.notify(Workspace.open(Path(sys.argv[1])))
"""


@pytest.mark.parametrize("where", ["_deliver", "_wait_s", "summary"])
def test_a_process_that_is_killed_loses_nothing_and_the_next_sends_once(ran: "Site", hook: Hook, where: str) -> None:
    """Killed between taking note and sending, after a try that failed, and after the sending."""
    workspace = subscribe(ran, to_hook(hook))
    hook.answers.extend([(500, {}, 0.0)] if where != "_deliver" else [])
    first = {"_deliver": 0, "_wait_s": 1, "summary": 2}[where]

    done = subprocess.run([sys.executable, "-c", KILLED, str(ran.root), where], env=_environment(), check=False)

    assert done.returncode == -signal.SIGKILL
    assert len(hook.taken) == first
    notify(workspace, Hands(at=datetime.now(UTC) + timedelta(minutes=1)).clock)
    assert len(hook.taken) == max(first + (where != "summary"), 1)
    assert len({headers["idempotency-key"] for headers, _ in hook.taken}) == 1


def test_two_that_send_at_once_do_not_send_twice(ran: "Site", hook: Hook) -> None:
    workspace = subscribe(ran, to_hook(hook))
    hook.answers.extend([(200, {}, 0.2)] * 4)
    both = [threading.Thread(target=notify, args=(workspace,)) for _ in range(4)]

    for one in both:
        one.start()
    for one in both:
        one.join()

    assert len(hook.taken) == 1


def test_what_earlier_runs_found_is_not_told_to_a_new_subscription_and_nothing_is_left_out_later(
    ran: "Site", hook: Hook, hands: Hands
) -> None:
    workspace = Workspace.open(ran.root)
    add_run(workspace, RUN_DAY, moves=[("confirmed", "not_observable")])
    subscribe(ran, to_hook(hook))
    notify(workspace, hands.clock)
    add_run(workspace, RUN_DAY + timedelta(days=1), moves=[("not_observable", "confirmed")])
    add_run(workspace, RUN_DAY + timedelta(days=2), moves=[("confirmed", "closed")])
    hands.at += timedelta(days=3)
    notify(workspace, hands.clock)

    told = [[one["kind"] for one in body["happenings"]] for body in bodies(hook)]
    assert told == [["not_observable"], ["reopened", "closed"]]


def test_a_verdict_is_told_without_who_gave_it(ran: "Site", hook: Hook, hands: Hands) -> None:
    workspace = subscribe(ran, to_hook(hook, kinds=["verdict"], detail="full"))
    notify(workspace, hands.clock)
    with written(workspace) as store:
        with store.reading() as connection:
            name = connection.execute(select(tables.detections.c.detection_id)).scalars().one()
        review = Review(
            detection_id=name, verdict=Verdict.REJECTED, reviewer="Ada Lovelace", at=RUN_DAY, note="seen by our source"
        )
        add_reviews(store, [("west", review)])
    add_run(workspace, RUN_DAY, moves=[("confirmed", "rejected")])
    notify(workspace, hands.clock)

    (told,) = bodies(hook)
    (one,) = told["happenings"]
    assert (one["kind"], one["verdict"], one["detection_id"]) == ("verdict", "rejected", name)
    assert "Ada" not in hook.taken[0][1].decode()
    assert "source" not in hook.taken[0][1].decode()


def test_digests_over_a_year_hold_each_move_once_in_the_week_after_it(ran: "Site", hook: Hook, hands: Hands) -> None:
    workspace = subscribe(ran, to_hook(hook, when="weekly"))
    hands.at = datetime(2049, 1, 1, 3, tzinfo=UTC)
    moved: list[date] = []
    for day in range(365):
        hands.at = datetime(2049, 1, 1, 3, tzinfo=UTC) + timedelta(days=day)
        if day % 9 == 0:
            states = ("confirmed", "not_observable")
            before = states[len(moved) % 2]
            after = states[1 - len(moved) % 2]
            add_run(workspace, hands.at, moves=[(before, after)])
            moved.append(hands.at.date())
        if day % 4 == 0 and day not in range(100, 120):  # nobody was there for three weeks
            notify(workspace, hands.clock)
    hands.at += timedelta(days=8)
    notify(workspace, hands.clock)

    digests = bodies(hook)
    days = [date.fromisoformat(one["on"]) for body in digests for one in body["happenings"]]
    assert days == moved  # what the fixture's own run found is older than the newest run, and not told
    assert len({one["id"] for body in digests for one in body["happenings"]}) == len(moved)
    weeks = [date.fromisoformat(body["created_at"][:10]).isocalendar()[:2] for body in digests]
    assert len(set(weeks)) == len(weeks)  # no week has two digests
    for body, week in zip(digests, weeks, strict=True):
        for one in body["happenings"]:
            assert date.fromisoformat(one["on"]).isocalendar()[:2] < week


def test_a_digest_waits_for_its_week_even_if_the_clock_was_ahead(ran: "Site", hook: Hook, hands: Hands) -> None:
    workspace = subscribe(ran, to_hook(hook, when="weekly"))
    hands.at = datetime(2060, 1, 1, tzinfo=UTC)
    notify(workspace, hands.clock)
    hands.at = RUN_DAY
    notify(workspace, hands.clock)
    hands.at = datetime(2048, 5, 24, 23, 59, 59, tzinfo=UTC)
    notify(workspace, hands.clock)
    assert hook.taken == []
    hands.at = datetime(2048, 5, 25, tzinfo=UTC)
    notify(workspace, hands.clock)
    notify(workspace, hands.clock)
    assert [body["digest"] for body in bodies(hook)] == ["week"]


def test_data_age_is_warned_of_once_a_fortnight_and_ends_with_seen_again(ran: "Site", hook: Hook, hands: Hands) -> None:
    workspace = subscribe(ran, to_hook(hook, age_days=45, kinds=["data_age", "seen_again"], areas=["west"]))
    seen = RUN_DAY.date()
    add_run(workspace, RUN_DAY, looks={"west": seen, "east": date(2047, 1, 1)})
    for day in range(80):
        hands.at = RUN_DAY + timedelta(days=day)
        notify(workspace, hands.clock)
    add_run(workspace, hands.at, looks={"west": hands.at.date(), "east": date(2047, 1, 1)})
    notify(workspace, hands.clock)
    notify(workspace, hands.clock)

    told = [one for body in bodies(hook) for one in body["happenings"]]
    assert [one["kind"] for one in told] == ["data_age"] * 3 + ["seen_again"]
    assert [one.get("age_days") for one in told] == [46, 60, 74, 0]
    assert told[0]["last_clear_look"] == seen.isoformat()
    assert {one["area_id"] for one in told} == {"west"}


def test_mail_goes_over_tls_to_each_recipient_alone(ran: "Site", box: Mailbox, hands: Hands, tmp_path: Path) -> None:
    workspace = subscribe(
        ran,
        {"mail": ["a@example.org", "b@example.org"], "age_days": 0, "detail": "full"},
        head=by_mail(box, tmp_path),
    )

    assert notify(workspace, hands.clock) == ()

    assert sorted(to for _, to, _ in box.taken) == [["a@example.org"], ["b@example.org"]]
    assert all(box.was_secure)
    sender, (recipient,), mail = box.taken[0]
    assert (sender, mail["From"], mail["To"]) == ("watch@example.org", "watch@example.org", recipient)
    assert mail["Subject"] == "Sitewatch: 1 notice"
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert "Construction, confirmed" in text.get_content()
    assert "latitude 45." in text.get_content()
    for fetched in ("src=", "http", "<img", "<link", "<script", "url("):
        assert fetched not in page.get_content()


def test_a_mail_server_that_refuses_for_now_is_asked_again_and_one_that_refuses_for_good_is_not(
    ran: "Site", box: Mailbox, hands: Hands, tmp_path: Path
) -> None:
    box.refuse_with.extend(["451 later", "550 never"])

    tally = send(_post(ran, hands, {"mail": ["a@example.org"], "age_days": 0}, head=by_mail(box, tmp_path)))

    assert (tally.sent, tally.dead) == (0, 1)
    assert tally.reasons == ["mail server 127.0.0.1: refused (451)", "mail server 127.0.0.1: refused (550)"]
    assert _call(ran, "retry").exit_code == 0
    assert len(box.taken) == 1


def test_a_server_whose_certificate_is_not_trusted_gets_neither_mail_nor_password(
    ran: "Site", box: Mailbox, hands: Hands, tmp_path: Path
) -> None:
    head = by_mail(box, tmp_path).replace(f'ca_file = "{tmp_path / "ca.pem"}"\n', "")

    tally = send(_post(ran, hands, {"mail": ["a@example.org"], "age_days": 0}, head=f"patience_s = 0\n{head}"))

    assert (tally.waiting, box.taken) == (1, [])
    assert tally.reasons == ["mail server 127.0.0.1: its TLS is wrong or its certificate is not trusted"]


def test_who_was_taken_off_the_list_gets_nothing_that_was_waiting(
    ran: "Site", box: Mailbox, hands: Hands, tmp_path: Path
) -> None:
    head = by_mail(box, tmp_path)
    post = _post(ran, hands, {"mail": ["a@example.org", "b@example.org"], "age_days": 0}, head=head)
    with Outbox.open(post.outbox_path) as outbox:
        collect(post, outbox)

    tally = send(_post(ran, hands, {"mail": ["b@example.org"], "age_days": 0}, head=head))

    assert (tally.sent, tally.withdrawn) == (1, 1)
    assert [to for _, to, _ in box.taken] == [["b@example.org"]]


def test_no_secret_is_in_the_outbox_the_logs_or_what_is_said(
    ran: "Site", hook: Hook, hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = "token-in-the-path-9x9"  # noqa: S105  # of nobody
    hook.answers.extend([(500, {}, 0.0), (410, {}, 0.0)])
    said = notify(subscribe(ran, to_hook(hook) | {"webhook": f"{hook.url}/{token}"}), hands.clock)
    listed = _call(ran, "dead").output

    kept = b"".join(path.read_bytes() for path in (ran.root / "notices").rglob("*") if path.is_file())
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    for text in (*said, listed, kept.decode("latin-1"), logged):
        assert SECRET not in text
        assert token not in text
    assert (ran.root / "notices" / "outbox.sqlite").stat().st_mode & 0o077 == 0


def test_a_missing_secret_makes_a_message_wait_and_counts_as_no_try(
    ran: "Site", hook: Hook, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_NAME)
    post = _post(ran, hands, to_hook(hook), head="attempts = 1")

    tally = send(post)
    assert (tally.waiting, tally.dead, hook.taken) == (1, 0, [])
    assert SECRET_NAME in tally.reasons[0]
    monkeypatch.setenv(SECRET_NAME, SECRET)
    assert send(post).sent == 1


def test_secrets_come_from_a_file_outside_that_nobody_else_reads(
    ran: "Site", hook: Hook, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SECRET_NAME)
    path, inside = ran.root.parent / "secrets.env", ran.root / "secrets.env"
    for one in (path, inside):
        one.write_text(f"# of the team\n{SECRET_NAME}={SECRET}\n", encoding="utf-8")
        one.chmod(0o640)

    assert (
        "others may read it"
        in send(_post(ran, hands, to_hook(hook), head='secrets_file = "../secrets.env"')).reasons[0]
    )
    path.chmod(0o600)
    inside.chmod(0o600)
    tally = send(_post(ran, hands, to_hook(hook), head='secrets_file = "secrets.env"'))
    assert "outside the workspace" in tally.reasons[0]
    assert send(_post(ran, hands, to_hook(hook), head='secrets_file = "../secrets.env"')).sent == 1
    assert hook.is_signed(0, SECRET)


def test_feeds_are_files_whose_ids_stay(ran: "Site", hands: Hands) -> None:
    workspace = subscribe(ran, {"feed": ["atom", "rss"], "age_days": 0})
    assert notify(workspace, hands.clock) == ()
    before = _ids(ran)
    add_run(workspace, RUN_DAY, moves=[("confirmed", "closed")])
    hands.at += timedelta(days=1)
    notify(workspace, hands.clock)

    assert len(before) == 1
    assert _ids(ran)[1:] == before
    (ran.root / "notices" / "team.atom.xml").unlink()
    assert _call(ran, "feed").exit_code == 0
    assert _ids(ran)[1:] == before
    assert not list((ran.root / "notices").glob(".*"))


def test_check_says_what_would_go_and_sends_and_keeps_nothing(ran: "Site", hook: Hook) -> None:
    subscribe(ran, to_hook(hook), to_hook(hook) | {"name": "weekly", "when": "weekly", "detail": "none"})

    said = _call(ran, "check")

    assert said.exit_code == 0
    assert "team -> webhook\n  The west (west): Construction, confirmed" in said.stdout
    assert "weekly: 1 happening in the digest of " in said.stdout
    assert hook.taken == []
    assert not outbox_path(Workspace.open(ran.root)).exists()
    assert _call(ran, "send").exit_code == 0
    assert len(hook.taken) == 1
    assert "nothing would be sent now" in _call(ran, "check").stdout


@pytest.mark.parametrize("command", ["check", "send", "dead", "feed"])
def test_commands_without_subscriptions_make_nothing(ran: "Site", command: str) -> None:
    assert _call(ran, command).exit_code == 0
    assert not (ran.root / "notices").exists()


BAD: dict[str, tuple[dict[str, object], str]] = {
    "http elsewhere": ({"webhook": "http://example.org/x", "webhook_secret": "A"}, "https"),
    "password in the address": ({"webhook": "https://u:pw-4711@example.org/", "webhook_secret": "A"}, "password"),
    "a host that only looks local": ({"webhook": "http://127.0.0.1.example.org/", "webhook_secret": "A"}, "https"),
    "line in an address": ({"mail": ["a@example.org\nBcc: b@example.org"]}, "mail"),
    "line at its end": ({"mail": ["a@example.org\n"]}, "mail"),
    "two in one": ({"mail": ["a@example.org,b@example.org"]}, "mail"),
    "no secret": ({"webhook": "https://example.org/"}, "webhook_secret"),
    "no way": ({}, "at least one"),
    "path for a name": ({"name": "../x", "feed": ["atom"]}, "name"),
    "unknown kind": ({"kinds": ["moved"], "feed": ["atom"]}, "kinds"),
    "unknown key": ({"feed": ["atom"], "colour": "red"}, "colour"),
    "mail without a server": ({"mail": ["a@example.org"]}, "[mail]"),
}


@pytest.mark.parametrize(("given", "word"), BAD.values(), ids=BAD)
def test_subscriptions_that_are_wrong_are_refused_in_one_line(
    ran: "Site", given: Mapping[str, object], word: str
) -> None:
    mail = '[mail]\nhost = "127.0.0.1"\nsender = "w@example.org"\n' if word != "[mail]" else ""
    subscribe(ran, given, head=mail)

    said = _call(ran, "send")

    assert said.exit_code == 2
    assert said.stderr.count("\n") == 1
    assert word in said.stderr
    assert "pw-4711" not in said.stderr


def _post(site: "Site", hands: Hands, *subscriptions: Mapping[str, Any], head: str = "") -> Post:
    post = Post.open(subscribe(site, *subscriptions, head=head), hands.clock)
    assert post is not None
    return post


def _call(site: "Site", *arguments: str) -> Any:  # noqa: ANN401  # click's result has no exported type
    return CliRunner().invoke(app, ["-w", str(site.root), "notices", *arguments])


def _state(site: "Site", state: str) -> list[Any]:
    with Outbox.open(outbox_path(Workspace.open(site.root))) as outbox:
        return list(outbox.messages(state))


def _ids(site: "Site") -> list[str]:
    """Return the ids of the entries; both feeds have the same."""
    folder = site.root / "notices"
    space = "{http://www.w3.org/2005/Atom}"
    entries = ET.parse(folder / "team.atom.xml").getroot().findall(f"{space}entry/{space}id")  # noqa: S314  # own file
    items = ET.parse(folder / "team.rss.xml").getroot().findall("channel/item/guid")  # noqa: S314  # own file
    assert [one.text for one in entries] == [one.text for one in items]
    return [str(one.text) for one in entries]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
