"""The folder of kept imagery: one cloud-optimised GeoTIFF and one STAC item a scene and grid.

<source>/<scene>/<grid>-<all>.tif    the image
<source>/<scene>/<grid>-<all>.json   its item, written last: an image without one was never finished
<source>/<scene>/clear-<grid>.json   how much of a grid was clearly seen, where that was asked alone
.locks/                              held while a scene is fetched, for the ground that is asked for

The files are the truth; there is no index that could disagree with them.
"""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rasterio.errors import RasterioError

from geo.atomic import atomic_file
from geo.cache.item import Facts, facts_of, from_item, to_item
from geo.cache.key import SceneKey, baseline_order, cells_of, entry_name, grid_prefix, place_in
from geo.cache.raster import checksum, coding_of, read_bands, write_scene
from geo.errors import OutputError
from geo.grid import Grid
from geo.scene import Scene

logger = logging.getLogger(__name__)

_LOCKS = 256
"""How many locks there are of each kind: few files, and two scenes rarely wait for each other."""
_MOST_CELLS = 32
"""Whoever needs more of a scene's ground at once, some 50 km a side, holds all of it: each lock is an open file."""
CLEAR_PREFIX = "clear-"
_MOST_ITEMS = 10_000
"""So many items are remembered: some 20 MB."""


class DamagedEntryError(Exception):
    """An entry is not what was written. Handled where it is met: the scene is fetched again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One kept scene."""

    item_path: Path
    facts: Facts
    last_read_at: datetime

    @property
    def image_path(self) -> Path:
        """Where the image lies."""
        return self.item_path.with_suffix(".tif")

    @property
    def name(self) -> str:
        """Its name within the folder of its scene."""
        return self.item_path.stem

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk, without its item."""
        return self.facts.size_bytes


class ImageStore:
    """Kept scenes below one folder, which is made when the first is kept.

    Processes and threads may share it: each file appears whole or not at all, and `locked` lets one of them fetch some
    ground of a scene while the others wait for it, or fetch other ground.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, tuple[tuple[int, ...], Facts]] = {}

    def find(self, key: SceneKey, grid: Grid, bands: Sequence[str]) -> Entry | None:
        """Return a kept version of exactly this scene that holds `bands` and all pixels of `grid`, or None."""
        for look in (partial(self.on_grid, key, grid), partial(self.of_scene, key)):  # mostly it is the same grid
            fitting = [
                entry
                for entry in look()
                if entry.facts.key == key
                and set(bands) <= set(entry.facts.bands)
                and place_in(grid, entry.facts.grid) is not None
            ]
            if fitting:
                return min(fitting, key=lambda entry: (entry.facts.grid.shape, len(entry.facts.bands)))
        return None

    def of_scene(self, key: SceneKey) -> list[Entry]:
        """Return everything kept of a scene, whatever its version, bands and grid."""
        return self._entries_in(self.root / key.folder)

    def on_grid(self, key: SceneKey, grid: Grid) -> list[Entry]:
        """Return everything kept of a scene on exactly `grid`, whatever its version and bands."""
        return self._entries_in(self.root / key.folder, begin=grid_prefix(grid))

    def entries(self) -> Iterator[Entry]:
        """Yield everything that is kept, in order of path."""
        for folder in sorted(self.root.glob("[!.]*/*")):
            yield from self._entries_in(folder)

    def load(self, entry: Entry, grid: Grid, bands: Sequence[str]) -> Scene:
        """Return `bands` of an entry on `grid`, which must lie in the entry's.

        Clear is what was clear with all bands of the entry. What hid the ground is known for the entry's grid alone;
        of a part of it nothing is said.

        Raises:
            DamagedEntryError: The image is missing, or not the one that was written.

        """
        facts = entry.facts
        place = place_in(grid, facts.grid)
        if place is None:
            raise ValueError(f"{entry.item_path}: the grid {grid} does not lie in the entry's")
        try:
            self.check(entry)
            layers, is_clear = read_bands(entry.image_path, facts.coding, bands, grid=grid, place=place)
        except (OSError, RasterioError, ValueError) as error:
            raise DamagedEntryError(f"{entry.image_path}: cannot be read: {error}") from error
        with suppress(OSError):  # a store that may only be read serves all the same
            os.utime(entry.item_path)
        return Scene(
            scene_id=facts.key.scene_id,
            observed_at=facts.observed_at,
            platform=facts.platform,
            quantity=facts.quantity,
            grid=grid,
            bands=layers,
            is_clear=is_clear,
            processing_baseline=facts.key.baseline,
            relative_orbit=facts.relative_orbit,
            hidden_share=facts.hidden_share if grid == facts.grid else {},
        )

    def check(self, entry: Entry) -> None:
        """Find out whether an entry's image is the one that was written.

        Raises:
            DamagedEntryError: It is missing or changed.

        """
        try:
            found = checksum(entry.image_path)
        except OSError as error:
            raise DamagedEntryError(f"{entry.image_path}: {error.strerror}") from error
        if found != entry.facts.sha256:
            raise DamagedEntryError(f"{entry.image_path}: is not the file that was written (its SHA-256 differs)")

    def put(self, key: SceneKey, scene: Scene, *, provider: tuple[str, ...] = ()) -> Entry:
        """Keep `scene`, with what its `provider` said of it, and mark what it takes the place of.

        Raises:
            OutputError: The disk does not take it.

        """
        name = entry_name(key, scene.grid, list(scene.bands))
        path = self.root / key.folder / f"{name}.tif"
        coding = coding_of(scene)
        with atomic_file(path) as part:
            try:
                write_scene(scene, part, coding)
            except RasterioError as error:
                raise OutputError(f"cannot write {path}: {error}") from error
            file = (checksum(part), part.stat().st_size)
        facts = facts_of(scene, key, coding, file=file, fetched_at=datetime.now(UTC), provider=provider)
        entry = Entry(item_path=path.with_suffix(".json"), facts=facts, last_read_at=facts.fetched_at)
        self._write_item(entry)
        for other in self.of_scene(key):
            if takes_place_of(entry, other):
                self._write_item(replace(other, facts=replace(other.facts, superseded_by=name)))
        return entry

    def drop(self, entry: Entry) -> None:
        """Remove an entry, with its ground locked: its item first, so that no reader takes what is left for whole."""
        entry.item_path.unlink(missing_ok=True)
        self._read.pop(entry.item_path, None)
        entry.image_path.unlink(missing_ok=True)

    def prune(self, entry: Entry) -> None:
        """Remove an entry while nobody fetches anything of its scene, and the scene's folder with its last one.

        Raises:
            OutputError: The lock's file cannot be made.

        """
        with self.locked(entry.facts.key):
            self.drop(entry)
            with suppress(OSError):  # others may be kept beside it
                entry.item_path.parent.rmdir()

    def clear_share(self, key: SceneKey, grid: Grid) -> float | None:
        """Return the share (0-1) of `grid` that was clearly seen, if that was asked before and kept."""
        try:
            return float(json.loads(self._clear_path(key, grid).read_text(encoding="utf-8"))["clear_share"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put_clear_share(self, key: SceneKey, grid: Grid, share: float) -> None:
        """Keep what `clear_share` shall return."""
        with atomic_file(self._clear_path(key, grid)) as part:
            part.write_text(json.dumps({"clear_share": share, "grid": asdict(grid)}), encoding="utf-8")

    @contextmanager
    def locked(self, key: SceneKey, *grids: Grid) -> Iterator[None]:
        """Let nobody else fetch or remove what is kept of this scene near `grids`; wait for who does.

        Args:
            key: The scene, in whatever version.
            grids: Which ground of it; none for all.

        Raises:
            OutputError: A lock's file cannot be made.

        """
        cells = {_slot("cell", f"{key.folder} {cell}") for grid in grids for cell in cells_of(grid)}
        is_part = 0 < len(cells) <= _MOST_CELLS
        with ExitStack() as held:
            held.enter_context(self._held(_slot("scene", key.folder), fcntl.LOCK_SH if is_part else fcntl.LOCK_EX))
            for name in sorted(cells) if is_part else ():  # all in one order: no two can wait for each other
                held.enter_context(self._held(name, fcntl.LOCK_EX))
            yield

    @contextmanager
    def _held(self, name: str, kind: int) -> Iterator[None]:
        path = self.root / ".locks" / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        with file:
            fcntl.flock(file, kind)  # goes with the file, also when the process is killed
            yield

    def remains(self) -> list[Path]:
        """Return the files that a killed process left half made: they belong to no entry."""
        images = [path for path in self.root.glob("[!.]*/*/[!.]*.tif") if not path.with_suffix(".json").exists()]
        return sorted([*images, *self.root.glob("[!.]*/*/.*.tmp-*")])

    def _entries_in(self, folder: Path, *, begin: str = "") -> list[Entry]:
        """Return the entries whose names begin so; an item that cannot be read is none, and is fetched again."""
        entries = []
        for path in _item_paths(folder, begin):
            try:
                state = path.stat()
                facts = self._facts_in(path, (state.st_mtime_ns, state.st_ino, state.st_size))
            except (OSError, ValueError) as error:
                logger.warning("%s: not usable, as if it were not there: %s", path, error)
                continue
            read_at = datetime.fromtimestamp(state.st_mtime, tz=UTC)
            entries.append(Entry(item_path=path, facts=facts, last_read_at=read_at))
        return entries

    def _facts_in(self, path: Path, state: tuple[int, ...]) -> Facts:
        """Return what an item says, read once while the file stays the same: a scene may show hundreds of areas."""
        known = self._read.get(path)
        if known is not None and known[0] == state:
            return known[1]
        facts = from_item(path.read_text(encoding="utf-8"))
        if len(self._read) >= _MOST_ITEMS:
            self._read.clear()
        self._read[path] = (state, facts)
        return facts

    def _write_item(self, entry: Entry) -> None:
        with atomic_file(entry.item_path) as part:
            part.write_text(to_item(entry.facts, entry.name), encoding="utf-8")
        self._read.pop(entry.item_path, None)

    def _clear_path(self, key: SceneKey, grid: Grid) -> Path:
        return self.root / key.folder / f"{CLEAR_PREFIX}{entry_name(key, grid, ())}.json"


def _slot(kind: str, text: str) -> str:
    return f"{kind}-{int(hashlib.sha256(text.encode()).hexdigest(), 16) % _LOCKS:02x}"


def takes_place_of(new: Entry, old: Entry) -> bool:
    """Say whether `new` makes `old` needless: the same ground, at least as many bands, processed no earlier."""
    mine, its = new.facts, old.facts
    is_another = new.name != old.name and its.superseded_by is None
    is_same_ground = place_in(its.grid, mine.grid) is not None
    is_no_older = baseline_order(mine.key.baseline) >= baseline_order(its.key.baseline)
    return is_another and is_same_ground and is_no_older and set(its.bands) <= set(mine.bands)


def _item_paths(folder: Path, begin: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{begin}*.json") if not path.name.startswith((".", CLEAR_PREFIX)))
