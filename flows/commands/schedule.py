"""`sitewatch schedule` and `sitewatch serve`: runs that start by themselves, and whether they do."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

app = typer.Typer(
    help="Runs that start by themselves: each area at its cadence, on a Prefect server.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Pool = Annotated[str, typer.Option(help="The work pool, of type process, whose workers do the runs.")]
CODES = "Ends with 0 if all is well, with 1 on an alarm, with 2 if there is no workspace."


@app.command("show")
def schedule_show(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Say which areas are watched when, and what the Prefect server knows of it; change nothing."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.schedule.asked import show_schedule  # noqa: PLC0415

        show_schedule(folder_of(context, workspace), show)


@app.command("apply")
def schedule_apply(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    pool: Pool,
    create_pool: Annotated[bool, typer.Option("--create-pool", help="Make the pool if it is not there.")] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Set up the deployments of this workspace on the Prefect server, for the workers of a pool."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.schedule.apply import apply_schedule  # noqa: PLC0415

        apply_schedule(folder_of(context, workspace), show, pool=pool, is_pool_made=create_pool)


@app.command("yaml")
def schedule_yaml(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path("prefect.yaml"),
    *,
    pool: Pool,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the same as a prefect.yaml, for `prefect deploy --all`."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.schedule.apply import write_yaml  # noqa: PLC0415

        write_yaml(folder_of(context, workspace), show, path=file, pool=pool)


@app.command("check", epilog=CODES)
def schedule_check(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    notify: Annotated[
        bool, typer.Option("--notify", help="Tell who asked for alarms in subscriptions.toml, once an alarm.")
    ] = False,
    every: Annotated[float | None, typer.Option(min=0.01, help="Go on, and look again after so many minutes.")] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Find out, without asking the scheduler alone, whether runs start when they are due. For a timer."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.schedule.check import check_schedule, keep_checking  # noqa: PLC0415

        root = folder_of(context, workspace)
        if every is not None:
            keep_checking(root, show, is_told=notify, every_minutes=every)
        raise typer.Exit(check_schedule(root, show, is_told=notify))


def serve(
    context: typer.Context,
    *,
    port: Annotated[
        int,
        typer.Option(
            min=1, max=65535, help="Without PREFECT_API_URL: where on this machine a Prefect server is started."
        ),
    ] = 4200,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Watch each area at its cadence, as long as this command runs; missed runs are made up for by one."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.schedule.serve import serve_schedule  # noqa: PLC0415

        serve_schedule(folder_of(context, workspace), show, port=port)
