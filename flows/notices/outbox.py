"""What waits to be told: kept in the workspace, so that nothing is lost or told twice when a process ends anywhere.

``notices/outbox.sqlite`` holds items (one a subscription and happening, for ever once), messages (items that go to one
recipient together) and what was taken note of. An item is written in the transaction that takes note of where it
came from; a message in the transaction that takes its items. Neither addresses of webhooks nor secrets are in it.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from geo.errors import OutputError
from outputs.notices.ages import AgeState
from outputs.notices.feeds import MOST_ENTRIES
from outputs.notices.happenings import Happening

KEPT = timedelta(days=90)
"""How long what was sent is kept."""
MOST_ITEMS = 200
"""So many happenings go into one message."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS done (kind TEXT, key TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ages (subscription TEXT, area_id TEXT, told_at TEXT NOT NULL,
    PRIMARY KEY (subscription, area_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (number INTEGER PRIMARY KEY, subscription TEXT NOT NULL, key TEXT NOT NULL,
    happening TEXT NOT NULL, due_at TEXT NOT NULL, batch TEXT, UNIQUE (subscription, key));
CREATE INDEX IF NOT EXISTS items_batch ON items (batch);
CREATE TABLE IF NOT EXISTS messages (message_id TEXT PRIMARY KEY, batch TEXT NOT NULL, subscription TEXT NOT NULL,
    target TEXT NOT NULL, is_weekly INTEGER NOT NULL, created_at TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL, not_before TEXT NOT NULL, changed_at TEXT NOT NULL, reason TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS messages_state ON messages (state);
"""
_BUSY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message and how far it has come."""

    message_id: str
    batch: str
    subscription: str
    target: str
    """``mail:ADDRESS``, ``webhook`` or ``feed``."""
    is_weekly: bool
    created_at: datetime
    state: str
    """``pending``, ``sent``, ``dead`` or ``withdrawn``."""
    attempts: int
    not_before: datetime
    reason: str
    """Why the last attempt failed; empty before the first."""


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox of a workspace, open."""

    _connection: sqlite3.Connection

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Self]:
        """Give the outbox in the file `path`, made if it is not there.

        Raises:
            OutputError: It cannot be read or written.

        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection:
                path.chmod(0o600)
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(_SCHEMA)
                connection.execute("INSERT OR IGNORE INTO facts VALUES ('workspace', ?)", [uuid.uuid4().hex])
                connection.execute("INSERT OR IGNORE INTO facts VALUES ('made_at', ?)", [_text(datetime.now(UTC))])
                yield cls(connection)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"{path}: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep all that is written in the block, or nothing; others wait meanwhile."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def copy_to(self, path: Path) -> None:
        """Write the outbox, as it stands at one moment, into another file."""
        with closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

    def fact(self, name: str) -> str:
        """Return ``workspace``, a random name of this outbox, or ``made_at``."""
        return str(self._connection.execute("SELECT value FROM facts WHERE name = ?", [name]).fetchone()[0])

    def standing(self) -> dict[str, tuple[datetime, str]]:
        """Return the alarms that were told and not called off: by key, since when and in which words."""
        found = self._connection.execute("SELECT value FROM facts WHERE name = 'alarms'").fetchone()
        return {key: (_time(at), text) for key, (at, text) in json.loads(found[0]).items()} if found else {}

    def set_standing(self, alarms: Mapping[str, tuple[datetime, str]]) -> None:
        """Keep which alarms stand."""
        told = json.dumps({key: (_text(at), text) for key, (at, text) in alarms.items()})
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES ('alarms', ?)", [told])

    def done(self, kind: str) -> set[str]:
        """Return the keys that were taken note of."""
        return {row[0] for row in self._connection.execute("SELECT key FROM done WHERE kind = ?", [kind])}

    def take_note(self, kind: str, keys: Iterable[str]) -> None:
        """Take note of keys."""
        self._connection.executemany("INSERT OR IGNORE INTO done VALUES (?, ?)", [(kind, key) for key in keys])

    def add(self, subscription: str, one: Happening, due_at: datetime) -> bool:
        """Add what is to be told; return whether it was new: the same is never added twice."""
        row = (subscription, one.key, json.dumps(one.as_json()), _text(due_at))
        done = self._connection.execute(
            "INSERT OR IGNORE INTO items (subscription, key, happening, due_at) VALUES (?, ?, ?, ?)", row
        )
        return done.rowcount > 0

    def ages(self, subscription: str) -> dict[str, AgeState]:
        """Return which areas are warned of, by id."""
        asked = self._connection.execute("SELECT area_id, told_at FROM ages WHERE subscription = ?", [subscription])
        return {row[0]: AgeState(told_at=_time(row[1])) for row in asked}

    def set_age(self, subscription: str, area_id: str, state: AgeState) -> None:
        """Keep what was said of an area's age."""
        self._connection.execute("DELETE FROM ages WHERE subscription = ? AND area_id = ?", [subscription, area_id])
        if state.told_at is not None:
            self._connection.execute("INSERT INTO ages VALUES (?, ?, ?)", [subscription, area_id, _text(state.told_at)])

    def unsent(self, subscription: str) -> list[tuple[Happening, datetime]]:
        """Return what is in no message yet, and when it is due."""
        asked = self._connection.execute(
            "SELECT happening, due_at FROM items WHERE subscription = ? AND batch IS NULL ORDER BY number",
            [subscription],
        )
        return [(Happening.of_json(json.loads(row[0])), _time(row[1])) for row in asked]

    def put_forward(self, subscription: str, latest: datetime) -> None:
        """Let nothing that is in no message yet be due later than `latest`."""
        self._connection.execute(
            "UPDATE items SET due_at = ? WHERE subscription = ? AND batch IS NULL AND due_at > ?",
            [_text(latest), subscription, _text(latest)],
        )

    def compose(self, subscription: str, targets: Sequence[str], *, now: datetime, is_weekly: bool) -> int:
        """Make messages of what is due, one a target; return how many. Call within `writing`."""
        count = 0
        while numbers := [
            row[0]
            for row in self._connection.execute(
                "SELECT number FROM items WHERE subscription = ? AND batch IS NULL AND due_at <= ? "
                "ORDER BY number LIMIT ?",
                [subscription, _text(now), MOST_ITEMS],
            )
        ]:
            batch = uuid.uuid4().hex
            self._connection.executemany("UPDATE items SET batch = ? WHERE number = ?", [(batch, n) for n in numbers])
            for target in targets:
                row = (uuid.uuid4().hex, batch, subscription, target, int(is_weekly), _text(now), _text(now))
                self._connection.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, '', ?, '')", row)
                count += 1
        return count

    def messages(self, *states: str) -> list[Waiting]:
        """Return the messages in these states, the oldest first."""
        marks = ", ".join("?" * len(states))
        order = "ORDER BY created_at, rowid"
        asked = self._connection.execute(f"SELECT * FROM messages WHERE state IN ({marks}) {order}", states)  # noqa: S608  # only question marks are put in
        return [_waiting(row) for row in asked]

    def feed(self, subscription: str) -> list[Waiting]:
        """Return the messages that the subscription's feed shows."""
        asked = self._connection.execute(
            "SELECT * FROM messages WHERE subscription = ? AND target = 'feed' AND state != 'withdrawn' "
            "ORDER BY created_at DESC, rowid DESC LIMIT ?",
            [subscription, MOST_ENTRIES],
        )
        return [_waiting(row) for row in asked]

    def happenings(self, batch: str) -> tuple[Happening, ...]:
        """Return what the messages of a batch tell."""
        asked = self._connection.execute("SELECT happening FROM items WHERE batch = ? ORDER BY number", [batch])
        return tuple(Happening.of_json(json.loads(row[0])) for row in asked)

    def mark(self, message_id: str, state: str, *, now: datetime, reason: str = "") -> None:
        """Set the state of a message; back to ``pending`` it begins anew, with the same id."""
        self._connection.execute(
            "UPDATE messages SET state = ?, reason = ?, changed_at = ?, not_before = '', attempts = "
            "CASE ? WHEN 'pending' THEN 0 ELSE attempts + 1 END WHERE message_id = ?",
            [state, reason, _text(now), state, message_id],
        )

    def put_off(self, message_id: str, *, until: datetime, reason: str, is_attempt: bool = True) -> None:
        """Let a message wait, after an attempt that failed or could not be made."""
        self._connection.execute(
            "UPDATE messages SET not_before = ?, reason = ?, attempts = attempts + ? WHERE message_id = ?",
            [_text(until), reason, int(is_attempt), message_id],
        )

    def clear(self, now: datetime) -> None:
        """Forget what was sent long ago, but for what the feeds show."""
        self._connection.execute(
            "DELETE FROM messages WHERE state IN ('sent', 'withdrawn') AND changed_at < ? AND (target != 'feed' OR "
            "message_id NOT IN (SELECT message_id FROM (SELECT message_id, row_number() OVER (PARTITION BY "
            "subscription ORDER BY created_at DESC, rowid DESC) AS place FROM messages WHERE target = 'feed') "
            "WHERE place <= ?))",
            [_text(now - KEPT), MOST_ENTRIES],
        )
        self._connection.execute(
            "DELETE FROM items WHERE batch IS NOT NULL AND batch NOT IN (SELECT batch FROM messages)"
        )


def _waiting(row: sqlite3.Row) -> Waiting:
    return Waiting(
        message_id=row["message_id"],
        batch=row["batch"],
        subscription=row["subscription"],
        target=row["target"],
        is_weekly=bool(row["is_weekly"]),
        created_at=_time(row["created_at"]),
        state=row["state"],
        attempts=row["attempts"],
        not_before=_time(row["not_before"]) if row["not_before"] else datetime.min.replace(tzinfo=UTC),
        reason=row["reason"],
    )


def _text(moment: datetime) -> str:
    """Return a time such that its text sorts as it does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
