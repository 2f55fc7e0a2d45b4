"""What a satellite saw: one acquisition (`Scene`) and many of one place in order of time (`Stack`)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from geo.errors import GridMismatchError
from geo.grid import Grid

RGB_BANDS = ("B04", "B03", "B02")

Resample = Callable[[str, tuple[float, float], Sequence[str]], NDArray[np.float32] | None]
"""How to get bands of a scene, by its id, moved (down, right) by so many pixels in one interpolation, shape (band,
y, x); None where moving what was read is that (`geo.sources.moved`)."""


class Quantity(StrEnum):
    """What a band's numbers are."""

    REFLECTANCE = "reflectance"
    """Surface or top-of-atmosphere reflectance, 0 to about 1."""
    GAMMA0 = "gamma0"
    """Terrain-corrected radar backscatter, linear power."""
    DISPLAY = "display"
    """A picture's brightness, 0 to 1: stretched by somebody, comparable only within one series."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """One acquisition on one grid."""

    scene_id: str
    """The provider's product id, or the name the files share."""
    observed_at: datetime
    """Aware, in UTC. Midnight where only the day is known."""
    platform: str
    """Such as ``sentinel-2a``; ``unknown`` where nothing tells."""
    quantity: Quantity
    grid: Grid
    bands: Mapping[str, NDArray[np.float32]]
    """Band id (``B02``…) to values, shape (y, x); NaN where the sensor recorded nothing."""
    is_clear: NDArray[np.bool_]
    """Shape (y, x); True where the ground was clearly seen: recorded, no cloud, no shadow, no snow."""
    processing_baseline: str | None = None
    relative_orbit: int | None = None
    """The track; None where nothing tells."""
    hidden_share: Mapping[str, float] = field(default_factory=dict)
    """Why ground was not clearly seen: cause (``cloud``, ``shadow``, ``snow``…) to share (0-1) of the grid."""

    def __post_init__(self) -> None:
        if self.observed_at.utcoffset() is None:
            raise ValueError(f"{self.scene_id}: observed_at must be aware (UTC); got {self.observed_at}")
        if not self.bands:
            raise ValueError(f"{self.scene_id}: a scene needs at least one band")
        for name, values in [*self.bands.items(), ("is_clear", self.is_clear)]:
            if values.shape != self.grid.shape:
                raise GridMismatchError(
                    f"{self.scene_id}: {name} has shape {values.shape}, its grid has {self.grid.shape}"
                )
        object.__setattr__(self, "bands", MappingProxyType(dict(self.bands)))

    @property
    def observed_on(self) -> date:
        """The day of the acquisition in UTC."""
        return self.observed_at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Scenes of one place, ascending in time, on one grid, with one set of bands.

    `dataset` has dims (time, y, x), one float32 variable a band, NaN = not clearly seen, and the
    coordinates ``time`` (UTC, without zone), ``scene_id``, ``platform`` and ``relative_orbit`` (-1 where nothing
    tells) along time.
    """

    dataset: xr.Dataset
    grid: Grid
    quantity: Quantity
    shifts_px: NDArray[np.float64] | None = field(default=None)
    """Shape (time, 2): how far (down, right) each date was moved to lie on the reference, if it was."""
    resample: Resample | None = field(default=None, repr=False)
    """How its dates are read anew where they are to be moved; None where they cannot be."""

    def __post_init__(self) -> None:
        sizes = self.dataset.sizes
        if (sizes["y"], sizes["x"]) != self.grid.shape:
            raise GridMismatchError(f"stack is {sizes['y']} x {sizes['x']} pixels, its grid {self.grid.shape}")
        if np.any(np.diff(self.dataset["time"].to_numpy()) <= np.timedelta64(0)):
            raise ValueError("the dates of a stack must ascend, each once")

    @classmethod
    def of(cls, scenes: Sequence[Scene]) -> Self:
        """Stack `scenes`, in any order, with the bands that all of them have.

        Raises:
            ValueError: No scenes, no band in common, or different quantities.
            GridMismatchError: The scenes lie on different grids.

        """
        if not scenes:
            raise ValueError("a stack needs at least one scene")
        ordered = sorted(scenes, key=lambda scene: scene.observed_at)
        first = ordered[0]
        for scene in ordered:
            if scene.grid != first.grid:
                raise GridMismatchError(f"{scene.scene_id} lies on {scene.grid}, {first.scene_id} on {first.grid}")
            if scene.quantity is not first.quantity:
                raise ValueError(
                    f"{scene.scene_id} holds {scene.quantity} values, {first.scene_id} {first.quantity}: "
                    "they cannot be compared"
                )
        names = [name for name in first.bands if all(name in scene.bands for scene in ordered)]
        if not names:
            raise ValueError(f"no band is common to all {len(ordered)} scenes, from {first.scene_id} on")
        return cls(dataset=_dataset(ordered, names), grid=first.grid, quantity=first.quantity)

    @property
    def bands(self) -> tuple[str, ...]:
        """The names of the bands."""
        return tuple(str(name) for name in self.dataset.data_vars)

    @property
    def days(self) -> tuple[date, ...]:
        """The day of each look, ascending."""
        return tuple(self.dataset["time"].to_numpy().astype("datetime64[D]").tolist())

    @property
    def scene_ids(self) -> tuple[str, ...]:
        """The id of each look's scene, in order of time."""
        return tuple(str(name) for name in self.dataset["scene_id"].to_numpy())

    @property
    def relative_orbits(self) -> tuple[int | None, ...]:
        """The track of each look, in order of time; None where nothing tells."""
        if "relative_orbit" not in self.dataset.coords:
            return (None,) * len(self.days)
        return tuple(None if track < 0 else int(track) for track in self.dataset["relative_orbit"].to_numpy())

    @property
    def values(self) -> NDArray[np.float32]:
        """All bands as one array, shape (time, band, y, x)."""
        return np.stack([self.dataset[name].to_numpy() for name in self.bands], axis=1)

    @property
    def is_clear(self) -> NDArray[np.bool_]:
        """Shape (time, y, x); True where every band was clearly seen."""
        layers = (self.dataset[name].to_numpy() for name in self.bands)
        return np.asarray(np.logical_and.reduce([np.isfinite(layer) for layer in layers]))

    def with_values(self, values: NDArray[np.float32], *, shifts_px: NDArray[np.float64] | None = None) -> Self:
        """Return this stack with other numbers, shape (time, band, y, x), for the same bands and dates."""
        dims = ("time", "y", "x")
        variables = {name: (dims, values[:, index]) for index, name in enumerate(self.bands)}
        return type(self)(
            dataset=self.dataset.assign(variables),
            grid=self.grid,
            quantity=self.quantity,
            shifts_px=self.shifts_px if shifts_px is None else shifts_px,
        )


def _dataset(ordered: Sequence[Scene], names: Sequence[str]) -> xr.Dataset:
    def layer(name: str) -> NDArray[np.float32]:
        return np.stack([np.where(scene.is_clear, scene.bands[name], np.nan) for scene in ordered]).astype(np.float32)

    grid = ordered[0].grid
    stamps = [scene.observed_at.astimezone(UTC).replace(tzinfo=None) for scene in ordered]
    return xr.Dataset(
        {name: (("time", "y", "x"), layer(name)) for name in names},
        coords={
            "time": np.array(stamps, dtype="datetime64[ns]"),
            "y": grid.y_m,
            "x": grid.x_m,
            "scene_id": ("time", [scene.scene_id for scene in ordered]),
            "platform": ("time", [scene.platform for scene in ordered]),
            "relative_orbit": (
                "time",
                [-1 if scene.relative_orbit is None else scene.relative_orbit for scene in ordered],
            ),
        },
    )
