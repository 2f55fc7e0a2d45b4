"""Hand the current detections on in formats of other programmes."""

import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from flows.area.pictures import credit_line, credit_lines
from flows.area.pipeline import Job
from flows.area.product import PICTURES_NAME, Product
from flows.runs.publish import current_products, merged, newest_run
from flows.settings.workspace import writing
from flows.show import Show, plural
from geo.atomic import atomic_folder
from geo.errors import ConfigError
from outputs.layers.handover import write_handover
from outputs.layers.project import PACKAGE_NAME, PROJECT_NAME, write_run_project
from outputs.layers.smart import write_smart
from outputs.rasters.maps import RASTERS_NAME
from outputs.review.sheet import SheetSource, write_sheet


def export_smart(root: Path, folder: Path, show: Show, *, region_id: str, originator: str | None = None) -> None:
    """Write the current detections of a workspace as site and region models of the IARPA SMART programme.

    Raises:
        ConfigError: There are no detections yet.
        OutputError: The models cannot be written.

    """
    detections, _ = merged(_products(Job.open(root)))
    exported = write_smart(folder, detections, region_id, originator=originator)
    show.document(
        {"folder": str(folder), "files": [path.name for path in exported.files], "left_out": list(exported.left_out)}
    )
    show.say(f"{folder}: {max(len(exported.files) - 1, 0)} sites and their region")
    if exported.left_out:
        show.say(f"left out: {len(exported.left_out)} detections that are no construction")


def export_layer(root: Path, path: Path, show: Show) -> None:
    """Write the current detections of a workspace as one file whose suffix says the format.

    Raises:
        ConfigError: There are no detections yet, or the suffix is not known.
        OutputError: The file cannot be written.

    """
    job = Job.open(root)
    products = _products(job)
    detections, _ = merged(products)
    credit = credit_line(job.source.credit, {year for one in products.values() for year in one.record.years})
    pictures = {picture.stem: picture for one in products.values() for picture in one.pictures}
    write_handover(path, detections, credit=credit, pictures=pictures)
    show.document({"file": str(path), "detections": len(detections), "attribution": credit})
    show.say(f"{path}: {plural(len(detections), 'detection')}; name as source: {credit}")


def export_project(root: Path, folder: Path, show: Show) -> None:
    """Copy the newest run's layers and rasters into a new folder, with a QGIS project that can go anywhere with them.

    Raises:
        ConfigError: There is no run yet.
        OutputError: The folder is there already, or cannot be written.

    """
    job = Job.open(root)
    run = _newest(job)
    title, credit = _told(job)
    with atomic_folder(folder) as made:
        with writing(made):
            shutil.copyfile(run / PACKAGE_NAME, made / PACKAGE_NAME)
            if (run / RASTERS_NAME).is_dir():
                shutil.copytree(run / RASTERS_NAME, made / RASTERS_NAME)
        write_run_project(made, title=title, credit=credit, made_at=datetime.now(UTC))
    show.document({"project": str(folder / PROJECT_NAME), "run": run.name, "attribution": credit})
    show.say(f"{folder / PROJECT_NAME}: open it in QGIS; the folder can be moved as a whole. Name as source: {credit}")


def export_sheet(root: Path, path: Path, show: Show, *, area_ids: Sequence[str] = ()) -> None:
    """Write a sheet for verdicts on the newest run's detections, with a QGIS project beside it.

    Raises:
        ConfigError: There is no run yet, an area is not known, or the name does not end in .gpkg.
        OutputError: The sheet is there already, or cannot be written.

    """
    if path.suffix.lower() != ".gpkg":
        raise ConfigError(f"{path}: expected a name that ends in .gpkg")
    job = Job.open(root)
    run = _newest(job)
    unknown = sorted(set(area_ids) - set(job.areas))
    if unknown:
        raise ConfigError(f"no area is called {', '.join(unknown)}")
    _, credit = _told(job)
    source = SheetSource(
        run_folder=run,
        package=run / PACKAGE_NAME,
        credit=credit,
        made_at=datetime.now(UTC),
        area_ids=tuple(area_ids),
        pictures={picture.stem: picture for picture in sorted((run / PICTURES_NAME).glob("*.png"))},
    )
    count = write_sheet(path, source)
    project = path.with_suffix(".qgz")
    show.document({"sheet": str(path), "project": str(project), "detections": count, "run": run.name})
    show.say(f"{project}: open it in QGIS, edit the layer of verdicts ({plural(count, 'detection')}), save the edits")
    show.say(f"then: sitewatch review import {path}")


def _newest(job: Job) -> Path:
    run = newest_run(job)
    if run is None:
        raise ConfigError(f"{job.workspace.root}: nothing to export yet; `sitewatch run` makes the first detections")
    return run


def _told(job: Job) -> tuple[str, str]:
    """Return the title and the credit of what is shown."""
    years = {year for one in _products(job).values() for year in one.record.years}
    heard = {year for one in _products(job).values() for year in one.record.radar_years}
    credit = credit_lines([(job.source.credit, years), (job.radar.source.credit if job.radar else "", heard)])
    return f"What was seen in {plural(len(job.areas), 'area')}", credit


def _products(job: Job) -> dict[str, Product]:
    products = current_products(job)
    if not products:
        raise ConfigError(f"{job.workspace.root}: nothing to export yet; `sitewatch run` makes the first detections")
    return products
