"""`sitewatch publish`: one folder for a newsroom or a partner."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking


def publish(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    *,
    audience: Annotated[str, typer.Option(help="public, partner, internal, or a policy of --policies.")] = "public",
    include_unreviewed: Annotated[
        bool, typer.Option("--include-unreviewed", help="Also what nobody has looked at; everything is marked so.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Of the release.", show_default="that of the folder")] = None,
    title: Annotated[str | None, typer.Option(help="On maps and pages.", show_default="how many findings")] = None,
    publisher: Annotated[str, typer.Option(help="The organisation that gives it out.")] = "",
    sign: Annotated[str | None, typer.Option(help="The name of a key.", show_default="SITEWATCH_SIGN")] = None,
    policies: Annotated[Path | None, typer.Option(help="A TOML file of policies: one table an audience.")] = None,
    protected: Annotated[
        Path | None, typer.Option(help="Places that must not appear, or whose pictures must not.")
    ] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put what reviewers confirmed into one sealed folder: layers, maps, pictures, captions, method, limits."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.release import Wanted, publish_release  # noqa: PLC0415

        wanted = Wanted(
            audience=audience,
            include_unreviewed=include_unreviewed,
            name=name or "",
            title=title or "",
            publisher=publisher,
            sign=sign,
            policies=policies,
            protected=protected,
        )
        publish_release(folder_of(context, workspace), out, wanted, show)
