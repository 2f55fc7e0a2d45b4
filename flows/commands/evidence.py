"""`sitewatch verify`, `keys`, `sign`, `timestamp`, `withdraw`: what proves how something came to be."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.common import Folder, Json, Quiet, folder_of, speaking

CODES = """\
Exit codes: 0 everything is as it was sealed; 1 something is not: each thing is named; 2 wrong usage, no such folder,
or a key that cannot be used; 3 something cannot be read or written."""

Sealed = Annotated[Path, typer.Argument(help="The folder of a run or a release.")]

keys = typer.Typer(help="Keys to sign with, and keys that are trusted.", no_args_is_help=True, rich_markup_mode=None)


def verify(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(help="A run, a release, or a copy of one.", show_default="the workspace's newest run"),
    ] = None,
    *,
    trust: Annotated[
        list[Path] | None, typer.Option(help="A file of public keys to trust, besides those trusted already.")
    ] = None,
    certificate: Annotated[
        list[Path] | None, typer.Option(help="The certificate of a time-stamping authority, or of its issuer.")
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="A workspace's log.jsonl.", show_default="that of the workspace around")
    ] = None,
    signed: Annotated[bool, typer.Option("--signed", help="A folder without a signature is a fault.")] = False,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check that a run or a release is as it was sealed: files, log, signature, time stamp. Works offline, anywhere."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.verify import Asked, verify_path  # noqa: PLC0415

        asked = Asked(trust=trust or (), certificates=certificate or (), log=log, is_signature_needed=signed)
        raise typer.Exit(verify_path(folder or folder_of(context, workspace) / "latest", show, asked))


def sign(
    context: typer.Context,
    folder: Sealed,
    *,
    key: Annotated[str | None, typer.Option(help="The name of the key.", show_default="SITEWATCH_SIGN")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Put a signature beside the manifest of a run or a release."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import sign_folder  # noqa: PLC0415

        sign_folder(folder, key, show)


def timestamp(
    context: typer.Context,
    folder: Sealed,
    *,
    tsa: Annotated[str, typer.Option(help="The address of a time-stamping authority (RFC 3161).")],
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Have an authority prove that a run or a release was there now. Only the manifest's SHA-256 goes out."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import stamp_folder  # noqa: PLC0415

        stamp_folder(folder, tsa, show)


def withdraw(  # noqa: PLR0913  # each argument is an option of the command
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="The name of a release, or the id of a detection that one claims.")],
    *,
    reason: Annotated[str, typer.Option(help="Why: readers are told.")],
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take back a release or a claim: the log says so, and so does every release from then on."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import take_back  # noqa: PLC0415

        take_back(folder_of(context, workspace), what, reason, show)


@keys.command("new")
def keys_new(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="What to call the key.")],
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a key outside all workspaces, with the passphrase in SITEWATCH_KEY_PASSPHRASE or one that is asked for."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import make_key  # noqa: PLC0415

        make_key(folder_of(context, workspace), name, show)


@keys.command("show")
def keys_show(context: typer.Context, *, quiet: Quiet = False, as_json: Json = False) -> None:
    """Say which keys there are, and which are trusted."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import list_keys  # noqa: PLC0415

        list_keys(show)


@keys.command("export")
def keys_export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The key's name.")],
    *,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Print the public half of a key, for those who shall trust it."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import export_key  # noqa: PLC0415

        export_key(name, show)


@keys.command("trust")
def keys_trust(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Public keys, one a line, as `keys export` prints them.")],
    *,
    workspace: Folder = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Trust the keys in a file, after their ids were compared with what their owners say."""
    with speaking(context, quiet=quiet, as_json=as_json) as show:
        from flows.signing import trust_keys  # noqa: PLC0415

        trust_keys(folder_of(context, workspace), file, show)
