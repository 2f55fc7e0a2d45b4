"""`sitewatch flow`: the same under Prefect."""

from datetime import timedelta
from typing import Annotated

import typer

from flows.commands.common import Areas, Folder, Force, Json, OverBudget, Quiet, folder_of, speaking
from flows.settings.environment import prepare_prefect_console
from flows.show import EXIT_CODES

app = typer.Typer(help="The same under Prefect.", no_args_is_help=True, rich_markup_mode=None)


@app.command("run", epilog=EXIT_CODES)
def flow_run(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    workspace: Folder = None,
    area: Areas = None,
    force: Force = False,
    over_budget: OverBudget = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Do what `sitewatch run` does as a Prefect flow, on your Prefect server or a temporary one."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        prepare_prefect_console()
        from flows.runs.report import show_report  # noqa: PLC0415
        from flows.schedule.flow import run_flow  # noqa: PLC0415

        root = folder_of(context, workspace)
        report = run_flow(root, area_ids=area or (), force=force, over_budget=over_budget)
        show_report(report, show)
        raise typer.Exit(report.exit_code)


@app.command("serve", epilog=EXIT_CODES)
def flow_serve(
    context: typer.Context,
    *,
    cron: Annotated[str, typer.Option(help="When to run, in UTC, such as '0 6 * * *': daily at six.")] = "",
    every: Annotated[float | None, typer.Option(min=0.001, help="Or after how many hours to run again.")] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
) -> None:
    """Let your Prefect server run the workspace by a schedule, as long as this command runs."""
    with speaking(context, quiet=quiet):
        from flows.schedule.flow import serve_flow  # noqa: PLC0415

        hours = timedelta(hours=every) if every else None
        serve_flow(folder_of(context, workspace), cron=cron, every=hours)
