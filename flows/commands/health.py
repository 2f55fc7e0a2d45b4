"""`sitewatch health`: whether the watch is alive."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

CODES = (
    "Ends with 0 if nothing is failing (warnings are told), with 1 if something is, with 2 if there is no workspace."
)


def health(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    *,
    serve: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Answer /health and /metrics on this port of this machine only."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="Also write the figures for Prometheus' node_exporter, NAME.prom.")
    ] = None,
    run_hours: Annotated[float, typer.Option(min=0.01, help="Failing if the last run began longer ago.")] = 48.0,
    free_mb: Annotated[int, typer.Option(min=0, help="Failing if less space is left.")] = 500,
    look_days: Annotated[int, typer.Option(min=1, help="A warning if an area's last clear look is older.")] = 45,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say whether runs happen, the store is sound, and space, quota and clear looks suffice; change nothing."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.health import Limits, health_of, serve_health, show_health  # noqa: PLC0415

        root = folder_of(context, workspace)
        limits = Limits(run_hours=run_hours, free_mb=free_mb, look_days=look_days)
        if serve is not None:
            serve_health(root, limits, show, port=serve)
            return
        raise typer.Exit(show_health(health_of(root, limits), show, metrics_file=metrics))
