"""Indicators of a whole list for a quarter: how much of it stands where, and what changed."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from geo.errors import AoiError
from outputs.risk.assess import Account, Assessment
from outputs.risk.relations import Known, products_of
from outputs.risk.score import Level

COLUMNS = ("quarter", "indicator", "group", "value", "unit", "of")
EXPOSED = frozenset({Level.HIGH, Level.ELEVATED})
_ORDER = (Level.HIGH, Level.ELEVATED, Level.SOME, Level.NOT_ASSESSABLE, Level.NONE_FOUND)
"""From the level that is looked into first. Too little known comes before nothing found."""
Row = dict[str, Any]


def indicators(
    found: Assessment, known: Known, *, quarter: str = "", previous: Mapping[str, str] | None = None
) -> list[Row]:
    """Return one row an indicator and group.

    Args:
        found: The assessment.
        known: Of what.
        quarter: For instance ``2026Q3``.
        previous: Supplier id to level of the last quarter; None where there is none to compare with.

    """
    rows = [
        *_shares("suppliers by level", found.accounts, lambda one: one.result.level.value),
        *_shares("suppliers by tier and level", found.accounts, _tier_and_level),
        *_spend(found.accounts),
        *_by_input(found),
        *_data(found, known),
        *_sites(found, known),
        *_target(found),
        *_changes(found.accounts, previous),
    ]
    return [{"quarter": quarter, **row} for row in rows]


def previous_levels(folder: Path) -> dict[str, str]:
    """Return supplier id to level of an earlier assessment's folder.

    Raises:
        AoiError: It has no disclosure record that can be read.

    """
    path = folder / "disclosure.json"
    try:
        records = json.loads(path.read_text(encoding="utf-8"))["records"]
        return {str(record["supplier_id"]): str(Level(record["level"])) for record in records}
    except OSError as error:
        raise AoiError(f"{path}: cannot be read ({error.strerror}); expected the folder of an earlier check") from error
    except (ValueError, KeyError, TypeError) as error:
        raise AoiError(f"{path}: is no disclosure record of sitewatch ({error})") from error


def _row(indicator: str, group: str, value: float | None, unit: str, of: str = "") -> Row:
    rounded = round(value, 4) if isinstance(value, float) else value
    return {"indicator": indicator, "group": group, "value": rounded, "unit": unit, "of": of}


def _shares(indicator: str, accounts: Sequence[Account], group_of: Callable[[Account], str]) -> list[Row]:
    counts = Counter(map(group_of, accounts))
    rows = []
    for group, count in sorted(counts.items()):
        rows.append(_row(indicator, group, count, "suppliers"))
        rows.append(_row(indicator, group, count / len(accounts), "share", "of suppliers"))
    return rows


def _tier_and_level(one: Account) -> str:
    tier = "tier not known" if one.tier is None else f"tier {one.tier}"
    return f"{tier}: {one.result.level.value}"


def _spend(accounts: Sequence[Account]) -> list[Row]:
    stated = [one for one in accounts if one.supplier.spend is not None]
    total = sum(_spent(one) for one in stated)
    rows = [_row("spend is stated", "", len(stated) / len(accounts) if accounts else 0.0, "share", "of suppliers")]
    if total <= 0:
        return rows
    for level in Level:
        part = sum(_spent(one) for one in stated if one.result.level is level)
        rows.append(_row("spend by level", level.value, part / total, "share", "of stated spend"))
    for tier in sorted({one.tier for one in stated if one.tier is not None}):
        part = sum(_spent(one) for one in stated if one.tier == tier and one.result.level in EXPOSED)
        rows.append(_row("spend at elevated or high", f"tier {tier}", part / total, "share", "of stated spend"))
    return rows


def _spent(one: Account) -> float:
    return one.supplier.spend or 0.0


def _by_input(found: Assessment) -> list[Row]:
    groups: dict[str, list[Account]] = {}
    for one in found.accounts:
        supplier = one.supplier
        for product in products_of((*supplier.products, *supplier.inputs), found.weights):
            groups.setdefault(product.name, []).append(one)
    rows = []
    for name, accounts in sorted(groups.items()):
        exposed = sum(one.result.level in EXPOSED for one in accounts)
        assessed = sum(one.result.level not in {*EXPOSED, Level.NOT_ASSESSABLE} for one in accounts)
        rows.append(_row("suppliers by input", name, len(accounts), "suppliers"))
        rows.append(_row("input at elevated or high", name, exposed / len(accounts), "share", "of its suppliers"))
        rows.append(_row("input: other suppliers assessed below elevated", name, assessed, "suppliers"))
        rows.append(
            _row("input: concentration (Herfindahl)", name, _concentration(accounts), "index 0-1", _by(accounts))
        )
    return rows


def _concentration(accounts: Sequence[Account]) -> float:
    """Return the sum of the squared shares of spend, of equal shares where spend is not stated throughout."""
    amounts = [_spent(one) for one in accounts]
    if _by(accounts) != "of spend":
        amounts = [1.0] * len(accounts)
    total = sum(amounts)
    return sum((amount / total) ** 2 for amount in amounts)


def _by(accounts: Sequence[Account]) -> str:
    is_stated = all(one.supplier.spend is not None for one in accounts) and sum(map(_spent, accounts)) > 0
    return "of spend" if is_stated else "of suppliers, for spend is not stated throughout"


def _data(found: Assessment, known: Known) -> Iterable[Row]:
    count = len(found.accounts)
    if not count:
        return
    fine = len(known.places.flagged) if known.places else 0
    complete = sum(one.result.completeness for one in found.accounts) / count
    placed = sum(bool(known.geocodes.get(one.supplier.supplier_id)) for one in found.accounts)
    yield _row("data: mean completeness", "", complete, "share")
    yield _row("data: address understood", "", placed / count, "share", "of suppliers")
    if known.places:
        yield _row("data: known to street, park or building", "", fine / count, "share", "of suppliers")


def _sites(found: Assessment, known: Known) -> Iterable[Row]:
    if known.places is None:
        yield _row("sites assessed", "", None, "sites", "no sites were given")
        return
    least = found.weights.levels["some"]
    yield _row("sites assessed", "", len(found.sites), "sites")
    linked = sum(one.likelihood >= least for one in found.sites)
    yield _row("sites with a supplier", f"likelihood of {least:g} or more", linked, "sites")
    yield _row("suppliers expected in flagged sites", "", sum(one.expected for one in found.sites), "suppliers")


def _target(found: Assessment) -> Iterable[Row]:
    target = found.weights.most_exposed
    amounts = [_spent(one) for one in found.accounts]
    is_spend = sum(amounts) > 0
    amounts = amounts if is_spend else [1.0] * len(found.accounts)
    total = sum(amounts)
    if total <= 0:
        return
    exposed = sum(amount for amount, one in zip(amounts, found.accounts, strict=True) if one.result.level in EXPOSED)
    of = "of stated spend" if is_spend else "of suppliers"
    yield _row("diversification: at elevated or high", "", exposed / total, "share", of)
    yield _row("diversification: target, at most", "", target, "share", of)
    yield _row("diversification: still to move", "", max(exposed / total - target, 0.0), "share", of)


def _changes(accounts: Sequence[Account], previous: Mapping[str, str] | None) -> list[Row]:
    if previous is None:
        return [_row("change since the last quarter", "", None, "", "no earlier quarter given")]
    now = {one.supplier.supplier_id: one.result.level for one in accounts}
    kinds = Counter(_change(name, now.get(name), previous.get(name)) for name in {*now, *previous})
    return [
        _row("change since the last quarter", kind, kinds.get(kind, 0), "suppliers")
        for kind in ("raised", "lowered", "same", "new", "gone", "become assessable", "no longer assessable")
    ]


def _change(name: str, now: Level | None, before: str | None) -> str:
    del name
    if now is None or before is None:
        return "gone" if now is None else "new"
    if now == before:
        return "same"
    if Level.NOT_ASSESSABLE in {now, before}:
        return "no longer assessable" if now is Level.NOT_ASSESSABLE else "become assessable"
    return "raised" if _ORDER.index(now) < _ORDER.index(Level(before)) else "lowered"
