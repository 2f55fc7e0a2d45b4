import math
from collections.abc import Callable

import pytest
from pyproj import Geod
from shapely.geometry import Point, box, mapping

from geo.errors import OutputError
from outputs.site.viewer.content import SiteContent
from outputs.site.viewer.records import circle, outlines, records_of, slug_of


def _collection(*features: dict[str, object]) -> dict[str, object]:
    return {"type": "FeatureCollection", "features": list(features)}


def _feature(identity: object, shape: object = None, **more: object) -> dict[str, object]:
    geometry = mapping(Point(88, 43) if shape is None else shape)
    return {
        "type": "Feature", "geometry": geometry, "properties": {"detection_id": identity, "event": "expansion", **more},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ([_feature("")], "feature 1 has no detection_id"),
        ([_feature("a"), _feature("a")], "'a' stands there twice"),
        ([{**_feature("a"), "geometry": None}], "expected points or polygons"),
    ],
)
def test_features_that_no_page_could_show_are_refused(
    sample: Callable[..., SiteContent], features: list[dict[str, object]], said: str
) -> None:
    with pytest.raises(OutputError, match=said):
        sample(features=_collection(*features))


def test_a_language_without_words_is_refused(sample: Callable[..., SiteContent]) -> None:
    with pytest.raises(OutputError, match="languages"):
        sample(languages=("en", "xx"))


@pytest.mark.parametrize("identity", ["../../etc/passwd", "a/b", "A", "..", "", "con:1", "达坂城", "a" * 200, "x\x00"])
def test_an_id_that_is_no_plain_name_gets_a_mark_instead(identity: str) -> None:
    slug = slug_of(identity, set())
    assert slug.isascii()
    assert slug.isalnum()
    assert slug != identity


def test_names_of_pages_are_never_the_same() -> None:
    assert slug_of("camp-1", {"camp-1"}) != "camp-1"
    assert slug_of("camp-1", set()) == "camp-1"


@pytest.mark.parametrize("lat", [0.0, 43.0, -78.0])
def test_the_circle_of_an_inexact_position_has_its_radius_all_around(lat: float) -> None:
    ring = circle(Point(88.0, lat), 5_000.0).exterior
    far = [Geod(ellps="WGS84").inv(88.0, lat, *corner)[2] for corner in ring.coords]
    assert all(math.isclose(one, 5_000.0, rel_tol=1e-6) for one in far)


def test_an_inexact_position_is_shown_as_its_circle_and_never_as_an_outline(sample: Callable[..., SiteContent]) -> None:
    shape = box(88.0, 43.0, 88.001, 43.001)
    content: SiteContent = sample(
        features=_collection(_feature("a", shape, position_within_m=2000.0), _feature("b", shape))
    )
    near, exact = (one["geometry"] for one in outlines(records_of(content))["features"])
    assert len(near["coordinates"][0]) == 49
    assert exact == mapping(shape)


def test_a_cell_that_is_the_place_itself_is_shown_as_it_is(sample: Callable[..., SiteContent]) -> None:
    cell = box(88.0, 43.0, 88.2, 43.1)
    told = {"position_within_m": 9000.0, "place": "somewhere in a cell"}
    content = sample(features=_collection(_feature("a", cell, **told), _feature("b", cell.centroid, **told)))
    shown, circled = records_of(content)
    assert shown.shape_4326.equals(cell)
    assert shown.within_m == 9000.0
    assert len(circled.shape_4326.exterior.coords) > 40
