"""The fields of a table as one audience may know them: left out, coarser, or under other names."""

import json
from collections.abc import Mapping
from math import floor, isfinite, log10
from typing import Any

import geopandas as gpd
import pandas as pd

from detection.schema import DETECTION_COLUMNS
from outputs.redaction.policy import Dates, Policy
from outputs.redaction.secret import alias

_ENDS = frozenset({"onset_by", "active_by", "complete_by"})
"""Days by which something had happened: they are moved to the end of the month or year, all others to its beginning."""
_NUMBERS = (
    "area_m2",
    "area_low_m2",
    "area_high_m2",
    "facility_distance_m",
    "roofs",
    "confidence",
    "camp_likeness",
    "false_alerts_per_site_year",
)
_DAYS = tuple(name for name, kind in DETECTION_COLUMNS.items() if kind.rstrip("?") == "date")
COARSENED = frozenset({*_NUMBERS, *_DAYS})
"""Fields that go out less exactly, if not at all."""
_MONTHS = {Dates.MONTH: "M", Dates.YEAR: "Y"}


def redacted_fields(table: gpd.GeoDataFrame, policy: Policy, secret: bytes) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Return `table` with the fields that `policy` lets out, and for each touched field how many values it touched.

    Columns that the schema does not know (notes, reviewers, names) go out under an exact policy alone.
    """
    touched: dict[str, int] = {}
    kept = table.copy()
    if not policy.is_exact:
        for name in [name for name in table.columns if name not in DETECTION_COLUMNS and name != "geometry"]:
            touched[name] = int(table[name].notna().sum())
            kept = kept.drop(columns=name)
    for name in sorted(policy.withhold & set(kept.columns)):
        touched[name] = int(kept[name].notna().sum())
        kept[name] = _empty(kept[name])
    for change in (_evidence, _coarse_days, _coarse_numbers):
        kept, counts = change(kept, policy)
        touched |= counts
    if policy.replaces_ids:
        kept, counts = _other_ids(kept, policy, secret)
        touched |= counts
    return kept, touched


def rounded(value: float, digits: int) -> float:
    """Return `value` with so many significant digits."""
    if not isfinite(value) or value == 0 or digits == 0:
        return value
    return round(value, digits - 1 - floor(log10(abs(value))))


def coarse_day(day: pd.Timestamp, dates: Dates, *, is_end: bool = False) -> pd.Timestamp:
    """Return the first day of the month or year of `day`, the last one with `is_end`."""
    if dates is Dates.DAY or pd.isna(day):
        return day
    period = day.to_period(_MONTHS[dates])
    return (period.end_time.normalize() if is_end else period.start_time).as_unit("s")


def _evidence(table: gpd.GeoDataFrame, policy: Policy) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    """Leave parts of the evidence out, and coarsen the days and areas in it."""
    if policy.is_exact or "evidence" not in table.columns or "evidence" in policy.withhold:
        return table, {}
    parts = {name.removeprefix("evidence.") for name in policy.withhold if name.startswith("evidence.")}
    counts: dict[str, int] = {}
    texts = []
    for text in table["evidence"]:
        document = _object(text)
        for part in parts & set(document):
            counts[f"evidence.{part}"] = counts.get(f"evidence.{part}", 0) + 1
        texts.append(json.dumps(_coarse_evidence(document, parts, policy), ensure_ascii=False))
    return table.assign(evidence=pd.Series(texts, dtype=object, index=table.index)), counts


def _coarse_evidence(document: Mapping[str, Any], without: set[str], policy: Policy) -> dict[str, Any]:
    """Return the parts of the evidence that the schema knows; what else stands in it does not go out."""
    told: dict[str, Any] = {}
    if "features" not in without and isinstance(document.get("features"), Mapping):
        told["features"] = {
            str(name): {
                key: rounded(float(number), policy.digits) for key, number in facts.items() if _is_number(number)
            }
            for name, facts in document["features"].items()
            if isinstance(facts, Mapping)
        }
    if "growth" not in without and isinstance(document.get("growth"), list):
        told["growth"] = [
            [f"{coarse_day(pd.Timestamp(day), policy.dates):%Y-%m-%d}", rounded(float(area_m2), policy.digits)]
            for day, area_m2 in document["growth"]
        ]
    if "note" not in without and isinstance(document.get("note"), str):
        told["note"] = document["note"]
    return told


def _coarse_days(table: gpd.GeoDataFrame, policy: Policy) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    if policy.dates is Dates.DAY:
        return table, {}
    columns, counts = {}, {}
    for name in _DAYS:
        if name in table.columns and table[name].notna().any():
            days = [coarse_day(day, policy.dates, is_end=name in _ENDS) for day in table[name]]
            columns[name] = pd.Series(days, index=table.index, dtype=table[name].dtype)
            counts[name] = int(table[name].notna().sum())
    return table.assign(**columns), counts


def _coarse_numbers(table: gpd.GeoDataFrame, policy: Policy) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    if policy.digits == 0:
        return table, {}
    columns, counts = {}, {}
    for name in _NUMBERS:
        if name in table.columns and table[name].notna().any():
            columns[name] = table[name].map(lambda value: rounded(float(value), policy.digits))
            counts[name] = int(table[name].notna().sum())
    return table.assign(**columns), counts


def _other_ids(table: gpd.GeoDataFrame, policy: Policy, secret: bytes) -> tuple[gpd.GeoDataFrame, dict[str, int]]:
    columns, counts = {}, {}
    for name in ("detection_id", "area_id", "facility_id"):
        if name in table.columns and name not in policy.withhold and table[name].notna().any():
            kind = name.removesuffix("_id")
            others = [None if pd.isna(one) else alias(secret, kind, str(one)) for one in table[name]]
            columns[name] = pd.Series(others, dtype=object, index=table.index)
            counts[name] = int(table[name].notna().sum())
    return table.assign(**columns), counts


def _empty(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return `column` without its values, of the same kind; whole numbers, which cannot be missing, as others."""
    kind: Any = "float64" if pd.api.types.is_integer_dtype(column) else column.dtype
    missing: Any = [None] * len(column)
    empty: pd.Series[Any] = pd.Series(missing, index=column.index, dtype=kind)
    return empty


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _object(text: object) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
