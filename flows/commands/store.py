"""`sitewatch store`: the record of all runs, detections and verdicts."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

app = typer.Typer(help="The record of all runs, detections and verdicts.", no_args_is_help=True, rich_markup_mode=None)


@app.command("upgrade")
def store_upgrade(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Make the tables, or bring them to this version; what they hold stays."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.store import upgrade_store  # noqa: PLC0415

        upgrade_store(folder_of(context, workspace), show)


@app.command("check")
def store_check(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Say whether the store is sound and free of contradictions. Ends with 1 if not."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.store import check_store  # noqa: PLC0415

        raise typer.Exit(check_store(folder_of(context, workspace), show))


@app.command("backup")
def store_backup(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The copy: a SQLite file, or an archive for pg_restore.")],
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Copy the whole store as it stands at one moment; runs may go on."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.store import backup_store  # noqa: PLC0415

        backup_store(folder_of(context, workspace), path, show)


@app.command("import")
def store_import(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Record the workspace's finished runs that are newer than the newest one recorded."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.store import import_runs  # noqa: PLC0415

        import_runs(folder_of(context, workspace), show)


@app.command("styles")
def store_styles(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    project: Annotated[Path | None, typer.Option(help="Also write a QGIS project, NAME.qgz, that opens them.")] = None,
    service: Annotated[str, typer.Option(help="The entry of pg_service.conf by which QGIS finds the database.")] = "",
    authcfg: Annotated[str, typer.Option(help="The id of QGIS' own credentials; no password is written down.")] = "",
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the layers of a PostGIS store open in QGIS live, in the styles that the GeoPackage has."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.store import share_styles  # noqa: PLC0415

        share_styles(folder_of(context, workspace), show, project=project, service=service, authcfg=authcfg)
