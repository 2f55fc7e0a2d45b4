"""`sitewatch export`: detections in formats of others."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking
from flows.show import EXIT_CODES

app = typer.Typer(help="Detections in formats of others.", no_args_is_help=True, rich_markup_mode=None)


@app.command("smart", epilog=EXIT_CODES)
def smart(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where the models are written.")],
    *,
    region: Annotated[str, typer.Option(help="The region's id: a country, then R and three digits.")] = "XX_R000",
    originator: Annotated[
        str | None, typer.Option(help="One of the proposers' codes of the programme; without it models are updates.")
    ] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write what was built as site and region models of the IARPA SMART programme."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.export import export_smart  # noqa: PLC0415

        export_smart(folder_of(context, workspace), folder, show, region_id=region, originator=originator)


@app.command("layer", epilog=EXIT_CODES)
def layer(
    context: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="The file: .fgb, .parquet, .geojson, .kml, .kmz, or .shp for a folder of its parts.")
    ],
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write all current detections as one file in the format that its suffix names."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.export import export_layer  # noqa: PLC0415

        export_layer(folder_of(context, workspace), path, show)


@app.command("project", epilog=EXIT_CODES)
def project(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Copy the newest run's layers and rasters with a QGIS project, to be handed on as one folder."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.export import export_project  # noqa: PLC0415

        export_project(folder_of(context, workspace), folder, show)
