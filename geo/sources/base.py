"""The door through which imagery comes in: search first, then read what is wanted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from shapely.geometry.base import BaseGeometry

from geo.grid import Grid
from geo.scene import Quantity, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRef:
    """A scene that a search found and that has not been read yet."""

    scene_id: str
    """Unique within its source; names the acquisition."""
    observed_at: datetime
    """Aware, in UTC."""
    platform: str
    bands: tuple[str, ...]
    """The band ids it offers, such as ``B04``; a mask layer (``SCL``) counts as one."""
    fingerprint: str
    """Changes whenever the pixels behind it may have changed: what was done with it can be trusted or not."""
    quantity: Quantity = Quantity.REFLECTANCE
    """What its numbers are; only scenes of one quantity can be compared."""
    processing_baseline: str | None = None
    """Of the provider's processor, such as ``05.10``; a later one of the same acquisition supersedes an earlier."""
    relative_orbit: int | None = None
    """The track; radar looks of different tracks are never compared."""
    cloud_share: float | None = None
    """Cloud (0-1) over the whole product as the catalogue states it; over the area only the mask tells."""
    provider: tuple[str, ...] = field(default=(), compare=False)
    """What the provider said of its products: ids, versions, checksums, the hash of the catalogue's record."""


class ImagerySource(Protocol):
    """Anything that can answer: what did this ground look like between these days?"""

    @property
    def credit(self) -> str:
        """The line that every product made from this imagery must carry; ``{years}`` stands for the scenes' years."""
        ...

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return the scenes of [first, last] that touch `shape_4326`, ascending in time; none is an answer.

        Raises:
            SourceError: The source itself is broken: no such folder, nothing readable in it.

        """
        ...

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return `ref` resampled onto `grid`.

        Args:
            ref: One of the answers of `search`.
            grid: Where the pixels shall lie.
            bands: The bands wanted; those that the scene does not offer are an error.

        Raises:
            SourceError: A file is broken, or a band is missing. The message names it.

        """
        ...
