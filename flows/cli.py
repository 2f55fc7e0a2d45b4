"""The command `sitewatch`. Heavy libraries are imported inside the commands: `--help` answers at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from flows.environment import clean_gis_environment, prepare_prefect_console
from flows.show import EXIT_CODES, Show

STOPPED = 130
DAY = "%Y-%m-%d"

app = typer.Typer(
    name="sitewatch",
    help="Watch facilities from space: find construction, expansion and demolition in satellite imagery.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
flow_app = typer.Typer(help="The same under Prefect.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(flow_app, name="flow")
imagery_app = typer.Typer(help="The imagery that is kept.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(imagery_app, name="imagery")
export_app = typer.Typer(help="Detections in formats of others.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(export_app, name="export")

Folder = Annotated[
    Path | None, typer.Option("--workspace", "-w", help="The workspace's folder.", show_default="the current one")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]
Areas = Annotated[list[str] | None, typer.Option("--area", help="Only this area; may be given several times.")]
OverBudget = Annotated[bool, typer.Option("--over-budget", help="Start even if it would exceed the month's [budget].")]
Force = Annotated[bool, typer.Option("--force", help="Make every product again, even if nothing changed.")]


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
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.initial import hints, make_workspace  # noqa: PLC0415

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
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.report import show_report  # noqa: PLC0415
        from flows.run import run_workspace  # noqa: PLC0415

        with show.progress("watching") as bar:
            report = run_workspace(
                _folder(context, workspace), area_ids=area or (), force=force, over_budget=over_budget, listener=bar
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
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.cost import plan_workspace, show_plan  # noqa: PLC0415

        planned = plan_workspace(_folder(context, workspace), area_ids=area or (), force=force)
        raise typer.Exit(show_plan(planned, show))


@flow_app.command("run", epilog=EXIT_CODES)
def flow_run(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    workspace: Folder = None,
    area: Areas = None,
    force: Force = False,
    over_budget: OverBudget = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Do what `sitewatch run` does as a Prefect flow, on your Prefect server or a temporary one."""
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        prepare_prefect_console()
        from flows.monitor import run_flow  # noqa: PLC0415
        from flows.report import show_report  # noqa: PLC0415

        root = _folder(context, workspace)
        report = run_flow(root, area_ids=area or (), force=force, over_budget=over_budget)
        show_report(report, show)
        raise typer.Exit(report.exit_code)


@flow_app.command("serve", epilog=EXIT_CODES)
def flow_serve(
    context: typer.Context,
    *,
    cron: Annotated[str, typer.Option(help="When to run, in UTC, such as '0 6 * * *': daily at six.")] = "",
    every: Annotated[float | None, typer.Option(min=0.001, help="Or after how many hours to run again.")] = None,
    workspace: Folder = None,
    quiet: Quiet = False,
) -> None:
    """Let your Prefect server run the workspace by a schedule, as long as this command runs."""
    with _speaking(context, quiet=quiet):
        from flows.monitor import serve_flow  # noqa: PLC0415

        hours = timedelta(hours=every) if every else None
        serve_flow(_folder(context, workspace), cron=cron, every=hours)


@imagery_app.command("pull", epilog=EXIT_CODES)
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
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.imagery import Span, pull_workspace, show_pull  # noqa: PLC0415

        span = Span(first=since.date() if since else None, last=until.date() if until else None)
        with show.progress("pulling") as bar:
            report = pull_workspace(
                _folder(context, workspace), span, area_ids=area or (), over_budget=over_budget, listener=bar
            )
        raise typer.Exit(show_pull(report, show))


@imagery_app.command("list")
def imagery_list(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Say what imagery is kept."""
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.imagery import list_imagery  # noqa: PLC0415

        raise typer.Exit(list_imagery(_folder(context, workspace), show))


@imagery_app.command("verify")
def imagery_verify(
    context: typer.Context, *, workspace: Folder = None, quiet: Quiet = False, as_json: Json = False
) -> None:
    """Check that the imagery kept is what was written. Ends with 1 if some is not: it will be fetched again."""
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.imagery import verify_imagery  # noqa: PLC0415

        raise typer.Exit(verify_imagery(_folder(context, workspace), show))


@imagery_app.command("prune")
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
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.imagery import prune_imagery  # noqa: PLC0415
        from geo.cache import PruneRules  # noqa: PLC0415

        max_bytes = None if max_gb is None else int(max_gb * 1e9)
        rules = PruneRules(is_superseded=superseded, unread_days=older_than, max_bytes=max_bytes)
        raise typer.Exit(prune_imagery(_folder(context, workspace), rules, show, is_done=yes))


@app.command()
def review(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    detection: Annotated[str, typer.Argument(help="Its id, as the layers and the page show it.")],
    verdict: Annotated[str, typer.Argument(help="confirmed, rejected or unsure.")],
    *,
    reviewer: Annotated[str, typer.Option(help="Who decides: a name or initials.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take down what a person decided about a detection; the next run shows it, and no later one forgets it."""
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.reviews import review_detection, verdict_of  # noqa: PLC0415

        root = _folder(context, workspace)
        area_id = review_detection(root, detection, verdict_of(verdict), reviewer=reviewer, note=note)
        show.document({"detection_id": detection, "area_id": area_id, "verdict": verdict, "reviewer": reviewer})
        show.say(f"{detection} of area {area_id}: {verdict} by {reviewer}; `sitewatch run` brings it into the layers")


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
    with _speaking(context, quiet=quiet, as_json=as_json, warned=False) as show:
        unset = clean_gis_environment()
        from flows.doctor import examine, show_findings  # noqa: PLC0415

        findings = examine(_folder(context, workspace), unset_variables=unset, online=online)
        raise typer.Exit(show_findings(findings, show))


@app.command()
def config(context: typer.Context, *, as_json: Json = False) -> None:
    """Print the default settings, each with its explanation."""
    with _speaking(context, as_json=as_json) as show:
        from flows.config import Config  # noqa: PLC0415
        from flows.template import default_toml  # noqa: PLC0415

        show.document(Config().model_dump(mode="json"))
        show.say(default_toml().rstrip())


@app.command()
def verify(
    context: typer.Context,
    run_folder: Annotated[
        Path | None, typer.Argument(help="A run's folder.", show_default="the newest of the workspace")
    ] = None,
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check that a run's files are those that were written: none changed, none missing, none added."""
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.verify import verify_run  # noqa: PLC0415

        raise typer.Exit(verify_run(run_folder or _folder(context, workspace) / "latest", show))


@export_app.command("smart", epilog=EXIT_CODES)
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
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.export import export_smart  # noqa: PLC0415

        export_smart(_folder(context, workspace), folder, show, region_id=region, originator=originator)


@app.command()
def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to make the demo's workspace.")] = Path("demo"),
    *,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Try everything on simulated imagery, and compare what is found with what was simulated."""
    with _speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.demo import run_demo  # noqa: PLC0415

        raise typer.Exit(run_demo(folder, show))


@app.command()
def version(context: typer.Context, *, as_json: Json = False) -> None:
    """Print the version."""
    with _speaking(context, as_json=as_json) as show:
        from flows.version import sitewatch_version  # noqa: PLC0415

        show.document({"version": sitewatch_version()})
        show.say(f"sitewatch {sitewatch_version()}")


def main() -> None:
    """Run the command line."""
    app(prog_name="sitewatch")


def _folder(context: typer.Context, workspace: Path | None) -> Path:
    before, _ = context.find_root().obj
    return workspace or before or Path()


@contextmanager
def _speaking(
    context: typer.Context, *, quiet: bool = False, as_json: bool = False, warned: bool = True
) -> Iterator[Show]:
    """Give a way to speak; turn what goes wrong into one line on stderr and the right exit code."""
    _, before = context.find_root().obj
    show = Show(is_quiet=quiet or before.is_quiet, is_json=as_json or before.is_json)
    unset = clean_gis_environment() if warned else ()
    if unset:
        show.trouble(f"ignored {', '.join(unset)}: the data of another installation would be used", kind="warning")
    from geo.errors import OutputError, SitewatchError  # noqa: PLC0415

    try:
        yield show
    except SitewatchError as error:
        code = 3 if isinstance(error, OutputError) else 2
        show.document({"error": str(error), "exit_code": code})
        show.trouble(str(error), kind="error")
        raise typer.Exit(code) from error
    except KeyboardInterrupt:
        show.document({"error": "stopped", "exit_code": STOPPED})
        show.trouble("stopped; what was finished is kept", kind="note")
        raise typer.Exit(STOPPED) from None


if __name__ == "__main__":
    main()
