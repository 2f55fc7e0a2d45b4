"""The workspace's store: where it is, what a run brings into it, how it is kept well."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flows.settings.config import SentinelHubSettings, StoreSettings
from flows.settings.workspace import Workspace
from flows.show import Show, plural
from geo.errors import ConfigError, StateError
from geo.sources.ledger import Ledger, month_of
from outputs.store import Recorded, Store, record_run
from outputs.store.assessments import Assessed, record_assessment
from outputs.store.database import newest_version
from outputs.store.ledger import newest_entry, record_entries

URL_VARIABLE = "SITEWATCH_STORE_URL"
"""Says where the store is, above the settings: a URL with a password belongs here."""


def store_url(workspace: Workspace) -> str:
    """Return where the workspace's store is."""
    settings: StoreSettings = workspace.config.store
    return os.environ.get(URL_VARIABLE, "").strip() or settings.url or f"sqlite:///{workspace.root / 'store.sqlite'}"


@contextmanager
def opened(workspace: Workspace, *, is_written: bool) -> Iterator[Store | None]:
    """Give the store; where there are no tables yet, make them if `is_written`, else give None.

    Raises:
        ConfigError: The URL is wrong.
        StateError: The store cannot be read, or its tables are of another version.
        OutputError: Its tables cannot be made.

    """
    url = store_url(workspace)
    if not is_written and url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        yield None  # looking makes no file
        return
    store = Store.open(url)
    try:
        yield store if _is_ready(store, is_written=is_written) else None
    finally:
        store.close()


def _is_ready(store: Store, *, is_written: bool) -> bool:
    version = store.version() if _is_there(store) else None
    if version is None and is_written:
        store.upgrade()
        return True
    if version is not None and version != newest_version():
        raise StateError(
            f"{store.name}: its tables are of version {version}, this program wants {newest_version()}: "
            "run `sitewatch store upgrade`"
        )
    return version is not None


def _is_there(store: Store) -> bool:
    """Say whether there is anything to be asked: a SQLite file in a folder that is not there yet is not."""
    database = store.engine.url.database
    return store.engine.dialect.name != "sqlite" or (database is not None and Path(database).exists())


def keep_run(workspace: Workspace, run_dir: Path) -> Recorded:
    """Record a published run, unless it is recorded already.

    Raises:
        ConfigError, StateError, OutputError: The store cannot be used; the run's folder still stands, and the next
            run records it.

    """
    with written(workspace) as store:
        _keep_spending(workspace, store)
        return record_run(store, run_dir)


def keep_spending(workspace: Workspace) -> int:
    """Record what the accounts of the workspace have spent since it was last recorded; return how many answers.

    Raises:
        ConfigError, StateError, OutputError: The store cannot be used; the ledger's files stand as they are.

    """
    if not _ledger_folders(workspace):
        return 0
    with written(workspace) as store:
        return _keep_spending(workspace, store)


def keep_assessment(workspace: Workspace, found: Assessed) -> bool:
    """Record the assessment of a supplier list, unless it is recorded already; return whether it was new.

    Raises:
        ConfigError, StateError, OutputError: The store cannot be used; what was written stands.

    """
    with written(workspace) as store:
        return record_assessment(store, found)


@contextmanager
def written(workspace: Workspace) -> Iterator[Store]:
    """Give the store to write to, with its tables.

    Raises:
        ConfigError, StateError, OutputError: The store cannot be used.

    """
    with opened(workspace, is_written=True) as store:
        if store is None:
            raise StateError(f"{workspace.root}: the store has no tables")
        yield store


def _ledger_folders(workspace: Workspace) -> list[Path]:
    """Return the folder of each account whose spending is counted for this workspace."""
    sources = (workspace.config.source, workspace.config.radar)
    named = {one.account_folder for one in sources if isinstance(one, SentinelHubSettings)}
    roots = [workspace.root / Path(name).expanduser() for name in sorted(named)]
    return [folder for root in roots if root.is_dir() for folder in sorted(root.iterdir()) if folder.is_dir()]


def _keep_spending(workspace: Workspace, store: Store) -> int:
    count = 0
    for folder in _ledger_folders(workspace):
        newest = newest_entry(store, folder.name)
        # An answer of the last night of a month may be written down behind one of the next.
        first = month_of(newest - timedelta(days=1)) if newest else ""
        months = sorted(path.stem.removeprefix("ledger-") for path in folder.glob("ledger-*.jsonl"))
        book = Ledger(folder)
        entries = [entry for month in months if month >= first for entry in book.entries(month)]
        count += record_entries(store, folder.name, entries)
    return count


def upgrade_store(root: Path, show: Show) -> None:
    """Bring the tables of the workspace's store to this version."""
    store = Store.open(store_url(Workspace.open(root)))
    try:
        version = store.upgrade()
        show.document({"store": store.name, "version": version})
        show.say(f"{store.name}: the tables are of version {version}")
    finally:
        store.close()


def check_store(root: Path, show: Show) -> int:
    """Say what is wrong with the workspace's store; return 0 if nothing is, else 1."""
    workspace = Workspace.open(root)
    with opened(workspace, is_written=False) as store:
        if store is None:
            found = ["there is no store yet: the first run, or `sitewatch store upgrade`, makes it"]
            name = store_url(workspace) if store_url(workspace).startswith("sqlite") else "the store"
        else:
            found, name = store.check(), store.name
    show.document({"store": name, "problems": found})
    for line in found or ["as it should be"]:
        show.say(f"{name}: {line}")
    return 1 if found else 0


def backup_store(root: Path, path: Path, show: Show) -> None:
    """Copy the workspace's store."""
    workspace = Workspace.open(root)
    with opened(workspace, is_written=False) as store:
        if store is None:
            raise StateError(f"{workspace.root}: there is no store yet")
        store.backup(path)
        show.document({"store": store.name, "backup": str(path), "bytes": path.stat().st_size})
        show.say(f"{path}: {path.stat().st_size / 1e6:.1f} MB, a copy of {store.name}")


def import_runs(root: Path, show: Show) -> None:
    """Record all runs of the workspace that the store does not have and that are newer than its newest."""
    workspace = Workspace.open(root)
    folders = sorted(folder for folder in workspace.runs_dir.iterdir() if (folder / "run.json").exists())
    recorded = [folder.name for folder in folders if keep_run(workspace, folder).is_new]
    show.document({"recorded": recorded})
    show.say(f"{plural(len(recorded), 'run')} recorded, {len(folders) - len(recorded)} were there already")


def share_styles(root: Path, show: Show, *, project: Path | None = None, service: str = "", authcfg: str = "") -> None:
    """Put views and styles for QGIS into a PostGIS store, and perhaps write a project that opens them.

    Raises:
        ConfigError: The store is no PostGIS store, or a project is wanted and no service is named.
        OutputError: The database or the disk does not take it.

    """
    from outputs.layers.postgis import share_layers, shared_project  # noqa: PLC0415 - brings in a writer of layers
    from outputs.layers.project import write_project  # noqa: PLC0415

    if project is not None and not service:
        raise ConfigError("a project needs --service: the entry of pg_service.conf that says where the database is")
    workspace = Workspace.open(root)
    with opened(workspace, is_written=True) as store:
        if store is None:
            raise StateError(f"{workspace.root}: the store has no tables")
        views = share_layers(store)
        show.document({"store": store.name, "views": list(views), "project": str(project) if project else None})
        show.say(f"{store.name}: {plural(len(views), 'layer')} to open in QGIS, styled: {', '.join(views)}")
        if project is not None:
            write_project(project, shared_project(store, service=service, authcfg=authcfg, made_at=datetime.now(UTC)))
            show.say(f"{project}: opens them through the service {service}; no password is in it")
