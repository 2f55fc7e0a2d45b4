"""A store of an earlier version keeps its rows and verdicts, and gets what later versions derive from them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import geopandas as gpd
import pytest
from alembic import command
from sqlalchemy import insert, select

from detection.schema import Verdict
from outputs.review.queue import review_queue
from outputs.review.worth import worth_of
from outputs.store import tables
from outputs.store.database import Store, _migrations
from outputs.store.reviews import reviews_of
from outputs.store.runs import record_run
from tests.outputs.store.runs import first_moves, write_run

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

LATER = {"detections": {"worth"}}
"""Columns that the first version did not have."""
AT = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def run(
    tmp_path: Path,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
) -> Path:
    layers = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    return write_run(tmp_path / "run-1", layers, first_moves(detections), at=AT)


@pytest.fixture
def first_version(url: str, run: Path, tmp_path: Path) -> Iterator[Store]:
    """Return a store as the first version left it, with a run and one verdict."""
    new = Store.open(f"sqlite:///{tmp_path / 'new.sqlite'}")
    new.upgrade()
    record_run(new, run)
    opened = Store.open(url)
    with opened.writing() as connection:
        config = _migrations()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        with new.reading() as source:
            for table in (tables.runs, tables.areas, tables.facilities, tables.detections, tables.detection_versions):
                rows = [dict(row) for row in source.execute(select(table)).mappings()]
                assert rows
                kept = [
                    {name: value for name, value in row.items() if name not in LATER.get(table.name, ())}
                    for row in rows
                ]
                connection.execute(insert(table), kept)
            judged = source.execute(select(tables.detections.c.detection_id, tables.detections.c.area_id)).first()
        assert judged is not None
        old = {"review_id": "r1", "area_id": judged.area_id, "detection_id": judged.detection_id, "base_version": 1}
        said = {"verdict": Verdict.REJECTED.value, "reviewer": "AB", "at": AT, "note": "a car park"}
        connection.execute(insert(tables.reviews), [old | said])
    new.close()
    yield opened
    opened.close()


def test_verdicts_of_the_first_version_still_stand(first_version: Store) -> None:
    assert first_version.version() == "0001"
    first_version.upgrade()
    with first_version.reading() as connection:
        judged = connection.execute(select(tables.reviews.c.detection_id)).scalar_one()
        ((review,),) = reviews_of(connection, [judged]).values()
        standing = connection.execute(select(tables.standings)).mappings().one()
        recorded_at = connection.execute(select(tables.reviews.c.recorded_at)).scalar_one()
    assert (review.verdict, review.reviewer, review.note, review.settles) == (
        Verdict.REJECTED,
        "AB",
        "a car park",
        False,
    )
    assert (standing["detection_id"], standing["verdict"]) == (judged, Verdict.REJECTED.value)
    assert recorded_at.replace(tzinfo=UTC) == AT
    assert judged not in {item.row["detection_id"] for item in review_queue(first_version, reader="AB")}


def test_rows_of_the_first_version_are_found_and_ordered_like_new_ones(first_version: Store) -> None:
    first_version.upgrade()
    assert first_version.check() == []
    with first_version.reading() as connection:
        rows = connection.execute(select(tables.detections)).mappings().all()
    assert len(rows) == 6
    for row in rows:
        assert row["worth"] == pytest.approx(worth_of(dict(row)).points)
    assert len({row["worth"] for row in rows}) > 1


def test_a_store_that_was_not_upgraded_says_what_to_do(first_version: Store) -> None:
    (said,) = first_version.check()
    assert "store upgrade" in said
