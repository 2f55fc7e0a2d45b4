"""The statement about one supplier, from the folder that a check or a match of a supplier list wrote."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from geo.errors import ConfigError
from outputs.dossier.results import (
    Row,
    checksums_of,
    made_by,
    manifest_of,
    table_rows,
    watch_list_words,
    without_folder,
)
from outputs.dossier.statement import Said, Statement, listed
from outputs.risk.score import LEVEL_WORDS

SUPPLIERS = "suppliers.csv"
_LEVEL_WORDS = {str(level): text for level, text in LEVEL_WORDS.items()}
_REVIEW = "review"


def supplier_statement(folder: Path, supplier_id: str, *, created_at: datetime) -> Statement:
    """Return the statement about one supplier.

    Args:
        folder: As `sitewatch suppliers check` or `sitewatch match` wrote it.
        supplier_id: As the supplier list has it.
        created_at: Aware.

    Raises:
        ConfigError: A table is missing or cannot be read, or no supplier has this id.

    """
    rows = table_rows(folder, SUPPLIERS, id_column="supplier_id", needed=True)
    found = next((row for row in rows if row.record_id == supplier_id), None)
    if found is None:
        some = ", ".join(row.record_id for row in rows[:10]) or "none"
        raise ConfigError(f"{folder / SUPPLIERS}: no supplier has the id {supplier_id!r}; it has: {some}")
    factors = _of(table_rows(folder, "factors.csv", id_column="key", needed=True), supplier_id)
    links = _of(table_rows(folder, "links.csv", id_column="object_id", needed=True), supplier_id)
    kept_aside = table_rows(folder, "rejected.csv", id_column="file")
    manifest = manifest_of(folder)
    level = _LEVEL_WORDS.get(found.text("level"), found.text("level"))
    return Statement(
        kind="Supplier",
        subject_id=supplier_id,
        names=(found.text("name"), *_parts(found.text("other_names"))),
        headline=f"{level}: a reason to look closer" if factors else level,
        claim=tuple(_claim(found, level)),
        evidence=listed(
            [*(_factor(row) for row in factors if _counts(row)), *(_link(row) for row in links if not _is_open(row))],
            "Nothing that would raise the level was found with the lists and sites named under Sources. That is not "
            "the same as there being nothing.",
        ),
        uncertainty=tuple(_uncertainty(found, factors, kept_aside)),
        alternatives=tuple(_alternatives(found, factors, links)),
        next_steps=listed(
            [found.said(f"{_capital(one)}.", "verify") for one in _parts(found.text("verify"))],
            "Nothing in particular follows from what was found.",
        ),
        sources=tuple(_sources(found, factors, manifest)),
        created_at=created_at,
        made_by=made_by(manifest),
        checksums=checksums_of(manifest),
    )


def _of(rows: Sequence[Row], supplier_id: str) -> list[Row]:
    return [row for row in rows if row.text("supplier_id") == supplier_id]


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split("; ") if part.strip())


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _counts(row: Row) -> bool:
    return row.text("counts").startswith("yes")


def _is_open(row: Row) -> bool:
    return row.text("zone") == _REVIEW


def _claim(found: Row, level: str) -> Iterator[Said]:
    name = f"{found.text('name')} ({found.record_id})"
    if found.number_of("likelihood") is None or not found.text("score"):
        yield found.said(f"Of {name} too little is known to say anything: {level.lower()}.", "level", "missing")
    else:
        tier = f", tier {found.text('tier')} of the chain" if found.text("tier") else ""
        yield found.said(
            f"{name}{tier}, is put at the level “{level}”, with a score of {found.text('score')}. That at least one of "
            f"the reasons under Evidence holds has a likelihood of {found.text('likelihood')} "
            f"({found.text('likelihood_low')} to {found.text('likelihood_high')}).",
            "tier", "level", "score", "likelihood", "likelihood_low", "likelihood_high",
        )  # fmt: skip
    if found.text("categories"):
        yield found.said(f"What speaks for looking closer: {found.text('categories')}.", "categories")
    for column, where in (("in_flagged_site", "in"), ("near_flagged_site", "near")):
        if found.text(column):
            yield found.said(f"Probability that it lies {where} a flagged site: {found.text(column)}.", column)


def _factor(row: Row) -> Said:
    interval = f"{row.text('value')} ({row.text('value_low')} to {row.text('value_high')})"
    dated = f", {row.text('date')}" if row.text("date") else ""
    text = (
        f"{row.text('category')}: {row.text('what')}. Probability {interval}, weight {row.text('weight')}: "
        f"{row.text('points')} points of the score; confidence {row.text('confidence')}. "
        f"Source: {row.text('source')}, {without_folder(row.text('reference'))}{dated}."
    )
    columns = ("category", "what", "value", "value_low", "value_high", "weight", "points", "confidence")
    return row.said(text, *columns, "source", "reference", "date")


def _link(row: Row) -> Said:
    what = f"{_capital(row.text('kind'))}: {row.text('object_name')} ({row.text('object_id')})"
    near = f", near it {row.text('near')}" if row.text("near") else ""
    said = f"{what}, probability {row.text('probability')}{near}. {_capital(row.text('explanation'))}."
    return row.said(said, "object_id", "probability", "near", "explanation")


def _uncertainty(found: Row, factors: Sequence[Row], kept_aside: Sequence[Row]) -> Iterator[Said]:
    if (known := found.number_of("completeness")) is not None:
        yield found.said(
            f"Of what should be known of a supplier {known:.0%} is known. "
            f"Missing: {found.text('missing') or 'nothing'}.",
            "completeness", "missing",
        )  # fmt: skip
    if found.text("place"):
        yield found.said(
            f"Its place is known to the {found.text('precision')} of {found.text('place')}, to within "
            f"{found.text('radius_km')} km; this reading of its address has a probability of "
            f"{found.text('place_probability')}. The address as it was given: {found.text('address')}.",
            "place", "precision", "radius_km", "place_probability", "address",
        )  # fmt: skip
    else:
        yield found.said("No place could be found for its address.", "address", "place")
    if found.text("context"):
        yield found.said(f"{_capital(found.text('context'))}.", "context")
    for row in factors:
        if row.text("confidence") == "low" and _counts(row):
            yield row.said(f"Confidence is low in: {row.text('what')}.", "confidence", "what")
    if kept_aside:
        count = "1 row" if len(kept_aside) == 1 else f"{len(kept_aside)} rows"
        text = f"Of the lists {count} could not be understood and are kept aside: what stands there was not weighed."
        yield Said(text=text, records=tuple(row.record("reason") for row in kept_aside))
    yield found.said(f"Weights are judgements ({found.text('weights')}); others give other scores.", "weights")


def _alternatives(found: Row, factors: Sequence[Row], links: Sequence[Row]) -> Iterator[Said]:
    """Say what else may be true: another place, another firm, another chain, or no such factor."""
    if (probability := found.number_of("place_probability")) is not None and probability < 1:
        text = f"The address means another place than {found.text('place')}: probability {_rest(probability)}."
        yield found.said(text, "place", "place_probability")
    for row in links:
        if (linked := row.number_of("probability")) is None:
            continue
        yield row.said(f"{_otherwise(row)}: probability {_rest(linked)}.", "probability", "object_id")
    for row in factors:
        if _counts(row):
            yield row.said(
                f"Without “{row.text('what')}” the score is {row.text('score_without')} and the level "
                f"“{row.text('level_without')}”.",
                "what", "score_without", "level_without",
            )  # fmt: skip
        else:
            yield row.said(f"Considered and not counted: {row.text('what')} ({row.text('counts')}).", "what", "counts")
    yield Said(
        text="That the lists are wrong or out of date, that a firm has changed hands, or that two firms share a name, "
        "cannot be told from these data; see what would settle it."
    )


def _rest(probability: float) -> str:
    return f"1 \N{MINUS SIGN} {probability:g} = {1 - probability:.4g}"


def _otherwise(row: Row) -> str:
    name = f"{row.text('object_name')} ({row.text('object_id')})"
    kind = row.text("kind")
    if kind.startswith("place"):
        return f"It lies somewhere else than in {name}"
    if kind.startswith("chain"):
        return "What it is linked to does not reach the buyer this way"
    whose = "Its parent" if "parent" in kind else "It"
    undecided = "; the comparison was left for a person to decide" if _is_open(row) else ""
    return f"{whose} is another firm than, and no part of, {name}{undecided}"


def _sources(found: Row, factors: Sequence[Row], manifest: Mapping[str, Any]) -> Iterator[Said]:
    yield found.said(f"The supplier: {without_folder(found.text('source'))}.", "source")
    told = set()
    for row in factors:
        version = f", version {row.text('list_version')}" if row.text("list_version") else ""
        dated = f", of {row.text('date')}" if row.text("date") else ""
        text = f"{row.text('source')}: {without_folder(row.text('reference'))}{dated}{version}."
        if text not in told:
            told.add(text)
            yield row.said(text, "source", "reference", "date", "list_version")
    yield from watch_list_words(manifest)
