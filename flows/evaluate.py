"""Hold what a workspace found against what is known to have happened there."""

from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.errors import RasterioError

from aoi.read.truth import read_truth
from detection.evaluation.association import AssociationParams, Match, Scores
from detection.evaluation.evaluate import evaluate, truth_of_labels
from detection.schema import Event
from flows.area.pipeline import Job
from flows.runs.publish import current_products, merged
from flows.show import Show, show_table
from geo.errors import AoiError, ConfigError, GridMismatchError
from geo.grid import Grid
from geo.sources.header import LOCAL_ENVIRONMENT, local_driver

COLUMNS = ("true event", "kind", "began", "found by", "overlap", "onset interval", "holds truth", "confirmed after")
_RASTERS = frozenset({".tif", ".tiff"})
_KINDS = frozenset({Event.CONSTRUCTION.value, Event.EXPANSION.value, Event.DEMOLITION.value})

MOST_LABEL_PX = 400_000_000
"""A file can claim any size: labels are held in memory whole."""


def evaluate_workspace(
    root: Path, path: Path, show: Show, *, between: tuple[date, date] | None = None, is_one_to_one: bool = True
) -> None:
    """Score the current detections of a workspace against the truth in `path`, and say so.

    Args:
        root: The workspace.
        path: A table of true events, SMART models, or a GeoTIFF in which everything but 0 is labelled as change.
        show: Whom to tell.
        between: The days between which labelled change lies; needed with a GeoTIFF.
        is_one_to_one: Whether each true event is matched with one detection at most.

    Raises:
        ConfigError: There are no detections yet.
        AoiError: `path` cannot be read as truth.

    """
    products = current_products(Job.open(root))
    if not products:
        raise ConfigError(f"{root}: nothing to evaluate yet; `sitewatch run` makes the first detections")
    detections, coverage = merged(products)
    truth = _checked(_labels(path, between) if path.suffix.lower() in _RASTERS else read_truth(path), path)
    is_watched = truth.to_crs(coverage.crs).intersects(coverage.geometry.union_all())
    until = max(day.date() for day in coverage["period_end"].dropna()) if coverage["period_end"].notna().any() else None
    if until is None:
        raise ConfigError(f"{root}: no area has been seen yet, so nothing can be evaluated")
    metric = detections.to_crs(coverage.estimate_utm_crs())
    scores = evaluate(metric, truth[is_watched], until=until, params=AssociationParams(is_one_to_one=is_one_to_one))
    _tell(scores, show, elsewhere=int((~is_watched).sum()))


def _checked(truth: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    unknown = sorted(set(truth["event"]) - _KINDS)
    if unknown:
        raise AoiError(f"{path}: events are {', '.join(sorted(_KINDS))}; got {', '.join(unknown)}")
    return truth


def _labels(path: Path, between: tuple[date, date] | None) -> gpd.GeoDataFrame:
    if between is None:
        raise AoiError(f"{path}: labels have no dates; say with --from and --to between which days the change lies")
    try:
        with rasterio.Env(**LOCAL_ENVIRONMENT), rasterio.open(path, driver=local_driver(path)) as raster:
            if raster.width * raster.height > MOST_LABEL_PX:
                raise AoiError(
                    f"{path}: has {raster.width} x {raster.height} pixels; at most {MOST_LABEL_PX:,} are read"
                )
            mask = raster.read(1, masked=True).filled(0) != 0
            epsg, transform = raster.crs.to_epsg() if raster.crs else None, raster.transform
    except RasterioError as error:
        raise AoiError(f"{path}: cannot be read as a GeoTIFF: damaged, or none") from error
    if epsg is None:
        raise AoiError(f"{path}: has no coordinate system with an EPSG code")
    try:
        grid = _grid(epsg, transform, mask)
    except (GridMismatchError, ValueError) as error:
        raise AoiError(f"{path}: labels must lie north up on square pixels, in metres ({error})") from error
    return truth_of_labels(mask, grid, span=between).drop(columns="completed_on")  # nobody says that works were over


def _grid(epsg: int, transform: rasterio.Affine, mask: np.ndarray) -> Grid:
    if transform.b or transform.d or transform.a != -transform.e:
        raise ValueError(
            f"pixels of {transform.a:g} by {-transform.e:g}, turned" if transform.b else "pixels not square"
        )
    height, width = mask.shape
    return Grid(epsg=epsg, left_m=transform.c, top_m=transform.f, pixel_m=transform.a, width_px=width, height_px=height)


def _tell(scores: Scores, show: Show, *, elsewhere: int) -> None:
    figures = scores.figures()
    show.document(
        {
            **figures,
            "missed_events": [site.site_id for site in scores.missed],
            "false_detections": [site.site_id for site in scores.false],
            "outside_the_areas": elsewhere,
        }
    )
    if show.is_quiet or show.is_json:
        return
    rows = [_row(match) for match in scores.matches]
    rows += [(site.site_id, site.event, str(site.started_on), "MISSED", "-", "-", "-", "-") for site in scores.missed]
    show_table(COLUMNS, rows)
    show.say()
    for name in ("precision", "recall", "f1", "onset_held", "phase_accuracy"):
        show.say(f"{name.replace('_', ' ')}: {_figure(figures[name])}")
    show.say(f"false: {', '.join(site.site_id for site in scores.false) or 'none'}")
    if elsewhere:
        show.say(f"{elsewhere} true events lie outside the watched areas and count neither way")


def _row(match: Match) -> tuple[str, ...]:
    first = min(match.proposals, key=lambda site: site.started_on)
    return (
        match.truth.site_id,
        match.truth.event,
        str(match.truth.started_on),
        ", ".join(site.site_id for site in match.proposals),
        f"{match.iou:.0%}",
        f"{first.started_after} to {first.started_on}",
        "-" if match.is_onset_held is None else ("yes" if match.is_onset_held else "no"),
        "-" if match.delay_days is None else f"{match.delay_days} days",
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
