"""What all commands share: options, where the workspace is, and how trouble is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from flows.settings.environment import clean_gis_environment
from flows.show import Show

STOPPED = 130

Folder = Annotated[
    Path | None, typer.Option("--workspace", "-w", help="The workspace's folder.", show_default="the current one")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]
Areas = Annotated[list[str] | None, typer.Option("--area", help="Only this area; may be given several times.")]
OverBudget = Annotated[bool, typer.Option("--over-budget", help="Start even if it would exceed the month's [budget].")]
Reviewer = Annotated[str, typer.Option(help="Who decides: a name or initials.")]
Force = Annotated[bool, typer.Option("--force", help="Make every product again, even if nothing changed.")]


def folder_of(context: typer.Context, workspace: Path | None) -> Path:
    """Return the workspace's folder: named behind the command, before it, or the current one."""
    before, _ = context.find_root().obj
    return workspace or before or Path()


@contextmanager
def speaking(
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
