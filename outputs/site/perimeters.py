"""What is known of each facility's perimeter, in words: its arcs by length, and what changed beside it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from outputs.site.amounts import share_words
from outputs.vocabulary import ANSWER_WORDS, ARC_COLOURS, ARC_WORDS, words

PROXY_WORDS: Mapping[str, str] = {
    "strip_greened": "the strip outside greened",
    "strip_brighter": "the strip outside turned brighter",
    "strip_darker": "the strip outside turned darker",
    "yard_greened": "the strip inside greened",
    "new_opening": "a new opening",
    "road_through": "a new line leads through",
    "night_light": "darker at night than its surroundings",
}
_PROXY_P = 0.01
_LEAST_P = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of a perimeter is in one state."""

    state: str
    words: str
    colour: str
    length: str
    """In per cent, in words."""
    percent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PerimeterView:
    """What one facility's perimeter told, in words."""

    facility: str
    facility_id: str
    area_name: str
    is_indicated: bool
    answer: str
    why: str
    changed: str
    shares: tuple[Share, ...]
    """Of the perimeter's length, none of no length; empty where no perimeter is known."""
    p: str
    """How often chance makes so clear a loss along some stretch."""
    smallest: str
    """The smallest wall whose loss would have been seen."""
    ring: str
    proxies: tuple[str, ...]
    """What else changed beyond chance: no part of the answer's proof."""


def perimeter_views(
    perimeters: gpd.GeoDataFrame, facility_names: Mapping[str, str], area_names: Mapping[str, str]
) -> tuple[PerimeterView, ...]:
    """Return one view a facility that was asked about, those with an indication first.

    Args:
        perimeters: By `detection.schema.PERIMETER_COLUMNS`; no rows where no facility was asked about.
        facility_names: Id to name.
        area_names: Id to name.

    """
    if perimeters.empty:
        return ()
    views = [
        _view(rows, facility_names.get(facility, facility), area_names.get(area, area))
        for (area, facility), rows in _by_facility(perimeters)
    ]
    return tuple(sorted(views, key=lambda view: (not view.is_indicated, view.facility)))


def _by_facility(perimeters: gpd.GeoDataFrame) -> Iterator[tuple[tuple[str, str], list[dict[str, Any]]]]:
    for key, part in perimeters.groupby(["area_id", "facility_id"], sort=False):
        area, facility = key
        yield (str(area), str(facility)), sorted(part.to_dict("records"), key=lambda row: row["arc"])


def _view(rows: Sequence[Mapping[str, Any]], facility: str, area_name: str) -> PerimeterView:
    head, arcs = rows[0], rows[1:]
    is_indicated = head["state"] == "indicated"
    said = words(ANSWER_WORDS, head["state"])
    probability = head["probability"]
    return PerimeterView(
        facility=facility,
        facility_id=str(head["facility_id"]),
        area_name=area_name,
        is_indicated=is_indicated,
        answer=said if pd.isna(probability) else f"{said}, probability {probability:.2f}",
        why=str(head["reason"]),
        changed=_between(head),
        shares=arc_shares(arcs),
        p="not tested" if pd.isna(head["loss_p"]) else f"{head['loss_p']:.2g}",
        smallest=smallest_words(arcs),
        ring=_ring(head),
        proxies=proxy_words(head["evidence"]),
    )


def _between(head: Mapping[str, Any]) -> str:
    if pd.isna(head["changed_after"]) or pd.isna(head["changed_by"]):
        return ""
    return f"after {pd.Timestamp(head['changed_after']):%Y-%m-%d}, by {pd.Timestamp(head['changed_by']):%Y-%m-%d}"


def arc_shares(arcs: Sequence[Mapping[str, Any]]) -> tuple[Share, ...]:
    """Return how much of the length of some arcs is in each state; states without any are left out."""
    length = {state: sum(_length(arc) for arc in arcs if arc["state"] == state) for state in ARC_WORDS}
    total = sum(length.values())
    return tuple(
        Share(
            state=state,
            words=ARC_WORDS[state],
            colour=ARC_COLOURS[state],
            length=share_words(metres / total),
            percent=100 * metres / total,
        )
        for state, metres in length.items()
        if metres
    )


def _length(arc: Mapping[str, Any]) -> float:
    return 0.0 if pd.isna(arc["length_m"]) else float(arc["length_m"])


def smallest_words(arcs: Sequence[Mapping[str, Any]]) -> str:
    """Say which wall would have been missed along the middle one of the arcs where one could have been seen."""
    told = sorted(float(arc["smallest_m"]) for arc in arcs if not pd.isna(arc["smallest_m"]))
    if not told:
        return "none could have been seen"
    middle = told[len(told) // 2]
    where = "" if len(told) == len(arcs) else f", along {len(told)} of {len(arcs)} arcs; along the others none"
    return f"{middle:.2f} m, as width times contrast (4 m wide: contrast {middle / 4:.2f}){where}"


def _ring(head: Mapping[str, Any]) -> str:
    if pd.isna(head["ring"]):
        return "no perimeter is known"
    error = "" if pd.isna(head["ring_error_m"]) or not head["ring_error_m"] else f", {head['ring_error_m']:.0f} m off"
    drawn = {"traced": "traced by the program", "outline": "the outline in the list"}
    length = "" if pd.isna(head["length_m"]) else f", {head['length_m']:,.0f} m long"
    return f"{drawn.get(str(head['ring']), str(head['ring']))}{length}{error}"


def proxy_words(evidence: object) -> tuple[str, ...]:
    """Return the proxies in a facility's evidence that chance would hardly make, each with its probability."""
    try:
        told = json.loads(str(evidence)).get("proxies", {}) if isinstance(evidence, str) else {}
    except (ValueError, AttributeError):
        return ()
    return tuple(
        f"{PROXY_WORDS.get(name, name)} (p {_least(one['p'])})"
        for name, one in told.items()
        if one.get("p") is not None and one["p"] <= _PROXY_P
    )


def _least(p: float) -> str:
    """Return a probability; below what any of the tests can tell only that."""
    return f"= {p:.2g}" if p >= _LEAST_P else f"< {_LEAST_P:g}"
