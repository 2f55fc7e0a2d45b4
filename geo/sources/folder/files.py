"""What a folder holds, image by image: when each was taken, which bands it holds, what is wrong with it."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from shapely.geometry import Polygon

from geo.errors import SourceError
from geo.sources.folder.cube_pixels import is_netcdf
from geo.sources.folder.cubes import NETCDF_SUFFIXES, ZARR_SUFFIX, read_cube
from geo.sources.folder.cubes import image_files as cube_images
from geo.sources.folder.image import RADAR, Fault, ImageFile, Told
from geo.sources.folder.layers import Layer, broken_layers, layers_of
from geo.sources.folder.names import (
    DATE_FORMS,
    RADAR_BANDS,
    find_bands,
    find_platform,
    find_radar_bands,
    find_relative_orbit,
    find_time,
    shared_name,
)
from geo.sources.folder.safe import Product, is_product, newest, read_products
from geo.sources.folder.safe import image_files as product_images
from geo.sources.folder.sidecar import (
    DATES_NAME,
    SIDECAR_NAME,
    SidecarRow,
    choose_rows,
    dated_folder,
    read_dates,
    read_sidecar,
)
from geo.sources.header import Header, footprint_4326, read_header

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".jp2"})
_MASK_PREFIX = "MSK_"
"""The quality masks inside Sentinel-2 products name the bands they belong to, but hold none."""
_PREVIEW_END = "_PVI"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What lies in a folder, sorted by path; of sidecars, the deeper ones last."""

    images: list[Path]
    cubes: list[Path]
    products: list[Path]
    notes: list[Path]


def find_files(root: Path) -> tuple[tuple[ImageFile, ...], tuple[Fault, ...]]:
    """Look at every GeoTIFF and JPEG 2000 file, cube and Sentinel-2 product below `root`, reading headers only.

    Passed over in silence: other files, and single bands of which nothing tells which band they are (labels,
    elevation models). A damaged file, or one without georeference, is part of its scene and fails when it is read;
    a file that lacks an explanation becomes a `Fault`.

    Raises:
        SourceError: `root` is no folder or holds no imagery, a sidecar is wrong, or an image has no date.

    """
    found = _walk(root)
    rows, dates = _said_beside(root, [*found.images, *found.cubes], found.notes)
    looked = [_look(root, path, rows.get(path), dates) for path in found.images]
    looked += [one for path in found.cubes for one in _look_into_cube(root, path, rows.get(path))]
    looked += _look_into_products(root, found.products)
    files = tuple(one for one in looked if isinstance(one, ImageFile))
    faults = tuple(one for one in looked if isinstance(one, Fault))
    if any(file.told is None or file.told.kind != RADAR for file in files):
        for fault in (one for one in faults if one.is_radar):
            logger.warning("%s; it is left out", fault.message)
        faults = tuple(one for one in faults if not one.is_radar)
    if not files and not faults:
        raise SourceError(_nothing(root, [*found.images, *found.cubes]))
    logger.info("%s: %d images and dates of cubes", root, len(files) + len(faults))
    return files, faults


def _walk(root: Path) -> _Found:
    """Return what lies below `root`, without hidden files; links are followed once."""
    if not root.is_dir():
        raise SourceError(
            f"{root}: {'is a file; a folder is expected' if root.exists() else 'there is no such folder'}"
        )
    found = _Found(images=[], cubes=[], products=[], notes=[])
    seen: set[Path] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = Path(folder).resolve()
        is_known, is_whole = real in seen, is_product(names)
        seen.add(real)
        if is_whole and not is_known:
            found.products.append(Path(folder))
        inside = [] if is_known or is_whole else sorted(name for name in subfolders if not name.startswith("."))
        found.cubes.extend(Path(folder, name) for name in inside if name.lower().endswith(ZARR_SUFFIX))
        subfolders[:] = [name for name in inside if not name.lower().endswith(ZARR_SUFFIX)]
        if not (is_known or is_whole):
            _sort_in([Path(folder, name) for name in names if not name.startswith(".")], found)
    found.notes.sort(key=lambda path: (len(path.parts), path))
    for paths in (found.images, found.cubes, found.products):
        paths.sort()
    return found


def _sort_in(paths: Sequence[Path], found: _Found) -> None:
    found.notes.extend(path for path in paths if path.name.lower() in {SIDECAR_NAME, DATES_NAME})
    found.images.extend(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and not _is_by_product(path))
    found.cubes.extend(path for path in paths if path.suffix.lower() in NETCDF_SUFFIXES)


def _is_by_product(path: Path) -> bool:
    return path.name.startswith(_MASK_PREFIX) or path.stem.upper().endswith(_PREVIEW_END)


def _said_beside(
    root: Path, images: Sequence[Path], notes: Sequence[Path]
) -> tuple[dict[Path, SidecarRow], dict[Path, datetime]]:
    """Return what the sidecars say: rows by image, dates by folder. Deeper ones win."""
    rows: dict[Path, SidecarRow] = {}
    dates: dict[Path, datetime] = {}
    above = root.resolve().parent / DATES_NAME  # imgs_1 alone, given as the root, is still dated by its parent
    for note in [*([above] if above.is_file() else []), *notes]:
        if note.name.lower() == DATES_NAME:
            folders = [root] if note is above else _folders_below(note.parent, images)
            said = read_dates(note)
            stamps = {folder: dated_folder(said, folder.resolve().name) for folder in folders}
            dates |= {folder: stamp for folder, stamp in stamps.items() if stamp}
        else:
            below = {path.relative_to(note.parent).as_posix(): path for path in images if note.parent in path.parents}
            rows |= {below[relative]: row for relative, row in choose_rows(read_sidecar(note), list(below)).items()}
    return rows, dates


def _folders_below(folder: Path, images: Sequence[Path]) -> list[Path]:
    return sorted({parent for path in images for parent in path.parents if parent.parent == folder})


def _look(root: Path, path: Path, row: SidecarRow | None, dates: Mapping[Path, datetime]) -> ImageFile | Fault | None:
    """Return what `path` is: an image, an image that lacks an explanation, or nothing of interest."""
    header, problem = _header(path)
    bands = find_bands(path.stem) or find_radar_bands(path.stem)
    fault = ""
    layers: tuple[Layer, ...] = ()
    try:
        layers = layers_of(path, header, bands, row) if header else broken_layers(path, bands, problem)
    except SourceError as error:
        fault = str(error)
    if header and not layers and not fault:
        return None
    folders = [parent for parent in path.parents if parent == root or root in parent.parents]
    names = (path.stem, *(folder.resolve().name for folder in folders))
    said = row.observed_at if row else None
    dated = next((dates[folder] for folder in folders if folder in dates), None)
    is_radar = any(layer.band in RADAR_BANDS for layer in layers) or (bool(bands) and set(bands) <= set(RADAR_BANDS))
    try:
        observed_at = said or dated or _time(path, names, problem=problem)
    except SourceError as error:
        if not is_radar:
            raise
        return Fault(observed_on=None, footprint_4326=_place(header), message=str(error), is_radar=True)
    if fault:
        return Fault(
            observed_on=observed_at.date(),
            footprint_4326=_place(header),
            message=fault,
            is_radar=is_radar,
        )
    relative = path.relative_to(root).as_posix()
    return ImageFile(
        path=path,
        relative=relative,
        names=names,
        observed_at=observed_at,
        layers=layers,
        row=row,
        problem=problem,
        told=_told_of_radar(names, row) if any(layer.band in RADAR_BANDS for layer in layers) else None,
    )


def _told_of_radar(names: Sequence[str], row: SidecarRow | None) -> Told:
    """Return what the names tell of a radar image: radar and optical images of one time are two scenes."""
    return Told(
        scene_id=next(filter(None, map(shared_name, ((row.scene or "") if row else "", *names))), "radar"),
        kind=RADAR,
        platform=(row.platform if row else None) or next(filter(None, map(find_platform, names)), None),
        relative_orbit=next((one for one in map(find_relative_orbit, names) if one is not None), None),
    )


def _look_into_cube(root: Path, path: Path, row: SidecarRow | None) -> list[ImageFile | Fault | None]:
    """Return the dates of the cube at `path`; nothing where it holds no band, as one of rainfall."""
    try:
        if path.is_file() and not is_netcdf(path):
            logger.warning("%s: is called a cube, but is none: passed over", path)
            return []
        cube = read_cube(path, row)
        return [] if cube is None else list(cube_images(cube, root, row))
    except SourceError as error:
        return [Fault(observed_on=None, footprint_4326=None, message=str(error))]


def _look_into_products(root: Path, folders: Sequence[Path]) -> list[ImageFile | Fault | None]:
    """Return the images of all products, of each ground and overpass those of the newest baseline."""
    looked: list[ImageFile | Fault | None] = []
    products: list[Product] = []
    for folder in folders:
        try:
            products += read_products(folder)
        except SourceError as error:
            looked.append(Fault(observed_on=None, footprint_4326=None, message=str(error)))
    looked += [image for product in newest(products) for image in product_images(product, root)]
    return looked


def _header(path: Path) -> tuple[Header | None, str]:
    try:
        return read_header(path), ""
    except SourceError as error:
        return None, str(error)


def _place(header: Header | None) -> Polygon | None:
    try:
        return footprint_4326(header) if header else None
    except SourceError:
        return None


def _time(path: Path, names: Sequence[str], *, problem: str) -> datetime:
    """Return when names say that the image was taken: the file's wins over its folders', near folders over far ones."""
    hint = (
        f"name it with a date such as {DATE_FORMS}, or give it in a {SIDECAR_NAME} in its folder "
        f"with the columns file,date (such as '{path.name},2017-02-16')"
    )
    for name in names:
        try:
            found = find_time(name)
        except ValueError as error:
            raise SourceError(f"{path}: the date it was taken is not clear from '{name}': {error}; {hint}") from error
        if found:
            return found
    raise SourceError(problem or f"{path}: neither it nor its folders tell when it was taken; {hint}")


def _nothing(root: Path, images: Sequence[Path]) -> str:
    if not images:
        return (
            f"{root}: holds no imagery: there is no GeoTIFF (.tif, .tiff) or JPEG 2000 (.jp2) file, no cube (.nc, "
            ".zarr) and no Sentinel-2 product in it"
        )
    return (
        f"{root}: holds no imagery: of {images[0].name} and {len(images) - 1} more nothing tells the bands; name them "
        f"such as 'site_20170216_B04.tif' or give the bands in a {SIDECAR_NAME} (columns file,date,bands)"
    )
