"""Squares of the military grid are those on record."""

import json
from pathlib import Path

import pytest
from shapely.geometry import shape

from geo.mgrs import mgrs_square


@pytest.mark.parametrize(
    ("lon", "lat", "square"),
    [
        pytest.param(-0.1278, 51.5074, "30UXC", id="London"),
        pytest.param(-77.0365, 38.8977, "18SUJ", id="Washington"),
        pytest.param(151.2093, -33.8688, "56HLH", id="Sydney"),
        pytest.param(8.5417, 47.3769, "32TMT", id="Zurich"),
        pytest.param(0.1, 0.1, "31NAA", id="just-north-of-the-equator"),
        pytest.param(5.3, 60.4, "32VKN", id="Bergen-in-its-wider-zone"),
    ],
)
def test_known_places_lie_in_their_squares(lon: float, lat: float, square: str) -> None:
    assert mgrs_square(lon, lat) == square


@pytest.mark.realdata
def test_all_sites_of_a_region_lie_where_their_annotators_say(shared_data: Path) -> None:
    model = json.loads((shared_data / "reference" / "formats" / "smart" / "CH_R001.geojson").read_text())
    sites = [feature for feature in model["features"] if feature["properties"]["type"] == "site_summary"]
    assert len(sites) > 150
    for feature in sites:
        centre = shape(feature["geometry"]).centroid
        assert mgrs_square(centre.x, centre.y) == feature["properties"]["mgrs"]


def test_beyond_the_zones_there_is_no_square() -> None:
    with pytest.raises(ValueError, match="no UTM zone"):
        mgrs_square(0, 89)
