"""What a release tells, and what stands under each of its products."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import geopandas as gpd
import pandas as pd

from detection.schema import Status, Verdict

PRELIMINARY = "preliminary, not reviewed"
CONFIRMED = "confirmed by a reviewer"
_GONE = (Status.DROPPED.value, Status.REJECTED.value)
"""What later looks do not show, or a reviewer holds to be false, is no finding."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AreaPicture:
    """What is known of the ground of an area, to draw a map on."""

    name: str
    after_tif: Path | None = None
    """The composite of the last looks, as a run leaves it; None: the map has no picture under it."""
    before_tif: Path | None = None
    """The same of the first looks; None: there are no pairs to swipe between."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Release:
    """All that a release tells; nothing in it is more exact than its audience may know."""

    name: str
    title: str
    audience: str
    created_at: datetime
    run_id: str
    """Of the run that it was made from."""
    table: gpd.GeoDataFrame
    """Detections as published, in EPSG:4326: the columns of the schema, in which what is withheld is missing."""
    coverage: gpd.GeoDataFrame
    """Of all areas that were watched; without their outlines where these are withheld."""
    credit: str
    is_preliminary: bool
    """Whether findings may stand in it that nobody has looked at."""
    version: str
    publisher: str = ""
    license_url: str = ""
    positions: str = "Outlines and positions are as they were found; pixels are ten metres wide."
    """How exact the places are, in words."""
    withheld: Sequence[str] = ()
    """What is not in it that the workspace knows, one sentence each."""
    left_out: Sequence[str] = ()
    """What of the detections is not in it and why, one sentence each."""
    counts: tuple[int, int] | None = None
    """How many changes in how many areas, where the title says just that; None: it was given."""
    areas: Mapping[str, AreaPicture] = field(default_factory=lambda: MappingProxyType({}))
    """By area id; empty where areas must not be named."""

    @property
    def mark(self) -> str:
        """What every product says where findings are in it that nobody has looked at; else empty."""
        return f"{PRELIMINARY.capitalize()}." if self.is_preliminary else ""

    @property
    def review_state(self) -> str:
        """The same, as a value of a field."""
        return PRELIMINARY if self.is_preliminary else CONFIRMED


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chosen:
    """Which detections are published, and how many are not, by why."""

    table: gpd.GeoDataFrame
    left_out: Mapping[str, int]

    def sentences(self) -> list[str]:
        """Return what is told of those that are not in the release."""
        return [f"{count} left out: {why}." for why, count in self.left_out.items() if count]


def chosen(
    detections: gpd.GeoDataFrame, *, include_unreviewed: bool = False, withdrawn: Collection[str] = ()
) -> Chosen:
    """Return the detections that a reviewer confirmed; with `include_unreviewed` also those without a verdict.

    What was rejected or could not be decided is never among them, nor what later looks do not show, nor `withdrawn`.
    """
    is_withdrawn = detections["detection_id"].isin(list(withdrawn))
    detections, taken_back = detections[~is_withdrawn], int(is_withdrawn.sum())
    verdict, is_gone = detections["verdict"], detections["status"].isin(_GONE)
    is_open = verdict.isna()
    keep = (verdict == Verdict.CONFIRMED.value) & ~is_gone
    left_out = {
        "withdrawn, and not confirmed again since": taken_back,
        "a reviewer could not decide, or reviewers disagree": int((verdict == Verdict.UNSURE.value).sum()),
        "rejected by a reviewer": int((verdict == Verdict.REJECTED.value).sum()),
        "later clear looks do not show them": int((is_gone & (verdict != Verdict.REJECTED.value)).sum()),
    }
    if include_unreviewed:
        keep |= is_open & ~is_gone
    else:
        left_out["not reviewed"] = int((is_open & ~is_gone).sum())
    return Chosen(table=detections[keep].reset_index(drop=True), left_out=left_out)


def published_table(release: Release) -> gpd.GeoDataFrame:
    """Return the table as all formats carry it: with review state, run and credit in each row."""
    states = [PRELIMINARY if pd.isna(one) else CONFIRMED for one in release.table["verdict"]]
    table = release.table.assign(
        review_state=pd.Series(states, dtype=object, index=release.table.index),
        run_id=release.run_id,
        release=release.name,
    )
    others = [name for name in table.columns if name != "geometry"]
    return table[[*others, "geometry"]]
