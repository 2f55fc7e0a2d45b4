"""The assessment as rows: suppliers, factors, links, sites, and what was kept aside."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aoi.gazetteer.place import Geocode
from aoi.read.imported import RejectedRow
from outputs.risk.assess import Account, Assessment, SiteAccount
from outputs.risk.relations import Known, is_in_region
from outputs.risk.score import LEVEL_WORDS, Line
from outputs.risk.weights import CATEGORY_WORDS

Row = dict[str, Any]
_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Rows of equal columns; an empty table keeps its columns."""

    suppliers: Sequence[Row]
    factors: Sequence[Row]
    links: Sequence[Row]
    sites: Sequence[Row]
    rejected: Sequence[Row]

    def named(self) -> Mapping[str, Sequence[Row]]:
        """Return the tables by their names."""
        return {name: getattr(self, name) for name in ("suppliers", "factors", "links", "sites", "rejected")}


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "suppliers": (
        "supplier_id", "name", "tier", "level", "score", "likelihood", "likelihood_low", "likelihood_high", "severity",
        "completeness", "categories", "strongest_factor", "in_region", "in_flagged_site", "near_flagged_site", "place",
        "place_id", "country", "precision", "radius_km", "place_probability", "lon", "lat", "context", "missing",
        "would_change", "verify", "other_names", "address", "parent", "products", "inputs", "registration_number",
        "spend", "source", "remarks", "weights",
    ),
    "factors": (
        "supplier_id", "name", "category", "what", "value", "value_low", "value_high", "weight", "contribution",
        "points", "counts", "score", "score_without", "level_without", "severity", "confidence", "source", "reference",
        "date", "list_version", "would_clear", "path", "object_id", "key",
    ),
    "links": (
        "kind", "supplier_id", "name", "object_id", "object_name", "probability", "near", "relation", "zone",
        "distance_m", "radius_m", "explanation",
    ),
    "sites": (
        "site_id", "name", "kind", "status", "source", "likelihood", "likelihood_low", "likelihood_high",
        "expected_suppliers", "severity", "completeness", "unplaced_suppliers", "suppliers",
    ),
    "rejected": ("file", "where", "reason", "cells"),
}  # fmt: skip


def tables_of(found: Assessment, known: Known, rejected: Mapping[str, Sequence[RejectedRow]]) -> Tables:
    """Return all tables.

    Args:
        found: What was weighed.
        known: Of what.
        rejected: Rows kept aside, by the name of their file.

    """
    contexts: dict[str, list[str]] = {}
    for one in known.places.contexts if known.places else ():
        contexts.setdefault(one.supplier_id, []).append(f"{one} ({one.probability:.0%})")
    return Tables(
        suppliers=[
            supplier_row(one, known, found, context="; ".join(contexts.get(one.supplier.supplier_id, ())))
            for one in found.accounts
        ],
        factors=[_factor_row(line, one) for one in found.accounts for line in one.result.lines],
        links=[*_place_links(known), *_name_links(known), *_chain_links(found)],
        sites=[_site_row(one, known) for one in found.sites],
        rejected=[_rejected_row(name, one) for name, rows in rejected.items() for one in rows],
    )


def supplier_row(one: Account, known: Known, found: Assessment, *, context: str = "") -> Row:
    """Return the row of one supplier."""
    supplier, result = one.supplier, one.result
    readings = known.geocodes.get(supplier.supplier_id, ())
    flagged = known.places.flagged.get(supplier.supplier_id) if known.places else None
    strongest = next((line.factor.what for line in result.lines if line.counts), "")
    return {
        "supplier_id": supplier.supplier_id,
        "name": supplier.names[0],
        "tier": one.tier,
        "level": result.level.value,
        "score": round(result.score, 2),
        "likelihood": _plain(result.likelihood),
        "likelihood_low": _plain(result.likelihood_low),
        "likelihood_high": _plain(result.likelihood_high),
        "severity": result.severity or None,
        "completeness": round(result.completeness, 2),
        "categories": "; ".join(CATEGORY_WORDS[category] for category in one.categories),
        "strongest_factor": strongest,
        "in_region": _plain(sum(code.probability for code in readings if is_in_region(code, found.weights)))
        if readings
        else None,
        "in_flagged_site": None if flagged is None else _plain(flagged.inside),
        "near_flagged_site": None if flagged is None else _plain(flagged.near),
        **_place_cells(readings),
        "context": context,
        "missing": "; ".join(lack.what for lack in result.missing),
        "would_change": "; ".join(one.would_change),
        "verify": "; ".join(one.verify),
        "other_names": "; ".join(supplier.names[1:]),
        "address": " | ".join(address.text for address in supplier.addresses),
        "parent": supplier.parent,
        "products": "; ".join(supplier.products),
        "inputs": "; ".join(supplier.inputs),
        "registration_number": supplier.registration_number,
        "spend": supplier.spend,
        "source": supplier.source,
        "remarks": "; ".join(known.notes.get(supplier.supplier_id, ())),
        "weights": found.weights.label,
    }


def _place_cells(readings: Sequence[Geocode]) -> Row:
    names = ("place", "place_id", "country", "precision", "radius_km", "place_probability", "lon", "lat")
    if not readings:
        return dict.fromkeys(names)
    best = readings[0]
    where = ", ".join(place.names[0] for place in reversed(best.lineage))
    lon, lat = best.lon_lat
    cells = (where, best.place.place_id, best.place.country, best.precision.value, round(best.radius_m / 1000, 3))
    return dict(zip(names, (*cells, _plain(best.probability), round(lon, 5), round(lat, 5)), strict=True))


def _factor_row(line: Line, one: Account) -> Row:
    factor = line.factor
    return {
        "supplier_id": one.supplier.supplier_id,
        "name": one.supplier.names[0],
        "category": CATEGORY_WORDS[factor.category],
        "what": factor.what,
        "value": _plain(factor.value),
        "value_low": _plain(factor.value_low),
        "value_high": _plain(factor.value_high),
        "weight": factor.weight,
        "contribution": _plain(factor.contribution),
        "points": round(factor.points, 2),
        "counts": "yes" if line.counts else "no: a stronger factor of the same source counts",
        "score": round(one.result.score, 2),
        "score_without": round(line.score_without, 2),
        "level_without": LEVEL_WORDS[line.level_without],
        "severity": factor.severity,
        "confidence": factor.confidence,
        "source": factor.source,
        "reference": factor.reference,
        "date": None if factor.dated is None else factor.dated.isoformat(),
        "list_version": factor.list_version,
        "would_clear": "; ".join(factor.clears),
        "path": " → ".join(factor.path),
        "object_id": factor.object_id,
        "key": factor.key,
    }


def _place_links(known: Known) -> list[Row]:
    if known.places is None:
        return []
    names = _names(known)
    return [
        _link_row(
            kind=f"place ({known.site_kind})",
            supplier_id=link.supplier_id,
            name=names[link.supplier_id],
            object_id=link.site_id,
            object_name=known.sites[link.site_id].names[0],
            probability=_plain(link.inside),
            near=_plain(link.near),
            distance_m=link.distance_m,
            radius_m=round(link.radius_m, 1),
            explanation=f"the position alone would say {link.alone:.2f}; other places compete",
        )
        for link in known.places.links
    ]


def _name_links(known: Known) -> list[Row]:
    names = _names(known)
    both = [("name", one) for one in known.matches] + [("name of the parent", one) for one in known.parent_matches]
    return [
        _link_row(
            kind=kind,
            supplier_id=match.supplier_id,
            name=names.get(match.supplier_id, match.supplier_name),
            object_id=match.entity_id,
            object_name=match.entity_name,
            probability=_plain(match.probability),
            relation=match.relation.value,
            zone=match.zone.value,
            explanation=match.explanation,
        )
        for kind, match in both
    ]


def _chain_links(found: Assessment) -> list[Row]:
    names = {one.supplier.supplier_id: one.supplier.names[0] for one in found.accounts}
    return [
        _link_row(
            kind="chain to the buyer",
            supplier_id=one.origin_id,
            name=names.get(one.origin_id, one.origin_id),
            object_id="(buyer)",
            object_name="the buyer",
            probability=_plain(one.path.probability),
            explanation=f"{one.path}; carries: {one.factor.what} ({one.likelihood:.3f} at the buyer)",
        )
        for one in found.exposures
    ]


def _link_row(**cells: object) -> Row:
    return dict.fromkeys(COLUMNS["links"]) | cells


def _site_row(one: SiteAccount, known: Known) -> Row:
    site = known.sites[one.site_id]
    told = [f"{link.supplier_id} ({link.inside:.2f}, near {link.near:.2f})" for link in one.suppliers]
    return {
        "site_id": one.site_id,
        "name": site.names[0],
        "kind": site.kind.value,
        "status": site.status,
        "source": site.source,
        "likelihood": _plain(one.likelihood),
        "likelihood_low": _plain(one.likelihood_low),
        "likelihood_high": _plain(one.likelihood_high),
        "expected_suppliers": _plain(one.expected),
        "severity": one.severity or None,
        "completeness": _plain(one.completeness),
        "unplaced_suppliers": one.unplaced,
        "suppliers": "; ".join(told),
    }


def _rejected_row(name: str, one: RejectedRow) -> Row:
    cells = json.dumps(dict(one.cells), ensure_ascii=False)
    return {"file": name, "where": one.where, "reason": one.reason, "cells": cells}


def _names(known: Known) -> dict[str, str]:
    return {supplier.supplier_id: supplier.names[0] for supplier in known.suppliers}


def _plain(value: float) -> float:
    return round(float(value), _DIGITS)
