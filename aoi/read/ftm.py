"""Records of FollowTheMoney: one JSON object a line, or a list of them; nested ones are taken apart.

Format: https://followthemoney.tech. Only what lists of firms need of its schemata is known here.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aoi.read.encodings import has_undecoded, readable
from aoi.read.imported import RejectedRow, checksum
from aoi.read.limits import DEFAULT_LIMITS, ReadLimits
from geo.errors import AoiError

PARTY_SCHEMATA = frozenset(
    (
        "LegalEntity",
        "Company",
        "Organization",
        "PublicBody",
        "Person",
        "Vessel",
        "Airplane",
        "Vehicle",
        "Asset",
        "Security",
    )
)
"""Records that can stand on a list by name."""
_LONGEST_LINE = 20_000_000
_DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FtmRecord:
    """One record."""

    record_id: str
    schema: str
    properties: Mapping[str, tuple[str, ...]]
    """Texts, and the ids of other records."""
    datasets: tuple[str, ...] = ()
    is_target: bool = False
    last_change: str = ""
    where: str

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return all values of the properties `names`, in their order, each once."""
        return tuple(dict.fromkeys(value for name in names for value in self.properties.get(name, ())))


@dataclass(frozen=True, slots=True, kw_only=True)
class FtmFile:
    """All records of a file."""

    path: str
    version: str
    records: Mapping[str, FtmRecord]
    """By id, in the file's order; lines about one id are put together."""
    rejected: tuple[RejectedRow, ...]
    rows_read: int
    notes: tuple[str, ...] = field(default=())

    def of(self, *schemata: str) -> tuple[FtmRecord, ...]:
        """Return the records of these schemata."""
        return tuple(record for record in self.records.values() if record.schema in schemata)


def is_ftm(path: Path) -> bool:
    """Return whether the file at `path` is called like JSON lines."""
    return path.suffix.lower() in {".json", ".jsonl", ".ndjson", ".ijson", ".jsonlines"}


def read_ftm(path: Path, limits: ReadLimits = DEFAULT_LIMITS) -> FtmFile:
    """Read the records in the file at `path`.

    Raises:
        AoiError: The file is missing, too large, or holds no record at all.

    """
    version = checksum(path)
    if path.stat().st_size > limits.file_bytes:
        raise AoiError(f"{path}: has more than {limits.file_bytes:,} bytes")
    records: dict[str, FtmRecord] = {}
    rejected: list[RejectedRow] = []
    rows, merged = 0, 0
    for rows, (where, line) in enumerate(_lines(path, limits), start=1):  # noqa: B007 - the count is used after
        found = _parsed(line, where)
        if isinstance(found, RejectedRow):
            rejected.append(found)
            continue
        for record in found:
            merged += record.record_id in records
            records[record.record_id] = _together(records.get(record.record_id), record)
    if not records:
        reason = f": {rejected[0].where}: {rejected[0].reason}" if rejected else ""
        raise AoiError(f"{path}: holds no record of FollowTheMoney{reason}")
    notes = (f"{path}: {merged} records add to others of the same id",) if merged else ()
    return FtmFile(
        path=str(path), version=version, records=records, rejected=tuple(rejected), rows_read=rows, notes=notes
    )


def _lines(path: Path, limits: ReadLimits) -> Iterator[tuple[str, str]]:
    """Yield where and what each record is: lines, or the items of a list."""
    with path.open("rb") as file:
        start = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if start == b"[":
        yield from _items(path, limits)
        return
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if number > limits.records:
                raise AoiError(f"{path}: has more than {limits.records:,} lines")
            if line.strip():
                yield f"{path}, line {number}", line


def _items(path: Path, limits: ReadLimits) -> Iterator[tuple[str, str]]:
    if path.stat().st_size > limits.document_bytes:
        raise AoiError(f"{path}: is a list of more than {limits.document_bytes:,} bytes; save it as JSON lines")
    try:
        items = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise AoiError(f"{path}: cannot be read as JSON ({error})") from error
    for number, item in enumerate(items, start=1):
        yield f"{path}, item {number}", json.dumps(item)


def _parsed(line: str, where: str) -> list[FtmRecord] | RejectedRow:
    shown = {"line": readable(line[:500].strip())}
    if has_undecoded(line):
        return RejectedRow(where=where, reason="holds bytes that are no UTF-8", cells=shown)
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RejectedRow(where=where, reason=f"is no JSON ({error})", cells=shown)
    if not isinstance(document, Mapping):
        return RejectedRow(where=where, reason="is no record: expected an object", cells=shown)
    record_id, schema = document.get("id"), document.get("schema")
    if not isinstance(record_id, str) or not record_id.strip() or not isinstance(schema, str):
        return RejectedRow(where=where, reason="is no record: expected an id and a schema", cells=shown)
    if not isinstance(document.get("properties"), Mapping):
        return RejectedRow(where=where, reason="is no record: expected properties", cells=shown)
    return list(_flat(document, where))


def _flat(document: Mapping[str, Any], where: str, depth: int = 0) -> Iterator[FtmRecord]:
    """Yield a record and those nested in it, each of which is named by its id where it stood."""
    nested: list[Mapping[str, Any]] = []
    properties: dict[str, tuple[str, ...]] = {}
    for name, values in document["properties"].items():
        properties[str(name)] = tuple(_values(values if isinstance(values, list) else [values], nested))
    yield FtmRecord(
        record_id=str(document["id"]).strip(),
        schema=str(document["schema"]),
        properties=properties,
        datasets=tuple(_values(document.get("datasets") or [], [])),
        is_target=document.get("target") is True,
        last_change=str(document.get("last_change") or document.get("last_seen") or ""),
        where=where,
    )
    for one in nested if depth < _DEEPEST else ():
        yield from _flat(one, where, depth + 1)


def _values(values: Iterable[Any], nested: list[Mapping[str, Any]]) -> Iterator[str]:
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, Mapping):
            if (
                isinstance(value.get("id"), str)
                and isinstance(value.get("properties"), Mapping)
                and value.get("schema")
            ):
                nested.append(value)
                yield value["id"].strip()
        elif value is not None and str(value).strip():
            yield " ".join(readable(str(value)).split())


def _together(one: FtmRecord | None, other: FtmRecord) -> FtmRecord:
    if one is None:
        return other
    names = dict.fromkeys((*one.properties, *other.properties))
    return FtmRecord(
        record_id=one.record_id,
        schema=one.schema if other.schema in ("Thing", "LegalEntity") else other.schema,
        properties={
            name: tuple(dict.fromkeys((*one.properties.get(name, ()), *other.properties.get(name, ()))))
            for name in names
        },
        datasets=tuple(dict.fromkeys((*one.datasets, *other.datasets))),
        is_target=one.is_target or other.is_target,
        last_change=max(one.last_change, other.last_change),
        where=one.where,
    )
