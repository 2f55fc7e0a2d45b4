"""What was spent, and what came of supplier lists, in the store: each once, on SQLite and PostGIS."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from flows.settings.workspace import Workspace
from flows.show import Show
from flows.store import keep_spending
from flows.suppliers.check import CheckFiles, assessed_of, check, gather, write_check
from flows.suppliers.tell import EXAMPLE_DIR
from geo.sources.ledger import Entry, Ledger
from outputs.store import Store, tables
from outputs.store.assessments import record_assessment
from outputs.store.ledger import newest_entry, record_entries

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


def entry(at: str, units: float = 1.5) -> Entry:
    return Entry(at=at, kind="process", area="west", product="S2A_1", units=units, is_stated=True, size_bytes=4_000_000)


def count(store: Store, name: str) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one())


def test_what_was_spent_is_recorded_once_and_equal_answers_are_told_apart(store: Store) -> None:
    spent = [entry("2026-10-31T23:59:59+00:00"), entry("2026-11-01T00:00:01+00:00"), entry("2026-11-01T00:00:01+00:00")]
    assert record_entries(store, "acme", spent) == 3
    assert record_entries(store, "acme", spent) == 0
    assert record_entries(store, "other", spent[:1]) == 1
    book = tables.ledger
    columns = (book.c.account, func.count(), func.sum(book.c.units), func.sum(book.c.size_bytes))
    with store.reading() as connection:
        found = connection.execute(select(*columns).group_by(book.c.account).order_by(book.c.account)).all()
    assert [tuple(row) for row in found] == [("acme", 3, 4.5, 12_000_000), ("other", 1, 1.5, 4_000_000)]
    assert newest_entry(store, "acme") == datetime(2026, 11, 1, 0, 0, 1, tzinfo=UTC)
    assert newest_entry(store, "nobody") is None


def test_the_ledger_of_a_workspace_comes_into_its_store(tmp_path: Path) -> None:
    (tmp_path / "sitewatch.toml").write_text('[source]\nkind = "sentinelhub"\n', encoding="utf-8")
    book = Ledger(tmp_path / "state" / "accounts" / "acme")
    book.record(entry("2026-10-31T23:59:59+00:00"))
    workspace = Workspace.open(tmp_path)
    assert keep_spending(workspace) == 1
    book.record(entry("2026-10-31T23:59:59+00:00", units=2.0))  # written down behind the turn of the month
    book.record(entry("2026-11-01T00:00:00+00:00"))
    assert keep_spending(workspace) == 2
    assert keep_spending(workspace) == 0


@pytest.fixture
def written(tmp_path: Path) -> Path:
    shutil.copytree(EXAMPLE_DIR, tmp_path / "lists")
    return tmp_path / "lists"


def test_an_assessment_is_kept_whole_and_once(store: Store, written: Path, tmp_path: Path) -> None:
    files = CheckFiles(
        suppliers=written / "suppliers.csv",
        entities=(written / "entities.csv",),
        sites=written / "sites.geojson",
        links=written / "links.csv",
    )
    with Show(is_quiet=True).progress("checking") as bar:
        bar.start(6)
        checked = check(gather(files), bar)
    write_check(checked, tmp_path / "out")
    found = assessed_of(checked, tmp_path / "out")
    assert record_assessment(store, found)
    assert not record_assessment(store, found)
    told = checked.tables
    assert count(store, "suppliers") == len(told.suppliers)
    assert count(store, "risk") == len(told.suppliers) + len(told.sites) + 1
    assert count(store, "risk_factors") == len(told.factors)
    assert count(store, "links") == len(told.links) + len(checked.gathered.links)
    with store.reading() as connection:
        kinds = set(connection.execute(select(tables.links.c.kind)).scalars())
        row = connection.execute(select(tables.suppliers).order_by(tables.suppliers.c.supplier_id)).mappings().all()
        buyer = connection.execute(select(tables.risk.c.score).where(tables.risk.c.subject == "buyer")).scalar_one()
    assert kinds >= {"facility", "entity", "chain"} | {link.kind.value for link in checked.gathered.links}
    placed = {one["supplier_id"]: one["geometry"] for one in row if one["geometry"] is not None}
    for one in told.suppliers:
        if one["lon"] is not None:
            assert (placed[one["supplier_id"]].x, placed[one["supplier_id"]].y) == (one["lon"], one["lat"])
    assert buyer == pytest.approx(checked.found.buyer.score)
