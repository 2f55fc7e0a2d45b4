"""Tell who asked for it that the watch itself does not work: once an alarm, and once when it is over."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from flows.notices.deliver import Tally
from flows.notices.outbox import Outbox
from flows.notices.send import Clock, Post, send
from flows.settings.workspace import Workspace
from outputs.notices.choose import due_at
from outputs.notices.happenings import Happening, Kind


def tell_alarms(workspace: Workspace, alarms: Mapping[str, str], clock: Clock | None = None) -> Tally | None:
    """Tell what is new among `alarms`, and what is over; return what came of it, None where nobody subscribed.

    Args:
        workspace: Whose subscriptions are asked.
        alarms: All that stand now: key, which stays the same while an alarm lasts, to words.
        clock: What time it is.

    Raises:
        ConfigError, StateError, OutputError: The subscriptions are wrong, or the outbox cannot be used.

    """
    post = Post.open(workspace, clock)
    if post is None:
        return None
    now = post.clock.now()
    with Outbox.open(post.outbox_path) as outbox, outbox.writing():
        before = outbox.standing()
        standing = {key: (before[key][0] if key in before else now, text) for key, text in alarms.items()}
        over = {key: told for key, told in before.items() if key not in alarms}
        news = [_happening(Kind.ALARM, key, since, text=text, now=now) for key, (since, text) in standing.items()]
        news += [_happening(Kind.ALL_CLEAR, key, since, text=text, now=now) for key, (since, text) in over.items()]
        for one in post.subscriptions.subscription:
            due = due_at(now, is_weekly=one.wanted.is_weekly)
            for happening in news:
                if one.wanted.has(happening):
                    outbox.add(one.name, happening, due)
        outbox.set_standing(standing)
    return send(post)


def _happening(kind: Kind, key: str, since: datetime, *, text: str, now: datetime) -> Happening:
    marked = "\0".join((kind, key, since.astimezone(UTC).isoformat(timespec="microseconds")))
    return Happening(
        key=hashlib.sha256(marked.encode()).hexdigest()[:32],
        kind=kind,
        on=now.astimezone(UTC).date(),
        area_id="",
        area_name="",
        is_simulated=False,
        alarm=text,
    )
