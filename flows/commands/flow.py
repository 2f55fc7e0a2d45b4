"""`sitewatch flow`: the same under Prefect."""

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
