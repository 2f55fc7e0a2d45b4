"""Draw the pictures of one area's detections: which look, which surroundings, under which name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd

from aoi.facilities import Facility
from geo.crs import LON_LAT_EPSG, reproject
from geo.scene import Stack
from outputs.pictures.before_after import draw_before_after
from outputs.pictures.chips import chip, choose_looks
from outputs.pictures.contents import BeforeAfter, FacilityMark
from outputs.vocabulary import review_words

MARGIN_M = 250.0
"""How much of the surroundings a picture shows on each side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the pictures of one area say beside the looks themselves."""

    area_name: str
    facilities: Sequence[Facility]
    credit: str
    radar: tuple[str, Sequence[int]] = ("", ())
    """The credit line of radar, and the years of its looks."""
    radar_platforms: tuple[str, ...] = ()


def draw_pictures(folder: Path, detections: gpd.GeoDataFrame, stack: Stack, surroundings: Surroundings) -> None:
    """Draw one picture a detection, which lies in the CRS of the stack's grid, into `folder`, named after its id.

    Raises:
        OutputError: The disk does not take it.

    """
    marks = tuple(_mark(facility, epsg=stack.grid.epsg) for facility in surroundings.facilities)
    for row in detections.itertuples():
        picture = _picture(row, stack, surroundings, marks=marks)
        draw_before_after(folder / picture_name(row.detection_id), picture)


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
    stack: Stack,
    surroundings: Surroundings,
    *,
    marks: tuple[FacilityMark, ...],
) -> BeforeAfter:
    after, by, last = (_day(stamp) for stamp in (row.onset_after, row.onset_by, row.last_seen_on))
    looks = chip(stack, row.geometry, margin_m=MARGIN_M)
    before_index, after_index = choose_looks(looks, onset_after=after, onset_by=by, last_on=last)
    return BeforeAfter(
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
        is_true_colour=looks.is_true_colour,
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
