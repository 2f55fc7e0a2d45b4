"""What the journal of an area takes down of its stages."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows.area.ingredients import Origin
from flows.area.plan import Action, Step
from flows.area.product import Record
from flows.reading.looks import common_bands
from geo.cache import CachedSource
from geo.cost import Cost
from geo.grid import Grid
from geo.masks import SCL
from geo.sources.base import ImagerySource, SceneRef

SHOWN = 20
"""How many new scenes are named."""


def decision_facts(step: Step, origin: Origin, before: Record | None) -> dict[str, Any]:
    """Return what was decided and why: in short where nothing changed.

    Args:
        step: What is to be done.
        origin: What differs from what the product before was made from.
        before: The record of that product, if there is one.

    """
    facts: dict[str, Any] = {"action": step.action, "reason": step.reason}
    if step.action is Action.UP_TO_DATE:
        return facts
    known: Mapping[str, str] = before.inputs.scenes if before else {}
    new = [scene for scene in step.inputs.scenes if scene not in known]
    facts |= {"key": step.inputs.key, "settings": step.inputs.settings, "new": len(new), "new_scenes": new[-SHOWN:]}
    if origin.changes:
        facts["changes"] = list(origin.changes)
    if origin.supersedes and step.action is Action.RUN:
        facts["supersedes"] = list(origin.supersedes)
    return facts


def kept_facts(source: ImagerySource, refs: Sequence[SceneRef], grid: Grid) -> dict[str, int]:
    """Return how many scenes are to be read, and how many of them lie in copies kept earlier."""
    facts = {"scenes": len(refs)}
    if isinstance(source, CachedSource) and refs:
        bands = common_bands(refs)
        wanted = [(ref, (*bands, SCL) if SCL in ref.bands else bands) for ref in refs]
        facts["from_copies"] = sum(source.has(ref, grid, bands=names) for ref, names in wanted)
    return facts


def spent_facts(spent: Sequence[Cost]) -> dict[str, float]:
    """Return what was asked of an account meanwhile; nothing where nothing was."""
    if not spent:
        return {}
    whole = sum(spent, start=Cost())
    return {"requests": whole.requests, "processing_units": round(whole.units, 4)}
