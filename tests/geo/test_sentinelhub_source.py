"""The source against a stand-in service that the real `sentinelhub` package talks to over HTTP."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely.geometry import Polygon, box

from geo.errors import ConfigError, QuotaExceededError, SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.masks import MaskParams, clear_from_scl
from geo.scene import Quantity
from geo.sources.ledger import Ledger, month_of, spending_on
from geo.sources.limits import Patience, Rates
from geo.sources.sentinelhub import Credentials, Provider, SentinelHubOptions, SentinelHubSource, merge_requests, split
from geo.sources.sentinelhub.memory import Freshness
from geo.sources.sentinelhub.merge import Prices
from tests.standin.sentinelhub import (
    CLIENT_ID,
    CLIENT_SECRET,
    Fault,
    PatternWorld,
    Product,
    Service,
    every_fault,
    running,
)

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "::1"])]

SITE = box(3.0, 45.20, 3.01, 45.21)
GROUND = box(2.5, 45.0, 3.5, 45.6)
GRID = Grid.around(SITE, pixel_m=10)
FIRST, LAST = date(2020, 1, 1), date(2020, 1, 31)
BANDS = ("B04", "B11")


def optical(day: int, *, baseline: str = "0214", tile: str = "31TDF", seconds: int = 0) -> Product:
    moment = datetime(2020, 1, day, 10, 35, 12, tzinfo=UTC) + timedelta(seconds=seconds)
    name = f"S2A_MSIL2A_202001{day:02d}T103021_N{baseline}_R108_T{tile}_20200201T0000{baseline[:2]}.SAFE"
    return Product(
        product_id=name,
        collection="sentinel-2-l2a",
        observed_at=moment,
        footprint_4326=GROUND,
        properties={"platform": "sentinel-2a", "eo:cloud_cover": 12.5},
    )


def radar(day: int) -> Product:
    name = f"S1A_IW_GRDH_1SDV_202001{day:02d}T173000_202001{day:02d}T173025_0306{day:02d}_03726D_AB1{day % 10}"
    return Product(
        product_id=name,
        collection="sentinel-1-grd",
        observed_at=datetime(2020, 1, day, 17, 30, tzinfo=UTC),
        footprint_4326=GROUND,
        properties={"platform": "sentinel-1"},
    )


WORLD = PatternWorld([optical(day) for day in (1, 6, 11, 16, 21)] + [radar(day) for day in (2, 8)])


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the stand-in speaks plain HTTP
    with running(WORLD) as running_service:
        yield running_service


@pytest.fixture
def account(tmp_path: Path) -> Path:
    return tmp_path / "account"


def credentials(secret: str = CLIENT_SECRET) -> Credentials:
    return Credentials.of({"SH_CLIENT_ID": CLIENT_ID, "SH_CLIENT_SECRET": secret})


def make(service: Service, account: Path, *, secret: str = CLIENT_SECRET, **options: Any) -> SentinelHubSource:  # noqa: ANN401  # of every type
    """Return a source that asks the stand-in and does not wait long."""
    asked = SentinelHubOptions(
        provider=Provider(name="stand-in", base_url=service.base_url, token_url=service.token_url),
        patience=Patience(attempts=4, first_wait_s=0.01, jitter_share=0, longest_wait_s=3),
        rates=Rates(requests=10_000, units=10_000),
    )
    return SentinelHubSource(replace(asked, **options), credentials(secret), account_dir=account)


def search(source: SentinelHubSource) -> Any:  # noqa: ANN401  # a sequence of references
    return source.search(SITE, first=FIRST, last=LAST)


def served(product: Product, grid: Grid, band: str) -> Any:  # noqa: ANN401  # an array
    """Return what the stand-in holds, as the numbers it sends."""
    return WORLD.pixels(product, grid, [band])[0]


# --- finding and reading -------------------------------------------------------------------------


def test_all_pages_of_the_catalogue_are_read(service: Service, account: Path) -> None:
    service.behaviour.page = 2
    refs = search(make(service, account))
    assert [ref.observed_at.day for ref in refs] == [1, 6, 11, 16, 21]
    assert len(service.requests_to("/search")) == 3
    assert refs[0].scene_id == "S2A_MSIL2A_20200101T103021_R108_T31TDF"
    assert (refs[0].processing_baseline, refs[0].relative_orbit, refs[0].cloud_share) == ("02.14", 108, 0.125)


def test_a_search_asks_the_account_once(service: Service, account: Path) -> None:
    source = make(service, account)
    assert search(source) == search(source)
    assert len(service.requests_to("/search")) == 1


def test_a_long_period_is_searched_in_parts_and_each_scene_found_once(service: Service, account: Path) -> None:
    refs = make(service, account).search(SITE, first=date(1900, 1, 1), last=date(2100, 1, 1))
    assert len(refs) == 5
    years = [one.body["datetime"] for one in service.requests_to("/search")]
    assert years[0] == "2015-01-01T00:00:00Z/2015-12-31T23:59:59Z"
    assert len(years) == len(set(years)) == datetime.now(UTC).year - 2014
    assert max(one.units for one in service.requests_to("/search")) < 0.14


def test_other_processes_ask_for_years_that_are_over_only_once_a_month(service: Service, account: Path) -> None:
    whole = {"first": date(2000, 1, 1), "last": date(2100, 1, 1)}
    found = make(service, account).search(SITE, **whole)
    asked = len(service.requests_to("/search"))
    assert make(service, account).search(SITE, **whole) == found
    assert len(service.requests_to("/search")) == asked
    open_only = make(service, account, freshness=Freshness(open_s=-1.0))
    assert open_only.search(SITE, **whole) == found
    assert 1 <= len(service.requests_to("/search")) - asked <= 2
    never = make(service, account, freshness=Freshness(open_s=-1.0, settled_s=-1.0))
    assert never.search(SITE, **whole) == found
    assert len(service.requests_to("/search")) >= 2 * asked


@pytest.mark.parametrize("damage", ["", "{", '{"asked_at": 9e9}', '{"asked_at": "x", "features": []}'])
def test_a_damaged_memory_is_asked_anew(service: Service, account: Path, damage: str) -> None:
    found = search(make(service, account))
    for path in (account / "catalogue").glob("*.json"):
        path.write_text(damage, encoding="utf-8")
    assert search(make(service, account)) == found
    assert len(service.requests_to("/search")) == 2


def test_what_lies_beside_the_area_is_not_found(service: Service, account: Path) -> None:
    assert make(service, account).search(box(3.6, 45.2, 3.7, 45.3), first=FIRST, last=LAST) == ()


def test_optical_pixels_are_those_that_were_served(service: Service, account: Path) -> None:
    source = make(service, account)
    ref = search(source)[1]
    scene = source.read(ref, GRID, bands=(*BANDS, "SCL"))
    for band in BANDS:
        np.testing.assert_array_equal(np.round(scene.bands[band] * 1e4), served(optical(6), GRID, band))
        assert scene.bands[band].dtype == np.float32
    np.testing.assert_array_equal(scene.bands["SCL"], served(optical(6), GRID, "SCL"))
    assert not scene.is_clear[scene.bands["SCL"] == 9].any()
    assert 0 < scene.is_clear.mean() < 1
    assert sum(scene.hidden_share.values()) == pytest.approx(1 - scene.is_clear.mean())
    assert (scene.quantity, scene.scene_id, scene.relative_orbit) == (Quantity.REFLECTANCE, ref.scene_id, 108)


def test_radar_pixels_are_those_that_were_served(service: Service, account: Path) -> None:
    source = make(service, account, collection="sentinel-1-grd")
    refs = search(source)
    assert [ref.relative_orbit for ref in refs] == [(30602 - 73) % 175 + 1, (30608 - 73) % 175 + 1]
    scene = source.read(refs[0], GRID, bands=("VV", "VH"))
    for band in ("VV", "VH"):
        np.testing.assert_allclose(scene.bands[band], served(radar(2), GRID, band), rtol=1e-6)
    assert scene.is_clear.all()
    assert (scene.quantity, dict(scene.hidden_share)) == (Quantity.GAMMA0, {})
    (asked,) = service.requests_to("/process")
    (data,) = asked.body["input"]["data"]
    assert data["processing"]["backCoeff"] == "GAMMA0_TERRAIN"
    assert data["dataFilter"]["acquisitionMode"] == "IW"


def test_the_request_holds_the_bounds_of_the_grid_and_one_pass(service: Service, account: Path) -> None:
    source = make(service, account)
    source.read(search(source)[0], GRID, bands=BANDS)
    (asked,) = service.requests_to("/process")
    assert tuple(asked.body["input"]["bounds"]["bbox"]) == GRID.bounds_m
    assert asked.body["input"]["bounds"]["properties"]["crs"].endswith(str(GRID.epsg))
    (data,) = asked.body["input"]["data"]
    span = [datetime.fromisoformat(moment) for moment in data["dataFilter"]["timeRange"].values()]
    assert span == [datetime(2020, 1, 1, 10, minute, 12, tzinfo=UTC) for minute in (34, 36)]
    assert data["processing"]["harmonizeValues"] is True


def test_ground_that_was_not_recorded_is_nan_and_not_clear(service: Service, account: Path) -> None:
    edge = Grid.around(box(3.499, 45.2, 3.502, 45.202), pixel_m=10)
    source = make(service, account)
    scene = source.read(search(source)[0], edge, bands=("B04",))
    is_missing = np.isnan(scene.bands["B04"])
    assert 0 < is_missing.mean() < 1
    assert not scene.is_clear[is_missing].any()
    assert scene.hidden_share["nodata"] == pytest.approx(is_missing.mean())


@pytest.mark.parametrize("limit", [40, 57, 100])
def test_tiles_put_together_equal_one_request(service: Service, account: Path, limit: int) -> None:
    tiled, whole = make(service, account, max_side_px=limit), make(service, account)
    ref = search(whole)[0]
    one, other = tiled.read(ref, GRID, bands=BANDS), whole.read(ref, GRID, bands=BANDS)
    for band in BANDS:
        np.testing.assert_array_equal(one.bands[band], other.bands[band])
    np.testing.assert_array_equal(one.is_clear, other.is_clear)
    assert len(service.requests_to("/process")) > 2


def test_more_than_the_service_answers_at_once_is_asked_for_in_parts(service: Service, account: Path) -> None:
    wide = Grid(epsg=32631, left_m=480_000, top_m=5_010_000, pixel_m=10, width_px=2600, height_px=40)
    source = make(service, account)
    scene = source.read(search(source)[0], wide, bands=("B04",))
    np.testing.assert_array_equal(np.round(scene.bands["B04"] * 1e4), served(optical(1), wide, "B04"))
    assert [one.status for one in service.requests_to("/process")] == [200, 200]


def test_a_tiled_read_that_fails_midway_pays_for_no_part_twice(service: Service, account: Path) -> None:
    whole = make(service, account).read(search(make(service, account))[0], GRID, bands=BANDS)
    before = len(service.requests_to("/process"))
    parts = len(split(GRID, max_side_px=57))
    assert parts > 2
    for _ in range(parts - 1):  # one more comes each time, then the service refuses
        source = make(service, account, max_side_px=57)
        service.behaviour.faults.extend([Fault(), Fault(status=400)])
        with pytest.raises(SourceError, match="answered 400"):
            source.read(search(source)[0], GRID, bands=BANDS)
    source = make(service, account, max_side_px=57)
    scene = source.read(search(source)[0], GRID, bands=BANDS)
    assert len(service.requests_to("/process", status=200)) - before == parts
    for band in BANDS:
        np.testing.assert_array_equal(scene.bands[band], whole.bands[band])
    assert list((account / "parts").iterdir()) == []


def test_a_damaged_part_is_asked_for_again(service: Service, account: Path) -> None:
    source = make(service, account, max_side_px=57)
    service.behaviour.faults.extend([Fault(), Fault(status=400)])
    with pytest.raises(SourceError, match="answered 400"):
        source.read(search(source)[0], GRID, bands=BANDS)
    (part,) = (account / "parts").iterdir()
    part.write_bytes(part.read_bytes()[:50])
    source.read(search(source)[0], GRID, bands=BANDS)
    assert len(service.requests_to("/process", status=200)) == len(split(GRID, max_side_px=57)) + 1


def test_parts_of_another_processing_are_not_put_together(service: Service, account: Path) -> None:
    source = make(service, account, max_side_px=57)
    service.behaviour.faults.extend([Fault(), Fault(status=400)])
    ref = search(source)[0]
    with pytest.raises(SourceError, match="answered 400"):
        source.read(ref, GRID, bands=BANDS)
    source.read(replace(ref, fingerprint="another"), GRID, bands=BANDS)
    assert len(service.requests_to("/process", status=200)) == len(split(GRID, max_side_px=57)) + 1


def test_what_is_left_of_one_area_is_kept_while_another_of_the_same_product_comes(
    service: Service, account: Path
) -> None:
    source = make(service, account, max_side_px=57)
    ref, other = search(source)[0], replace(GRID, left_m=GRID.left_m + 10 * GRID.width_px)
    service.behaviour.faults.extend([Fault(), Fault(status=400)])
    with pytest.raises(SourceError, match="answered 400"):
        source.read(ref, GRID, bands=BANDS)
    source.read(ref, other, bands=BANDS)
    source.read(ref, GRID, bands=BANDS)
    assert len(service.requests_to("/process", status=200)) == 2 * len(split(GRID, max_side_px=57))
    assert list((account / "parts").iterdir()) == []


def test_near_areas_read_together_equal_each_read_alone(service: Service, account: Path) -> None:
    grids = [GRID, replace(GRID, left_m=GRID.left_m + 1500), replace(GRID, top_m=GRID.top_m - 700)]
    (group,) = merge_requests(grids, Prices(bands=3, units_per_request=1.0))
    source = make(service, account)
    ref = search(source)[0]
    together = source.read_together(ref, [grids[index] for index in group.members], bands=BANDS)
    assert len(service.requests_to("/process")) == 1
    for grid, scene in zip(grids, together, strict=True):
        alone = source.read(ref, grid, bands=BANDS)
        for band in BANDS:
            np.testing.assert_array_equal(scene.bands[band], alone.bands[band])


def test_grids_between_each_others_pixels_are_not_read_together(service: Service, account: Path) -> None:
    source = make(service, account)
    with pytest.raises(SourceError, match="same pixels"):
        source.read_together(search(source)[0], [GRID, replace(GRID, left_m=GRID.left_m + 3)], bands=BANDS)


def test_how_clear_an_area_was_is_told_by_one_layer(service: Service, account: Path) -> None:
    source = make(service, account)
    ref = search(source)[0]
    share = source.clear_share(ref, GRID)
    (asked,) = service.requests_to("/process")
    assert asked.units == pytest.approx(max(GRID.width_px * GRID.height_px / 512**2, 0.01) / 3, rel=1e-3)
    assert share == pytest.approx(source.read(ref, GRID, bands=BANDS).is_clear.mean())


@pytest.mark.parametrize(("layer", "unit", "certain"), [("CLP", "DN", 255), ("CLD", "PERCENT", 100)])
def test_a_cloud_probability_hides_what_the_classes_call_clear_for_the_price_of_a_band(
    service: Service, account: Path, layer: str, unit: str, certain: int
) -> None:
    provider = Provider(name="x", base_url=service.base_url, token_url=service.token_url, cloud_layer=layer)
    plain = make(service, account, provider=provider)
    ref = search(plain)[0]
    without = plain.read(ref, GRID, bands=(*BANDS, "SCL"))
    mask = MaskParams(cloud_probability_percent=40)
    scene = make(service, account, provider=provider, mask=mask).read(ref, GRID, bands=(*BANDS, "SCL"))
    first, second = service.requests_to("/process")
    assert layer not in first.body["evalscript"]
    assert f'"{layer}", "dataMask"], units: ["DN", "DN", "DN", "{unit}", "DN"]' in second.body["evalscript"]
    assert second.units == pytest.approx(first.units * 4 / 3)
    is_cloud = served(optical(1), GRID, layer) / certain >= 0.4
    is_clear_class = without.bands["SCL"] == 4
    assert 0 < (is_cloud & is_clear_class).mean() < is_clear_class.mean()
    np.testing.assert_array_equal(scene.bands["SCL"], np.where(is_cloud & is_clear_class, 8, without.bands["SCL"]))
    np.testing.assert_array_equal(scene.is_clear, clear_from_scl(scene.bands["SCL"], mask))
    assert scene.hidden_share["cloud"] == pytest.approx((scene.bands["SCL"] >= 8).mean())
    assert sum(scene.hidden_share.values()) == pytest.approx(1 - scene.is_clear.mean())
    assert layer not in ref.bands


def clouded(service: Service, account: Path, **options: Any) -> SentinelHubSource:  # noqa: ANN401  # of every type
    """Return a source whose mask is made from the cloud probability too."""
    provider = Provider(name="x", base_url=service.base_url, token_url=service.token_url, cloud_layer="CLD")
    return make(service, account, provider=provider, mask=MaskParams(cloud_probability_percent=40), **options)


def test_how_clear_an_area_was_is_told_with_the_cloud_probability_where_it_is_wanted(
    service: Service, account: Path
) -> None:
    source = clouded(service, account)
    ref = search(source)[0]
    share = source.clear_share(ref, GRID)
    assert share == pytest.approx(source.read(ref, GRID, bands=BANDS).is_clear.mean())
    plain = make(service, account).clear_share(ref, GRID)
    assert share is not None
    assert plain is not None
    assert share < plain


def test_a_cloud_probability_beyond_certainty_is_an_error_that_names_the_scene(service: Service, account: Path) -> None:
    class Odd(PatternWorld):
        def pixels(self, product: Product, grid: Grid, bands: Sequence[str]) -> NDArray[np.float64]:
            return super().pixels(product, grid, bands) + [[[150.0]] if band == "CLD" else [[0.0]] for band in bands]

    service.world = Odd(WORLD.products())
    source = clouded(service, account)
    ref = search(source)[0]
    with pytest.raises(SourceError, match=f"{ref.scene_id}: a cloud probability lies between 0 and 100"):
        source.read(ref, GRID, bands=BANDS)


def test_radar_has_no_cloud_probability(service: Service, account: Path) -> None:
    source = clouded(service, account, collection="sentinel-1-grd")
    assert source.read(search(source)[0], GRID, bands=("VV",)).is_clear.all()
    assert "CLD" not in service.requests_to("/process")[0].body["evalscript"]


@pytest.mark.parametrize("bands", [("B10",), ("VV",), ("CLP",), ("CLD",)])
def test_a_band_that_is_not_offered_is_refused_before_it_costs(
    service: Service, account: Path, bands: tuple[str, ...]
) -> None:
    source = make(service, account)
    with pytest.raises(SourceError, match="expected bands of B01"):
        source.read(search(source)[0], GRID, bands=bands)
    assert service.requests_to("/process") == []


def test_the_newest_processing_is_found_and_read(service: Service, account: Path) -> None:
    service.world = PatternWorld([optical(1), optical(1, baseline="0500")])
    source = make(service, account)
    (ref,) = search(source)
    assert ref.processing_baseline == "05.00"
    scene = source.read(ref, GRID, bands=("B04",))
    np.testing.assert_array_equal(np.round(scene.bands["B04"] * 1e4), served(optical(1, baseline="0500"), GRID, "B04"))


# --- tokens --------------------------------------------------------------------------------------


def test_one_token_serves_many_requests(service: Service, account: Path) -> None:
    source = make(service, account)
    for ref in search(source):
        source.read(ref, GRID, bands=BANDS)
    assert len(service.requests_to("/token")) == 1


def test_a_token_that_ends_is_replaced_in_time(service: Service, account: Path) -> None:
    service.behaviour.token_life_s = 1.0
    source = make(service, account)
    refs = search(source)
    service.behaviour.token_life_s = 3600.0
    source.read(refs[0], GRID, bands=BANDS)
    assert service.requests_to("/process", status=401) == []
    assert len(service.requests_to("/token")) >= 2


def test_a_refused_token_is_replaced_once(service: Service, account: Path) -> None:
    source = make(service, account)
    refs = search(source)
    service.revoke_tokens()
    source.read(refs[0], GRID, bands=BANDS)
    assert [one.status for one in service.requests_to("/process")] == [401, 200]


def test_a_service_that_takes_no_token_is_not_asked_for_ever(service: Service, account: Path) -> None:
    source = make(service, account)
    refs = search(source)
    service.behaviour.faults.extend([Fault(status=401)] * 9)
    with pytest.raises(SourceError, match="answered 401"):
        source.read(refs[0], GRID, bands=BANDS)
    assert len(service.requests_to("/process")) == 2


def test_wrong_credentials_are_refused_at_once_and_not_shown(service: Service, account: Path) -> None:
    source = make(service, account, secret="another-secret-91")  # noqa: S106  # of no account
    with pytest.raises(ConfigError, match=r"the credentials are refused \(invalid_client\)") as caught:
        source.search(Polygon(), first=FIRST, last=LAST)
    assert "another-secret-91" not in str(caught.value)
    assert len(service.requests_to("/token")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(status=503), id="busy"),
        pytest.param(Fault(status=429), id="too-often"),
        pytest.param(Fault(body=b"<html>"), id="a-page"),
        pytest.param(Fault(body=b'{"token_type": "Bearer"}'), id="no-token"),
        pytest.param(Fault(status=400, body=b'{"error": "temporarily_unavailable"}'), id="later"),
    ],
)
def test_a_token_service_in_trouble_is_asked_again(service: Service, account: Path, fault: Fault) -> None:
    service.behaviour.token_faults.append(fault)
    make(service, account).check()
    assert len(service.requests_to("/token")) == 2


def test_a_token_service_that_stays_away_is_given_up(service: Service, account: Path) -> None:
    service.behaviour.token_faults.extend([Fault(status=503)] * 9)
    with pytest.raises(SourceUnavailableError, match="answered 503; tried 4 times"):
        make(service, account).check()


def test_a_secret_is_sent_nowhere_without_encryption(
    service: Service, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT")
    with pytest.raises(ConfigError, match="expected an address with https"):
        make(service, account).check()
    assert service.log == []


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(len(every_fault())))
def test_every_fault_that_passes_ends_in_the_right_pixels(service: Service, account: Path, index: int) -> None:
    source = make(service, account)
    ref = search(source)[0]
    service.behaviour.faults.append(every_fault()[index])
    scene = source.read(ref, GRID, bands=("B04",))
    np.testing.assert_array_equal(np.round(scene.bands["B04"] * 1e4), served(optical(1), GRID, "B04"))
    assert len(service.requests_to("/process")) == 2


@pytest.mark.parametrize("index", range(len(every_fault())))
def test_every_fault_of_the_catalogue_ends_in_the_right_scenes(service: Service, account: Path, index: int) -> None:
    service.behaviour.catalog_faults.append(every_fault()[index])
    assert len(search(make(service, account))) == 5
    assert len(service.requests_to("/search")) == 2


@pytest.mark.parametrize("index", range(len(every_fault())))
def test_every_fault_that_stays_is_an_error_that_names_the_product(service: Service, account: Path, index: int) -> None:
    source = make(service, account, patience=Patience(attempts=2, first_wait_s=0.01, jitter_share=0))
    ref = search(source)[0]
    service.behaviour.faults.extend([every_fault()[index]] * 9)
    with pytest.raises(SourceUnavailableError, match=f"stand-in: {ref.scene_id}: .*; tried 2 times") as caught:
        source.read(ref, GRID, bands=BANDS)
    assert "\n" not in str(caught.value)


def test_many_random_faults_change_no_pixel(service: Service, account: Path) -> None:
    service.behaviour.fault_share = 0.4
    service.behaviour.chance.seed(7)
    source = make(service, account, patience=Patience(attempts=9, first_wait_s=0.01, jitter_share=0, longest_wait_s=2))
    for ref in search(source):
        scene = source.read(ref, GRID, bands=("B04",))
        truth = served(optical(ref.observed_at.day), GRID, "B04")
        np.testing.assert_array_equal(np.round(scene.bands["B04"] * 1e4), truth)
    assert len(service.requests_to("/process")) > 5


def test_a_pause_that_the_service_asks_for_is_kept_by_every_process(service: Service, account: Path) -> None:
    source, other = make(service, account), make(service, account)
    ref = search(source)[0]
    search(other)
    service.behaviour.faults.append(Fault(status=429, headers={"Retry-After": "700"}))
    began = monotonic()
    source.read(ref, GRID, bands=BANDS)
    assert 0.7 <= monotonic() - began < 3
    service.behaviour.faults.append(Fault(status=429, headers={"Retry-After": "99000"}))
    with pytest.raises(SourceUnavailableError, match="asks for a pause of 99 s"):
        source.read(ref, GRID, bands=BANDS)
    state = json.loads((account / "rate.json").read_text(encoding="utf-8"))
    assert state["paused_until"] > datetime.now(UTC).timestamp() + 90


def test_an_answer_that_never_ends_is_left(service: Service, account: Path) -> None:
    source = make(
        service, account, answer_timeout_s=0.5, patience=Patience(attempts=2, first_wait_s=0.01, jitter_share=0)
    )
    ref = search(source)[0]
    service.behaviour.faults.extend([Fault(drip_s=0.1), Fault(delay_s=1.0)])
    began = monotonic()
    with pytest.raises(SourceUnavailableError, match="no whole answer"):
        source.read(ref, GRID, bands=BANDS)
    assert monotonic() - began < 4


def test_what_is_refused_for_good_is_asked_once(service: Service, account: Path) -> None:
    source = make(service, account)
    ref = search(source)[0]
    service.behaviour.faults.append(Fault(status=400))
    with pytest.raises(SourceError, match=r"answered 400 \(injected STAND_IN\)") as caught:
        source.read(ref, GRID, bands=BANDS)
    assert not isinstance(caught.value, SourceUnavailableError)
    assert len(service.requests_to("/process")) == 1


def test_a_service_that_is_not_there_is_unavailable(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with running(WORLD) as gone:
        source = make(gone, account)
    with pytest.raises(SourceUnavailableError, match="no answer"):
        source.check()


# --- limits and spending -------------------------------------------------------------------------


def test_a_used_up_account_is_not_asked_again(service: Service, account: Path) -> None:
    source = make(service, account)
    refs = search(source)
    service.behaviour.units_left = 0.1
    with pytest.raises(QuotaExceededError, match="used up"):
        [source.read(ref, GRID, bands=BANDS) for ref in refs]
    asked = len(service.log)
    assert 0 < len(service.requests_to("/process", status=200)) < len(refs)
    for question in (
        lambda: source.read(refs[-1], GRID, bands=BANDS),
        lambda: source.search(GROUND, first=FIRST, last=LAST),
    ):
        with pytest.raises(QuotaExceededError, match="used up"):
            question()
    assert len(service.log) == asked
    service.behaviour.units_left = 100.0
    assert make(service, account).read(refs[-1], GRID, bands=BANDS).is_clear.any()


def test_the_account_never_asks_more_often_than_it_may(service: Service, account: Path) -> None:
    source = make(service, account, rates=Rates(requests=5, units=1000, window_s=1.0))
    for ref in search(source) * 2:
        source.read(ref, GRID, bands=("B04",))
    times = [one.at for one in service.log if "token" not in one.path]
    assert len(times) == 11
    assert times[-1] - times[0] >= 1.9


@pytest.mark.parametrize("is_stated", [True, False])
def test_what_is_written_down_is_what_the_service_charged(service: Service, account: Path, is_stated: bool) -> None:  # noqa: FBT001  # a case
    service.behaviour.states_units = is_stated
    optical_source, radar_source = make(service, account), make(service, account, collection="sentinel-1-grd")
    with spending_on("west"):
        optical_source.read(search(optical_source)[0], GRID, bands=BANDS)
    with spending_on("east"):
        radar_source.read(search(radar_source)[0], GRID, bands=("VV", "VH"))
    ledger, month = Ledger(account), month_of(datetime.now(UTC))
    assert ledger.spent(month).units == pytest.approx(service.units, abs=1e-5)
    assert ledger.spent(month).requests == len(service.log) - 2
    assert set(ledger.by_area(month)) == {"west", "east"}
    assert {entry.is_stated for entry in ledger.entries(month)} == {is_stated}


def test_an_answer_that_arrived_damaged_is_charged_and_written_down(service: Service, account: Path) -> None:
    source = make(service, account)
    ref = search(source)[0]
    service.behaviour.faults.append(Fault(keep_share=0.5))
    source.read(ref, GRID, bands=BANDS)
    month = month_of(datetime.now(UTC))
    entries = [entry for entry in Ledger(account).entries(month) if entry.kind == "process"]
    assert [entry.is_accepted for entry in entries] == [False, True]
    assert {entry.product for entry in entries} == {ref.scene_id}


# --- secrets, home, imports ----------------------------------------------------------------------


def test_no_secret_and_no_token_reaches_a_log_or_a_file(
    service: Service, account: Path, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    source = make(service, account)
    refs = search(source)
    service.revoke_tokens()
    service.behaviour.faults.extend(every_fault()[-4:-1])
    source.read(refs[0], GRID, bands=BANDS)
    service.behaviour.faults.append(Fault(status=400, body=f"{CLIENT_ID} {CLIENT_SECRET}".encode()))
    with pytest.raises(SourceError) as caught:
        source.read(refs[0], GRID, bands=BANDS)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode(errors="replace")
    shown = f"{caplog.text} {written} {caught.value} {source!r} {vars(source)}"
    assert "again in" in shown
    assert not [secret for secret in (CLIENT_ID, CLIENT_SECRET, *service.tokens) if secret in shown]


def test_the_home_folder_is_neither_read_nor_written(
    service: Service, account: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    settings = home / ".config" / "sentinelhub" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[default-profile]\nsh_base_url = "http://127.0.0.1:9"\nmax_retries = 1\n', encoding="utf-8")
    (home / ".netrc").write_text("machine 127.0.0.1 login someone password else\n", encoding="utf-8")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    source = make(service, account)
    source.read(search(source)[0], GRID, bands=BANDS)
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    assert {one.status for one in service.log} == {200}


def test_two_services_may_be_used_in_one_process(service: Service, account: Path) -> None:
    with running(PatternWorld([optical(1)])) as second:
        assert len(search(make(second, account / "second"))) == 1
        assert len(search(make(service, account / "first"))) == 5


def test_the_package_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, geo.sources.sentinelhub; sys.exit('sentinelhub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
