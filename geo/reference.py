"""Bring one new date onto ground that is already known, as `geo.coregister` does with many at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.coregister import CoregisterParams, estimate_shift, median_structure, moved_date, structure_images
from geo.scene import Stack

_DATES = 9
"""So many of the clearest dates make the reference, as in `geo.coregister`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reference:
    """How the dates of a place lie."""

    structure: NDArray[np.float32]
    """Edges of the ground, shape (half of the bands, y, x), NaN where not seen."""
    usual_shift_px: tuple[float, float]
    """How far (down, right) dates were moved: what is done with one that cannot be measured."""

    @classmethod
    def of(cls, stack: Stack) -> "Reference":
        """Return the reference that a co-registered stack gives."""
        clear = stack.is_clear.mean(axis=(1, 2))
        best = np.sort(np.argsort(-clear, kind="stable")[:_DATES])
        values = stack.values
        images = np.stack([np.stack(structure_images(values[index])) for index in best])
        shifts = stack.shifts_px
        is_told = shifts is not None and np.isfinite(shifts).any()
        down, right = np.nanmedian(shifts, axis=0) if shifts is not None and is_told else (0.0, 0.0)
        structure = np.stack(median_structure(images)).astype(np.float32)
        return cls(structure=structure, usual_shift_px=(float(down), float(right)))


def onto_reference(look: Stack, reference: Reference, params: CoregisterParams | None = None) -> Stack:
    """Return a stack of one date, moved onto `reference`; `shifts_px` is NaN where the usual shift was taken."""
    found = estimate_shift(list(reference.structure), structure_images(look.values[0]), params)
    return by_usual_shift(look, reference) if found is None else _moved(look, found, measured_px=found)


def by_usual_shift(look: Stack, reference: Reference) -> Stack:
    """Return a stack of one date, moved as dates usually are, whatever could be measured; `shifts_px` is NaN."""
    return _moved(look, reference.usual_shift_px, measured_px=(np.nan, np.nan))


def _moved(look: Stack, shift_px: tuple[float, float], *, measured_px: tuple[float, float]) -> Stack:
    values = look.values
    values[0] = moved_date(look, values[0], 0, shift_px)
    return look.with_values(values, shifts_px=np.array([measured_px], dtype=np.float64))
