"""When did each pixel of one object begin to change, and how rough was the object on each look?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from detection.changes import ChangeMap
from detection.objects.features import Layers, structure
from detection.objects.outline import Patch
from detection.series.beginnings import BeginningParams, Beginnings, LookNoise, boxed, find_beginnings, sun_of_year
from detection.series.onset import Course

MARGIN_PX = 8
"""So much of the surroundings tells whether a first look was odd."""
_GAP_PX = 3
_LEAST_RING_PX = 50
_ODD_SHARE = 0.03
_LOOKS_TO_DOUBT = 2
"""So many looks at the beginning may be found odd."""
_BUILT_STRUCTURE = 2.0
_ON_ITS_WAY = 0.3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watch:
    """What every object of one change map is followed with."""

    changes: ChangeMap
    days: tuple[date, ...]
    maps: Layers
    noise: LookNoise
    sun: NDArray[np.float32]
    params: BeginningParams

    @classmethod
    def over(cls, changes: ChangeMap, maps: Layers, params: BeginningParams) -> "Watch":
        """Measure the noise of the looks once for all objects."""
        noise = LookNoise.of(changes.values, maps.structure_before * maps.structure_unit, maps.is_calm)
        days = changes.stack.days
        return cls(changes=changes, days=days, maps=maps, noise=noise, sun=sun_of_year(days), params=params)

    def course(self, patch: Patch) -> Course:
        """Return when the pixels of `patch` began, over its own window grown by `MARGIN_PX`."""
        wide = patch.grown(MARGIN_PX, self.changes.is_changed.shape)
        window, here = wide.window, wide.is_changed
        series = boxed(self.changes.values[:, :, *window])
        step = np.where(self.changes.steps.onset[window] > 0, self.changes.steps.onset[window], len(series))
        before, after = (layer[window] for layer in (self.maps.structure_before, self.maps.structure_after))
        is_taken_down = bool(_mean(before, here) >= _BUILT_STRUCTURE and _mean(after, here) < _mean(before, here))
        begun = self._beginnings(series, wide)
        progress = self._progress(series, window)
        if is_taken_down:
            begun = self._where_built(begun, progress, step, window)
        return Course(
            begun=begun,
            step=step,
            is_changed=here,
            is_seen=_seen(self.changes.values[:, :, *window]),
            days=self.days,
            pixel_area_m2=self.changes.stack.grid.pixel_area_m2,
            progress=progress,
            is_taken_down=is_taken_down,
        )

    def _progress(self, series: NDArray[np.float32], window: tuple[slice, slice]) -> NDArray[np.float32]:
        """Return how far each pixel has come on each look from what it was (0) to what it became (1), by projection."""
        steps = self.changes.steps
        before, after = boxed(np.stack([steps.before[:, *window], steps.after[:, *window]]))
        way = after - before
        along = ((series - before) * way).sum(axis=1) / np.maximum(np.square(way).sum(axis=0), 1e-9)
        return np.asarray(along, dtype=np.float32)

    def structure(self, patch: Patch, looks: Sequence[int]) -> list[float]:
        """Return the mean structure of the changed pixels of `patch` on each of `looks`, in units of calm ground's."""
        wide = patch.grown(MARGIN_PX, self.changes.is_changed.shape)
        values = self.changes.values[:, :, *wide.window]
        return [_mean(structure(values[look]), wide.is_changed) / self.maps.structure_unit for look in looks]

    def _beginnings(self, series: NDArray[np.float32], wide: Patch) -> Beginnings:
        """Find the beginnings; a first look from which even the calm surroundings differ is left out."""
        roughness = self.maps.structure_before[wide.window] * self.maps.structure_unit
        sigma, shadows = self.noise.at(roughness), self.params.shadow_share * np.nan_to_num(roughness)
        ring = self.maps.is_calm[wide.window] & ~ndimage.binary_dilation(wide.is_member, iterations=_GAP_PX)
        for odd in range(_LOOKS_TO_DOUBT + 1):
            series[:odd] = np.nan
            begun = find_beginnings(series, sigma, shadows, self.sun, self.params)
            is_last_try = odd == _LOOKS_TO_DOUBT or len(series) < odd + _LOOKS_TO_DOUBT + 2
            if is_last_try or ring.sum() < _LEAST_RING_PX or (begun.certain <= odd + 1)[ring].mean() <= _ODD_SHARE:
                break
        return begun

    def _where_built(
        self, begun: Beginnings, progress: NDArray[np.float32], step: NDArray[np.int64], window: tuple[slice, slice]
    ) -> Beginnings:
        """Date what stood there by its clearest step: shadows of what stands imitate beginnings all year."""
        is_built = self.maps.structure_before[window] >= _BUILT_STRUCTURE
        return Beginnings(
            certain=np.where(is_built, step, begun.certain),
            hinted=np.where(is_built, _walk_back(progress, step), begun.hinted),
        )


def _walk_back(along: NDArray[np.float32], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first of the looks before `step` from which on every clear look was on its way to the new state."""
    first = step.copy()
    goes_on = np.ones(step.shape, dtype=bool)
    for look in range(len(along) - 1, -1, -1):
        is_earlier = goes_on & (look < first) & np.isfinite(along[look])
        is_on_its_way = is_earlier & (along[look] >= _ON_ITS_WAY)
        first[is_on_its_way] = look
        goes_on &= ~is_earlier | is_on_its_way
    return first


def _mean(values: NDArray[np.float32], here: NDArray[np.bool_]) -> float:
    seen = values[here & np.isfinite(values)]
    return float(seen.mean()) if seen.size else 0.0


def _seen(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=1))
