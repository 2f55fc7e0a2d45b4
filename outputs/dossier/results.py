"""Rows of results that were written before, each with the record that a statement points to."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geo.errors import ConfigError
from outputs.dossier.statement import Record, Said

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table, or one feature of a layer."""

    file: str
    number: int
    """As a spreadsheet counts, the heading being 1; of a layer from 1."""
    record_id: str
    cells: Mapping[str, Any]

    def record(self, *columns: str) -> Record:
        """Return where these columns stand."""
        return Record(file=self.file, row=self.number, record_id=self.record_id, columns=columns)

    def said(self, text: str, *columns: str) -> Said:
        """Return a sentence whose figures come from these columns."""
        return Said(text=text, records=(self.record(*columns),))

    def text(self, column: str) -> str:
        """Return one cell as it was written; nothing where it is missing."""
        value = self.cells.get(column)
        return "" if value is None else str(value).strip()

    def number_of(self, column: str) -> float | None:
        """Return one cell as a number; None where it is none."""
        try:
            return float(self.text(column))
        except ValueError:
            return None


def table_rows(folder: Path, name: str, *, id_column: str, needed: bool = False) -> tuple[Row, ...]:
    """Return the rows of a table of the results; none where there is no such file.

    Raises:
        ConfigError: It is `needed` and not there, or it cannot be read.

    """
    path = folder / name
    if not path.is_file():
        if needed:
            raise ConfigError(f"{folder}: expected {name} in the folder of results; it is not there")
        return ()
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return tuple(
        Row(file=name, number=number, record_id=str(cells.get(id_column) or ""), cells=cells)
        for number, cells in enumerate(rows, start=2)
    )


def layer_rows(folder: Path, name: str, *, id_column: str) -> tuple[Row, ...]:
    """Return the features of a GeoJSON layer of the results, their properties as cells.

    Raises:
        ConfigError: It is not there, or it cannot be read.

    """
    path = folder / name
    content = _document(path)
    features = content.get("features")
    if not isinstance(features, list):
        raise ConfigError(f"{path}: expected a GeoJSON feature collection; got none")
    found = []
    for number, feature in enumerate(features, start=1):
        cells = feature.get("properties") if isinstance(feature, Mapping) else None
        if not isinstance(cells, Mapping):
            raise ConfigError(f"{path}: feature {number} has no properties")
        shape = feature.get("geometry")
        found.append(
            Row(file=name, number=number, record_id=str(cells.get(id_column) or ""), cells={**cells, "geometry": shape})
        )
    return tuple(found)


def _document(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path.parent}: expected {path.name} in the folder of results; it is not there") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise ConfigError(f"{path}: expected a JSON object; got something else")
    return content


def manifest_of(folder: Path) -> Mapping[str, Any]:
    """Return the manifest of the results.

    Raises:
        ConfigError: There is none, or it cannot be read.

    """
    return _document(folder / MANIFEST)


def checksums_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of each file of the results, as their manifest has it."""
    outputs = manifest.get("outputs")
    return {name: str(one.get("sha256", "")) for name, one in outputs.items()} if isinstance(outputs, Mapping) else {}


def made_by(manifest: Mapping[str, Any]) -> str:
    """Return which version of the program made the results, and in which run."""
    code = manifest.get("code")
    version = code.get("sitewatch", "") if isinstance(code, Mapping) else ""
    return f"sitewatch {version}, {manifest.get('run_id', 'a run without a name')}"


def watch_list_words(manifest: Mapping[str, Any]) -> tuple[Said, ...]:
    """Return what was read from the user, each with its checksum."""
    inputs = manifest.get("inputs")
    lists = inputs.get("watch_lists", []) if isinstance(inputs, Mapping) else manifest.get("watch_lists", [])
    record = Record(file=MANIFEST, row=None, record_id="", columns=("inputs",))
    return tuple(
        Said(text=f"Read: {one['name']}, {one['bytes']:,} bytes, SHA-256 {one['sha256']}.", records=(record,))
        for one in (lists if isinstance(lists, Sequence) else ())
        if isinstance(one, Mapping) and {"name", "bytes", "sha256"} <= set(one)
    )


def without_folder(text: str) -> str:
    """Return a reference such as ``/home/me/lists/a.csv, row 2`` without the folders of the machine it was made on."""
    path, comma, rest = text.partition(", ")
    is_path = path.startswith("/") or path[1:3] in {":\\", ":/"}
    return f"{path.replace(chr(92), '/').rsplit('/', 1)[-1]}{comma}{rest}" if is_path else text
