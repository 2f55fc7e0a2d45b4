"""The five maps of an area: what is in each, how it is stored, and what it says of itself."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from detection.changes import ChangeMap
from geo.atomic import atomic_file
from geo.scene import Quantity, Stack
from outputs.rasters.cog import Band, Layout, Strip, as_counts, strips_of, write_cog
from outputs.rasters.composite import Composite, Side, looks_in_order
from outputs.rasters.ramps import MAGNITUDE_STOPS, Stop, as_qml, colour_table, spread_stops

RASTERS_NAME = "rasters"
BEFORE, AFTER, MAGNITUDE, ONSET, CLEAR_LOOKS = RASTER_NAMES = ("before", "after", "magnitude", "onset", "clear_looks")
"""The files of an area, each ending in .tif."""
REFLECTANCE_SCALE = 1e-4
DISPLAY_SCALE = 1 / 255
NO_ONSET = 0
EPOCH = date(1970, 1, 1)
_STRIP_VALUES = 1 << 22
"""So many values of one band, all looks taken together, are held at once."""
_COLOURS: Mapping[str, ColorInterp] = {
    "B02": ColorInterp.blue,
    "B03": ColorInterp.green,
    "B04": ColorInterp.red,
    "B08": ColorInterp.nir,
    "B11": ColorInterp.swir,
    "B12": ColorInterp.swir,
}
_BYTE_MOST = 254
"""Counts up to this fit into a byte with a colour table; 255 is no count."""
_UNSEEN_BYTE, _UNSEEN_WORD = 255, 65535


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Further:
    """Bands in which no change is looked for, for pictures alone."""

    bands: tuple[str, ...]
    read: Callable[[int, slice], NDArray[np.float32]]
    """Gives them of a look, by its index in the stack, in some rows, on the place where the stack has that look:
    shape (band, y, x); NaN where they could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Maps:
    """All that the maps of one area are made from."""

    area_id: str
    area_name: str
    stack: Stack
    """The looks that count, co-registered."""
    changes: ChangeMap
    clear_shares: Mapping[str, float]
    """Scene id to the share (0-1) of the area that was clearly seen."""
    credit: Callable[[Iterable[int]], str]
    """Gives the credit line for the years of some looks."""
    software: str
    further: Further | None = None


def write_maps(folder: Path, maps: Maps) -> None:
    """Write the five maps of an area, and how QGIS shall colour three of them, into `folder`.

    Raises:
        OutputError: The disk does not take it.

    """
    for side in Side:
        _write_look(folder / f"{side}.tif", maps, side)
    _write_magnitude(folder / f"{MAGNITUDE}.tif", maps)
    _write_onset(folder / f"{ONSET}.tif", maps)
    _write_clear_looks(folder / f"{CLEAR_LOOKS}.tif", maps)
    for name, (stops, labels) in _styles(maps).items():
        with atomic_file(folder / f"{name}.qml") as part:
            part.write_text(as_qml(stops, labels), encoding="utf-8")


def onset_day(value: int) -> date:
    """Return the day that a stored onset stands for."""
    return EPOCH + timedelta(days=value)


def _rows(maps: Maps) -> Sequence[slice]:
    """Return strips of whole tiles."""
    stack = maps.stack
    rows = _STRIP_VALUES // (stack.grid.width_px * max(1, len(stack.days)))
    return strips_of(stack.grid, rows=max(64, rows // 64 * 64))


def _write_look(path: Path, maps: Maps, side: Side) -> None:
    stack, further = maps.stack, maps.further
    shares = [maps.clear_shares.get(scene, 0.0) for scene in stack.scene_ids]
    composite = Composite(order=looks_in_order(stack.days, shares, side), seen_bands=len(stack.bands))
    names = (*stack.bands, *(further.bands if further else ()))
    is_display = stack.quantity is Quantity.DISPLAY
    scale, most = (DISPLAY_SCALE, 255) if is_display else (REFLECTANCE_SCALE, 65535)
    unit = "brightness" if is_display else "reflectance"

    def read(index: int, rows: slice) -> NDArray[np.float32]:
        own = [stack.dataset[name][index, rows].to_numpy() for name in stack.bands]
        more = further.read(index, rows) if further else ()
        return np.stack([*own, *more]).astype(np.float32)

    layout = Layout(
        bands=tuple(
            Band(name=name, colour=_COLOURS.get(name, ColorInterp.undefined), scale=scale, unit=unit) for name in names
        ),
        dtype="uint8" if is_display else "uint16",
        nodata=0,
    )
    strips = (
        (rows.start, as_counts(part, per_unit=1 / scale, most=most))
        for rows, part in composite.strips(read, _rows(maps))
    )
    write_cog(path, stack.grid, layout, strips, tags=lambda: _look_tags(maps, composite, side))


def _write_magnitude(path: Path, maps: Maps) -> None:
    layout = Layout(bands=(Band(name=MAGNITUDE, unit="sigma"),), dtype="float32", nodata=float("nan"))
    strips = ((part.start, np.array(maps.changes.steps.score_z[part])[None]) for part in _rows(maps))
    meaning = (
        "How far before and after lie apart at the clearest step, in robust sigma of unchanged ground of this area; "
        "NaN: not seen both before and after."
    )
    write_cog(path, maps.stack.grid, layout, strips, tags=lambda: _change_tags(maps, "Change magnitude", meaning))


def _write_onset(path: Path, maps: Maps) -> None:
    days = np.array([(day - EPOCH).days for day in maps.stack.days], dtype=np.int32)

    def strips() -> Iterator[Strip]:
        for part in _rows(maps):
            onset = np.array(maps.changes.steps.onset[part])
            has_onset = np.array(maps.changes.is_changed[part]) & (onset > 0)
            yield part.start, np.where(has_onset, days[np.maximum(onset, 0)], NO_ONSET)[None]

    layout = Layout(
        bands=(Band(name=ONSET, unit="days since 1970-01-01"),), dtype="int32", nodata=NO_ONSET, overviews="NEAREST"
    )
    meaning = (
        "Where the ground changed for good: the day of the first look after the clearest step of the pixel, in days "
        "since 1970-01-01; 0: no lasting change. The change began before that day, after an earlier look."
    )
    write_cog(path, maps.stack.grid, layout, strips(), tags=lambda: _change_tags(maps, "Onset date", meaning))


def _write_clear_looks(path: Path, maps: Maps) -> None:
    is_byte = len(maps.stack.days) <= _BYTE_MOST
    unseen = _UNSEEN_BYTE if is_byte else _UNSEEN_WORD
    layout = Layout(
        bands=(Band(name=CLEAR_LOOKS, unit="looks"),),
        dtype="uint8" if is_byte else "uint16",
        nodata=unseen,
        overviews="NEAREST",
        colour_table=colour_table(_clear_stops(maps), unseen=unseen) if is_byte else {},
    )
    counts = maps.changes.clear_looks
    strips = ((part.start, counts[part][None]) for part in _rows(maps))
    meaning = f"On how many of {len(maps.stack.days)} looks the pixel was clearly seen. 0: never."
    write_cog(path, maps.stack.grid, layout, strips, tags=lambda: _change_tags(maps, "Clear looks", meaning))


def _clear_stops(maps: Maps) -> tuple[Stop, ...]:
    return spread_stops(0, max(4, len(maps.stack.days)))


def _styles(maps: Maps) -> Mapping[str, tuple[Sequence[Stop], Sequence[str]]]:
    """Return the colours of the maps of one value, and what the legend says of each."""
    first, last = ((day - EPOCH).days for day in (maps.stack.days[0], maps.stack.days[-1]))
    onset, clear = spread_stops(first, last), _clear_stops(maps)
    return {
        MAGNITUDE: (MAGNITUDE_STOPS, [f"{value:g} sigma" for value, _ in MAGNITUDE_STOPS]),
        ONSET: (onset, [onset_day(round(value)).isoformat() for value, _ in onset]),
        CLEAR_LOOKS: (clear, [f"{value:g} looks" for value, _ in clear]),
    }


def _look_tags(maps: Maps, composite: Composite, side: Side) -> dict[str, str]:
    stack, shares = maps.stack, composite.shares()
    stamps = stack.dataset["time"].to_numpy()
    looks = [
        {
            "scene_id": stack.scene_ids[index],
            "observed_at": f"{np.datetime_as_string(stamps[index], unit='s')}Z",
            "share": round(share, 4),
        }
        for index, share in shares.items()
    ]
    shown = stack.days[composite.order[0]]
    meaning = (
        f"The {'first' if side is Side.BEFORE else 'last'} clear look, {shown}; where it was hidden, the nearest in "
        "time that was not. 0: not clearly seen."
    )
    years = {stack.days[index].year for index in shares}
    return {
        **_common_tags(maps, side.capitalize(), meaning, years=years),
        "TIFFTAG_DATETIME": np.datetime_as_string(stamps[composite.order[0]], unit="s")
        .replace("-", ":")
        .replace("T", " "),
        "ACQUISITION_DATE": shown.isoformat(),
        "ACQUISITION_DATES": ",".join(stack.days[index].isoformat() for index in shares),
        "SCENES": json.dumps(looks, ensure_ascii=False),
    }


def _change_tags(maps: Maps, title: str, meaning: str) -> dict[str, str]:
    days = maps.stack.days
    return {
        **_common_tags(maps, title, meaning, years={day.year for day in days}),
        "FIRST_DATE": days[0].isoformat(),
        "LAST_DATE": days[-1].isoformat(),
        "ACQUISITION_DATES": ",".join(day.isoformat() for day in days),
    }


def _common_tags(maps: Maps, title: str, meaning: str, *, years: Iterable[int]) -> dict[str, str]:
    return {
        "TIFFTAG_COPYRIGHT": maps.credit(years),
        "TIFFTAG_SOFTWARE": maps.software,
        "TIFFTAG_IMAGEDESCRIPTION": f"{title}: {maps.area_name}. {meaning}",
        "AREA_ID": maps.area_id,
    }
