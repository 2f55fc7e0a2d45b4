"""`sitewatch why`, `reprocess`, `backfill` and `state`: what was done and why, and making it again."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.common import Areas, Folder, Json, OverBudget, Quiet, folder_of, speaking
from flows.show import Show

if TYPE_CHECKING:
    from flows.area.outcome import RunReport

app = typer.Typer(help="What was done, and what is kept of it.", no_args_is_help=True, rich_markup_mode=None)

Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and what it would cost.")]
Most = Annotated[int, typer.Option("--runs", min=1, help="How many of the newest runs.")]


def why(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    area: Annotated[str, typer.Argument(help="The area's id.")],
    *,
    run: Annotated[str, typer.Option(help="Only this run: its stamp, or the name of its folder.")] = "",
    runs: Most = 5,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say why an area was run or not, run by run, what changed, and what the next run would do."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.why import show_why  # noqa: PLC0415
        from flows.runs.why import why as find_why  # noqa: PLC0415

        show_why(find_why(folder_of(context, workspace), area, run=run, most=runs), show)


def reprocess(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    area: Areas = None,
    code_older: Annotated[bool, typer.Option("--code-older", help="What another version of sitewatch made.")] = False,
    settings_changed: Annotated[
        bool, typer.Option("--settings-changed", help="What was made with other settings.")
    ] = False,
    since: Annotated[datetime | None, typer.Option(help="Only what was made on this day or later (UTC).")] = None,
    dry_run: Dry = False,
    over_budget: OverBudget = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make again what was made with other settings or by another version, and nothing else."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.again import Which  # noqa: PLC0415
        from flows.runs.again import reprocess as make_again  # noqa: PLC0415

        which = Which(
            area_ids=area or (),
            settings=settings_changed or not code_older,
            code=code_older or not settings_changed,
            since=since.date() if since else None,
        )
        root = folder_of(context, workspace)
        with show.progress("making again") as bar:
            done = make_again(root, which, show, is_dry=dry_run, over_budget=over_budget, listener=bar)
        _end(done, show)


def backfill(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    first: Annotated[datetime, typer.Argument(help="The new first day, earlier than that in [period].")],
    *,
    dry_run: Dry = False,
    over_budget: OverBudget = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look back further: set an earlier first day in the settings, and run."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.again import backfill as look_back  # noqa: PLC0415

        root = folder_of(context, workspace)
        with show.progress("looking back") as bar:
            done = look_back(root, first.date(), show, is_dry=dry_run, over_budget=over_budget, listener=bar)
        _end(done, show)


@app.command("runs")
def state_runs(
    context: typer.Context,
    *,
    runs: Most = 20,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what the newest runs came to, those that were killed included."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.why import show_runs  # noqa: PLC0415

        show_runs(folder_of(context, workspace), show, most=runs)


@app.command("superseded")
def state_superseded(
    context: typer.Context,
    *,
    area: Areas = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say which results others stand in the place of, and why."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.why import show_superseded  # noqa: PLC0415

        show_superseded(folder_of(context, workspace), show, area_ids=area or ())


@app.command("tidy")
def state_tidy(
    context: typer.Context,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Let go of what is older than [keep] says, as each run does at its end."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.keep import tidy_workspace  # noqa: PLC0415

        tidy_workspace(folder_of(context, workspace), show, is_dry=dry_run)


def _end(done: "RunReport | int", show: Show) -> None:
    """End as a run does; or with the exit code that stands for having run nothing."""
    if isinstance(done, int):
        raise typer.Exit(done)
    from flows.runs.report import show_report  # noqa: PLC0415

    show_report(done, show)
    raise typer.Exit(done.exit_code)
