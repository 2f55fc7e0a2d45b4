"""`sitewatch notices`: who is told what, by mail, webhook and feed."""

from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

app = typer.Typer(
    help="Tell what is new by mail, webhook and feed, to who is in subscriptions.toml.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("check")
def notices_check(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Say what would go to whom now; send nothing."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.notices.asked import check_notices  # noqa: PLC0415

        raise typer.Exit(check_notices(folder_of(context, workspace), show))


@app.command("send")
def notices_send(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Send what is due, also what failed before. Ends with 1 if something could not be delivered."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.notices.asked import send_notices  # noqa: PLC0415

        raise typer.Exit(send_notices(folder_of(context, workspace), show))


@app.command("dead")
def notices_dead(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """List what could not be delivered and is not tried any more. Ends with 1 if there is any."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.notices.asked import list_dead  # noqa: PLC0415

        raise typer.Exit(list_dead(folder_of(context, workspace), show))


@app.command("retry")
def notices_retry(
    context: typer.Context,
    message: Annotated[list[str] | None, typer.Argument(help="Ids of dead letters; without any, all.")] = None,
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Send dead letters again, each under the id that it had."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.notices.asked import retry_dead  # noqa: PLC0415

        raise typer.Exit(retry_dead(folder_of(context, workspace), list(message or ()), show))


@app.command("feed")
def notices_feed(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Write the feeds' files anew."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.notices.asked import write_feed_files  # noqa: PLC0415

        raise typer.Exit(write_feed_files(folder_of(context, workspace), show))
