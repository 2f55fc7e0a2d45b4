"""`sitewatch imagery`: the imagery that is kept."""

from datetime import datetime
from typing import Annotated

import typer

from flows.commands.common import Areas, Folder, Json, OverBudget, Quiet, folder_of, speaking
from flows.show import EXIT_CODES

DAY = "%Y-%m-%d"

app = typer.Typer(help="The imagery that is kept.", no_args_is_help=True, rich_markup_mode=None)


@app.command("pull", epilog=EXIT_CODES)
def imagery_pull(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    since: Annotated[datetime | None, typer.Option(formats=[DAY], help="The first day, as 2016-01-31.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=[DAY], help="The last day.")] = None,
    over_budget: OverBudget = False,
    workspace: Folder = None,
    area: Areas = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fetch the scenes that runs will read, the newest first. May be stopped at any time: the next pull goes on."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.pull.kept import Span, pull_workspace  # noqa: PLC0415
        from flows.pull.pulled import show_pull  # noqa: PLC0415

        span = Span(first=since.date() if since else None, last=until.date() if until else None)
        with show.progress("pulling") as bar:
            report = pull_workspace(
                folder_of(context, workspace), span, area_ids=area or (), over_budget=over_budget, listener=bar
            )
        raise typer.Exit(show_pull(report, show))


@app.command("list")
def imagery_list(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Say what imagery is kept."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.pull.kept import list_imagery  # noqa: PLC0415

        raise typer.Exit(list_imagery(folder_of(context, workspace), show))


@app.command("verify")
def imagery_verify(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Check that the imagery kept is what was written. Ends with 1 if some is not: it will be fetched again."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.pull.kept import verify_imagery  # noqa: PLC0415

        raise typer.Exit(verify_imagery(folder_of(context, workspace), show))


@app.command("prune")
def imagery_prune(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    superseded: Annotated[bool, typer.Option("--superseded", help="What a newer version took the place of.")] = False,
    older_than: Annotated[int | None, typer.Option(min=0, help="What was not read for as many days.")] = None,
    max_gb: Annotated[float | None, typer.Option(min=0, help="What goes beyond, the longest unread first.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be removed.")] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what imagery could go, and with --yes remove it."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.pull.kept import prune_imagery  # noqa: PLC0415
        from geo.cache import PruneRules  # noqa: PLC0415

        max_bytes = None if max_gb is None else int(max_gb * 1e9)
        rules = PruneRules(is_superseded=superseded, unread_days=older_than, max_bytes=max_bytes)
        raise typer.Exit(prune_imagery(folder_of(context, workspace), rules, show, is_done=yes))
