"""`sitewatch review`: what people decide about detections, from the first look to what it teaches."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Areas, Folder, Json, Quiet, Reviewer, folder_of, speaking

app = typer.Typer(help="What people decide about detections.", no_args_is_help=True, rich_markup_mode=None)


@app.command("add")
def add(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    detection: Annotated[str, typer.Argument(help="Its id, as the layers and the page show it.")],
    verdict: Annotated[str, typer.Argument(help="confirmed, rejected or unsure.")],
    *,
    reviewer: Reviewer,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    event: Annotated[str, typer.Option(help="What happened instead, such as demolition.")] = "",
    settles: Annotated[
        bool,
        typer.Option("--settles", help="Put this in the place of all earlier verdicts on it, as after a conflict."),
    ] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take down what a person decided about a detection; the next run shows it, and no later one forgets it."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.area.reviews import Decision, review_detection, verdict_of  # noqa: PLC0415

        root = folder_of(context, workspace)
        decided = Decision(verdict=verdict_of(verdict), reviewer=reviewer, note=note, event=event, settles=settles)
        area_id = review_detection(root, detection, decided)
        show.document({"detection_id": detection, "area_id": area_id, "verdict": verdict, "reviewer": reviewer})
        show.say(f"{detection} of area {area_id}: {verdict} by {reviewer}; `sitewatch run` brings it into the layers")


@app.command("sheet")
def sheet(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    path: Annotated[Path, typer.Argument(help="The new sheet, NAME.gpkg; its QGIS project is put beside it.")],
    *,
    area: Areas = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a sheet on which verdicts are given in QGIS; `sitewatch review import` takes it back."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.export import export_sheet  # noqa: PLC0415

        export_sheet(folder_of(context, workspace), path, show, area_ids=area or ())


@app.command("import")
def import_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A sheet that was filled in, as `sitewatch review sheet` made it.")],
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take the verdicts of a sheet, all or none, and say what became of each. Ends with 1 if any was refused."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.reviewing import import_sheet  # noqa: PLC0415

        raise typer.Exit(import_sheet(folder_of(context, workspace), file, show))


@app.command("queue")
def queue(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    reviewer: Annotated[str, typer.Option(help="Whose queue; without it that of everybody, for the lead.")] = "",
    readers: Annotated[int, typer.Option(help="How many independent readers each detection needs.", min=1, max=9)] = 1,
    limit: Annotated[int, typer.Option(help="How many to show.", min=1, max=10_000)] = 20,
    area: Areas = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say which detections are most worth looking at next, and why."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.reviewing import Asked, show_queue  # noqa: PLC0415

        asked = Asked(reader=reviewer, readers=readers, limit=limit, area_ids=tuple(area or ()))
        show_queue(folder_of(context, workspace), asked, show)


@app.command("feedback")
def feedback(
    context: typer.Context,
    *,
    out: Annotated[Path | None, typer.Option(help="Also write it as JSON.")] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what the verdicts teach: how often a detection is right, by confidence, event and area, and who agrees."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.reviewing import show_feedback  # noqa: PLC0415

        show_feedback(folder_of(context, workspace), show, out=out)


@app.command("serve")
def serve(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    reader: Annotated[
        list[str] | None,
        typer.Option(help="Who reads; several times for independent readers.", show_default="the user of this account"),
    ] = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)] = 8750,
    host: Annotated[str, typer.Option(help="The one address to listen on. Any but the loopback is warned of.")] = (
        "127.0.0.1"
    ),
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Review in a browser on this machine; prints the address that logs each reader in."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.serving import serve_review  # noqa: PLC0415

        serve_review(folder_of(context, workspace), show, readers=reader or (), host=host, port=port)
