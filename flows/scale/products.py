"""The product of one area on its way between machines: files by their content, and one small object that names them.

objects/<sha256>            a file; never changed, put once
areas/<area_id>.json        which files make up the newest product of an area; written last, in one step
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from flows.area.product import RECORD_NAME, SUPERSEDED, Product, find_product, new_product
from flows.area.screening import screen_path
from flows.scale.shelf import Scratch
from flows.scale.storage import Storage
from flows.settings.workspace import writing
from geo.atomic import atomic_file
from geo.errors import StateError


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that a worker needs, and where it lies."""

    name: str
    """Relative path at the worker's."""
    key: str
    """Its name in the storage."""
    mtime_ns: int
    """When it was changed: imagery is told apart by that, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """Which files make up the product of an area."""

    record: str
    """Hash of its record."""
    before: str
    """That of the product it takes the place of; empty for none."""
    key: str
    """Of the inputs it was made from."""
    files: tuple[File, ...]
    screen: File | None
    """What new dates are screened by, if they are."""

    @classmethod
    def of_json(cls, text: bytes) -> Self:
        """Return what `as_json` wrote."""
        document: dict[str, Any] = json.loads(text)
        screen = document.pop("screen")
        files = tuple(File(**one) for one in document.pop("files"))
        return cls(files=files, screen=File(**screen) if screen else None, **document)

    def as_json(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()


def put_file(storage: Storage, path: Path, name: str) -> File:
    """Put a file into `storage` under its content, unless it is there; return how it is found under `name`.

    Raises:
        OutputError: The storage does not take it, or the file cannot be read.

    """
    with writing(path):
        with path.open("rb") as file:
            mark = hashlib.file_digest(file, "sha256").hexdigest()
        mtime_ns = path.stat().st_mtime_ns
    key = f"objects/{mark}"
    if not storage.has(key):
        storage.put(path, key)
    return File(name=name, key=key, mtime_ns=mtime_ns)


def get_files(storage: Storage, files: Sequence[File], folder: Path, scratch: Scratch | None = None) -> None:
    """Bring files into `folder`, each under its name and with its time; through `scratch`, none twice.

    Raises:
        OutputError: One is not there, or the disk does not take it.

    """
    for file in files:
        path = folder / file.name
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if scratch is None:
            storage.fetch(file.key, path)
        else:
            held = scratch.get(storage, file.key, mark=str(file.mtime_ns))
            with writing(path):
                os.link(held, path)
        with writing(path):
            os.utime(path, ns=(file.mtime_ns, file.mtime_ns))


def pointer_name(area_id: str) -> str:
    """Return the name of the object that names the product of an area."""
    return f"areas/{quote(area_id, safe='')}.json"


def shared_product(storage: Storage, area_id: str) -> Pointer | None:
    """Return what the storage says the product of an area is; None where it has none that can be read.

    Raises:
        OutputError: The storage does not answer.

    """
    text = storage.read(pointer_name(area_id))
    try:
        return None if text is None else Pointer.of_json(text)
    except (ValueError, TypeError, KeyError):
        return None


def put_product(storage: Storage, area_dir: Path, area_id: str, *, before: str = "") -> Pointer | None:
    """Put the current product of an area into `storage`, its pointer last; None where there is no product.

    Raises:
        OutputError: The storage does not take it: the pointer is as it was.

    """
    product = find_product(area_dir)
    if product is None:
        return None
    known = shared_product(storage, area_id)
    screen = screen_path(area_dir)
    kept = put_file(storage, screen, screen.name) if screen.exists() else None
    mark = record_mark(product)
    if known is not None and (known.record, known.screen and known.screen.key) == (mark, kept and kept.key):
        return known
    paths = sorted(path for path in product.folder.rglob("*") if path.is_file())
    files = tuple(put_file(storage, path, path.relative_to(product.folder).as_posix()) for path in paths)
    pointer = Pointer(record=mark, before=before, key=product.record.inputs.key, files=files, screen=kept)
    storage.write(pointer.as_json(), pointer_name(area_id))
    return pointer


def get_product(
    storage: Storage,
    pointer: Pointer,
    area_dir: Path,
    scratch: Scratch | None = None,
    *,
    superseded: int = SUPERSEDED,
) -> Product:
    """Make what `pointer` names the current product in `area_dir`, in one step; keep so many of those before.

    Raises:
        OutputError: It cannot be fetched, or the disk does not take it; the earlier product still stands.
        StateError: It is not what was put there.

    """
    mark = mark_in(area_dir)
    if mark != pointer.record:
        with new_product(area_dir, pointer.key, superseded=superseded) as unfinished:
            get_files(storage, pointer.files, unfinished, scratch)
            for file in pointer.files:
                if f"objects/{_mark(unfinished / file.name)}" != file.key:
                    raise StateError(f"{storage.place}/{file.key}: is not what was put there ({file.name})")
    product = find_product(area_dir)
    if product is None or record_mark(product) != pointer.record:
        raise StateError(f"{storage.place}/{pointer_name(area_dir.name)}: names a product that is none")
    path = screen_path(area_dir)
    if pointer.screen is None:
        path.unlink(missing_ok=True)
    else:
        with atomic_file(path) as part:
            storage.fetch(pointer.screen.key, part)
    return product


def mark_in(area_dir: Path) -> str:
    """Return the hash of the record of the current product in `area_dir`; empty where there is none."""
    product = find_product(area_dir)
    return "" if product is None else record_mark(product)


def record_mark(product: Product) -> str:
    """Return the hash of a product's record, which holds the hashes of all its files."""
    return _mark(product.folder / RECORD_NAME)


def _mark(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
