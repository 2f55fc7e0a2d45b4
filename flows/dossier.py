"""Put together the dossier of one facility from the current product of its area, and its pictures from the imagery."""

import csv
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import geopandas as gpd
import numpy as np
from shapely.geometry.base import BaseGeometry

from aoi.areas import Area
from aoi.facilities import Facility
from flows.area.pictures import MARGIN_M, credit_lines
from flows.area.pipeline import Job
from flows.area.product import Product, find_product
from flows.pull.needs import is_kept
from flows.reading.looks import area_grid, common_bands, find_scenes
from flows.reading.sources import is_local
from flows.settings.version import sitewatch_version
from flows.show import Show
from geo.coregister import moved
from geo.crs import LON_LAT_EPSG, reproject
from geo.errors import ConfigError, GridMismatchError, SourceError
from geo.grid import Grid
from geo.scene import RGB_BANDS
from geo.sources.base import SceneRef
from outputs.dossier.contents import Dossier, Frame, Known, Look, Made
from outputs.dossier.detection import DETECTIONS, detection_statement
from outputs.dossier.document import write_document
from outputs.dossier.page import write_page
from outputs.dossier.results import Row, layer_rows, table_rows
from outputs.dossier.statement_out import write_statement_document, write_statement_page
from outputs.dossier.supplier import SUPPLIERS, supplier_statement
from outputs.pictures.chips import chip_grid
from outputs.scenes.table import SCENES_NAME

logger = logging.getLogger(__name__)

NEAR_M = 250.0
"""Detections within this distance of the place belong to its dossier."""
MOST_FRAMES = 60
_LEAST_CLEAR = 0.3
"""A look at less of the picture (0-1) is not shown."""


def write_dossier(root: Path, subject: str, show: Show, *, out: Path | None = None) -> None:
    """Write what is known of a facility, a detection or a supplier as a page, and as a PDF of the same name beside it.

    Args:
        root: The workspace.
        subject: The id of a facility of its list; else of a detection of its newest run; else of a supplier of its
            newest match.
        show: Tells where the files are.
        out: The page, ending in .html; None: ``dossiers/ID.html`` in the workspace.

    Raises:
        ConfigError: There is no such id, or the facility lies in no watched area, or that was never run.
        OutputError: The disk does not take it.

    """
    page = _page(root, subject, out)
    job = Job.open(root)
    if subject not in {facility.facility_id for facility in job.facilities}:
        folder = _results_with(job, subject)
        if folder is not None:
            write_statement(root, subject, show, results=folder, out=out)
            return
    dossier = gather(job, subject)
    write_page(page, dossier)
    document = page.with_suffix(".pdf")
    write_document(document, dossier)
    show.document({"facility_id": subject, "page": str(page), "pdf": str(document), "frames": len(dossier.frames)})
    show.say(f"dossier: {page}")
    show.say(f"PDF:     {document}")


def write_statement(root: Path, subject: str, show: Show, *, results: Path, out: Path | None = None) -> None:
    """Write the statement about a supplier or a detection as a page, and as a PDF beside it.

    Args:
        root: The workspace.
        subject: The id of the supplier or the detection.
        show: Tells where the files are.
        results: A folder that a check or match of suppliers wrote, or the folder of a run.
        out: As for `write_dossier`.

    Raises:
        ConfigError: The folder holds no such results, or nothing has this id.
        OutputError: The disk does not take it.

    """
    page = _page(root, subject, out)
    now = datetime.now(UTC)
    if (results / SUPPLIERS).is_file():
        statement = supplier_statement(results, subject, created_at=now)
    elif (results / DETECTIONS).is_file():
        statement = detection_statement(results, subject, created_at=now)
    else:
        raise ConfigError(f"{results}: expected {SUPPLIERS} or {DETECTIONS} there; it has neither")
    write_statement_page(page, statement)
    document = page.with_suffix(".pdf")
    write_statement_document(document, statement)
    records = len(statement.records)
    show.document({"id": subject, "kind": statement.kind, "page": str(page), "pdf": str(document), "records": records})
    show.say(f"statement: {page}")
    show.say(f"PDF:       {document}")


def _page(root: Path, subject: str, out: Path | None) -> Path:
    """Return where the page is written."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a missing weight of a font is no trouble
    stem = re.sub(r"[^\w.-]+", "_", subject).lstrip(".") or "_"
    page = out or root / "dossiers" / f"{stem}.html"
    if page.suffix.lower() not in {".html", ".htm"}:
        raise ConfigError(f"--out {page}: expected a name that ends in .html; the PDF is put beside it")
    return page


def _results_with(job: Job, subject: str) -> Path | None:
    """Return the newest run that has a detection of this id, or the newest match that has a supplier of it."""
    latest = job.workspace.latest
    found = latest / DETECTIONS
    if found.is_file() and any(row.record_id == subject for row in _rows(latest, DETECTIONS)):
        return latest
    matches = sorted((job.workspace.root / "matches").glob(f"*/{SUPPLIERS}"))
    if matches and any(row.record_id == subject for row in _rows(matches[-1].parent, SUPPLIERS)):
        return matches[-1].parent
    return None


def _rows(folder: Path, name: str) -> tuple[Row, ...]:
    if name == DETECTIONS:
        return layer_rows(folder, name, id_column="detection_id")
    return table_rows(folder, name, id_column="supplier_id")


def gather(job: Job, facility_id: str) -> Dossier:
    """Return all that the dossier of a facility tells.

    Raises:
        ConfigError: As for `write_dossier`.

    """
    facility = _facility(job, facility_id)
    area, product = _area(job, facility)
    grid = area_grid(area, job.workspace.config)
    here_m = reproject(facility.location_4326, from_epsg=LON_LAT_EPSG, to_epsg=grid.epsg)
    perimeters = product.perimeters()
    perimeters = perimeters[perimeters["facility_id"] == facility_id].reset_index(drop=True)
    scenes = _scenes(product)
    film = _film(job, area, scenes, _window(grid, here_m, perimeters))
    return Dossier(
        known=_known(facility),
        made=_made(job, area, product),
        grid=film.grid,
        outline_m=here_m,
        frames=film.frames,
        frames_left_out=film.left_out,
        looks=tuple(_look(row) for row in scenes),
        detections=_detections_here(product.detections(), facility_id, here_m),
        perimeters=perimeters,
        coverage=dict(product.coverage().iloc[0]),
    )


def _facility(job: Job, facility_id: str) -> Facility:
    for facility in job.facilities:
        if facility.facility_id == facility_id:
            return facility
    known = ", ".join(facility.facility_id for facility in job.facilities[:10]) or "none"
    raise ConfigError(
        f"no facility, no detection of the newest run and no supplier of the newest match has the id {facility_id!r}; "
        f"{job.workspace.facilities_path} has: {known}"
    )


def _area(job: Job, facility: Facility) -> tuple[Area, Product]:
    """Return the watched area that holds the facility, and its product."""
    point = facility.location_4326.representative_point()
    around = [area for area in job.areas.values() if area.polygon_4326.covers(point)]
    if not around:
        raise ConfigError(f"facility {facility.facility_id} lies in none of the areas of {job.workspace.areas_path}")
    for area in around:
        product = find_product(job.workspace.area_dir(area.area_id))
        if product is not None:
            return area, product
    raise ConfigError(f"area {around[0].area_id} has no product yet; `sitewatch run` makes it")


def _known(facility: Facility) -> Known:
    point = facility.location_4326.representative_point()
    return Known(
        facility_id=facility.facility_id,
        names=facility.names,
        kind=facility.kind.value,
        status=facility.status,
        source=facility.source,
        position_error_m=facility.position_error_m,
        lon_lat=(point.x, point.y),
    )


def _made(job: Job, area: Area, product: Product) -> Made:
    latest = job.workspace.latest
    config = job.workspace.config
    return Made(
        created_at=datetime.now(UTC),
        run_id=latest.resolve().name if latest.is_dir() else product.folder.name,
        area_id=area.area_id,
        area_name=area.name,
        credit=credit_lines(
            [
                (job.source.credit, product.record.years),
                (job.radar.source.credit if job.radar else "", product.record.radar_years),
            ]
        ),
        version=sitewatch_version(),
        settings_hash=config.detection.settings_hash,
        night_credit=(config.nightlight.credit or "as the settings name it, without a credit") if job.night else "",
    )


def _scenes(product: Product) -> list[dict[str, str]]:
    """Return the rows of the table of scenes of the area, radar left out, ascending in time."""
    path = product.folder / SCENES_NAME
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if "sentinel-1" not in row["platform"].lower()]
    return sorted(rows, key=lambda row: row["observed_at"])


def _look(row: Mapping[str, str]) -> Look:
    return Look(
        day=date.fromisoformat(row["observed_at"][:10]),
        is_used=row["is_used"] == "true",
        clear_share=float(row["clear_share"]) if row["clear_share"] else None,
        reason=row["reason"],
    )


def _detections_here(detections: gpd.GeoDataFrame, facility_id: str, here_m: BaseGeometry) -> gpd.GeoDataFrame:
    is_joined = (detections["facility_id"] == facility_id) & (detections["facility_relation"] == "inside")
    is_near = detections.geometry.distance(here_m) <= NEAR_M
    return detections[is_joined | is_near].reset_index(drop=True)


def _window(grid: Grid, here_m: BaseGeometry, perimeters: gpd.GeoDataFrame) -> tuple[Grid, Grid]:
    """Return the grid of the area, and its part that is shown: the place, its perimeter, and some ground around."""
    shapes = [shape for shape in perimeters.geometry if shape is not None]
    shown = gpd.GeoSeries([here_m, *shapes]).union_all()
    margin_m = MARGIN_M if shown.area or shapes else 2 * MARGIN_M
    try:
        return grid, chip_grid(grid, shown, margin_m=margin_m)
    except GridMismatchError:
        return grid, grid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    grid: Grid
    frames: tuple[Frame, ...]
    left_out: tuple[str, ...]


def _film(job: Job, area: Area, scenes: Sequence[Mapping[str, str]], window: tuple[Grid, Grid]) -> _Film:
    """Read the looks that the run used once more, and cut the place out of each; nothing is fetched anew for it."""
    whole, part = window
    used = {row["scene_id"].removeprefix("'"): row for row in scenes if row["is_used"] == "true"}
    refs = [ref for ref in find_scenes(job.source, area, job.workspace.config) if ref.scene_id in used]
    left_out = (
        [f"{len(used) - len(refs)} looks that the run used are no longer there."] if len(refs) < len(used) else []
    )
    if len(refs) > MOST_FRAMES:
        chosen = np.unique(np.linspace(0, len(refs) - 1, MOST_FRAMES).round().astype(int)).tolist()
        left_out.append(f"The time-lapse shows {len(chosen)} of {len(refs)} looks, evenly chosen.")
        refs = [refs[index] for index in chosen]
    frames = []
    for ref in refs:
        try:
            frame = _frame(job, ref, used[ref.scene_id], whole, part)
        except SourceError as error:
            left_out.append(f"Not shown: {error}")
            continue
        if frame.clear_share < _LEAST_CLEAR:
            left_out.append(f"Not shown: {frame.day}, {frame.clear_share:.0%} of this place was clearly seen.")
            continue
        frames.append(frame)
    return _Film(grid=part, frames=tuple(frames), left_out=tuple(left_out))


def _frame(job: Job, ref: SceneRef, row: Mapping[str, str], whole: Grid, part: Grid) -> Frame:
    """Read one look, move it onto the others as the run did, and cut the place out.

    Raises:
        SourceError: It cannot be read, or reading it would ask a provider.

    """
    bands = RGB_BANDS if set(RGB_BANDS) <= set(ref.bands) else common_bands([ref])[:1] * 3
    wanted = tuple(dict.fromkeys(bands))
    if not (is_local(job.workspace) or is_kept(job.source, ref, whole, wanted)):
        raise SourceError(f"{ref.scene_id}: the look is not kept on this disk, and would have to be fetched anew")
    scene = job.source.read(ref, whole, bands=wanted)
    values = np.stack([np.where(scene.is_clear, scene.bands[name], np.nan) for name in bands]).astype(np.float32)
    shift = (float(row["shift_down_px"] or 0), float(row["shift_right_px"] or 0))
    top = round((whole.top_m - part.top_m) / whole.pixel_m)
    left = round((part.left_m - whole.left_m) / whole.pixel_m)
    cut = moved(values, shift)[:, top : top + part.height_px, left : left + part.width_px]
    return Frame(day=ref.observed_at.date(), rgb=np.moveaxis(cut, 0, -1))
