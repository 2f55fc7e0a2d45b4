"""Keys, signatures, time stamps and withdrawals, as the command line has them."""

import os
from pathlib import Path

from flows.evidence import SIGN_VARIABLE, log_path, own_keys_folder, passphrase_for, signing_key
from flows.settings.config import CONFIG_NAME
from flows.settings.workspace import Workspace
from flows.show import Show
from geo.errors import ConfigError, OutputError
from outputs.evidence import keys
from outputs.evidence.log import Event, append
from outputs.evidence.manifest import MANIFEST_NAME, read_manifest
from outputs.evidence.retractions import withdraw
from outputs.evidence.signature import sign_manifest
from outputs.evidence.timestamp import request_timestamp


def make_key(root: Path, name: str, show: Show) -> None:
    """Make a key; where `root` is a workspace, its log says so."""
    folder = own_keys_folder()
    made = keys.new_key(folder, name, passphrase=passphrase_for(name, is_new=True))
    _note_key(root, made.public, "made")
    show.document({"name": name, "key_id": made.public.key_id, "public": made.public.line(), "folder": str(folder)})
    show.say(f"{folder / name}.key: made; its id is {made.public.key_id}. Keep a copy where nobody else reads it:")
    show.say("  without the file nobody can sign as you again, and whoever has it can")
    show.say(
        f"  {SIGN_VARIABLE}={name} signs every run; give the public key to readers: `sitewatch keys export {name}`"
    )


def list_keys(show: Show) -> None:
    """Say which keys there are, and which are trusted."""
    folder = own_keys_folder()
    own = keys.own_keys(folder)
    known = [key for key in keys.trusted_keys(folder) if key not in own]
    told = {"own": own, "trusted": known}
    document = {kind: [{"name": key.name, "key_id": key.key_id} for key in found] for kind, found in told.items()}
    show.document({"folder": str(folder), **document})
    for kind, found in told.items():
        for key in found:
            show.say(f"{key.key_id}  {kind:7}  {key.name}")
    if not own and not known:
        show.say(f"{folder}: no keys; `sitewatch keys new NAME` makes one")


def export_key(name: str, show: Show) -> None:
    """Print the public half of a key."""
    folder = own_keys_folder()
    key = next((one for one in keys.own_keys(folder) if one.name == name), None)
    if key is None:
        raise ConfigError(f"{folder}: no key is called {name!r}")
    show.document({"name": key.name, "key_id": key.key_id, "public": key.line()})
    show.say(key.line())


def trust_keys(root: Path, path: Path, show: Show) -> None:
    """Add the public keys in a file to the list of those that are trusted."""
    new = keys.trust(own_keys_folder(), keys.read_keys(path))
    for key in new:
        _note_key(root, key, "trusted")
    show.document({"trusted": [{"name": key.name, "key_id": key.key_id} for key in new]})
    for key in new:
        show.say(f"{key.key_id}  {key.name}: trusted from now on")
    if not new:
        show.say(f"{path}: all keys in it were trusted already")


def sign_folder(folder: Path, name: str | None, show: Show) -> None:
    """Sign the manifest in `folder`."""
    key = signing_key(name)
    if key is None:
        raise ConfigError(f"expected the name of a key: --key, or the variable {SIGN_VARIABLE}")
    _check_sealed(folder)
    path = sign_manifest(folder, key)
    show.document({"signature": str(path), "key_id": key.public.key_id})
    show.say(f"{path}: signed by {key.public.name} ({key.public.key_id})")


def stamp_folder(folder: Path, url: str, show: Show) -> None:
    """Have the manifest in `folder` stamped by a time-stamping authority."""
    _check_sealed(folder)
    at = request_timestamp(folder, url)
    show.document({"folder": str(folder), "at": at.isoformat(), "authority": url})
    show.say(f"{folder}: stamped at {at.isoformat()} by {url}")


def take_back(root: Path, what: str, reason: str, show: Show) -> None:
    """Withdraw a release, or a claim; the next release says so."""
    entry = withdraw(log_path(Workspace.open(root)), what, reason=reason)
    show.document({"withdrawn": what, "reason": entry.facts["reason"], "entry": entry.number})
    show.say(f"{what}: withdrawn (log entry {entry.number}); the next release says so, and readers must be told now")


def _note_key(root: Path, key: keys.PublicKey, what: str) -> None:
    """Take down a change of keys in the log of the workspace in `root`, if there is one."""
    if (root / CONFIG_NAME).exists():
        log = log_path(Workspace.open(root))
        append(log, Event.KEY, {"key_id": key.key_id, "public_key": key.raw.hex(), "what": what})


def _check_sealed(folder: Path) -> None:
    """Find out whether there is a whole manifest: nobody should put a name under a damaged one.

    Raises:
        ConfigError: There is none.
        OutputError: Nothing can be written there.

    """
    try:
        read_manifest(folder)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / MANIFEST_NAME}: expected a whole manifest: {error}") from error
    if not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write {folder}: permission denied")
