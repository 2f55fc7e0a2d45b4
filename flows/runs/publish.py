"""Make one run's folder of the products of all areas, those of earlier runs included."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd
import pandas as pd

from aoi.read.vector import areas_frame, facilities_frame
from detection.monitoring.screen import ScreenParams
from detection.schema import as_coverage, as_detections, as_perimeters, no_detections, perimeters_frame
from flows.area.outcome import NO_PRODUCT, AreaOutcome, RunReport
from flows.area.pictures import SERIES_NAME, TIMELAPSES_NAME, credit_lines, looks_picture_name
from flows.area.pipeline import Job
from flows.area.plan import run_id
from flows.area.product import PICTURES_NAME, Product, find_product
from flows.area.screening import published_key, screened_rows, screened_scenes, standing_of, with_screening
from flows.area.superseded import superseded_products
from flows.evidence import note_inputs, note_run, people_of, products_of, signing_key
from flows.runs.catalogue import run_told
from flows.settings.version import code_version, sitewatch_version
from flows.settings.workspace import point_to, second_name, writing
from flows.show import plural
from flows.store import keep_run
from geo.atomic import atomic_folder
from geo.crs import LON_LAT_EPSG
from outputs.catalogue.write import write_catalogue
from outputs.dossier.table import PERIMETERS_TABLE, write_perimeters
from outputs.evidence.history import HISTORY_TABLE, write_moves
from outputs.evidence.record import RunRecord
from outputs.evidence.seal import seal_folder
from outputs.layers.geojson import write_geojson
from outputs.layers.geopackage import write_geopackage
from outputs.layers.project import write_run_project
from outputs.rasters.maps import RASTERS_NAME
from outputs.scenes.table import SCENES_NAME, join_scenes, write_scenes
from outputs.site.beside import pictures_beside
from outputs.site.summary import RunSummary, write_summary
from outputs.store import Recorded
from outputs.store.superseded import REPORT_MEMBER

logger = logging.getLogger(__name__)

RUN_NAME = "run.json"
STAMP = "%Y%m%dT%H%M%SZ"


def publish(job: Job, outcomes: Sequence[AreaOutcome], *, started: datetime, force: bool = False) -> RunReport:
    """Publish the current products of all areas as one run, unless the newest run has just these; then `record` it.

    An area that failed is published as its last product shows it, if it has one; the report says that it failed.

    Args:
        job: What was watched.
        outcomes: What came of it in this run.
        started: When the run began, in UTC.
        force: Publish in any case.

    Raises:
        OutputError: The disk does not take it; the earlier run stays the newest.

    """
    products = current_products(job)
    keys = keys_of(products, job.workspace.config.monitor)
    newest = newest_run(job)
    is_new = bool(products) and (force or newest is None or published_keys(newest) != keys)
    if is_new:
        newest = job.workspace.runs_dir / run_id(keys, started.strftime(STAMP))
        with atomic_folder(newest) as unfinished:
            _fill(unfinished, job, products, outcomes=outcomes, named=(newest.name, started))
            _sign(unfinished, job, products, named=(newest.name, started))
        point_to(job.workspace.latest, newest)
    return RunReport(outcomes=tuple(outcomes), run_dir=newest, is_new=is_new)


def record(job: Job, run_dir: Path) -> Recorded:
    """Record a run in the store and in the evidence log, unless it is there; one that was killed before, too.

    Raises:
        ConfigError, StateError, OutputError: The store or the log cannot be used; the run's folder stands.

    """
    recorded = keep_run(job.workspace, run_dir)
    note_run(job.workspace, run_dir)
    return recorded


def current_products(job: Job) -> dict[str, Product]:
    """Return the current product of each area of the watch list that has one."""
    found = {area_id: find_product(job.workspace.area_dir(area_id)) for area_id in job.areas}
    return {area_id: product for area_id, product in found.items() if product is not None}


def newest_run(job: Job) -> Path | None:
    """Return the folder that ``latest`` names, if it is there."""
    latest = job.workspace.latest
    return latest.resolve() if latest.is_dir() else None


def keys_of(products: Mapping[str, Product], screen: ScreenParams) -> dict[str, str]:
    """Return area id to key of its product, and of what was screened since."""
    return {area_id: published_key(product, screen) for area_id, product in products.items()}


def published_keys(run_dir: Path) -> dict[str, str] | None:
    """Return the keys of the products that a run's folder was made of; None where that cannot be read."""
    try:
        return dict(json.loads((run_dir / RUN_NAME).read_text(encoding="utf-8"))["products"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def superseded_by(job: Job, products: Mapping[str, Product]) -> list[dict[str, Any]]:
    """Return what of the newest run the current products stand in the place of, area by area."""
    newest = newest_run(job)
    told = (published_keys(newest) if newest else None) or {}
    found = []
    for area_id, product in products.items():
        was = told.get(area_id, "").partition("+")[0]
        if was == product.record.inputs.key:
            continue  # told already, or told again
        why = [one for one in superseded_products(job.workspace.area_dir(area_id)) if one.key == was]
        if newest is not None and why:
            facts = {"product_was": was, "product_is": product.record.inputs.key}
            because = {"reasons": list(why[-1].reasons), "changes": list(why[-1].changes)}
            found.append({"area_id": area_id, "run_id": newest.name, **facts, **because})
    return found


def merged(
    products: Mapping[str, Product], screen: ScreenParams | None = None
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the detections and the coverage of all products, in EPSG:4326, in the order of the watch list."""
    detections = [table for table in (product.detections() for product in products.values()) if len(table)]
    coverage = [
        with_screening(one.coverage(), standing_of(one, screen) if screen else None) for one in products.values()
    ]
    return (
        as_detections(_together(detections)) if detections else no_detections(epsg=LON_LAT_EPSG),
        as_coverage(_together(coverage)),
    )


def merged_perimeters(products: Mapping[str, Product]) -> gpd.GeoDataFrame:
    """Return what is known of the perimeters of all facilities, in EPSG:4326."""
    tables = [table for table in (product.perimeters() for product in products.values()) if len(table)]
    return as_perimeters(_together(tables)) if tables else perimeters_frame([], epsg=LON_LAT_EPSG)


def scenes_of(products: Mapping[str, Product], screen: ScreenParams) -> dict[str, str]:
    """Return scene id to fingerprint of all scenes that went into the products, those screened since included."""
    return {
        scene: mark
        for one in products.values()
        for scene, mark in {**one.record.inputs.scenes, **screened_scenes(one, screen)}.items()
    }


def credit_of(job: Job, products: Mapping[str, Product]) -> str:
    """Return the credit of all imagery that was used, radar's included."""
    seen = {year for one in products.values() for year in one.record.years}
    heard = {year for one in products.values() for year in one.record.radar_years}
    return credit_lines([(job.source.credit, seen), (job.radar.source.credit if job.radar else "", heard)])


def _fill(
    folder: Path,
    job: Job,
    products: Mapping[str, Product],
    *,
    outcomes: Sequence[AreaOutcome],
    named: tuple[str, datetime],
) -> None:
    """Write layers, pictures and the page of the run called and begun as `named` says into `folder`."""
    summary = _summary(job, products, outcomes=outcomes, named=named)
    perimeters, screen = summary.perimeters, job.workspace.config.monitor
    layers = {
        "perimeters": perimeters,
        "detections": summary.detections,
        "coverage": summary.coverage,
        "areas": summary.areas,
        "facilities": summary.facilities,
    }
    write_geopackage(folder / "sitewatch.gpkg", layers, credit=summary.credit)
    write_geojson(folder / "detections.geojson", summary.detections, credit=summary.credit)
    write_geojson(folder / "coverage.geojson", summary.coverage, credit=summary.credit)
    _link_pictures(folder, products.values())
    _link_rasters(folder / RASTERS_NAME, products)
    write_run_project(folder, title=summary.title, credit=summary.credit, made_at=named[1])
    write_perimeters(folder / PERIMETERS_TABLE, perimeters)
    write_moves(folder / HISTORY_TABLE, {area_id: one.history() for area_id, one in products.items()})
    _join_scenes(folder / SCENES_NAME, products, screen)
    shown = pictures_beside(folder, (str(one) for one in summary.detections["detection_id"]))
    write_summary(folder / "summary.html", replace(summary, more_pictures=shown))
    document = {
        "products": keys_of(products, screen),
        "areas": [one.as_json() for one in outcomes],
        REPORT_MEMBER: superseded_by(job, products),
    }
    with writing(folder / RUN_NAME):
        (folder / RUN_NAME).write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    write_catalogue(folder, run_told(summary, job.areas.values(), folder))  # last: it lists every other file


def _join_scenes(path: Path, products: Mapping[str, Product], screen: ScreenParams) -> None:
    """Write one table of the scenes of all products, those screened since included."""
    parts = [one.folder / SCENES_NAME for one in products.values()]
    with TemporaryDirectory() as beside:
        for area_id, product in products.items():
            if rows := screened_rows(area_id, standing_of(product, screen)):
                parts.append(Path(beside) / f"{len(parts)}.csv")
                write_scenes(parts[-1], rows)
        join_scenes(path, parts)


def _summary(
    job: Job, products: Mapping[str, Product], *, outcomes: Sequence[AreaOutcome], named: tuple[str, datetime]
) -> RunSummary:
    """Put together what the page of a run tells."""
    run, started = named
    detections, coverage = merged(products, job.workspace.config.monitor)
    pictures = {path.stem: f"{PICTURES_NAME}/{path.name}" for one in products.values() for path in one.pictures}
    return RunSummary(
        run_id=run,
        title=f"What was seen in {plural(len(job.areas), 'area')}",
        created_at=started,
        detections=detections,
        coverage=coverage,
        areas=areas_frame(list(job.areas.values())),
        facilities=facilities_frame(job.facilities),
        failures=tuple((one.area_id, one.reason) for one in outcomes if one.state in NO_PRODUCT),
        pictures=pictures,
        scenes=SCENES_NAME,
        looks_pictures={
            area_id: pictures[stem]
            for area_id in products
            if (stem := looks_picture_name(area_id).removesuffix(".png")) in pictures
        },
        credit=credit_of(job, products),
        version=sitewatch_version(),
        settings_hash=job.workspace.config.detection.settings_hash,
        perimeters=merged_perimeters(products),
    )


def _sign(folder: Path, job: Job, products: Mapping[str, Product], *, named: tuple[str, datetime]) -> None:
    """Write the manifest over all that stands in `folder`."""
    workspace = job.workspace
    run, started = named
    lists = (workspace.areas_path, workspace.facilities_path)
    scenes = scenes_of(products, workspace.config.monitor)
    sources = [job.source, *([job.radar.source] if job.radar else [])]
    inputs, people = products_of(workspace, sources, scenes), people_of(job.reviews)
    record = RunRecord(
        run_id=run,
        created_at=started,
        code_version=code_version(),
        settings=workspace.config.model_dump(mode="json"),
        scenes=scenes,
        watch_lists=tuple(path for path in lists if path is not None),
        products=inputs,
        people=people,
        chain=note_inputs(workspace, inputs, people),
        credit=credit_of(job, products),
    )
    seal_folder(folder, record, key=signing_key())


def _link_pictures(folder: Path, products: Collection[Product]) -> None:
    """Give the pictures, time series and time-lapses of all areas a second name here."""
    with writing(folder):
        for name in (PICTURES_NAME, SERIES_NAME, TIMELAPSES_NAME):
            (folder / name).mkdir()
            for product in products:
                for picture in sorted((product.folder / name).glob("*")):
                    second_name(picture, folder / name / picture.name)


def _link_rasters(folder: Path, products: Mapping[str, Product]) -> None:
    """Give the maps of all areas a second name here."""
    with writing(folder):
        for area_id, product in products.items():
            for path in sorted((product.folder / RASTERS_NAME).glob("*")):
                (folder / area_id).mkdir(parents=True, exist_ok=True)
                second_name(path, folder / area_id / path.name)


def _together(tables: Sequence[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return one table of several; empty columns keep their kind, for the schema is applied afterwards."""
    in_degrees = [
        table.to_crs(LON_LAT_EPSG).astype(object).set_geometry("geometry", crs=LON_LAT_EPSG) for table in tables
    ]
    return gpd.GeoDataFrame(pd.concat(in_degrees, ignore_index=True), geometry="geometry", crs=LON_LAT_EPSG)
