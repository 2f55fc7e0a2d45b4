"""The record that other programs read: what was found about each supplier, with its sources.

Its form is fixed by ``disclosure.schema.json`` beside this module.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from geo.atomic import atomic_file
from outputs.risk.assess import Account, Assessment
from outputs.risk.relations import Known, products_of
from outputs.risk.score import Line

SCHEMA_PATH = Path(__file__).with_name("disclosure.schema.json")
STATEMENT = (
    "Each level is a reason to look closer, made from probabilities that are explained factor by factor; it is never "
    "a finding of guilt. “None found” means that nothing was found with the lists, sites and data named here; it never "
    "means that there is nothing."
)
NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListInfo:
    """Which list was assessed, and when."""

    name: str
    sha256: str
    rejected: int
    created_at: datetime
    quarter: str | None = None


def disclosure_of(found: Assessment, known: Known, listed: ListInfo) -> dict[str, Any]:
    """Return the record as plain values."""
    weights = found.weights
    return {
        "format": "sitewatch-disclosure",
        "format_version": 1,
        "created_at": listed.created_at.isoformat(),
        "statement": STATEMENT,
        "quarter": listed.quarter,
        "list": {
            "name": listed.name,
            "sha256": listed.sha256,
            "suppliers": len(found.accounts),
            "rejected_rows": listed.rejected,
        },
        "weights": {
            "version": weights.version,
            "sha256": weights.sha256,
            "products_version": weights.products_version,
            "products_sha256": weights.products_sha256,
        },
        "records": [_record(one, known, found) for one in found.accounts],
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write plain values as JSON.

    Raises:
        OutputError: The file cannot be written.

    """
    with atomic_file(path) as part:
        part.write_text(json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _record(one: Account, known: Known, found: Assessment) -> dict[str, Any]:
    supplier, result = one.supplier, one.result
    readings = known.geocodes.get(supplier.supplier_id, ())
    registered = [{"scheme": "registration", "id": supplier.registration_number}] * bool(supplier.registration_number)
    goods = products_of((*supplier.products, *supplier.inputs), found.weights)
    return {
        "supplier_id": supplier.supplier_id,
        "name": supplier.names[0],
        "other_names": list(supplier.names[1:]),
        "facility_ids": [{"scheme": "list", "id": supplier.supplier_id}, *registered],
        "product_categories": [*supplier.products, *(f"sector: {product.name}" for product in goods)],
        "country": readings[0].place.country if readings else None,
        "tier": one.tier,
        "audit_status": NOT_STATED,
        "corrective_action": NOT_STATED,
        "score": round(result.score, 2),
        "level": result.level.value,
        "likelihood": {
            "low": round(result.likelihood_low, 4),
            "middle": round(result.likelihood, 4),
            "high": round(result.likelihood_high, 4),
        },
        "severity": result.severity or None,
        "completeness": round(result.completeness, 4),
        "categories": [category.value for category in one.categories],
        "missing": [lack.what for lack in result.missing],
        "verify": list(one.verify),
        "factors": [_factor(line) for line in result.lines],
    }


def _factor(line: Line) -> dict[str, Any]:
    factor = line.factor
    return {
        "what": factor.what,
        "category": factor.category.value,
        "value": round(factor.value, 4),
        "weight": factor.weight,
        "points": round(factor.points, 2),
        "counts": line.counts,
        "source": factor.source,
        "reference": factor.reference,
        "date": None if factor.dated is None else factor.dated.isoformat(),
        "list_version": factor.list_version,
        "confidence": factor.confidence,
        "score_without": round(line.score_without, 2),
        "would_clear": list(factor.clears),
    }
