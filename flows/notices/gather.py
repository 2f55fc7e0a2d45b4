"""Read from the store what happened since it was last asked, and put into the outbox what somebody wants to know."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from detection.schema import Status, Verdict
from flows.notices.outbox import Outbox
from flows.notices.subscriptions import Subscription, Subscriptions
from outputs.notices.ages import AgeState, Look, age_days, age_step
from outputs.notices.choose import due_at
from outputs.notices.happenings import Happening, Kind, kind_of
from outputs.store.database import Store
from outputs.store.rows import in_parts, in_utc
from outputs.store.tables import areas, coverage, detections, moves, reviews, runs

_SIMULATED = "simulated"
_DETECTION = ("event", "status", "confidence", "verdict", "onset_after", "onset_by", "area_m2", "geometry")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the store holds that was not taken note of, and what the newest run says."""

    fresh: tuple[Happening, ...]
    """Not taken note of yet, the oldest first."""
    newest: tuple[Happening, ...]
    """Of the newest run, or decided since: what a new subscription begins with."""
    looks: tuple[Look, ...]
    """One an area of the newest run."""
    run_ids: tuple[str, ...]
    review_ids: tuple[str, ...]
    """What is fresh came from these."""


def read_news(store: Store, *, done_runs: set[str], done_reviews: set[str]) -> News:
    """Return what is new to who has taken note of these runs and verdicts.

    Raises:
        StateError: The store cannot be read.

    """
    with store.reading() as connection:
        asked = select(runs.c.run_id, runs.c.recorded_at, runs.c.settings).order_by(runs.c.started_at, runs.c.run_id)
        known = list(connection.execute(asked).mappings())
        if not known:
            return News(fresh=(), newest=(), looks=(), run_ids=(), review_ids=())
        last = known[-1]
        is_drawn = _is_drawn(last["settings"])
        fresh_runs = [row["run_id"] for row in known if row["run_id"] not in done_runs]
        names = {row.area_id: row.name for row in connection.execute(select(areas.c.area_id, areas.c.name))}
        moved = _moves(connection, sorted({*fresh_runs, last["run_id"]}), names, is_drawn)
        decided = _verdicts(connection, names, is_drawn)
        since = in_utc(last["recorded_at"])
        ids = [review_id for review_id in decided if review_id not in done_reviews]
        return News(
            fresh=(
                *(one for run in fresh_runs for one in moved.get(run, ())),
                *(decided[review_id][1] for review_id in ids),
            ),
            newest=(*moved.get(last["run_id"], ()), *(one for at, one in decided.values() if at >= since)),
            looks=_looks(connection, last["run_id"], names, is_drawn),
            run_ids=tuple(fresh_runs),
            review_ids=tuple(ids),
        )


def enqueue(outbox: Outbox, store: Store, subscriptions: Subscriptions, now: datetime) -> int:
    """Put what is new into the outbox, and take note of it, in one transaction; return how many items were added.

    A subscription that is new begins with the newest run; what earlier runs found is not told.
    """
    with outbox.writing():
        news = read_news(store, done_runs=outbox.done("run"), done_reviews=outbox.done("review"))
        if not news.looks:
            return 0
        known = outbox.done("subscription")
        count = 0
        for one in subscriptions.subscription:
            told = news.fresh if one.name in known else news.newest
            due = due_at(now, is_weekly=one.wanted.is_weekly)
            wanted = [*(thing for thing in told if one.wanted.has(thing)), *_ages(outbox, one, news.looks, now)]
            count += sum(outbox.add(one.name, thing, due) for thing in wanted)
        outbox.take_note("run", news.run_ids)
        outbox.take_note("review", news.review_ids)
        outbox.take_note("subscription", [one.name for one in subscriptions.subscription])
        return count


def _ages(outbox: Outbox, one: Subscription, looks: Sequence[Look], now: datetime) -> list[Happening]:
    """Return what is to be said of ages, and keep that it was said."""
    wanted, states, told = one.wanted, outbox.ages(one.name), []
    for look in looks:
        if not wanted.has_area(look.area_id):
            continue
        before = states.get(look.area_id, AgeState())
        step = age_step(look, before, now, limit_days=wanted.age_limit(look.area_id))
        if step.state != before:
            outbox.set_age(one.name, look.area_id, step.state)
        if step.kind is not None:
            happening = _age_happening(look, step.kind, now)
            told += [happening] if wanted.has(happening) else []
    return told


def _age_happening(look: Look, kind: Kind, now: datetime) -> Happening:
    return Happening(
        key=_key(kind, look.area_id, now.isoformat()),
        kind=kind,
        on=now.astimezone(UTC).date(),
        area_id=look.area_id,
        area_name=look.area_name,
        is_simulated=look.is_simulated,
        last_clear_look=look.last,
        age_days=age_days(look, now),
    )


def _moves(
    connection: Connection,
    run_ids: Sequence[str],
    names: Mapping[str, str],
    is_drawn: bool,  # noqa: FBT001  # a fact of the row, not a switch
) -> dict[str, list[Happening]]:
    """Return the moves of these runs by run; those by a verdict are told as verdicts."""
    found: dict[str, list[Happening]] = {}
    joined = moves.join(detections, moves.c.detection_id == detections.c.detection_id)
    columns = [detections.c[name] for name in _DETECTION if name != "status"]
    for some in in_parts(run_ids):
        asked = (
            select(*moves.c, *columns)
            .select_from(joined)
            .where(moves.c.run_id.in_(some))
            .order_by(moves.c.area_id, moves.c.on, moves.c.detection_id, moves.c.number)
        )
        for row in connection.execute(asked).mappings():
            before = Status(row["status_from"]) if row["status_from"] else None
            after = Status(row["status_to"])
            kind = kind_of(before, after)
            if kind is not Kind.VERDICT:
                key = _key("move", row["detection_id"], str(row["number"]))
                one = _happening(
                    row, names, is_drawn, told={"key": key, "kind": kind, "on": row["on"], "status": after}
                )
                found.setdefault(row["run_id"], []).append(one)
    return found


def _verdicts(
    connection: Connection,
    names: Mapping[str, str],
    is_drawn: bool,  # noqa: FBT001  # a fact of the row, not a switch
) -> dict[str, tuple[datetime, Happening]]:
    """Return all verdicts by id, each with when it was recorded; people give them, so that they are few."""
    found = {}
    joined = reviews.join(detections, reviews.c.detection_id == detections.c.detection_id)
    columns = [detections.c[name] for name in _DETECTION if name != "verdict"]
    asked = select(
        *(reviews.c[name] for name in ("review_id", "area_id", "detection_id", "verdict", "at")),
        reviews.c.recorded_at,
        *columns,
    )
    for row in connection.execute(asked.select_from(joined).order_by(reviews.c.at, reviews.c.review_id)).mappings():
        told = {
            "key": _key("verdict", row["review_id"]),
            "kind": Kind.VERDICT,
            "on": in_utc(row["at"]).date(),
            "status": Status(row["status"]),
        }
        found[row["review_id"]] = (in_utc(row["recorded_at"]), _happening(row, names, is_drawn, told=told))
    return found


def _happening(row: RowMapping, names: Mapping[str, str], is_drawn: bool, *, told: Mapping[str, Any]) -> Happening:  # noqa: FBT001  # likewise
    point = row["geometry"].representative_point()
    return Happening(
        area_id=row["area_id"],
        area_name=names.get(row["area_id"], ""),
        is_simulated=is_drawn,
        detection_id=row["detection_id"],
        event=row["event"],
        confidence=row["confidence"],
        verdict=Verdict(row["verdict"]) if row["verdict"] else None,
        onset_after=row["onset_after"],
        onset_by=row["onset_by"],
        area_m2=row["area_m2"],
        lon=point.x,
        lat=point.y,
        **told,
    )


def _looks(connection: Connection, run_id: str, names: Mapping[str, str], is_drawn: bool) -> tuple[Look, ...]:  # noqa: FBT001  # likewise
    asked = select(
        coverage.c.area_id, coverage.c.last_clear_look, coverage.c.screened_until, coverage.c.screened_looks
    ).where(coverage.c.run_id == run_id)
    return tuple(
        Look(
            area_id=row.area_id,
            area_name=names.get(row.area_id, ""),
            last=_newest(row.last_clear_look, row.screened_until if (row.screened_looks or 0) > 0 else None),
            is_simulated=is_drawn,
        )
        for row in connection.execute(asked.order_by(coverage.c.area_id))
    )


def _newest(*days: date | None) -> date | None:
    return max((day for day in days if day is not None), default=None)


def _is_drawn(settings: Mapping[str, Any]) -> bool:
    sources = (settings.get("source"), settings.get("radar"))
    return any(isinstance(one, Mapping) and one.get("kind") == _SIMULATED for one in sources)


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
