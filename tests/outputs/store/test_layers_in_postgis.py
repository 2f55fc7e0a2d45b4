import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from sqlalchemy import make_url, text

from geo.errors import ConfigError
from outputs.layers.geopackage import LAYERS
from outputs.layers.postgis import share_layers, shared_project
from outputs.layers.project import write_project
from outputs.store import Store, record_run
from tests.outputs.store.runs import first_moves, write_run

SCRIPT = Path(__file__).parents[1] / "layers" / "qgis_project_check.py"
STYLES_SCRIPT = Path(__file__).with_name("qgis_default_styles.py")
MADE = datetime(2024, 5, 6, tzinfo=UTC)
pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def shared(  # noqa: PLR0913, PLR0917 - one fixture a layer
    tmp_path: Path,
    postgres_url: str,
    detections: gpd.GeoDataFrame,
    coverage: gpd.GeoDataFrame,
    areas: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame,
    perimeters: gpd.GeoDataFrame,
) -> Iterator[Store]:
    tables = {"detections": detections, "coverage": coverage, "areas": areas, "facilities": facilities}
    tables |= {"perimeters": perimeters}
    opened = Store.open(postgres_url)
    opened.upgrade()
    record_run(opened, write_run(tmp_path / "run", tables, first_moves(detections), at=MADE))
    share_layers(opened)
    yield opened
    opened.close()


@pytest.mark.postgis
@pytest.mark.qgis
def test_a_team_opens_the_store_live_in_the_same_styles_and_no_password_is_in_the_project(
    shared: Store, tmp_path: Path, in_qgis: Callable[..., Mapping[str, Any]], perimeters: gpd.GeoDataFrame
) -> None:
    url = make_url(shared.engine.url)
    services = tmp_path / "pg_service.conf"
    services.write_text(f"[team]\nhost={url.host}\nport={url.port}\nuser={url.username}\ndbname={url.database}\n")
    project = tmp_path / "team.qgz"
    write_project(project, shared_project(shared, service="team", made_at=MADE))
    with zipfile.ZipFile(project) as archive:
        document = unescape(archive.read("team.qgs").decode())
    assert "service='team'" in document
    assert not any(word in document for word in ("password", "user=", str(url.host), str(url.database)))
    report = in_qgis(SCRIPT, project, tmp_path, "2017-03-10", PGSERVICEFILE=str(services))
    layers = report["layers"]
    assert (report["read"], report["messages"]) == (True, [])
    assert [one["name"] for one in layers.values() if not one["valid"]] == []
    counts = {key.removeprefix("sitewatch_").removesuffix("_all"): one["features"] for key, one in layers.items()}
    assert counts["detections"] == 6
    assert counts["detections_demolition"] == 1
    assert (counts["coverage"], counts["areas"], counts["facilities"], counts["facility_outlines"]) == (4, 4, 3, 1)
    assert counts["perimeters"] == len(perimeters)
    assert layers["sitewatch_detections_all"]["categories"][0] == "construction/confirmed"
    assert report["seen_until"] == {"2017-03-10": 6}


@pytest.mark.postgis
@pytest.mark.qgis
def test_a_layer_added_by_hand_comes_in_its_style(shared: Store, in_qgis: Callable[..., Mapping[str, Any]]) -> None:
    url = make_url(shared.engine.url)
    where = f"host='{url.host}' port='{url.port}' user='{url.username}' dbname='{url.database}'"
    report = in_qgis(STYLES_SCRIPT, where, *LAYERS)
    assert report["messages"] == []
    assert {name: one["loaded"] for name, one in report["layers"].items()} == dict.fromkeys(LAYERS, True)
    assert report["layers"]["detections"]["categories"][0] == "construction/confirmed"
    assert report["layers"]["coverage"]["categories"] == ["found", "nothing_found", "not_observed", "no_imagery"]
    assert report["layers"]["detections"]["verdict"] == "ValueMap"


@pytest.mark.postgis
def test_sharing_again_leaves_one_style_a_layer_and_those_of_others(shared: Store) -> None:
    with shared.writing() as connection:
        connection.execute(text("INSERT INTO layer_styles (f_table_name, styleName) VALUES ('roads', 'mine')"))
    views = share_layers(shared)
    with shared.reading() as connection:
        kept = dict(
            connection.execute(text("SELECT f_table_name, count(*) FROM layer_styles GROUP BY 1")).tuples().all()
        )
    assert kept == {**dict.fromkeys(views, 1), "roads": 1}


@pytest.mark.postgis
def test_the_tables_can_be_brought_up_to_date_and_checked_with_the_views_there(shared: Store) -> None:
    shared.upgrade()
    assert shared.check() == []


def test_a_store_in_a_file_is_not_shared_live(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'store.sqlite'}")
    with pytest.raises(ConfigError, match="only a PostGIS store can be opened live"):
        share_layers(store)
    store.close()


@pytest.mark.postgis
def test_a_service_that_would_smuggle_more_into_the_address_is_refused(shared: Store) -> None:
    with pytest.raises(ConfigError, match="a service and an authcfg are made of letters"):
        shared_project(shared, service="team' password='x", made_at=MADE)
