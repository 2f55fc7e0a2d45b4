"""Tell what is new: take note of it, make messages of what is due, deliver them, and try again what failed."""

import fcntl
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.notices.deliver import SENT, Attempt, Tally, send_mail, send_webhook, write_feeds
from flows.notices.gather import enqueue
from flows.notices.outbox import Outbox, Waiting
from flows.notices.subscriptions import Secrets, Subscription, Subscriptions, read_subscriptions
from flows.settings.workspace import Workspace, writing
from flows.show import plural
from flows.store import opened
from geo.errors import ConfigError, OutputError, SitewatchError
from outputs.notices.choose import due_at
from outputs.notices.feeds import Feed
from outputs.notices.texts import Message
from outputs.notices.webhook import Fate

logger = logging.getLogger(__name__)

FOLDER = "notices"
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 6 * 3600.0
_MOST_ASKED_S = 24 * 3600.0
"""A longer Retry-After is cut to this, and a wait that is longer comes from a clock that was set back."""
_LOCK_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What time it is, and how to wait."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    """Aware, UTC."""
    sleep: Callable[[float], None] = time.sleep
    """In seconds."""
    jitter: Callable[[], float] = random.SystemRandom().random
    """0-1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """All that a delivery needs to know."""

    workspace: Workspace
    subscriptions: Subscriptions
    secrets: Secrets
    clock: Clock

    @classmethod
    def open(cls, workspace: Workspace, clock: Clock | None = None) -> "Post | None":
        """Return it; None where nobody subscribed.

        Raises:
            ConfigError: The subscriptions are wrong.

        """
        found = read_subscriptions(workspace)
        if found is None:
            return None
        return cls(workspace=workspace, subscriptions=found, secrets=Secrets(workspace, found), clock=clock or Clock())

    @property
    def folder(self) -> Path:
        """Where the outbox and the feeds are."""
        return self.workspace.root / FOLDER

    @property
    def outbox_path(self) -> Path:
        """The outbox's file."""
        return outbox_path(self.workspace)


def outbox_path(workspace: Workspace) -> Path:
    """Return where the outbox of a workspace is, or would be."""
    return workspace.root / FOLDER / "outbox.sqlite"


def notify(workspace: Workspace, clock: Clock | None = None) -> tuple[str, ...]:
    """Tell what a run found to who asked for it; return what went wrong, a line each. A run never fails by it.

    Without subscriptions nothing is read, written or sent.
    """
    try:
        post = Post.open(workspace, clock)
        tally = Tally() if post is None else send(post)
    except SitewatchError as error:
        return (_one_line(f"notices: {error}"),)
    except Exception as error:  # whatever it is, the run is done and its results stand
        logger.exception("notices")
        return (_one_line(f"notices: unexpected {type(error).__name__}"),)
    return (_one_line(f"notices: {summary(tally)}"),) if tally.reasons else ()


def send(post: Post) -> Tally:
    """Take note of what is new, and deliver what is due; return what came of it.

    Raises:
        StateError, OutputError: The store or the outbox cannot be used; nothing is lost.

    """
    with Outbox.open(post.outbox_path) as outbox:
        collect(post, outbox)
        with _alone(post.folder, post.clock):
            tally = _deliver(post, outbox)
            with outbox.writing():
                outbox.clear(post.clock.now())
    return tally


def collect(post: Post, outbox: Outbox) -> None:
    """Put what is new into the outbox, and make messages of what is due."""
    now = post.clock.now()
    with opened(post.workspace, is_written=False) as store:
        if store is not None:
            enqueue(outbox, store, post.subscriptions, now)
    with outbox.writing():
        for one in post.subscriptions.subscription:
            is_weekly = one.wanted.is_weekly
            outbox.put_forward(one.name, due_at(now, is_weekly=is_weekly))
            outbox.compose(one.name, one.targets, now=now, is_weekly=is_weekly)


def summary(tally: Tally) -> str:
    """Say in one line what came of it."""
    parts = [f"{plural(tally.sent, 'message')} sent"]
    parts += [f"{tally.waiting} to be tried again"] if tally.waiting else []
    parts += [f"{plural(tally.dead, 'dead letter')} (`sitewatch notices dead`)"] if tally.dead else []
    parts += [f"{tally.withdrawn} withdrawn, for nobody asks for them now"] if tally.withdrawn else []
    return ", ".join(parts) + (f": {'; '.join(tally.reasons)}" if tally.reasons else "")


def message_of(waiting: Waiting, outbox: Outbox, to: Subscription) -> Message:
    """Return the message in the detail that its subscription asks for now."""
    return Message(
        message_id=waiting.message_id,
        subscription=waiting.subscription,
        created_at=waiting.created_at,
        is_weekly=waiting.is_weekly,
        detail=to.detail,
        happenings=outbox.happenings(waiting.batch),
    )


def write_all_feeds(post: Post, outbox: Outbox) -> list[Path]:
    """Write the feeds of all subscriptions that have one; return their files.

    Raises:
        OutputError: The disk does not take them.

    """
    return [path for one in post.subscriptions.subscription if one.feed for path in _write_feed(post, outbox, one)]


@contextmanager
def _alone(folder: Path, clock: Clock) -> Iterator[None]:
    """Let one process deliver at a time; the lock goes with the process.

    Raises:
        OutputError: Another does so and does not end; it, or the next, delivers what waits.

    """
    with writing(folder), (folder / "lock").open("a") as file:
        waited_s = 0.0
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if waited_s >= _LOCK_S:
                    raise OutputError(f"{folder}: another process is sending; what waits is sent later") from None
                clock.sleep(0.2)
                waited_s += 0.2
        yield


def _deliver(post: Post, outbox: Outbox) -> Tally:
    """Try each message that may be tried; wait for second tries as long as patience lasts."""
    tally, patience_s = Tally(), post.subscriptions.patience_s
    hindered: set[str] = set()
    while True:
        for waiting in outbox.messages("pending"):
            if _may_try(waiting, post.clock.now()) and waiting.message_id not in hindered:
                hindered |= _try(post, outbox, waiting, tally)
        pending = outbox.messages("pending")
        tally.waiting = len(pending)
        left = [one for one in pending if one.message_id not in hindered]
        wait_s = min(((one.not_before - post.clock.now()).total_seconds() for one in left), default=0.0)
        if not left or wait_s > patience_s:
            return tally
        post.clock.sleep(max(wait_s, 0.05))
        patience_s -= max(wait_s, 0.05)


def _may_try(waiting: Waiting, now: datetime) -> bool:
    return waiting.not_before <= now or waiting.not_before > now + timedelta(seconds=_MOST_ASKED_S)


def _try(post: Post, outbox: Outbox, waiting: Waiting, tally: Tally) -> set[str]:
    """Make one attempt, and keep what came of it; return the message's id where something is missing on this side."""
    to = post.subscriptions.named(waiting.subscription)
    now = post.clock.now()
    if to is None or waiting.target not in to.targets:
        outbox.mark(waiting.message_id, "withdrawn", now=now, reason="nobody asks for it now")
        tally.withdrawn += 1
        return set()
    attempt = _attempt(post, outbox, waiting, to)
    tally.because(attempt.reason)
    is_last = attempt.is_counted and waiting.attempts + 1 >= post.subscriptions.attempts
    if attempt.fate is Fate.SENT:
        outbox.mark(waiting.message_id, "sent", now=now)
        tally.sent += 1
    elif attempt.fate is Fate.DEAD or is_last:
        outbox.mark(waiting.message_id, "dead", now=now, reason=attempt.reason)
        tally.dead += 1
    else:
        until = post.clock.now() + timedelta(seconds=_wait_s(waiting.attempts, attempt, post.clock))
        outbox.put_off(waiting.message_id, until=until, reason=attempt.reason, is_attempt=attempt.is_counted)
    return set() if attempt.is_counted else {waiting.message_id}


def _wait_s(attempts: int, attempt: Attempt, clock: Clock) -> float:
    """Return how long to wait: twice as long each time, by chance up to half less; never less than is asked for."""
    if not attempt.is_counted:
        return 0.0
    own = min(_FIRST_WAIT_S * 2.0**attempts, _LONGEST_WAIT_S) * (1 - clock.jitter() / 2)
    return max(own, min(attempt.wait_s, _MOST_ASKED_S))


def _attempt(post: Post, outbox: Outbox, waiting: Waiting, to: Subscription) -> Attempt:
    """Deliver by the message's way. What is missing on this side is no failed try: the message waits for it."""
    kind, _, address = waiting.target.partition(":")
    try:
        if kind == "feed":
            _write_feed(post, outbox, to)
            return SENT
        message = message_of(waiting, outbox, to)
        if kind == "webhook":
            return send_webhook(message, to, secrets=post.secrets, now=post.clock.now())
        if post.subscriptions.mail is None:
            raise ConfigError("the section [mail] is missing")
        return send_mail(message, address, post.subscriptions.mail, secrets=post.secrets, root=post.workspace.root)
    except SitewatchError as error:
        return Attempt(fate=Fate.AGAIN, reason=str(error), is_counted=False)


def _write_feed(post: Post, outbox: Outbox, to: Subscription) -> list[Path]:
    feed = Feed(
        name=to.name,
        authority=post.subscriptions.feed_authority,
        workspace=outbox.fact("workspace"),
        made_at=datetime.fromisoformat(outbox.fact("made_at")),
    )
    messages = [message_of(one, outbox, to) for one in outbox.feed(to.name)]
    return write_feeds(post.folder, feed, messages, kinds=to.feed)


def _one_line(text: str) -> str:
    return " ".join(text.split())
