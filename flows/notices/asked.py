"""What the commands of `sitewatch notices` do: look without sending, send, list and send again what failed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows.notices.outbox import Outbox, Waiting
from flows.notices.send import Clock, Post, collect, message_of, outbox_path, send, summary, write_all_feeds
from flows.notices.subscriptions import SUBSCRIPTIONS_NAME
from flows.settings.workspace import Workspace
from flows.show import Show, plural
from geo.errors import ConfigError
from outputs.notices.texts import lines

_NOBODY = f"nobody subscribed: there is no {SUBSCRIPTIONS_NAME}, or no [[subscription]] in it; nothing is ever sent"


def check_notices(root: Path, show: Show, clock: Clock | None = None) -> int:
    """Say what would go to whom now, and what waits for its week; send and keep nothing.

    Raises:
        ConfigError, StateError, OutputError: The subscriptions are wrong, or the store cannot be read.

    """
    post = Post.open(Workspace.open(root), clock)
    if post is None:
        show.document({"subscriptions": 0, "messages": [], "later": []})
        show.say(_NOBODY)
        return 0
    with TemporaryDirectory() as beside:
        copy = Path(beside) / "outbox.sqlite"
        if post.outbox_path.exists():
            with Outbox.open(post.outbox_path) as outbox:
                outbox.copy_to(copy)
        with Outbox.open(copy) as outbox:
            collect(post, outbox)
            _show_waiting(post, outbox, show)
    return 0


def send_notices(root: Path, show: Show, clock: Clock | None = None) -> int:
    """Deliver what is due; return 0 if all of it was, else 1."""
    post = Post.open(Workspace.open(root), clock)
    if post is None:
        show.document({"sent": 0, "waiting": 0, "dead": 0, "withdrawn": 0, "reasons": []})
        show.say(_NOBODY)
        return 0
    tally = send(post)
    show.document(
        {
            "sent": tally.sent,
            "waiting": tally.waiting,
            "dead": tally.dead,
            "withdrawn": tally.withdrawn,
            "reasons": tally.reasons,
        }
    )
    if tally.reasons:
        show.trouble(f"notices: {summary(tally)}")
    else:
        show.say(summary(tally))
    return int(bool(tally.waiting or tally.dead))


def list_dead(root: Path, show: Show) -> int:
    """List the dead letters; return 1 if there are any."""
    workspace = Workspace.open(root)
    dead = _dead(workspace)
    show.document({"dead": [_as_json(one) for one in dead]})
    for one in dead:
        show.say(
            f"{one.message_id}  {one.created_at:%Y-%m-%d %H:%M}  {one.subscription}  {one.target}  "
            f"{plural(one.attempts, 'try').replace('trys', 'tries')}: {one.reason}"
        )
    show.say(f"{plural(len(dead), 'dead letter')}")
    return int(bool(dead))


def retry_dead(root: Path, message_ids: list[str], show: Show, clock: Clock | None = None) -> int:
    """Send dead letters again, those named or all; return 0 if all were delivered, else 1.

    Raises:
        ConfigError: There is no such dead letter, or nobody subscribed.

    """
    workspace = Workspace.open(root)
    dead = _dead(workspace)
    known = {one.message_id for one in dead}
    missing = [name for name in message_ids if name not in known]
    if missing:
        raise ConfigError(f"no dead letter {missing[0]}; `sitewatch notices dead` lists them")
    post = Post.open(workspace, clock)
    if post is None:
        raise ConfigError(_NOBODY)
    with Outbox.open(post.outbox_path) as outbox, outbox.writing():
        for one in dead:
            if not message_ids or one.message_id in message_ids:
                outbox.mark(one.message_id, "pending", now=post.clock.now())
    return send_notices(root, show, clock)


def write_feed_files(root: Path, show: Show) -> int:
    """Write the feeds anew from what was told; send nothing."""
    post = Post.open(Workspace.open(root))
    if post is None:
        show.document({"feeds": []})
        show.say(_NOBODY)
        return 0
    with Outbox.open(post.outbox_path) as outbox:
        paths = write_all_feeds(post, outbox)
    show.document({"feeds": [str(path) for path in paths]})
    for path in paths:
        show.say(str(path))
    if not paths:
        show.say('no subscription has a feed: feed = ["atom"]')
    return 0


def _show_waiting(post: Post, outbox: Outbox, show: Show) -> None:
    pending = outbox.messages("pending")
    later = {one.name: outbox.unsent(one.name) for one in post.subscriptions.subscription}
    told = []
    for waiting in pending:
        to = post.subscriptions.named(waiting.subscription)
        if to is not None and waiting.target in to.targets:
            told.append((waiting, lines(message_of(waiting, outbox, to))))
    show.document(
        {
            "subscriptions": len(post.subscriptions.subscription),
            "messages": [{"subscription": one.subscription, "to": one.target, "lines": text} for one, text in told],
            "later": [
                {"subscription": name, "due_at": items[0][1], "happenings": len(items)}
                for name, items in later.items()
                if items
            ],
        }
    )
    for one, text in told:
        show.say(f"{one.subscription} -> {one.target}")
        for line in text:
            show.say(f"  {line}")
    for name, items in later.items():
        if items:
            show.say(f"{name}: {plural(len(items), 'happening')} in the digest of {items[0][1]:%Y-%m-%d}")
    if not told:
        show.say("nothing would be sent now")


def _dead(workspace: Workspace) -> list[Waiting]:
    path = outbox_path(workspace)
    if not path.exists():
        return []
    with Outbox.open(path) as outbox:
        return outbox.messages("dead")


def _as_json(one: Waiting) -> dict[str, Any]:
    return {
        "id": one.message_id,
        "created_at": one.created_at,
        "subscription": one.subscription,
        "to": one.target,
        "attempts": one.attempts,
        "reason": one.reason,
    }
