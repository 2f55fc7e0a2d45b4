"""Put together what is recorded of every scene that was found for one area: the table's rows, the picture's tiles."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detection.detect import Findings
from detection.looks.choose import JudgedLook, WhyNot
from flows.reading.looks import Looks, ReadScene
from geo.choice import Choice
from geo.masks import NODATA, shares_by_cause
from geo.sources.base import SceneRef
from outputs.scenes.picture import Tile
from outputs.scenes.table import Fate, SceneRow

_FATES = {WhyNot.TOO_HIDDEN: Fate.TOO_HIDDEN, WhyNot.MURKY: Fate.MURKY}


def scene_rows(
    area_id: str, choice: Choice, looks: Looks, found: Findings, inside: NDArray[np.bool_]
) -> list[SceneRow]:
    """Return one row for each scene that was found, ascending in time.

    Args:
        area_id: The area.
        choice: Which scenes were to be read, and why the others were not.
        looks: What was read.
        found: What came of it.
        inside: Shape (y, x): the pixels of the area, which the shares are of.

    """
    not_chosen = {ref.scene_id: reason for ref, reason in choice.left_out}
    unread = {ref.scene_id: reason for ref, reason in looks.unread}
    scenes = {scene.scene_id: scene for scene in looks.scenes}
    judged = {look.scene_id: look for look in found.looks}
    shifts = _shifts(found)
    rows = []
    refs = [*choice.chosen, *(ref for ref, _ in choice.left_out)]
    for ref in sorted(refs, key=lambda one: (one.observed_at, one.scene_id)):
        if ref.scene_id in not_chosen:
            rows.append(scene_row(area_id, ref, Fate.NOT_CHOSEN, not_chosen[ref.scene_id]))
        elif ref.scene_id in unread:
            rows.append(scene_row(area_id, ref, Fate.UNREADABLE, unread[ref.scene_id]))
        else:
            fate, reason = _judgement(judged.get(ref.scene_id), found)
            seen = _seen(scenes[ref.scene_id], inside)
            rows.append(scene_row(area_id, ref, fate, reason, shift_px=shifts.get(ref.scene_id), seen=seen))
    return rows


def with_not_seen(found: Findings, looks: Looks, choice: Choice) -> Findings:
    """Add the scenes that could not be read, and those that were not chosen, to the looks that did not count."""
    more = [(ref, f"unreadable: {why}") for ref, why in looks.unread]
    more += [(ref, f"not read: {why}") for ref, why in choice.left_out]
    added = [{"date": ref.observed_at.date().isoformat(), "reason": reason} for ref, reason in more]
    not_seen = sorted(json.loads(found.coverage["not_seen"].iloc[0]) + added, key=lambda look: str(look["date"]))
    return replace(found, coverage=found.coverage.assign(not_seen=json.dumps(not_seen, ensure_ascii=False)))


def tiles(rows: Sequence[SceneRow], looks: Looks) -> list[Tile]:
    """Return the tiles of the picture of all scenes: what each row says, with its thumbnail if it was read."""
    thumbnails = {scene.scene_id: scene.thumbnail for scene in looks.scenes}
    return [
        Tile(
            observed_at=row.observed_at,
            fate=row.fate,
            clear_share=row.clear_share,
            hidden_shares=row.hidden_shares or {},
            thumbnail=thumbnails.get(row.scene_id),
        )
        for row in rows
    ]


def _shifts(found: Findings) -> dict[str, tuple[float, float]]:
    stack = found.registered
    if stack is None or stack.shifts_px is None:
        return {}
    return {
        scene_id: (float(down), float(right))
        for scene_id, (down, right) in zip(stack.scene_ids, stack.shifts_px, strict=True)
        if np.isfinite([down, right]).all()
    }


def _judgement(look: JudgedLook | None, found: Findings) -> tuple[Fate, str]:
    if look is not None and look.why_not is not None:
        return _FATES[look.why_not], look.reason
    if found.registered is None:
        return Fate.ALONE, "clear, but too few clear looks to compare it with"
    return Fate.USED, ""


def _seen(scene: ReadScene, inside: NDArray[np.bool_]) -> Mapping[str, object]:
    """Return what was seen of the area, as fields of its row; nothing where the area has no pixel."""
    if not inside.any():
        return {}
    is_clear = scene.is_clear[inside]
    if scene.classes is None:
        hidden = {NODATA: float((~is_clear).mean())} if not is_clear.all() else {}
    else:
        hidden = shares_by_cause(scene.classes[inside].astype(np.float32), is_clear)
    return {
        "clear_share": float(is_clear.mean()),
        "hidden_shares": hidden,
        "restored_share": float(scene.is_restored[inside].mean()),
    }


def scene_row(  # noqa: PLR0913  # the three last are known of some scenes alone
    area_id: str,
    ref: SceneRef,
    fate: Fate,
    reason: str,
    *,
    shift_px: tuple[float, float] | None = None,
    seen: Mapping[str, object] | None = None,
) -> SceneRow:
    """Return the row of one scene; `seen` are further fields of it, such as the shares of the area."""
    return SceneRow(
        area_id=area_id,
        scene_id=ref.scene_id,
        observed_at=ref.observed_at,
        platform=ref.platform,
        processing_baseline=ref.processing_baseline,
        relative_orbit=ref.relative_orbit,
        fate=fate,
        reason=reason,
        catalogue_cloud_share=ref.cloud_share,
        shift_px=shift_px,
        **(seen or {}),  # type: ignore[arg-type]  # the type of each field hangs on its name, which a mapping does not tell
    )
