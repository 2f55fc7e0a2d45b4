"""`sitewatch dossier`: all that is known of one facility, detection or supplier, to print and to file."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking


def dossier(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="Of a facility, of a detection, or of a supplier that was checked.")
    ],
    *,
    results: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A folder that `suppliers check`, `match` or `run` wrote.",
            show_default="the list of facilities, the newest run and the newest match of the workspace",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page, NAME.html; a PDF is put beside it.", show_default="dossiers/ID.html in the workspace"
        ),
    ] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put together what is known of one facility, detection or supplier, with its evidence, doubts and sources."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.dossier import write_dossier, write_statement  # noqa: PLC0415

        root = folder_of(context, workspace)
        if results is not None:
            write_statement(root, subject, show, results=results, out=out)
        else:
            write_dossier(root, subject, show, out=out)
