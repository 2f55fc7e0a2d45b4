"""Which real series does a benchmark blend its implants into, and what is known of each?

Every background is imagery as it was recorded: its own clouds, haze, seasons, noise and misregistration. What changed
on it by itself is told by `quiet`: ground on which, as far as is known, nothing was built or torn down in that time,
so that everything that is called built there without an implant is false.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject as warp
from scipy.ndimage import binary_dilation
from shapely.geometry import Point, box

from benchmarks.oscd import first_band, read_pair
from detection.params import DETECTION_BANDS
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import RGB_BANDS, Quantity, Stack
from geo.sources.base import SceneRef
from geo.sources.folder import FolderSource
from geo.sources.simulated.light import median_of_seen

EVER = {"first": date(1980, 1, 1), "last": date(2100, 1, 1)}
_PAIR_SIDE_PX = 120
_PLAIN_TOA_PATH = {"B02": 0.075, "B03": 0.045, "B04": 0.028, "B08": 0.012}
"""What clear air adds at the top of the atmosphere, as reflectance: what level 1C has more than level 2A."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Background:
    """One window of a real series."""

    name: str
    stack: Stack
    quiet: NDArray[np.bool_]
    """Shape (y, x): where nothing is known to have been built or torn down."""
    scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Band to (gain, offset) that make a surface's reflectance what this series records; missing: as it is."""

    @property
    def years(self) -> float:
        """How long it was watched."""
        return (self.stack.days[-1] - self.stack.days[0]).days / 365.25

    @property
    def inside(self) -> NDArray[np.bool_]:
        """The pixels of the watched area, shape (y, x): all that are quiet, but for a rim."""
        rim = np.zeros(self.stack.grid.shape, dtype=bool)
        rim[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX] = True
        return rim & self.quiet


_RIM_PX = 5


def read_stack(folder: Path, grid: Grid, bands: Sequence[str], *, named: str = "") -> Stack:
    """Read all scenes of `folder` whose name begins with `named` on `grid`."""
    source = FolderSource(folder)
    refs = [ref for ref in source.search(grid.footprint_4326, **EVER) if _is_wanted(ref, bands, named)]
    return Stack.of([source.read(ref, grid, bands=bands) for ref in refs])


def _is_wanted(ref: SceneRef, bands: Sequence[str], named: str) -> bool:
    return ref.scene_id.startswith(named) and ref.quantity is not Quantity.GAMMA0 and set(bands) <= set(ref.bands)


def romania(data: Path) -> list[Background]:
    """Return 140 dates of forest in five years; its clear-cuts are change, but nothing was built."""
    grid = Grid(epsg=3035, left_m=5_271_982.577, top_m=2_533_004.215, pixel_m=10, width_px=100, height_px=100)
    stack = read_stack(data / "romania_forest", grid, DETECTION_BANDS)
    return [_whole("romania", stack)]


def belgium(data: Path) -> list[Background]:
    """Return twelve monthly composites of fields around a village."""
    grid = Grid(epsg=32631, left_m=664_000, top_m=5_612_120, pixel_m=10, width_px=100, height_px=100)
    return [_whole("belgium", _from_linked(data / "belgium_village_s1_s2", "file,units\n*.nc,db83\n", grid, ""))]


def flanders(data: Path) -> list[Background]:
    """Return twenty very cloudy looks at a place in one winter."""
    grid = Grid(epsg=32631, left_m=643_260, top_m=5_676_480, pixel_m=10, width_px=64, height_px=66)
    return [_whole("flanders", _from_linked(data / "flanders_s1_s2", _FLEMISH, grid, "bap"))]


def flanders_spring(data: Path) -> list[Background]:
    """Return twelve looks at the same place in one April, in red and two infrared bands."""
    grid = Grid(epsg=32631, left_m=643_260, top_m=5_676_480, pixel_m=10, width_px=64, height_px=66)
    bands = ("B04", "B08", "B11")
    stack = _from_linked(data / "flanders_s1_s2", _FLEMISH, grid, "cdse_sentinel2", bands=bands)
    return [_whole("flanders-spring", stack)]


def flanders_autumn(data: Path) -> list[Background]:
    """Return nineteen very cloudy looks at another place, in one autumn."""
    grid = Grid(epsg=32631, left_m=587_880, top_m=5_685_430, pixel_m=10, width_px=46, height_px=52)
    return [_whole("flanders-autumn", _from_linked(data / "flanders_s1_s2", _FLEMISH, grid, "test_optical"))]


_FLEMISH = "file,scale,units\nbap*,0.0001,\ncdse_sentinel1_grd.nc,,db83\n"


def _from_linked(
    folder: Path, sidecar: str, grid: Grid, named: str, *, bands: Sequence[str] = DETECTION_BANDS
) -> Stack:
    """Read a folder that needs a ``scenes.csv`` and has none, and may not be written to."""
    with TemporaryDirectory() as beside:
        for path in folder.glob("*.nc"):
            (Path(beside) / path.name).symlink_to(path.resolve())
        (Path(beside) / "scenes.csv").write_text(sidecar, encoding="utf-8")
        return read_stack(Path(beside), grid, bands, named=named)


def _whole(name: str, stack: Stack) -> Background:
    return Background(name=name, stack=stack, quiet=np.ones(stack.grid.shape, dtype=bool))


def dabancheng(data: Path) -> list[Background]:
    """Return true-colour frames of desert, fields and villages around a compound that is built in that time.

    Windows that come near the compound, or near what was built beside it, are left out.
    """
    scale = _display_scale(data / "dabancheng")
    left, bottom, right, top = reproject(box(*_DABANCHENG), from_epsg=LON_LAT_EPSG, to_epsg=_DABANCHENG_EPSG).bounds
    built = [
        reproject(Point(*place), from_epsg=LON_LAT_EPSG, to_epsg=_DABANCHENG_EPSG).buffer(radius_m)
        for *place, radius_m in _BUILT_AT_DABANCHENG
    ]
    windows = []
    for row, column in product(range(2), range(5)):
        corner = (left + 60 + column * (right - left - 1120) / 4, top - 60 - row * (top - bottom - 1120))
        grid = Grid.covering(
            (corner[0], corner[1] - 1000, corner[0] + 1000, corner[1]), epsg=_DABANCHENG_EPSG, pixel_m=10.0
        )
        quiet = np.logical_and.reduce(
            [~grid.is_inside(reproject(place, from_epsg=_DABANCHENG_EPSG, to_epsg=LON_LAT_EPSG)) for place in built]
        )
        if quiet.mean() > _MOSTLY:
            stack = read_stack(data / "dabancheng" / "rgb_series", grid, RGB_BANDS)
            windows.append(Background(name=f"dabancheng-{row}{column}", stack=stack, quiet=quiet, scale=scale))
    return windows


_DABANCHENG = (88.2455, 43.3714, 88.3235, 43.3964)
_DABANCHENG_EPSG = 32645
_BUILT_AT_DABANCHENG = (
    (88.28994, 43.38385, 800.0),
    (88.272503, 43.378749, 500.0),
    (88.27302, 43.38841, 400.0),
    (88.28584, 43.37694, 450.0),
)
"""Longitude, latitude and radius in metres of what was built between the frames, or may have been begun: two compounds
that are on record, and two works that the frames themselves show from spring 2018 on (bright heaps or slabs; a pit and
a new track). Ponds that dry and ice that melts are not among them: nothing was built or torn down there."""
_MOSTLY = 0.7


def _display_scale(folder: Path) -> dict[str, tuple[float, float]]:
    """Measure how the frames' display values follow from reflectance, on desert that is the same in 2020.

    The date of 2020 is level 2A as bytes, reflectance times 255; the frames are level 1C, stretched. Both err, so the
    gain is the ratio of their spreads; a regression would make it too small.
    """
    grid = Grid.around(box(*_DABANCHENG), pixel_m=10.0)
    display = median_of_seen(read_stack(folder / "rgb_series", grid, RGB_BANDS).values)
    scale = {}
    for band, values in zip(RGB_BANDS, display, strict=True):
        (path,) = (folder / "Sen2_2020_06_02").glob(f"*_{band}_*.tiff")
        reflectance = _warped(path, grid) / np.float32(255)
        is_seen = np.isfinite(values) & (reflectance > 0)
        x, y = reflectance[is_seen], values[is_seen]
        is_usual = (x > np.quantile(x, 0.02)) & (x < np.quantile(x, 0.98)) & (y < np.float32(0.98))
        gain = float(y[is_usual].std() / x[is_usual].std())
        scale[band] = (gain, float(y[is_usual].mean()) - gain * float(x[is_usual].mean()))
    return scale


def _warped(path: Path, grid: Grid) -> NDArray[np.float32]:
    target = np.zeros(grid.shape, dtype=np.float32)
    with rasterio.open(path) as dataset:
        warp(
            rasterio.band(dataset, 1),
            target,
            dst_transform=grid.transform,
            dst_crs=f"EPSG:{grid.epsg}",
            resampling=Resampling.bilinear,
        )
    return target


def oscd(data: Path) -> list[Background]:
    """Return windows of pairs of cities, level 1C, where the labels tell of little change."""
    windows = []
    for folder in sorted((data / "oscd" / "images").iterdir()):
        labels = data / "oscd" / "labels" / folder.name / "cm" / f"{folder.name}-cm.tif"
        if labels.is_file():
            windows += _pair_windows(folder, labels)
    return windows


def _pair_windows(folder: Path, labels: Path) -> list[Background]:
    stack = read_pair(folder)
    changed = _labels_on(stack.grid, labels, first_band(folder))
    height, width = stack.grid.shape
    scale = {band: (0.9, path) for band, path in _PLAIN_TOA_PATH.items()}
    windows = []
    for top, left in product(
        range(0, height - _PAIR_SIDE_PX + 1, _PAIR_SIDE_PX), range(0, width - _PAIR_SIDE_PX + 1, _PAIR_SIDE_PX)
    ):
        part = crop(stack, top, left, _PAIR_SIDE_PX)
        quiet = ~changed[top : top + _PAIR_SIDE_PX, left : left + _PAIR_SIDE_PX]
        if quiet.mean() > _MOSTLY and part.is_clear.mean() > _MOSTLY:
            windows.append(Background(name=f"{folder.name}-{top}-{left}", stack=part, quiet=quiet, scale=scale))
    return windows


def _labels_on(grid: Grid, labels: Path, like: Path) -> NDArray[np.bool_]:
    """Return labelled change, grown by 30 m, on `grid`."""
    with rasterio.open(like) as dataset:
        transform, crs = dataset.transform, dataset.crs
    target = np.zeros(grid.shape, dtype=np.uint8)
    with rasterio.open(labels) as dataset:
        warp(
            dataset.read(1),
            target,
            src_transform=transform,
            src_crs=crs,
            dst_transform=grid.transform,
            dst_crs=f"EPSG:{grid.epsg}",
            resampling=Resampling.nearest,
        )
    return np.asarray(binary_dilation(target != 1, iterations=3), dtype=bool)  # 1 is no change; 0 lies beyond


def crop(stack: Stack, top: int, left: int, side_px: int) -> Stack:
    """Return a square of a stack."""
    grid = replace(
        stack.grid,
        left_m=stack.grid.left_m + left * stack.grid.pixel_m,
        top_m=stack.grid.top_m - top * stack.grid.pixel_m,
        width_px=side_px,
        height_px=side_px,
    )
    cut = stack.dataset.isel(y=slice(top, top + side_px), x=slice(left, left + side_px))
    return Stack(dataset=cut, grid=grid, quantity=stack.quantity)


BACKGROUNDS: Mapping[str, Callable[[Path], list[Background]]] = {
    "romania": romania,
    "belgium": belgium,
    "flanders": flanders,
    "dabancheng": dabancheng,
    "oscd": oscd,
}

TOO_SHORT: Mapping[str, Callable[[Path], list[Background]]] = {
    "flanders-spring": flanders_spring,
    "flanders-autumn": flanders_autumn,
}
"""Series of weeks: nothing can be built in them, but nothing may be raised in them either."""


@lru_cache(maxsize=16)
def read_backgrounds(name: str, data: Path) -> tuple[Background, ...]:
    """Return the windows of one of `BACKGROUNDS` or `TOO_SHORT`."""
    return tuple({**BACKGROUNDS, **TOO_SHORT}[name](data))
