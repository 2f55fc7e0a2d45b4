"""Make a workspace that can be run at once."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import rasterio
from pyproj import CRS
from rasterio.errors import RasterioError
from shapely.geometry import Point, Polygon, box

from aoi.areas import Area
from aoi.facilities import Facility, FacilityKind
from aoi.read.vector import areas_frame, facilities_frame
from flows.settings.config import (
    CONFIG_NAME,
    Config,
    FolderSettings,
    PeriodSettings,
    SentinelHubSettings,
    SimulatedSettings,
    StacSettings,
    WorkspaceSettings,
)
from flows.settings.template import default_toml
from flows.settings.workspace import Workspace, writing
from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.errors import ConfigError, SourceError
from geo.sources.folder.files import find_files
from geo.sources.header import LOCAL_ENVIRONMENT, local_driver
from geo.sources.sentinelhub import ID_NAME, SECRET_NAME
from geo.sources.simulated import scenario
from outputs.layers.geojson import write_geojson

SUFFIXES = frozenset({".tif", ".tiff", ".jp2"})
MEANINGS = {
    CONFIG_NAME: "settings, each with its explanation",
    "areas.geojson": "what is watched: put your own polygons here (any GIS can write them)",
    "facilities.geojson": "what is known: places to which detections are joined",
}
SOURCES = ("simulated", "folder", "stac", "sentinelhub")
"""Where imagery may come from in a new workspace."""
SAMPLE_NAME = "Sample: replace it by your own"
SAMPLE_SIDE_M = 2_000.0
SAMPLE_LON_LAT = (13.402, 52.473)
"""A former airfield in Berlin, where imagery from the network begins: open ground, and nobody's facility."""
SAMPLE_PERIOD = timedelta(days=365)
SIMULATED_SOURCE = "simulated imagery: this place and what happens there are made up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A workspace that was just made."""

    root: Path
    files: tuple[Path, ...]
    config: Config


def make_workspace(
    folder: Path, *, source: str = "simulated", imagery: Path | None = None, today: date | None = None
) -> Made:
    """Write settings and a sample watch list into `folder`.

    Args:
        folder: New or empty.
        source: One of `SOURCES`.
        imagery: The folder of the images, with ``folder``.
        today: The day from which the period of imagery from the network is counted; None: the day it is.

    Raises:
        ConfigError: `folder` is not empty, or `source` and `imagery` do not go together.
        OutputError: It cannot be written.

    """
    _check_free(folder)
    config = _config(folder, source=source, imagery=imagery, today=today or datetime.now(UTC).date())
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root=folder.resolve(), config=config)
    areas, facilities = _watch_list(config, imagery)
    write_geojson(workspace.areas_path, areas_frame(areas))
    if workspace.facilities_path:
        write_geojson(workspace.facilities_path, facilities_frame(facilities))
    settings = workspace.root / CONFIG_NAME
    with writing(settings):
        settings.write_text(default_toml(config), encoding="utf-8")  # last: it is what makes it a workspace
    files = (settings, workspace.areas_path, workspace.facilities_path)
    return Made(root=workspace.root, files=tuple(path for path in files if path), config=config)


def hints(made: Made) -> Sequence[str]:
    """Return what somebody should know who just made a workspace."""
    return (
        f"made a workspace in {made.root}:",
        *(f"  {path.name:<20} {MEANINGS[path.name]}" for path in made.files),
        *_needed(made.config),
        "next:",
        f"  sitewatch doctor -w {made.root}",
        f"  sitewatch run -w {made.root}",
    )


def _needed(config: Config) -> Iterator[str]:
    """Yield what imagery from the network needs before a run. Secrets are never asked for, nor written down."""
    settings = config.source
    if isinstance(settings, SentinelHubSettings):
        yield f"it needs an account: set {ID_NAME} and {SECRET_NAME} in the environment (never in a file here), then"
        yield "`sitewatch doctor --online` tries them, and `sitewatch plan` says what a run would cost"
    if isinstance(settings, StacSettings):
        yield f"the catalogue {settings.preset} is open to everybody: no account is needed"
    if isinstance(settings, SentinelHubSettings | StacSettings):
        yield f"areas.geojson holds a sample, and the period begins on {config.period.first}: change both to your need"


def _watch_list(config: Config, imagery: Path | None) -> tuple[list[Area], list[Facility]]:
    if imagery is not None:
        return folder_areas(imagery), []
    if isinstance(config.source, SimulatedSettings):
        return simulated_watch_list(config)
    return [Area(area_id="sample", name=SAMPLE_NAME, polygon_4326=_square(Point(SAMPLE_LON_LAT)))], []


def simulated_watch_list(config: Config) -> tuple[list[Area], list[Facility]]:
    """Return the areas and the known places of the simulated scenario that `config` names."""
    settings = config.source if isinstance(config.source, SimulatedSettings) else SimulatedSettings()
    world = scenario(settings.scenario, seed=settings.seed)
    areas = [Area(area_id=place.area_id, name=place.name, polygon_4326=place.polygon_4326) for place in world.areas()]
    facilities = [
        Facility(
            facility_id=place.place_id,
            names=place.names,
            location_4326=place.geometry_4326,
            kind=FacilityKind(place.kind),
            source=SIMULATED_SOURCE,
        )
        for place in world.known_places()
    ]
    return areas, facilities


def folder_areas(imagery: Path) -> list[Area]:
    """Return a sample area in the middle of the first image or cube that tells where it lies."""
    for footprint in (*_image_footprints(imagery), *_cube_footprints(imagery)):
        return [Area(area_id="sample", name=SAMPLE_NAME, polygon_4326=_middle(footprint))]
    raise ConfigError(
        f"{imagery}: expected at least one georeferenced image ({', '.join(sorted(SUFFIXES))}) or cube (.nc, .zarr)"
    )


def _check_free(folder: Path) -> None:
    if (folder / CONFIG_NAME).exists():
        raise ConfigError(f"{folder}: a workspace stands there already")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder; a file stands there")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: expected a new or empty folder; it has files in it")


def _config(folder: Path, *, source: str, imagery: Path | None, today: date) -> Config:
    if source not in SOURCES:
        raise ConfigError(f"--source: expected one of {', '.join(SOURCES)}; got {source!r}")
    if (source == "folder") != (imagery is not None):
        raise ConfigError("--source folder and --imagery PATH go together")
    nothing_known = WorkspaceSettings(facilities="")
    if imagery is not None:
        if not imagery.is_dir():
            raise ConfigError(f"--imagery {imagery}: no such folder")
        return Config(workspace=nothing_known, source=FolderSettings(path=_shortest(imagery, folder)))
    if source == "simulated":
        return Config()
    remote = StacSettings(preset="earth-search") if source == "stac" else SentinelHubSettings()
    return Config(workspace=nothing_known, source=remote, period=PeriodSettings(first=today - SAMPLE_PERIOD))


def _shortest(imagery: Path, folder: Path) -> str:
    """Return the path as the settings name it: relative if it lies in the workspace or beside it."""
    relative = os.path.relpath(imagery.resolve(), folder.resolve())
    return relative if relative.count("..") <= 1 else str(imagery.resolve())


def _image_footprints(imagery: Path) -> Iterator[Polygon]:
    """Yield the outline of each image that tells it, with as little reading as can be."""
    for path in sorted(path for path in imagery.rglob("*") if path.suffix.lower() in SUFFIXES):
        try:
            with rasterio.Env(**LOCAL_ENVIRONMENT), rasterio.open(path, driver=local_driver(path)) as image:
                epsg = CRS.from_user_input(image.crs).to_epsg() if image.crs else None
                if epsg:
                    yield reproject(box(*image.bounds), from_epsg=epsg, to_epsg=LON_LAT_EPSG)
        except RasterioError:
            continue


def _cube_footprints(imagery: Path) -> Iterator[Polygon]:
    """Yield the outlines of the cubes in `imagery`, as the source that will read them understands them.

    Raises:
        ConfigError: There is nothing that it would read.

    """
    try:
        files, _ = find_files(imagery)
    except SourceError as error:
        raise ConfigError(f"{error}; expected at least one georeferenced image or cube") from error
    for file in files:
        yield from (layer.footprint_4326 for layer in file.layers if layer.footprint_4326 is not None)


def _middle(footprint_4326: Polygon) -> Polygon:
    """Return a square in the middle of `footprint_4326`, or all of it where it is smaller."""
    return _square(footprint_4326.centroid).intersection(footprint_4326)


def _square(middle_4326: Point) -> Polygon:
    """Return a square of `SAMPLE_SIDE_M` around a place."""
    epsg = utm_epsg(middle_4326)
    middle_m = reproject(middle_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    return reproject(middle_m.buffer(SAMPLE_SIDE_M / 2, cap_style="square"), from_epsg=epsg, to_epsg=LON_LAT_EPSG)
