"""The store says which run stands in the place of which, and keeps what an earlier version of it held."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
from alembic import command
from sqlalchemy import insert, select

from geo.errors import StateError
from outputs.store import tables
from outputs.store.database import Store, _migrations
from outputs.store.runs import record_run
from outputs.store.superseded import stored_supersessions
from tests.outputs.store.runs import first_moves, write_run

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

AT = datetime(2026, 3, 5, 12, tzinfo=UTC)
SAID = {
    "area_id": "a",
    "run_id": "run-1",
    "product_was": "k1",
    "product_is": "k2",
    "reasons": ["other settings"],
    "changes": ["grid.pixel_m: 10.0 -> 20.0"],
}
Write = Callable[..., Path]


@pytest.fixture
def write(
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
) -> Write:
    """Return what writes a run's folder, which may say what it supersedes."""
    layers = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}

    def written(number: int, *supersedes: dict[str, object]) -> Path:
        folder = write_run(tmp_path / f"run-{number}", layers, first_moves(detections), at=AT + timedelta(days=number))
        report = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        (folder / "run.json").write_text(json.dumps({**report, "supersedes": list(supersedes)}), encoding="utf-8")
        return folder

    return written


@pytest.fixture
def opened(url: str) -> Store:
    """Return an empty store, in SQLite or PostGIS."""
    store = Store.open(url)
    store.upgrade()
    return store


def test_a_run_says_which_one_it_stands_in_the_place_of(opened: Store, write: Write) -> None:
    record_run(opened, write(1))
    record_run(opened, write(2, SAID))
    (one,) = stored_supersessions(opened)
    assert (one.run_id, one.superseded_run_id, one.area_id) == ("run-2", "run-1", "a")
    assert (one.reasons, one.changes) == (("other settings",), ("grid.pixel_m: 10.0 -> 20.0",))
    assert stored_supersessions(opened, area_id="b") == []
    assert opened.check() == []
    opened.close()


def test_a_report_that_says_it_badly_is_refused_whole(opened: Store, write: Write) -> None:
    with pytest.raises(StateError, match="run-1: its report does not say properly"):
        record_run(opened, write(1, {"area_id": "a"}))
    with opened.reading() as connection:
        assert connection.execute(select(tables.runs)).all() == []
    opened.close()


def test_a_run_that_is_recorded_is_not_read_again(opened: Store, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(1)
    assert record_run(opened, folder).is_new

    def refused(_: Path) -> object:
        raise AssertionError("its layers were read")

    monkeypatch.setattr("outputs.store.runs.run_contents", refused)
    assert not record_run(opened, folder).is_new
    opened.close()


def test_a_store_of_the_second_version_keeps_its_verdicts_and_gets_the_table(url: str) -> None:
    store = Store.open(url)
    with store.writing() as connection:
        config = _migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        said = {
            "review_id": "r1", "area_id": "a", "detection_id": "d1", "base_version": 1, "verdict": "rejected",
            "event_corrected": None, "outline_corrected": None, "note": "a car park", "reviewer": "AB", "at": AT,
            "settles": False, "origin": "command", "recorded_at": AT,
        }  # fmt: skip
        connection.execute(insert(tables.reviews), [said])
    assert store.version() == "0002"
    store.upgrade()
    with store.reading() as connection:
        (review,) = connection.execute(select(tables.reviews.c.note, tables.reviews.c.verdict)).all()
        assert tuple(review) == ("a car park", "rejected")
        assert connection.execute(select(tables.standings.c.verdict)).scalars().all() == ["rejected"]
    assert stored_supersessions(store) == []
    assert store.check() == []
    store.close()
