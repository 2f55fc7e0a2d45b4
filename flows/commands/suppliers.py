"""`sitewatch suppliers` and `sitewatch match`: from a supplier list to its assessment."""

import re
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

CODES = """\
Exit codes: 0 every row was understood; 1 some rows were kept aside (see rejected.csv), the rest is done;
2 wrong usage, or a file cannot be understood: nothing was written; 3 nothing could be written;
130 stopped by the user."""

app = typer.Typer(help="Supplier lists: places, names, chains, risk.", no_args_is_help=True, rich_markup_mode=None)

Mapping = Annotated[Path | None, typer.Option(help="TOML: field to heading, where the proposed columns are wrong.")]
Weights = Annotated[Path | None, typer.Option(help="TOML of weights to use instead of the package's.")]
Entities = Annotated[list[Path] | None, typer.Option(help="A list of entities; may be given several times.")]
Plots = Annotated[Path | None, typer.Option(help="Other known places: they compete with the flagged ones.")]
Links = Annotated[Path | None, typer.Option(help="Who owns or supplies whom.")]


@app.command("check", epilog=CODES)
def check(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The supplier list: CSV, XLSX or an Open Supply Hub download.")],
    *,
    out: Annotated[Path, typer.Option(help="A new folder for the result.")],
    entities: Entities = None,
    sites: Annotated[Path | None, typer.Option(help="Flagged sites: any vector file or table of places.")] = None,
    plots: Plots = None,
    links: Links = None,
    mapping: Mapping = None,
    weights: Weights = None,
    previous: Annotated[Path | None, typer.Option(help="The folder of an earlier check, to compare with.")] = None,
    quarter: Annotated[str, typer.Option(help="Such as 2026Q3; without it the current one.")] = "",
    workspace: Annotated[
        Path | None, typer.Option("--workspace", "-w", help="Also record the result in this workspace's store.")
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say for each supplier where it probably is, what it may be linked to, and why it should be looked into."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        if quarter and not re.fullmatch(r"\d{4}Q[1-4]", quarter):
            raise typer.BadParameter(f"expected a quarter such as 2026Q3; got {quarter}", param_hint="--quarter")
        from flows.settings.workspace import Workspace  # noqa: PLC0415
        from flows.suppliers.check import CheckFiles, check_suppliers  # noqa: PLC0415

        files = CheckFiles(
            suppliers=file,
            entities=tuple(entities or ()),
            sites=sites,
            plots=plots,
            links=links,
            mapping=mapping,
            weights=weights,
            previous=previous,
            quarter=quarter,
        )
        kept = Workspace.open(folder_of(context, workspace)) if workspace or context.find_root().obj[0] else None
        raise typer.Exit(check_suppliers(files, out, show, workspace=kept))


@app.command("columns")
def columns(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The supplier list.")],
    *,
    mapping: Mapping = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say as what each column of a list is read, before anything else is done with it."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.suppliers.tell import show_columns  # noqa: PLC0415

        raise typer.Exit(show_columns(file, mapping, show))


@app.command("example")
def example(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    *,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a small invented list with its entities, sites and links, to try everything on."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.suppliers.tell import write_example  # noqa: PLC0415

        raise typer.Exit(write_example(folder, show))


def match(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(help="The supplier list.", show_default="suppliers.csv or .xlsx of the workspace")
    ] = None,
    *,
    run: Annotated[
        Path | None, typer.Option(help="A run's folder.", show_default="the newest of the workspace")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A new folder.", show_default="matches/ of the workspace")] = None,
    entities: Entities = None,
    plots: Plots = None,
    links: Links = None,
    mapping: Mapping = None,
    weights: Weights = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say how probably each supplier lies in or near a change that was seen from space."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.suppliers.check import CheckFiles  # noqa: PLC0415
        from flows.suppliers.watched import match_run, suppliers_of  # noqa: PLC0415

        root = folder_of(context, workspace)
        files = CheckFiles(
            suppliers=file or suppliers_of(root),
            entities=tuple(entities or ()),
            plots=plots,
            links=links,
            mapping=mapping,
            weights=weights,
        )
        raise typer.Exit(match_run(root, run, files, show, out=out))
