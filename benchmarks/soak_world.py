"""A small world for long watches: three places, over which imagery comes in day by day, with clouds and an outage."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry import Polygon, box, mapping

from geo.crs import LON_LAT_EPSG, reproject

EPSG = 32631
PLACES = {"quiet": 500_000.0, "built": 506_000.0, "bare": 512_000.0}
"""Left edge of the imagery of each place, in metres. In one of them something is built."""
TOP_M, SIDE_PX, PIXEL_M, MARGIN_PX = 5_000_800.0, 40, 10.0, 8
BANDS = ("B02", "B03", "B04", "B08", "SCL")
REVISIT_DAYS, CLOUDY = 10, 0.35
CLEAR_CLASS, CLOUD_CLASS = 5, 9
HISTORY, HISTORY_STEP_DAYS = 24, 30
"""Looks that are there before the first run, and how far apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What happens on which day of the watch."""

    first: date
    days: int
    seed: int = 0

    @property
    def built_from(self) -> date:
        """The day on which the building stands."""
        return self.first + timedelta(days=self.days // 4)

    def is_outage(self, day: date) -> bool:
        """Say whether no imagery comes in: for a fifth of the time there is no satellite."""
        return 0.4 * self.days <= (day - self.first).days < 0.6 * self.days

    def looks_on(self, day: date) -> bool:
        """Say whether imagery comes in on this day."""
        return (day - self.first).days % REVISIT_DAYS == 0 and not self.is_outage(day)

    def history(self) -> list[date]:
        """Return the days of the looks that are there from the start."""
        return [self.first - timedelta(days=HISTORY_STEP_DAYS * step) for step in range(HISTORY, 0, -1)]

    def start_of_run(self, day: date) -> datetime:
        """Return when the run of a day begins."""
        return datetime.combine(day, time(3, 0), tzinfo=UTC)


def make_world(root: Path, story: Story, *, settings: str = "") -> None:
    """Write settings, watch list and the imagery of the time before into the new folder `root`."""
    (root / "imagery").mkdir(parents=True)
    features = [
        {"type": "Feature", "properties": {"id": place, "name": place}, "geometry": mapping(_outline(left_m))}
        for place, left_m in PLACES.items()
    ]
    collection = {"type": "FeatureCollection", "features": features}
    (root / "areas.geojson").write_text(json.dumps(collection), encoding="utf-8")
    margin = f"[grid]\nmargin_m = {MARGIN_PX * PIXEL_M}\n"
    source = '[workspace]\nfacilities = ""\n[source]\nkind = "folder"\npath = "imagery"\n'
    (root / "sitewatch.toml").write_text(source + margin + settings, encoding="utf-8")
    for day in story.history():
        write_looks(root, story, day)


def write_looks(root: Path, story: Story, day: date) -> int:
    """Write what was seen of each place on a day; return how many files that made."""
    for number, (place, left_m) in enumerate(PLACES.items()):
        path = root / "imagery" / f"S2A_{day:%Y%m%d}T{10 + number}0000_{place}.tif"
        profile = {"driver": "GTiff", "dtype": "uint16", "count": len(BANDS), "width": SIDE_PX, "height": SIDE_PX}
        where = {"crs": f"EPSG:{EPSG}", "transform": Affine(PIXEL_M, 0, left_m, 0, -PIXEL_M, TOP_M)}
        with rasterio.open(path, "w", **profile, **where) as file:
            file.write(pixels(story, place, day))
            file.descriptions = BANDS
    return len(PLACES)


def pixels(story: Story, place: str, day: date) -> NDArray[np.uint16]:
    """Return one look, shape (band, y, x): textured ground, noise, clouds with their class, perhaps a building."""
    rng = np.random.default_rng([story.seed, *place.encode(), day.toordinal()])
    ground = np.random.default_rng([story.seed, *place.encode()]).normal(2200, 150, (SIDE_PX, SIDE_PX))
    values = ground * np.array([0.7, 0.9, 1.0, 1.15])[:, None, None]
    if place == "built" and day >= story.built_from:
        rows, columns = np.indices((14, 14))
        values[:, 12:26, 12:26] = np.where((rows // 3 + columns // 5) % 2, 4200.0, 1300.0)
    values += rng.normal(0, 15, values.shape)
    classes = np.full((1, SIDE_PX, SIDE_PX), CLEAR_CLASS, dtype=np.float64)
    if day >= story.first and rng.random() < CLOUDY:
        hidden = int(rng.integers(SIDE_PX // 2, SIDE_PX + 1))
        values[:, :hidden] = 6500 + rng.normal(0, 60, (4, hidden, SIDE_PX))
        classes[:, :hidden] = CLOUD_CLASS
    counts: NDArray[np.uint16] = np.concatenate([values.clip(1, 10_000), classes]).astype(np.uint16)
    return counts


def _outline(left_m: float) -> Polygon:
    side_m, edge_m = SIDE_PX * PIXEL_M, MARGIN_PX * PIXEL_M
    ground = box(left_m + edge_m, TOP_M - side_m + edge_m, left_m + side_m - edge_m, TOP_M - edge_m)
    return reproject(ground, from_epsg=EPSG, to_epsg=LON_LAT_EPSG)
