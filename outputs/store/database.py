"""Open a store by its URL, bring it up to date, check it, copy it."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from geo.errors import ConfigError, OutputError, StateError
from outputs.store import tables
from outputs.store.boxes import missing_boxes

_LOCK = 7_402_115
"""Under which number writers wait for each other in PostgreSQL. Any number that nobody else uses will do."""
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
"""Kind of database to what SQLAlchemy calls it with its driver."""
_BUSY_S = 60
"""How long a writer of SQLite waits for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A database with the tables of `outputs.store.tables`."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> "Store":
        """Return the store at `url`, such as ``sqlite:////home/me/watch/store.sqlite`` or ``postgresql://host/name``.

        Raises:
            ConfigError: It is no such URL, or what it needs is not installed. Passwords are left out.

        """
        try:
            parsed = _known_url(url)
            engine = create_engine(parsed, **_options(parsed))
        except (ArgumentError, NoSuchModuleError) as error:
            raise ConfigError("the store's URL must begin with sqlite:/// or postgresql://") from error
        except ModuleNotFoundError as error:
            raise ConfigError("a PostGIS store needs the extra `postgis`: pip install 'sitewatch[postgis]'") from error
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return cls(engine=engine)

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        return self.engine.url.render_as_string(hide_password=True)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection to read from.

        Raises:
            StateError: The store cannot be read.

        """
        try:
            with self.engine.connect() as connection:
                yield connection.execution_options(is_read=True)
        except SQLAlchemyError as error:
            raise StateError(f"{self.name}: {_short(error)}") from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection to write to: all of it is kept at the end, or nothing. One writer at a time.

        Raises:
            OutputError: The store does not take it.

        """
        try:
            with self.engine.begin() as connection:
                if self.engine.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
                yield connection
        except SQLAlchemyError as error:
            raise OutputError(f"{self.name}: {_short(error)}") from error

    def upgrade(self) -> str:
        """Bring the tables to this version, and return it. A new database gets all of them; data stays.

        Raises:
            OutputError: The database does not allow it, or is of a later version than this program.

        """
        if self.engine.dialect.name == "sqlite" and self.engine.url.database:
            Path(self.engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        with self.writing() as connection:
            _refuse_later(connection, self.name)
            config = _migrations()
            config.attributes["connection"] = connection
            before = MigrationContext.configure(connection).get_current_revision()
            command.upgrade(config, "head")
            if before not in (None, newest_version()):
                from outputs.store.derived import fill_derived  # noqa: PLC0415  # which needs the store itself

                fill_derived(connection)
        return self.version() or ""

    def version(self) -> str | None:
        """Return the version of the tables; None where there are none yet."""
        with self.reading() as connection:
            return MigrationContext.configure(connection).get_current_revision()

    def check(self) -> list[str]:
        """Return what is wrong with the store, one sentence each; nothing if all is as it should be.

        Raises:
            StateError: It cannot be read at all.

        """
        version, newest = self.version(), newest_version()
        if version != newest:
            return [
                f"its tables are of version {version or 'none'}, this program wants {newest}: `sitewatch store upgrade`"
            ]
        with self.reading() as connection:
            return [*_damage(connection), *missing_boxes(connection), *_contradictions(connection)]

    def backup(self, path: Path) -> Path:
        """Write a copy of the whole store, as it stands at one moment, to `path`; others may go on writing.

        A SQLite store gives a SQLite file, a PostGIS store an archive for ``pg_restore``.

        Raises:
            OutputError: It cannot be written, or ``pg_dump`` is not there.

        """
        if path.exists():
            raise OutputError(f"{path}: is there already; a backup overwrites nothing")
        unfinished = path.with_name(f".{path.name}.tmp")
        try:
            if self.engine.dialect.name == "sqlite":
                _copy_sqlite(str(self.engine.url.database), unfinished)
            else:
                _dump_postgres(self.engine.url, unfinished)
            unfinished.replace(path)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"cannot write {path}: {error}") from error
        finally:
            unfinished.unlink(missing_ok=True)
        return path


def newest_version() -> str:
    """Return the version of the tables that this program works with."""
    return str(ScriptDirectory.from_config(_migrations()).get_current_head())


def _known_url(text: str) -> URL:
    """Return the URL with the driver that is used for its kind of database.

    Raises:
        ArgumentError: It is no URL, or of another kind.

    """
    url = make_url(text)
    driver = _DRIVERS.get(url.drivername)
    if driver is None:
        raise ArgumentError(url.drivername)
    return url.set(drivername=driver)


def _options(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_S}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}


def _prepare_sqlite(connection: Any, _: Any) -> None:  # noqa: ANN401 - what SQLAlchemy hands on has no type
    connection.isolation_level = None  # the driver would begin transactions late, and commit before some statements
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Connection) -> None:
    """Take the writer's place at once: of two that both read first, one would fail instead of waiting."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if not connection.get_execution_options().get("is_read") else "BEGIN")


def _migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    return config


def _refuse_later(connection: Connection, name: str) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(_migrations()).walk_revisions()}
    if current is not None and current not in known:
        raise OutputError(f"{name}: its tables are of version {current}, which this program does not know; update it")


def _damage(connection: Connection) -> Iterator[str]:
    if connection.dialect.name == "sqlite":
        for (said,) in connection.execute(text("PRAGMA integrity_check")):
            if said != "ok":
                yield f"the file is damaged: {said}"
        for row in connection.execute(text("PRAGMA foreign_key_check")):
            yield f"a row of {row[0]} names a row of {row[2]} that is not there"


def _contradictions(connection: Connection) -> Iterator[str]:
    """Find what no order of runs can have left."""
    now, old, moves = tables.detections, tables.detection_versions, tables.moves
    newest = (
        select(old.c.detection_id, func.max(old.c.version).label("version")).group_by(old.c.detection_id).subquery()
    )
    joined = now.outerjoin(newest, now.c.detection_id == newest.c.detection_id)
    strange = select(now.c.detection_id).select_from(joined).where(now.c.version.is_distinct_from(newest.c.version))
    for (name,) in connection.execute(strange.order_by(now.c.detection_id)):
        yield f"detection {name}: the newest version that was kept is not the one that is shown"
    last = (
        select(moves.c.detection_id, func.max(moves.c.number).label("number")).group_by(moves.c.detection_id).subquery()
    )
    ends = moves.join(last, (moves.c.detection_id == last.c.detection_id) & (moves.c.number == last.c.number))
    told = select(now.c.detection_id, now.c.status, moves.c.status_to).select_from(
        ends.join(now, now.c.detection_id == moves.c.detection_id)
    )
    for name, status, status_to in connection.execute(told.where(now.c.status != moves.c.status_to)):
        yield f"detection {name}: its status is {status}, its last move led to {status_to}"


def _copy_sqlite(database: str, path: Path) -> None:
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(path)) as copy,
    ):
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file: nothing beside it to be forgotten


def _dump_postgres(url: URL, path: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise OutputError("a backup of a PostGIS store needs PostgreSQL's `pg_dump`; it is not installed here")
    plain = url.set(drivername="postgresql", password=None).render_as_string()
    environ = {"PATH": str(Path(program).parent), "PGPASSWORD": url.password or ""}
    done = subprocess.run(  # noqa: S603 - the program is PostgreSQL's own, its arguments are the settings' and a path
        [program, "--format=custom", f"--file={path}", plain], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise OutputError(f"pg_dump: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else 'failed'}")


def _short(error: SQLAlchemyError) -> str:
    """Say what the database said, without statements and rows."""
    said = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    return said.strip().partition("\n")[0].partition(" (Background on this error")[0]
