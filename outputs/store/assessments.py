"""Record the assessment of a supplier list: suppliers, their links, their risk with its factors, and sites."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry
from sqlalchemy import Table, insert, select

from aoi.entities import CorporateLink
from outputs.risk.score import Score
from outputs.risk.tables import Row, Tables
from outputs.store import tables
from outputs.store.database import Store
from outputs.store.rows import Rows, insert_rows

_KINDS = {"name": "entity", "name of the parent": "parent_entity", "chain to the buyer": "chain"}
"""Kind of a link in the tables of an assessment to what it is called here; places are facilities or detections."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assessed:
    """What came of a supplier list, ready to be recorded."""

    assessment_id: str
    created_at: datetime
    code_version: str
    manifest: bytes
    """The manifest over the files that were written."""
    site_kind: str
    """``site`` or ``detection``: what the suppliers were compared with."""
    about: Mapping[str, str]
    tables: Tables
    sites: Mapping[str, BaseGeometry]
    """Where each flagged site lies, in longitude and latitude."""
    corporate: Sequence[CorporateLink]
    buyer: Score


def record_assessment(store: Store, found: Assessed) -> bool:
    """Record an assessment, unless the store has it; return whether it was new. Earlier ones stay.

    Raises:
        OutputError: The store does not take it; nothing of it was kept.

    """
    mark = hashlib.sha256(found.manifest).hexdigest()
    key = {"assessment_id": f"{found.assessment_id}-{mark[:8]}"}
    with store.writing() as connection:
        known = select(tables.assessments.c.assessment_id).where(tables.assessments.c.manifest_sha256 == mark)
        if connection.execute(known).first():
            return False
        about = {
            "created_at": found.created_at,
            "recorded_at": datetime.now(UTC),
            "code_version": found.code_version,
            "manifest_sha256": mark,
            "site_kind": found.site_kind,
            "about": dict(found.about),
        }
        connection.execute(insert(tables.assessments), key | about)
        parts: tuple[tuple[Table, Iterator[Row]], ...] = (
            (tables.suppliers, _suppliers(found)),
            (tables.risk, _risk(found)),
            (tables.risk_factors, _factors(found)),
            (tables.links, _links(found)),
        )
        for table, rows in parts:
            insert_rows(connection, table, [key | row for row in rows])
    return True


def _suppliers(found: Assessed) -> Iterator[Row]:
    for row in found.tables.suppliers:
        yield _cells(tables.suppliers, row) | {"geometry": _point(row)}


def _risk(found: Assessed) -> Iterator[Row]:
    for row in found.tables.suppliers:
        subject = {"subject": "supplier", "subject_id": row["supplier_id"], "geometry": _point(row)}
        yield _cells(tables.risk, row) | subject
    for row in found.tables.sites:
        subject = {
            "subject": found.site_kind,
            "subject_id": row["site_id"],
            "geometry": found.sites.get(row["site_id"]),
        }
        yield _cells(tables.risk, row) | {"expected_suppliers": row["expected_suppliers"]} | subject
    buyer = found.buyer
    measured = {name: getattr(buyer, name) for name in ("score", "likelihood", "likelihood_low", "likelihood_high")}
    told = {"level": buyer.level.value, "severity": buyer.severity or None, "completeness": buyer.completeness}
    named = {"subject": "buyer", "subject_id": "(buyer)", "name": "the buyer"}
    yield _cells(tables.risk, {**measured, **told, **named})


def _factors(found: Assessed) -> Iterator[Row]:
    for number, row in enumerate(found.tables.factors, start=1):
        yield _cells(tables.risk_factors, row) | {"number": number}


def _links(found: Assessed) -> Iterator[Row]:
    place = "detection" if found.site_kind == "detection" else "facility"
    rows: Rows = [
        _cells(tables.links, row)
        | {
            "kind": _KINDS.get(row["kind"], place),
            "from_id": row["supplier_id"],
            "from_name": row["name"],
            "to_id": row["object_id"],
            "to_name": row["object_name"],
        }
        for row in found.tables.links
    ]
    rows += [
        _cells(tables.links, {"share": one.share, "source": one.source})
        | {"kind": one.kind.value, "from_id": one.from_id, "to_id": one.to_id, "explanation": _dates(one)}
        for one in found.corporate
    ]
    for number, row in enumerate(rows, start=1):
        yield row | {"number": number}


def _dates(link: CorporateLink) -> str | None:
    told = [f"{word} {day}" for word, day in (("since", link.since), ("until", link.until)) if day]
    return " ".join(told) or None


def _cells(table: Table, row: Mapping[str, Any]) -> Row:
    """Return what a row has for each column of a table; None for what it does not have."""
    return {column.name: row.get(column.name) for column in table.columns if column.name != "assessment_id"}


def _point(row: Mapping[str, Any]) -> Point | None:
    return None if row["lon"] is None else Point(row["lon"], row["lat"])
