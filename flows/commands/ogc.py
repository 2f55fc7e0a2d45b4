"""`sitewatch ogc`: what was found, for any GIS that speaks OGC API Features."""

from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

app = typer.Typer(
    help="What was found, for any GIS that speaks OGC API Features.", no_args_is_help=True, rich_markup_mode=None
)


@app.callback()
def common() -> None:
    """Keep `serve` a command of the group, though it is the only one."""


@app.command("serve")
def serve(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8760,
    host: Annotated[str, typer.Option(help="The one address to listen on. Any but the loopback is warned of.")] = (
        "127.0.0.1"
    ),
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Serve detections, coverage and facilities of the newest run, read-only, on this machine."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.serving import serve_ogc  # noqa: PLC0415

        serve_ogc(folder_of(context, workspace), show, host=host, port=port)
