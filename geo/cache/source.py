"""A source that asks another one for each scene once, and keeps what it got."""

import logging
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.cache.key import SceneKey, place_in
from geo.cache.store import CLEAR_PREFIX, DamagedEntryError, Entry, ImageStore
from geo.choice import ClearShareSource
from geo.errors import SourceError
from geo.grid import Grid
from geo.masks import SCL
from geo.scene import Scene
from geo.sources.base import ImagerySource, SceneRef
from geo.sources.moved import MovingSource

logger = logging.getLogger(__name__)


@runtime_checkable
class JointSource(Protocol):
    """A source that can be asked once for several grids, where that is cheaper."""

    def read_together(self, ref: SceneRef, grids: Sequence[Grid], *, bands: Sequence[str]) -> Sequence[Scene]:
        """Return `ref` on each of `grids`, each as `read` would return it."""
        ...


class CachedSource:
    """An `ImagerySource` that reads each scene from `inner` once and from then on from `store`.

    What is handed out always comes from the store, also the first time: a second run sees the very same numbers.
    Searches always go to `inner`, for only it knows what is new.
    """

    def __init__(self, inner: ImagerySource, store: ImageStore, *, name: str, variant: str = "") -> None:
        """Wrap `inner`.

        Args:
            inner: The source to ask.
            store: Where to keep scenes.
            name: Names the source; scenes of another name are not used.
            variant: Changes with every setting of `inner` that shapes pixels or masks.

        """
        self.inner = inner
        self.store = store
        self._name = name
        self._variant = variant

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (self.inner, self.store.root, self._name, self._variant)

    @property
    def credit(self) -> str:
        """The line that every product made from this imagery must carry."""
        return self.inner.credit

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Return what `inner` finds; see `ImagerySource`."""
        return self.inner.search(shape_4326, first=first, last=last)

    def kept(self, scene_id: str, fingerprint: str) -> list[Entry]:
        """Return everything that is kept of one version of a scene."""
        key = SceneKey(
            source=self._name, variant=self._variant, scene_id=scene_id, baseline=None, fingerprint=fingerprint
        )
        found = self.store.of_scene(key)
        return [
            one for one in found if (one.facts.key.fingerprint, one.facts.key.variant) == (fingerprint, key.variant)
        ]

    def files_of(self, ref: SceneRef, grid: Grid) -> list[Path]:
        """Return the files that hold what is kept of this version of a scene for `grid`, and of how clear it was."""
        key = self._key(ref)
        entries = [one for one in self.kept(ref.scene_id, ref.fingerprint) if place_in(grid, one.facts.grid)]
        shares = (self.store.root / key.folder).glob(f"{CLEAR_PREFIX}*.json")
        return [*(path for one in entries for path in (one.image_path, one.item_path)), *sorted(shares)]

    def has(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> bool:
        """Say whether `read` with the same arguments would be answered without asking `inner`.

        Damage that only a look into the image would show is not looked for.
        """
        entry = self.store.find(self._key(ref), grid, bands)
        return entry is not None and entry.image_path.exists()

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Return `ref` on `grid`, from the store if it is kept there; see `ImagerySource`.

        A classification layer that the scene offers is fetched and kept as well. A kept file that was damaged is
        dropped, logged, and fetched again.

        Raises:
            SourceError: As `inner` does.
            OutputError: The store cannot be written.

        """
        key = self._key(ref)
        kept = self._kept(key, grid, bands, drop_damaged=False)
        if kept is not None:
            return kept
        with self.store.locked(key, grid):
            kept = self._kept(key, grid, bands, drop_damaged=True)  # another process may have fetched it meanwhile
            if kept is not None:
                return kept
            scene = self.inner.read(ref, grid, bands=self._bands_to_ask(ref, grid, bands))
            entry = self.store.put(key, scene, provider=ref.provider)
            del scene
            return self.store.load(entry, grid, bands)  # the scene that was read is not held meanwhile

    def read_moved(
        self, ref: SceneRef, grid: Grid, shift_px: tuple[float, float], *, bands: Sequence[str]
    ) -> NDArray[np.float32] | None:
        """Return what `inner` does if its files lie on this disk, None otherwise; see `geo.sources.moved`.

        Nothing is kept: the shift changes with every date that joins the series.
        """
        return self.inner.read_moved(ref, grid, shift_px, bands=bands) if isinstance(self.inner, MovingSource) else None

    @property
    def can_fetch_together(self) -> bool:
        """Whether `fetch_together` can be used."""
        return isinstance(self.inner, JointSource)

    def fetch_together(self, ref: SceneRef, grids: Sequence[Grid], *, bands: Sequence[str]) -> None:
        """Keep `ref` on each of `grids`, asking `inner` once for those that are not kept yet.

        Each grid gets an entry of its own, the same that a read of it alone would have made.

        Raises:
            SourceError: As `inner` does; or it cannot be asked for several grids at once.
            OutputError: The store cannot be written.

        """
        source, key = self._joint(), self._key(ref)
        with self.store.locked(key, *grids):
            missing = [grid for grid in dict.fromkeys(grids) if not self.has(ref, grid, bands=bands)]
            asked = dict.fromkeys(band for grid in missing for band in self._bands_to_ask(ref, grid, bands))
            for scene in source.read_together(ref, missing, bands=tuple(asked)) if missing else ():
                self.store.put(key, scene, provider=ref.provider)

    def fetch_clear_shares(self, ref: SceneRef, grids: Sequence[Grid]) -> None:
        """Keep what `clear_share` returns for each of `grids`, asking `inner` once for the classes of all together.

        Raises:
            SourceError: As `inner` does; or it cannot be asked for several grids at once.
            OutputError: The store cannot be written.

        """
        source, key = self._joint(), self._key(ref)
        missing = [grid for grid in dict.fromkeys(grids) if self.store.clear_share(key, grid) is None]
        for scene in source.read_together(ref, missing, bands=(SCL,)) if missing else ():
            self.store.put_clear_share(key, scene.grid, float(scene.is_clear.mean()))

    def known_clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        """Return what `clear_share` returns, if nobody has to be asked for it; None otherwise."""
        return self.store.clear_share(self._key(ref), grid)

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        """Return the share (0-1) of `grid` that was clearly seen, asking `inner` once; None where it cannot tell."""
        if not isinstance(self.inner, ClearShareSource):
            return None
        key = self._key(ref)
        share = self.store.clear_share(key, grid)
        if share is None:
            share = self.inner.clear_share(ref, grid)
            if share is not None:
                self.store.put_clear_share(key, grid, share)
        return share

    def _joint(self) -> JointSource:
        if not isinstance(self.inner, JointSource):
            raise SourceError(f"{self._name}: cannot be asked for several areas at once")
        return self.inner

    def _key(self, ref: SceneRef) -> SceneKey:
        return SceneKey(
            source=self._name,
            variant=self._variant,
            scene_id=ref.scene_id,
            baseline=ref.processing_baseline,
            fingerprint=ref.fingerprint,
        )

    def _kept(self, key: SceneKey, grid: Grid, bands: Sequence[str], *, drop_damaged: bool) -> Scene | None:
        """Return the scene from the store if it is there and whole."""
        while (entry := self.store.find(key, grid, bands)) is not None:
            try:
                return self.store.load(entry, grid, bands)
            except DamagedEntryError as error:
                if not drop_damaged:
                    return None  # somebody may be writing it at this moment: look again with the lock held
                logger.warning("%s; dropped, and fetched again", error)
                self.store.drop(entry)
        return None

    def _bands_to_ask(self, ref: SceneRef, grid: Grid, bands: Sequence[str]) -> tuple[str, ...]:
        """Return `bands`, the classes, and what is kept of the same grid, so that one entry holds it all."""
        key = self._key(ref)
        before = [entry.facts for entry in self.store.on_grid(key, grid)]
        known = [band for facts in before if facts.key == key for band in facts.bands]
        classes = [SCL] if SCL in ref.bands else []
        return tuple(dict.fromkeys([*bands, *known, *classes]))


def _made(inner: ImagerySource, root: Path, name: str, variant: str) -> "CachedSource":
    return CachedSource(inner, ImageStore(root), name=name, variant=variant)
