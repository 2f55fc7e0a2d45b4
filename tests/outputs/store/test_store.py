"""The same on SQLite and on a real PostGIS: what is recorded, what is refused, what a crash and a rival leave."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from shapely.geometry import box
from sqlalchemy import func, inspect, select, text, update

from detection.life.history import Move, Review
from detection.schema import Status, Verdict, as_detections
from geo.errors import ConfigError, OutputError, StateError
from outputs.store import Store, add_reviews, record_run, stored_reviews, tables
from outputs.store.boxes import own_tables
from tests.outputs.store.runs import first_moves, write_run

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

START = datetime(2026, 3, 1, 6, 30, tzinfo=UTC)

Tables = dict[str, gpd.GeoDataFrame]


@pytest.fixture
def layers(
    detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, areas: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame
) -> Tables:
    return {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}


@pytest.fixture
def run(tmp_path: Path, layers: Tables) -> Path:
    return write_run(tmp_path / "run-1", layers, first_moves(layers["detections"]), at=START)


def count(store: Store, name: str) -> int:
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.metadata.tables[name])).scalar_one())


def later(tmp_path: Path, layers: Tables, number: int, **changes: object) -> Path:
    """Write a run in which the camp's detection has changed as said, and nothing else."""
    table = layers["detections"].copy()
    for column, value in changes.items():
        table.loc[table["detection_id"] == "camp", column] = value
    moves = first_moves(layers["detections"])
    if "status" in changes:
        moves.append(
            Move(
                detection_id="camp",
                on=date(2026, 3, number),
                status_from=Status.CONFIRMED,
                status_to=Status(str(changes["status"])),
                cause="at rest",
            )
        )
    return write_run(
        tmp_path / f"run-{number}", layers | {"detections": table}, moves, at=START + timedelta(days=number)
    )


@pytest.mark.filterwarnings("ignore:Did not recognize type")  # geometries, and the columns of SQLite's R*Trees
def test_a_new_store_has_the_tables_that_the_code_declares(store: Store) -> None:
    with store.reading() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), tables.metadata)
    foreign = [one for one in differences if "spatial_ref_sys" not in repr(one) and "sx_" not in repr(one)]
    assert foreign == []
    with store.reading() as connection:
        made = {name for name in inspect(connection).get_table_names() if name != "alembic_version"}
        if store.engine.dialect.name == "sqlite":
            assert made == own_tables()
            return
        indexes = set(
            connection.execute(text("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'sx_%'")).scalars()
        )
    assert made - {"spatial_ref_sys"} == set(tables.metadata.tables)
    assert indexes == {name for name, _, _ in tables.spatial_indexes()}


def test_a_new_store_is_free_of_contradictions(store: Store) -> None:
    assert store.check() == []


def test_an_upgrade_done_twice_changes_nothing(store: Store, run: Path) -> None:
    record_run(store, run)
    assert store.upgrade() == store.version()
    assert count(store, "detections") == 6


def test_what_a_run_left_is_read_back_as_it_was(store: Store, run: Path, layers: Tables) -> None:
    recorded = record_run(store, run)
    assert (recorded.is_new, recorded.detections, recorded.versions, recorded.moves) == (True, 6, 6, 6)
    with store.reading() as connection:
        rows = connection.execute(select(tables.detections)).mappings().all()
    table = gpd.GeoDataFrame([dict(row) for row in rows], geometry="geometry", crs=4326).drop(
        columns=["run_id", "version", "worth"]
    )
    expected = layers["detections"].set_index("detection_id")
    read = as_detections(table).set_index("detection_id").loc[expected.index]
    assert read.geometry.geom_equals(expected.geometry).all()
    plain = [name for name in expected.columns if name != "geometry"]
    assert read[plain].equals(expected[plain])


def test_a_run_recorded_twice_is_recorded_once(store: Store, run: Path) -> None:
    record_run(store, run)
    assert not record_run(store, run).is_new
    assert count(store, "runs") == 1
    assert count(store, "detection_versions") == 6


def test_only_what_changed_gets_a_new_version_and_the_old_one_is_kept(
    store: Store, run: Path, tmp_path: Path, layers: Tables
) -> None:
    record_run(store, run)
    recorded = record_run(store, later(tmp_path, layers, 2, status="closed", area_m2=95_000.0))
    assert (recorded.detections, recorded.versions, recorded.moves) == (0, 1, 1)
    versions = tables.detection_versions
    asked = select(versions.c.version, versions.c.document).filter_by(detection_id="camp").order_by(versions.c.version)
    with store.reading() as connection:
        kept = [(version, document["status"], document["area_m2"]) for version, document in connection.execute(asked)]
        shown = connection.execute(
            select(tables.detections.c.version, tables.detections.c.status).filter_by(detection_id="camp")
        ).one()
    assert kept == [(1, "confirmed", 90_000.0), (2, "closed", 95_000.0)]
    assert tuple(shown) == (2, "closed")
    assert store.check() == []


def test_a_moved_outline_is_a_new_version(store: Store, run: Path, tmp_path: Path, layers: Tables) -> None:
    record_run(store, run)
    moved = layers["detections"].copy()
    moved.loc[moved["detection_id"] == "camp", "geometry"] = box(88.2, 43.3, 88.21, 43.31)
    second = write_run(tmp_path / "run-2", layers | {"detections": moved}, first_moves(moved), at=START + timedelta(1))
    assert record_run(store, second).versions == 1


def test_an_older_run_cannot_undo_a_newer_one(store: Store, run: Path, tmp_path: Path, layers: Tables) -> None:
    record_run(store, later(tmp_path, layers, 2, status="closed"))
    with pytest.raises(StateError, match=r"run-1 is older than run-2"):
        record_run(store, run)
    assert count(store, "runs") == 1


def test_a_history_that_began_anew_goes_on_behind_the_recorded_one(
    store: Store, tmp_path: Path, layers: Tables
) -> None:
    record_run(store, later(tmp_path, layers, 2, status="closed"))
    anew = [replace(move, on=date(2026, 3, 5)) for move in first_moves(layers["detections"])]
    for number in (3, 4):  # the second of them brings nothing new
        record_run(store, write_run(tmp_path / f"run-{number}", layers, anew, at=START + timedelta(days=number)))
    with store.reading() as connection:
        asked = select(tables.moves.c.number, tables.moves.c.status_to).filter_by(detection_id="camp")
        told = connection.execute(asked.order_by(tables.moves.c.number)).all()
    assert [tuple(row) for row in told] == [(1, "confirmed"), (2, "closed"), (3, "confirmed")]
    assert store.check() == []


@pytest.mark.parametrize("name", ["manifest.json", "sitewatch.gpkg", "run.json", "history.csv", "scenes.csv"])
def test_a_run_with_a_missing_file_is_refused_whole(store: Store, run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(StateError, match="run-1: is no finished run"):
        record_run(store, run)
    assert count(store, "runs") == 0


def test_what_contradicts_itself_is_named(store: Store, run: Path) -> None:
    record_run(store, run)
    with store.writing() as connection:
        connection.execute(
            update(tables.detections).where(tables.detections.c.detection_id == "park").values(version=7)
        )
        connection.execute(
            update(tables.detections).where(tables.detections.c.detection_id == "gone").values(status="closed")
        )
    said = store.check()
    assert any("detection park" in line for line in said)
    assert any("detection gone: its status is closed, its last move led to confirmed" in line for line in said)
    assert len(said) == 2


def test_an_error_in_the_middle_leaves_nothing(store: Store, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> int:
        raise OutputError("the disk is full")

    monkeypatch.setattr("outputs.store.runs._add_moves", fails)
    with pytest.raises(OutputError):
        record_run(store, run)
    assert {name: count(store, name) for name in tables.metadata.tables} == dict.fromkeys(tables.metadata.tables, 0)


def test_verdicts_are_added_once_and_come_back_with_their_time(store: Store, run: Path) -> None:
    record_run(store, run)
    at = datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC)
    review = Review(detection_id="camp", verdict=Verdict.REJECTED, reviewer="ayşe", at=at, note="停车场")
    second = replace(review, verdict=Verdict.CONFIRMED, at=at + timedelta(hours=1))
    assert add_reviews(store, [("home", second), ("home", review)]) == 2
    assert add_reviews(store, [("home", review)]) == 0
    assert stored_reviews(store) == {"home": [review, second]}
    with store.reading() as connection:
        assert set(connection.execute(select(tables.reviews.c.base_version)).scalars()) == {1}


def test_a_backup_is_a_store_with_the_same_rows(store: Store, run: Path, tmp_path: Path) -> None:
    record_run(store, run)
    copy = store.backup(tmp_path / "copy")
    with pytest.raises(OutputError, match="is there already"):
        store.backup(copy)
    if store.engine.dialect.name == "postgresql":
        listed = subprocess.run(["pg_restore", "--list", str(copy)], check=True, capture_output=True, text=True).stdout
        assert all(f"TABLE DATA public {name}" in listed for name in tables.metadata.tables)
        return
    second = Store.open(f"sqlite:///{copy}")
    assert second.check() == []
    assert count(second, "detections") == 6
    second.close()


def test_postgis_finds_by_place_through_its_index(postgres_url: str, run: Path) -> None:
    store = Store.open(postgres_url)
    store.upgrade()
    record_run(store, run)
    with store.reading() as connection:
        asked = (
            "SELECT detection_id FROM detections WHERE geometry && ST_MakeEnvelope(88.28, 43.38, 88.30, 43.39, 4326)"
        )
        assert set(connection.execute(text(asked)).scalars()) == {"camp"}
        indexed = (
            connection.execute(text("SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'sx_%'")).scalars().all()
        )
        assert len(indexed) == len(list(tables.spatial_indexes()))
        assert all("gist" in one for one in indexed)
        srid = connection.execute(text("SELECT Find_SRID('public', 'detections', 'geometry')")).scalar_one()
        assert srid == 4326
    store.close()


_REVIEWER = """
import sys
from datetime import UTC, datetime, timedelta
from detection.life.history import Review
from detection.schema import Verdict
from outputs.store import Store, add_reviews
store = Store.open(sys.argv[1])
for index in range(25):
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=index)
    one = Review(detection_id="camp", verdict=Verdict.UNSURE, reviewer=sys.argv[2], at=at)
    assert add_reviews(store, [("home", one)]) == 1
"""
_RECORDER = """
import sys
from pathlib import Path
from outputs.store import Store, record_run
record_run(Store.open(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_processes_write_at_once_and_nothing_is_lost_or_doubled(url: str, store: Store, run: Path) -> None:
    tasks = [(_REVIEWER, "a"), (_REVIEWER, "b"), (_RECORDER, str(run)), (_RECORDER, str(run))]
    workers = [subprocess.Popen([sys.executable, "-c", code, url, what]) for code, what in tasks]
    assert [worker.wait(120) for worker in workers] == [0, 0, 0, 0]
    assert count(store, "reviews") == 50
    assert (count(store, "runs"), count(store, "detection_versions"), count(store, "moves")) == (1, 6, 6)
    assert store.check() == []


_WRITER = """
import sys, time
from pathlib import Path
import outputs.store.runs as runs
from outputs.store import Store
real = runs._add_moves
def slow(*given):
    print("half", flush=True)
    time.sleep(60)
    return real(*given)
runs._add_moves = slow
runs.record_run(Store.open(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_a_process_killed_while_it_writes_leaves_what_was_there_before(
    url: str, store: Store, run: Path, tmp_path: Path, layers: Tables
) -> None:
    record_run(store, run)
    second = later(tmp_path, layers, 2, status="closed")
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, url, str(second)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert store.check() == []
    assert (count(store, "runs"), count(store, "detection_versions")) == (1, 6)
    assert record_run(store, second).versions == 1


def test_a_store_of_a_later_version_is_left_alone(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(OutputError, match="of version 9999, which this program does not know"):
        store.upgrade()
    assert "version 9999" in store.check()[0]


def test_a_store_without_tables_says_what_to_do(url: str) -> None:
    store = Store.open(url)
    (said,) = store.check()
    store.close()
    assert "store upgrade" in said


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/name", "sqlite+nothing://x", ""])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="must begin with sqlite:/// or postgresql://"):
        Store.open(url)


def test_a_password_is_in_no_message(unused_port: int) -> None:
    store = Store.open(f"postgresql://me:hunter2@127.0.0.1:{unused_port}/watch")
    assert "hunter2" not in store.name
    with pytest.raises(StateError) as told:
        store.version()
    assert "hunter2" not in str(told.value)
    assert "127.0.0.1" in str(told.value)


@pytest.fixture
def unused_port() -> int:
    import socket  # noqa: PLC0415 - only to find a port where nothing listens

    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_file_that_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("a shopping list, long enough to be read as the head of a database file, and none of it")
    with pytest.raises((StateError, OutputError), match=r"store\.sqlite: file is not a database"):
        Store.open(f"sqlite:///{path}").version()
