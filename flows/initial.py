"""Make a workspace that can be run at once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import rasterio
from pyproj import CRS
from rasterio.errors import RasterioError
from shapely.geometry import Polygon, box

from aoi.areas import Area
from aoi.facilities import Facility, FacilityKind
from aoi.read.vector import areas_frame, facilities_frame
from flows.config import CONFIG_NAME, Config, FolderSettings, SimulatedSettings, WorkspaceSettings
from flows.template import default_toml
from flows.workspace import Workspace, writing
from geo.crs import LON_LAT_EPSG, reproject, utm_epsg
from geo.errors import ConfigError
from geo.sources.simulated import scenario
from outputs.layers.geojson import write_geojson

SUFFIXES = frozenset({".tif", ".tiff", ".jp2"})
MEANINGS = {
    CONFIG_NAME: "settings, each with its explanation",
    "areas.geojson": "what is watched: put your own polygons here (any GIS can write them)",
    "facilities.geojson": "what is known: places to which detections are joined",
}
SAMPLE_SIDE_M = 2_000.0
SIMULATED_SOURCE = "simulated imagery: this place and what happens there are made up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A workspace that was just made."""

    root: Path
    files: tuple[Path, ...]
    config: Config


def make_workspace(folder: Path, *, source: str = "simulated", imagery: Path | None = None) -> Made:
    """Write settings and a sample watch list into `folder`.

    Args:
        folder: New or empty.
        source: ``simulated`` or ``folder``.
        imagery: The folder of the images, with ``folder``.

    Raises:
        ConfigError: `folder` is not empty, or `source` and `imagery` do not go together.
        OutputError: It cannot be written.

    """
    _check_free(folder)
    config = _config(folder, source=source, imagery=imagery)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    workspace = Workspace(root=folder.resolve(), config=config)
    areas, facilities = simulated_watch_list(config) if imagery is None else (folder_areas(imagery), [])
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
        "next:",
        f"  sitewatch doctor -w {made.root}",
        f"  sitewatch run -w {made.root}",
    )


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
    """Return a sample area in the middle of the first image that tells where it lies."""
    for path in sorted(path for path in imagery.rglob("*") if path.suffix.lower() in SUFFIXES):
        footprint = _footprint_4326(path)
        if footprint is not None:
            return [Area(area_id="sample", name="Sample: replace it by your own", polygon_4326=_middle(footprint))]
    raise ConfigError(f"{imagery}: expected at least one georeferenced image ({', '.join(sorted(SUFFIXES))})")


def _check_free(folder: Path) -> None:
    if (folder / CONFIG_NAME).exists():
        raise ConfigError(f"{folder}: a workspace stands there already")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: expected a folder; a file stands there")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: expected a new or empty folder; it has files in it")


def _config(folder: Path, *, source: str, imagery: Path | None) -> Config:
    if source not in {"simulated", "folder"}:
        raise ConfigError(f"--source: expected simulated or folder; got {source!r}")
    if (source == "folder") != (imagery is not None):
        raise ConfigError("--source folder and --imagery PATH go together")
    if imagery is None:
        return Config()
    if not imagery.is_dir():
        raise ConfigError(f"--imagery {imagery}: no such folder")
    nothing_known = WorkspaceSettings(facilities="")
    return Config(workspace=nothing_known, source=FolderSettings(path=_shortest(imagery, folder)))


def _shortest(imagery: Path, folder: Path) -> str:
    """Return the path as the settings name it: relative if it lies in the workspace or beside it."""
    relative = os.path.relpath(imagery.resolve(), folder.resolve())
    return relative if relative.count("..") <= 1 else str(imagery.resolve())


def _footprint_4326(path: Path) -> Polygon | None:
    try:
        with rasterio.open(path) as image:
            epsg = CRS.from_user_input(image.crs).to_epsg() if image.crs else None
            return reproject(box(*image.bounds), from_epsg=epsg, to_epsg=LON_LAT_EPSG) if epsg else None
    except RasterioError:
        return None


def _middle(footprint_4326: Polygon) -> Polygon:
    """Return a square in the middle of `footprint_4326`, or all of it where it is smaller."""
    epsg = utm_epsg(footprint_4326)
    shape_m = reproject(footprint_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    square_m = shape_m.centroid.buffer(SAMPLE_SIDE_M / 2, cap_style="square")
    return reproject(square_m.intersection(shape_m), from_epsg=epsg, to_epsg=LON_LAT_EPSG)
