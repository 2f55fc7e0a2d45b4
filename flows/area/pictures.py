"""Draw the pictures of one area's detections: which look, which surroundings, under which name."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from aoi.facilities import Facility
from geo.crs import LON_LAT_EPSG, reproject
from geo.scene import Stack
from outputs.pictures.before_after import draw_before_after
from outputs.pictures.chips import Chip, chip, choose_looks, window_of
from outputs.pictures.contents import ONE_BAND, TRUE_COLOUR, BeforeAfter, FacilityMark
from outputs.pictures.course import courses
from outputs.pictures.series import Series, write_series
from outputs.pictures.timelapse import Film, choose_frames, write_timelapse
from outputs.rasters.maps import Further
from outputs.vocabulary import EVENT_WORDS, review_words, words

logger = logging.getLogger(__name__)

MARGIN_M = 250.0
"""How much of the surroundings a picture shows on each side."""
LEAST_CLEAR = 0.5
"""A look at less (0-1) of a place is not shown in its time-lapse."""
SERIES_NAME = "series"
TIMELAPSES_NAME = "timelapse"
OTHER_COLOURS = {
    "false-colour": (("B08", "B04", "B03"), "False colour (B08, B04, B03): what grows is red"),
    "swir": (("B12", "B08", "B04"), "Short-wave infrared (B12, B08, B04): what grows is green, bare and built bright"),
}
"""Name in the file's name to the bands shown as red, green and blue, and to what is said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the pictures of one area say beside the looks themselves."""

    area_name: str
    facilities: Sequence[Facility]
    credit: str
    radar: tuple[str, Sequence[int]] = ("", ())
    """The credit line of radar, and the years of its looks."""
    radar_platforms: tuple[str, ...] = ()
    hidden_days: tuple[date, ...] = ()
    """Of looks at the area that did not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the pictures of one area go."""

    pictures: Path
    series: Path
    timelapses: Path
    formats: Sequence[str]
    """How time-lapses are written (`outputs.pictures.timelapse.FORMATS`); none are where it is empty."""


def draw_pictures(
    folders: Folders,
    detections: gpd.GeoDataFrame,
    stack: Stack,
    surroundings: Surroundings,
    *,
    further: Further | None = None,
) -> None:
    """Draw the pictures of each detection, which lies in the CRS of the stack's grid, named after its id.

    Before and after in true colour, and in false colour and short-wave infrared where there are such bands; the time
    series; the time-lapse.

    Raises:
        OutputError: The disk does not take it.

    """
    marks = tuple(_mark(facility, epsg=stack.grid.epsg) for facility in surroundings.facilities)
    for row in detections.itertuples():
        if not _is_shown_by(stack.days, row):
            logger.info("%s: no picture: the looks do not lie on both sides of its beginning", row.detection_id)
            continue  # found when the period was another one
        looks = chip(stack, row.geometry, margin_m=MARGIN_M)
        picture, shown = _picture(row, looks, surroundings, marks=marks)
        draw_before_after(folders.pictures / picture_name(row.detection_id), picture)
        for name, other in _in_other_colours(picture, stack, shown, further):
            draw_before_after(folders.pictures / f"{row.detection_id}-{name}.png", other)
        write_series(folders.series / picture_name(row.detection_id), _series(row, stack, looks, surroundings))
        for ending in folders.formats:
            write_timelapse(folders.timelapses / f"{row.detection_id}.{ending}", _film(row, looks, surroundings))


def _is_shown_by(days: Sequence[date], row: Any) -> bool:  # noqa: ANN401  # a row has no type of its own
    """Say whether there are looks at a detection before it began and after."""
    after, by, last = (_day(stamp) for stamp in (row.onset_after, row.onset_by, row.last_seen_on))
    return any(day <= after for day in days) and any(by <= day <= last for day in days)


def picture_name(detection_id: str) -> str:
    """Return the name of a detection's picture."""
    return f"{detection_id}.png"


def looks_picture_name(area_id: str) -> str:
    """Return the name of the picture of all scenes of an area."""
    return f"{area_id}-looks.png"


def most_telling(detections: gpd.GeoDataFrame, count: int) -> gpd.GeoDataFrame:
    """Return the `count` detections that are most worth a picture: confirmed before candidates, then by confidence."""
    is_open = detections["status"] != "confirmed"
    order = detections.assign(is_open=is_open).sort_values(["is_open", "confidence"], ascending=[True, False])
    return detections.loc[order.index[:count]]


def credit_line(credit: str, years: Iterable[int]) -> str:
    """Put the years of the scenes into a credit line: ``2017``, ``2017-2019``, or ``2017, 2020-2021``."""
    spans: list[list[int]] = []
    for year in sorted(set(years)):
        if spans and spans[-1][-1] == year - 1:
            spans[-1].append(year)
        else:
            spans.append([year])
    words = ", ".join(f"{span[0]}-{span[-1]}" if len(span) > 1 else f"{span[0]}" for span in spans)
    return credit.replace("{years}", words or "no year")


def credit_lines(parts: Iterable[tuple[str, Iterable[int]]]) -> str:
    """Return the credit lines of several sources as one; sources with the same line share it, and its years.

    Args:
        parts: The line of each source, and the years of its scenes; one without years was not used.

    """
    years: dict[str, set[int]] = {}
    for number, (credit, some) in enumerate(parts):
        seen = set(some)
        if credit and (seen or number == 0):
            years.setdefault(credit, set()).update(seen)
    return "; ".join(credit_line(credit, of) for credit, of in years.items())


def _picture(
    row: Any,  # noqa: ANN401  # a row has no type of its own
    looks: Chip,
    surroundings: Surroundings,
    *,
    marks: tuple[FacilityMark, ...],
) -> tuple[BeforeAfter, tuple[int, int]]:
    """Return the picture, and which looks it shows."""
    after, by, last = (_day(stamp) for stamp in (row.onset_after, row.onset_by, row.last_seen_on))
    before_index, after_index = choose_looks(looks, onset_after=after, onset_by=by, last_on=last)
    picture = BeforeAfter(
        before=looks.rgb[before_index],
        after=looks.rgb[after_index],
        grid=looks.grid,
        outline_m=row.geometry,
        before_on=looks.days[before_index],
        after_on=looks.days[after_index],
        detection_id=row.detection_id,
        area_name=surroundings.area_name,
        event=row.event,
        status=row.status,
        confidence=row.confidence,
        onset_after=after,
        onset_by=by,
        credit=_credit(row, surroundings, (looks.days[before_index].year, looks.days[after_index].year)),
        facilities=marks,
        review=review_words(row.verdict),
        colours=TRUE_COLOUR if looks.is_true_colour else ONE_BAND,
    )
    return picture, (before_index, after_index)


def _in_other_colours(
    picture: BeforeAfter, stack: Stack, shown: tuple[int, int], further: Further | None
) -> Iterator[tuple[str, BeforeAfter]]:
    """Yield the same picture in the colours for which there are bands, each with its name."""
    rows, columns = window_of(stack.grid, picture.grid)

    def layers(index: int) -> dict[str, NDArray[np.float32]]:
        own = {name: stack.dataset[name][index, rows, columns].to_numpy() for name in stack.bands}
        read = further.read(index, rows)[:, :, columns] if further else ()
        return {**own, **dict(zip(further.bands if further else (), read, strict=True))}

    before, after = (layers(index) for index in shown)
    for name, (bands, said) in OTHER_COLOURS.items():
        if not all(band in before for band in bands):
            continue
        pair = [np.stack([side[band] for band in bands], axis=-1) for side in (before, after)]
        if all(np.isfinite(side).any() for side in pair):
            yield name, replace(picture, before=pair[0], after=pair[1], colours=said)


def _series(row: Any, stack: Stack, looks: Chip, surroundings: Surroundings) -> Series:  # noqa: ANN401  # as for `_picture`
    rows, columns = window_of(stack.grid, looks.grid)
    bands = {name: stack.dataset[name][:, rows, columns].to_numpy() for name in stack.bands}
    found = courses(bands, looks.days, looks.grid, row.geometry, onset_after=_day(row.onset_after))
    is_hidden = ~np.isfinite(found[0].inside)
    hidden = {day for day, is_so in zip(looks.days, is_hidden, strict=True) if is_so}
    growth = json.loads(row.evidence).get("growth", ())
    return Series(
        detection_id=row.detection_id,
        area_name=surroundings.area_name,
        event=row.event,
        days=looks.days,
        courses=found,
        hidden_days=tuple(sorted(hidden | set(surroundings.hidden_days))),
        onset_after=_day(row.onset_after),
        onset_by=_day(row.onset_by),
        growth=tuple((date.fromisoformat(day), float(area_m2)) for day, area_m2 in growth),
        credit=_credit(row, surroundings, tuple(day.year for day in looks.days)),
    )


def _film(row: Any, looks: Chip, surroundings: Surroundings) -> Film:  # noqa: ANN401  # as for `_picture`
    onset = (_day(row.onset_after), _day(row.onset_by))
    frames = choose_frames(looks.days, looks.clear_share.tolist(), around=onset, least_clear=LEAST_CLEAR)
    days = tuple(looks.days[index] for index in frames)
    return Film(
        title=f"{words(EVENT_WORDS, row.event)}: {surroundings.area_name}. {row.detection_id}",
        days=days,
        frames=looks.rgb[list(frames)],
        grid=looks.grid,
        outline_m=row.geometry,
        event=row.event,
        onset_after=onset[0],
        onset_by=onset[1],
        credit=_credit(row, surroundings, tuple(day.year for day in days)),
    )


def _credit(row: Any, surroundings: Surroundings, years: tuple[int, ...]) -> str:  # noqa: ANN401  # as for `_picture`
    """Return the credit of one picture; that of radar stands on those that it told something for."""
    is_heard = any(name in str(row.sensors) for name in surroundings.radar_platforms)
    return credit_lines([(surroundings.credit, years), *([surroundings.radar] if is_heard else [])])


def _mark(facility: Facility, *, epsg: int) -> FacilityMark:
    location_m = reproject(facility.location_4326, from_epsg=LON_LAT_EPSG, to_epsg=epsg)
    return FacilityMark(name=facility.names[0], location_m=location_m)


def _day(stamp: Any) -> date:  # noqa: ANN401  # pandas' Timestamp, which mypy does not see here
    day: date = stamp.date()
    return day
