"""The command `sitewatch`. Heavy libraries are imported inside the commands: `--help` answers at once."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.commands import (
    dossier,
    evidence,
    export,
    flow,
    health,
    imagery,
    notices,
    ogc,
    publish,
    review,
    schedule,
    state,
    store,
    suppliers,
)
from flows.commands.common import Areas, Folder, Force, Json, OverBudget, Quiet, folder_of, speaking
from flows.settings.environment import clean_gis_environment
from flows.show import EXIT_CODES, Show

app = typer.Typer(
    name="sitewatch",
    help="Watch facilities from space: find construction, expansion and demolition in satellite imagery.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, group in (
    ("flow", flow.app),
    ("keys", evidence.keys),
    ("imagery", imagery.app),
    ("export", export.app),
    ("notices", notices.app),
    ("ogc", ogc.app),
    ("review", review.app),
    ("schedule", schedule.app),
    ("state", state.app),
    ("store", store.app),
    ("suppliers", suppliers.app),
):
    app.add_typer(group, name=name)
app.command("match", epilog=suppliers.CODES)(suppliers.match)
for command in (evidence.verify, evidence.sign, evidence.timestamp, evidence.withdraw):
    app.command(epilog=evidence.CODES)(command)
app.command("serve", epilog=EXIT_CODES)(schedule.serve)
app.command("health", epilog=health.CODES)(health.health)
app.command("dossier", epilog=EXIT_CODES)(dossier.dossier)
app.command("publish", epilog=EXIT_CODES)(publish.publish)
app.command("why", epilog=EXIT_CODES)(state.why)
app.command("reprocess", epilog=EXIT_CODES)(state.reprocess)
app.command("backfill", epilog=EXIT_CODES)(state.backfill)


@app.callback()
def common(context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False) -> None:
    """Keep what may stand before the command as well as behind it."""
    context.obj = (workspace, Show(is_quiet=quiet, is_json=as_json))


@app.command()
def init(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    *,
    source: Annotated[
        str, typer.Option(help="Where imagery comes from: simulated, folder, stac or sentinelhub.")
    ] = "simulated",
    imagery: Annotated[Path | None, typer.Option(help="With --source folder: the folder of the images.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a workspace: settings that explain themselves, and a sample watch list."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.settings.initial import hints, make_workspace  # noqa: PLC0415

        made = make_workspace(folder, source=source, imagery=imagery)
        show.document({"workspace": str(made.root), "files": [str(path) for path in made.files]})
        for line in hints(made):
            show.say(line)


@app.command(epilog=EXIT_CODES)
def run(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    workspace: Folder = None,
    area: Areas = None,
    force: Force = False,
    over_budget: OverBudget = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Watch every area once, and publish what is new."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.runs.report import show_report  # noqa: PLC0415
        from flows.runs.run import run_workspace  # noqa: PLC0415

        with show.progress("watching") as bar:
            report = run_workspace(
                folder_of(context, workspace), area_ids=area or (), force=force, over_budget=over_budget, listener=bar
            )
        show_report(report, show)
        raise typer.Exit(report.exit_code)


@app.command()
def plan(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    workspace: Folder = None,
    area: Areas = None,
    force: Force = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what a run would read and cost; pull nothing. Ends with 1 if the month's budget would not suffice."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.pull.cost import plan_workspace, show_plan  # noqa: PLC0415

        planned = plan_workspace(folder_of(context, workspace), area_ids=area or (), force=force)
        raise typer.Exit(show_plan(planned, show))


@app.command()
def doctor(
    context: typer.Context,
    *,
    online: Annotated[
        bool,
        typer.Option(
            "--online", help="Also ask the provider for a token, or whether its catalogue answers; free of charge."
        ),
    ] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say whether a run could start, and what is missing. Ends with 0 if it could, with 1 if not."""
    with speaking(context, quiet=quiet, as_json=as_json, warned=False) as show:
        unset = clean_gis_environment()
        from flows.doctor import examine, show_findings  # noqa: PLC0415

        findings = examine(folder_of(context, workspace), unset_variables=unset, online=online)
        raise typer.Exit(show_findings(findings, show))


@app.command()
def config(context: typer.Context, *, as_json: Json = False) -> None:
    """Print the default settings, each with its explanation."""
    with speaking(context, as_json=as_json) as show:
        from flows.settings.config import Config  # noqa: PLC0415
        from flows.settings.template import default_toml  # noqa: PLC0415

        show.document(Config().model_dump(mode="json"))
        show.say(default_toml().rstrip())


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to make the demo's workspace.")] = Path("demo"),
    *,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Try everything on simulated imagery, and compare what is found with what was simulated."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.demo import run_demo  # noqa: PLC0415

        raise typer.Exit(run_demo(folder, show))


@app.command()
def version(context: typer.Context, *, as_json: Json = False) -> None:
    """Print the version."""
    with speaking(context, as_json=as_json) as show:
        from flows.settings.version import sitewatch_version  # noqa: PLC0415

        show.document({"version": sitewatch_version()})
        show.say(f"sitewatch {sitewatch_version()}")


@app.command()
def evaluate(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    truth: Annotated[
        Path, typer.Argument(help="True events: a table, a folder of SMART models, or a GeoTIFF of labels.")
    ],
    *,
    since: Annotated[datetime | None, typer.Option("--from", help="Labels: the day before the change.")] = None,
    until: Annotated[datetime | None, typer.Option("--to", help="Labels: the day by which it was there.")] = None,
    several: Annotated[bool, typer.Option("--several", help="Several detections may make up one event.")] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Hold the current detections against what is known to have happened: found, missed, false, dated right."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.evaluate import evaluate_workspace  # noqa: PLC0415

        evaluate_workspace(
            folder_of(context, workspace),
            truth,
            show,
            between=(since.date(), until.date()) if since and until else None,
            is_one_to_one=not several,
        )


def main() -> None:
    """Run the command line."""
    app(prog_name="sitewatch")


if __name__ == "__main__":
    main()
