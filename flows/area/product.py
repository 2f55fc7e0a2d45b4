"""The finished product of one area on disk: written whole, read back checked."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from detection.life.history import Move
from detection.schema import Outcome, as_coverage, as_detections, as_perimeters, perimeters_frame
from flows.area.ingredients import MadeFrom
from flows.area.outcome import AreaOutcome, State
from flows.area.plan import Existing, Inputs
from flows.area.superseded import FOLDER as SUPERSEDED_NAME
from flows.area.superseded import Superseding, lay_aside, settle
from flows.settings.workspace import point_to, writing
from geo.atomic import atomic_folder
from geo.errors import OutputError
from outputs.scenes.table import SCENES_NAME

RECORD_NAME = "result.json"
LAYERS_NAME = "area.gpkg"
PERIMETERS_LAYER = "perimeters"
HISTORY_NAME = "history.jsonl"
PICTURES_NAME = "pictures"
RECORD_VERSION = 1
KEPT_NAMES = (RECORD_NAME, LAYERS_NAME, HISTORY_NAME, SCENES_NAME)
"""What is kept of a product that is superseded."""
SUPERSEDED = 10
"""How many are kept, unless the settings say otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a product without opening its layers."""

    area_id: str
    inputs: Inputs
    outcome: Outcome
    statuses: Mapping[str, int]
    """How many detections of each status."""
    looks: int
    clear_looks: int
    problems: tuple[str, ...]
    """What went wrong without stopping the area, such as a scene that could not be read."""
    years: tuple[int, ...]
    """The years of the scenes that were used, for the credit line."""
    radar_years: tuple[int, ...] = ()
    """The same of radar."""
    run: str = ""
    """The stamp of the run that made it; empty for products of earlier versions."""
    made_from: MadeFrom | None = None
    """The values behind the hashes of `inputs`; None for products of earlier versions."""
    supersedes: tuple[str, ...] = ()
    """Why it stands in the place of the one before; empty where it goes on from it, or there was none."""
    changes: tuple[str, ...] = ()
    """What it is made from otherwise than the one before, but for scenes."""
    files: Mapping[str, str]
    """Path inside the product's folder to the sha256 of what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product's folder and its record."""

    folder: Path
    record: Record

    @property
    def pictures(self) -> tuple[Path, ...]:
        """The pictures of this area, in the order of their names."""
        return tuple(sorted((self.folder / PICTURES_NAME).glob("*.png")))

    def detections(self) -> gpd.GeoDataFrame:
        """Read the detections, in the area's UTM zone."""
        return as_detections(pyogrio.read_dataframe(self.folder / LAYERS_NAME, layer="detections"))

    def coverage(self) -> gpd.GeoDataFrame:
        """Read the coverage row, in the area's UTM zone."""
        return as_coverage(pyogrio.read_dataframe(self.folder / LAYERS_NAME, layer="coverage"))

    def perimeters(self) -> gpd.GeoDataFrame:
        """Read what is known of facilities' perimeters, in the area's UTM zone."""
        path = self.folder / LAYERS_NAME
        if PERIMETERS_LAYER not in pyogrio.list_layers(path)[:, 0]:  # products of earlier versions have none
            return perimeters_frame([], epsg=self.coverage().crs.to_epsg())
        return as_perimeters(pyogrio.read_dataframe(path, layer=PERIMETERS_LAYER))

    def history(self) -> tuple[Move, ...]:
        """Read every move of every detection of this area, the oldest first."""
        path = self.folder / HISTORY_NAME  # products of earlier versions have none
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else ()
        return tuple(Move.of_json(json.loads(line)) for line in lines)

    def is_intact(self) -> bool:
        """Say whether every file is there with the content it was written with."""
        return all(_sha256(self.folder / name) == known for name, known in self.record.files.items())

    def as_existing(self) -> Existing:
        """Return what planning needs to know."""
        return Existing(inputs=self.record.inputs, is_intact=self.is_intact())


def outcome_of(product: Product, *, state: State, reason: str, seconds: float) -> AreaOutcome:
    """Return what `product` says, as the outcome of a run."""
    record = product.record
    return AreaOutcome(
        area_id=record.area_id,
        state=state,
        reason=reason,
        outcome=record.outcome,
        statuses=record.statuses,
        looks=record.looks,
        clear_looks=record.clear_looks,
        problems=record.problems,
        seconds=seconds,
    )


def find_product(area_dir: Path) -> Product | None:
    """Return the current product of an area, or None where there is none that can be read."""
    try:
        folder = (area_dir / "current").resolve(strict=True)
        return Product(folder=folder, record=read_record(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # missing, or damaged past reading: it is made again


@contextmanager
def new_product(area_dir: Path, key: str, *, superseded: int = SUPERSEDED) -> Iterator[Path]:
    """Give a folder to write a product into; when all is written it becomes the area's current one, in one step.

    Where its record says that it supersedes the one before, that is kept, without pictures and maps.

    Args:
        area_dir: The area's folder.
        key: Of the product.
        superseded: So many superseded products are kept at most.

    Raises:
        OutputError: The disk does not take it; the earlier product still stands.

    """
    folder = next(name for name in (area_dir / f"{key}-{turn}" for turn in count(1)) if not name.exists())
    with atomic_folder(folder) as unfinished:
        yield unfinished
    settle(area_dir, most=superseded)  # what a run that was killed just after the step left
    before, why = (area_dir / "current").resolve(), _superseding(folder)
    if why is not None and superseded and before.is_dir():
        lay_aside(area_dir, before, folder, why, names=KEPT_NAMES)
    point_to(area_dir / "current", folder)
    settle(area_dir, most=superseded)
    for other in area_dir.iterdir():
        if other.is_dir() and not other.is_symlink() and other not in (folder, area_dir / SUPERSEDED_NAME):
            shutil.rmtree(other, ignore_errors=True)


def _superseding(folder: Path) -> Superseding | None:
    """Return why the product in `folder` supersedes the one before; None where it goes on from it."""
    try:
        record = read_record(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not a product with a record
    if not record.supersedes:
        return None
    return Superseding(reasons=record.supersedes, changes=record.changes, run=record.run)


def read_record(folder: Path) -> Record:
    """Return the record of the product in `folder`.

    Raises:
        OSError, ValueError, KeyError, TypeError: It is missing, damaged or of another version.

    """
    return _record(json.loads((folder / RECORD_NAME).read_text(encoding="utf-8")))


def write_layers(
    folder: Path, detections: gpd.GeoDataFrame, coverage: gpd.GeoDataFrame, perimeters: gpd.GeoDataFrame
) -> None:
    """Write the tables of an area into `folder`, in the CRS they have.

    Raises:
        OutputError: The disk does not take it.

    """
    path = folder / LAYERS_NAME
    try:
        for layer, table in (("detections", detections), ("coverage", coverage), (PERIMETERS_LAYER, perimeters)):
            pyogrio.write_dataframe(table, path, layer=layer, driver="GPKG", geometry_type="Unknown")
    except (DataSourceError, DataLayerError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def write_history(folder: Path, moves: Sequence[Move]) -> None:
    """Write the moves of all detections of an area into `folder`, one line each.

    Raises:
        OutputError: The disk does not take it.

    """
    with writing(folder / HISTORY_NAME):
        text = "".join(json.dumps(move.as_json(), ensure_ascii=False) + "\n" for move in moves)
        (folder / HISTORY_NAME).write_text(text, encoding="utf-8")


def seal(folder: Path, record: Record) -> None:
    """Write the record of the product in `folder`, with the hashes of all that stands there, as its last file."""
    files = {
        path.relative_to(folder).as_posix(): _sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != RECORD_NAME
    }
    document = {"version": RECORD_VERSION, **asdict(record), "files": files}
    with writing(folder / RECORD_NAME):
        (folder / RECORD_NAME).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")


def _record(document: dict[str, Any]) -> Record:
    if document.pop("version") != RECORD_VERSION:
        raise ValueError("made by another version")
    return Record(
        **document
        | {
            "inputs": Inputs(**document["inputs"]),
            "outcome": Outcome(document["outcome"]),
            "problems": tuple(document["problems"]),
            "years": tuple(document["years"]),
            "radar_years": tuple(document.get("radar_years", ())),
            "supersedes": tuple(document.get("supersedes", ())),
            "changes": tuple(document.get("changes", ())),
            "made_from": MadeFrom(**document["made_from"]) if document.get("made_from") else None,
        }
    )


def _sha256(path: Path) -> str:
    """Return the hash of a file's content; a missing file has none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
