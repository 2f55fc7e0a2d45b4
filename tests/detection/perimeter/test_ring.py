"""A ring that stands out is traced to where it was drawn; an analyst's outline is taken as it is."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from shapely.affinity import rotate, translate
from shapely.geometry import LinearRing, MultiPolygon, Point, Polygon, box

from aoi.facilities import Facility
from detection.perimeter.ring import RingParams, composite_of, perimeter_of, trace_ring
from geo.crs import LON_LAT_EPSG, reproject
from geo.grid import Grid
from geo.scene import Stack
from geo.sources.folder import FolderSource
from geo.sources.simulated.coverage import coverage_on

GRID = Grid(epsg=32645, left_m=603_000, top_m=4_805_000, pixel_m=10, width_px=110, height_px=110)
SITE = translate(rotate(box(-200, -150, 200, 150), 25), 603_550, 4_804_450)


def picture(seed: int, *, contrast: float = -0.1, site: Polygon = SITE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    wall = coverage_on(site.exterior.buffer(3, join_style="mitre"), GRID)
    ground = 0.3 + 0.02 * gaussian_filter(rng.normal(size=GRID.shape), 1) + contrast * gaussian_filter(wall, 0.42)
    return np.stack([ground, ground * 1.1]).astype(np.float32)


def off_m(line: LinearRing, truth: LinearRing) -> np.ndarray:
    return np.array([truth.distance(line.interpolate(place)) for place in np.arange(0, line.length, 5)])


def roughly(site: Polygon, error_m: float, seed: int) -> Polygon:
    corners = np.asarray(site.exterior.coords)[:-1]
    angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, len(corners))
    return Polygon(corners + error_m * np.column_stack([np.cos(angle), np.sin(angle)]))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("contrast", [-0.1, 0.1], ids=["dark", "bright"])
def test_a_drawn_ring_is_traced_around_a_point(seed: int, contrast: float) -> None:
    middle = translate(SITE.centroid, 40, -30)
    ring = trace_ring(picture(seed, contrast=contrast), GRID, middle, RingParams())
    assert ring is not None
    assert np.median(off_m(ring.line_m, SITE.exterior)) < 3
    assert np.median(off_m(SITE.exterior, ring.line_m)) < 3
    assert ring.line_m.is_valid
    assert Polygon(ring.line_m).contains(middle)


def test_a_rough_outline_is_drawn_to_the_line() -> None:
    rough = roughly(SITE, 25, 3)
    ring = trace_ring(picture(1), GRID, rough, RingParams())
    assert ring is not None
    assert np.median(off_m(ring.line_m, SITE.exterior)) < 3 < np.median(off_m(rough.exterior, SITE.exterior))


def test_what_stands_out_less_is_less_clear_and_less_certain() -> None:
    strong, weak = (trace_ring(picture(2, contrast=c), GRID, SITE.centroid, RingParams()) for c in (-0.1, -0.005))
    assert strong is not None
    assert weak is not None
    assert strong.clearness > weak.clearness
    assert strong.median_uncertainty_m < weak.median_uncertainty_m


def test_an_analysts_outline_always_wins() -> None:
    outline = reproject(box(603_400, 4_804_300, 603_600, 4_804_500), from_epsg=GRID.epsg, to_epsg=LON_LAT_EPSG)
    small = reproject(box(603_650, 4_804_300, 603_700, 4_804_350), from_epsg=GRID.epsg, to_epsg=LON_LAT_EPSG)
    for location in (outline, MultiPolygon([small, outline])):
        facility = Facility(facility_id="a", names=("a",), location_4326=location, position_error_m=4)
        ring = perimeter_of(facility, picture(0), GRID)
        assert ring is not None
        assert not ring.is_traced
        assert ring.line_m.hausdorff_distance(box(603_400, 4_804_300, 603_600, 4_804_500).exterior) < 0.01
        assert set(ring.uncertainty_m) == {4.0}


def test_a_point_is_traced_and_one_at_the_edge_or_unseen_is_not() -> None:
    def facility(x: float, y: float) -> Facility:
        point = reproject(Point(x, y), from_epsg=GRID.epsg, to_epsg=LON_LAT_EPSG)
        return Facility(facility_id="a", names=("a",), location_4326=point)

    middle = facility(603_550, 4_804_450)
    found = perimeter_of(middle, picture(0), GRID)
    assert found is not None
    assert found.is_traced
    assert perimeter_of(facility(603_040, 4_804_450), picture(0), GRID) is None
    assert perimeter_of(middle, np.full_like(picture(0), np.nan), GRID) is None


def test_a_composite_is_of_one_season(make_stack: Callable[..., Stack]) -> None:
    values = np.arange(4, dtype=np.float32)[:, None, None, None] * np.ones((4, 2, 5, 5), dtype=np.float32)
    days = [date(2020, 1, 1), date(2020, 6, 1), date(2020, 7, 1), date(2020, 8, 1)]
    assert (composite_of(make_stack(values, days), (6, 7, 8)) == 2).all()
    with pytest.raises(ValueError, match="no look in the months 11"):
        composite_of(make_stack(values, days), (11,))


EYE = box(604_170, 4_804_040, 604_805, 4_804_460)
"""Dabancheng, facility 1, read by eye on the frame of 2018-10-11 as it is, enlarged 16 times, in EPSG:32645: the middle
of the dark lines on the north (northing 4,804,460), on the south (4,804,040) and on the east (easting 604,805), and on
the west the edge of the yard where the southern line ends (604,170). Each is good to half a pixel, the west to one."""


@pytest.mark.realdata
def test_at_dabancheng_rough_outlines_and_the_point_lead_to_what_the_eye_sees(shared_data: Path) -> None:
    grid = Grid.around(Point(88.28994, 43.38385).buffer(0.008), pixel_m=10)
    source = FolderSource(shared_data / "dabancheng" / "rgb_series")
    (ref,) = source.search(grid.footprint_4326, first=date(2018, 10, 11), last=date(2018, 10, 11))
    frame = Stack.of([source.read(ref, grid, bands=("B04", "B03", "B02"))]).values[0]
    rough = [roughly(EYE, 25, seed) for seed in range(6)]
    traced = [trace_ring(frame, grid, place, RingParams()) for place in (*rough, EYE.centroid)]
    errors = [float(np.median(off_m(ring.line_m, EYE.exterior))) for ring in traced if ring is not None]
    assert len(errors) == 7
    assert np.median(errors) < 10
    assert max(errors) < 15
    assert errors[-1] < 10, "from the point alone"
    assert all(ring.median_uncertainty_m > 10 for ring in traced if ring is not None), "several lines run side by side"
