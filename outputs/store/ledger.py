"""What was spent at providers: the lines of the ledger files, each once, however often they are read."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime

from sqlalchemy import func, select

from geo.sources.ledger import Entry
from outputs.store.database import Store
from outputs.store.rows import in_parts, in_utc, insert_rows
from outputs.store.tables import ledger


def record_entries(store: Store, account: str, entries: Iterable[Entry]) -> int:
    """Add what was spent; what is there already is not added again. Return how many entries were new.

    Args:
        store: Where.
        account: Whose, as the folder of its ledger is called.
        entries: All entries of a month, or of several: of equal ones it counts how many there are.

    Raises:
        OutputError: The store does not take them; none was added.

    """
    rows = _rows(account, entries)
    if not rows:
        return 0
    with store.writing() as connection:
        known: set[str] = set()
        for some in in_parts(list(rows)):
            known.update(connection.execute(select(ledger.c.entry_id).where(ledger.c.entry_id.in_(some))).scalars())
        new = [row for key, row in rows.items() if key not in known]
        insert_rows(connection, ledger, new)
    return len(new)


def newest_entry(store: Store, account: str) -> datetime | None:
    """Return when the newest entry of an account that is recorded was written; None where there is none.

    Raises:
        StateError: The store cannot be read.

    """
    with store.reading() as connection:
        found = connection.execute(select(func.max(ledger.c.at)).where(ledger.c.account == account)).scalar_one()
    return None if found is None else in_utc(found)


def _rows(account: str, entries: Iterable[Entry]) -> dict[str, dict[str, object]]:
    """Return the rows by key. Entries that are equal to the letter are told apart by their number."""
    seen: Counter[str] = Counter()
    now = datetime.now(UTC)
    rows: dict[str, dict[str, object]] = {}
    for one in entries:
        text = json.dumps(asdict(one), sort_keys=True)
        seen[text] += 1
        key = hashlib.sha256(f"{account} {text} {seen[text]}".encode()).hexdigest()
        rows[key] = {
            "entry_id": key,
            "account": account,
            "at": datetime.fromisoformat(one.at).astimezone(UTC),
            "kind": one.kind,
            "area_id": one.area,
            "product": one.product,
            "units": one.units,
            "is_stated": one.is_stated,
            "size_bytes": one.size_bytes,
            "is_accepted": one.is_accepted,
            "recorded_at": now,
        }
    return rows
