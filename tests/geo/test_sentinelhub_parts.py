"""What is decided before and after a service is asked: names, looks, tiles, merging, scripts, answers, secrets."""

import logging
import pickle
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.io import MemoryFile
from shapely.geometry import box, mapping

from geo.cost import OPTICAL_16_BIT
from geo.errors import ConfigError, QuotaExceededError, SourceError
from geo.grid import Grid
from geo.scene import Quantity
from geo.sources.limits import BusyError
from geo.sources.sentinelhub import RECIPES, Credentials, Prices, Secret, SentinelHubOptions, merge_requests, split
from geo.sources.sentinelhub.answers import Answer, trouble_of, units_of_search
from geo.sources.sentinelhub.products import looks_of, parse_item, parse_name, ref_of, window_of
from geo.sources.sentinelhub.raster import DamagedError, read_answer, stitched
from geo.sources.sentinelhub.recipe import values_of
from geo.sources.sentinelhub.tiles import offset_px

OPTICAL, RADAR = RECIPES["sentinel-2-l2a"], RECIPES["sentinel-1-grd"]
GRID = Grid(epsg=32631, left_m=500_000, top_m=5_000_000, pixel_m=10, width_px=30, height_px=20)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def feature(
    name: str, moment: str = "2022-03-12T10:05:21Z", properties: Mapping[str, object] | None = None
) -> dict[str, Any]:
    return {"id": name, "geometry": mapping(box(0, 0, 1, 1)), "properties": {"datetime": moment, **(properties or {})}}


def s2(*, tile: str = "33UXS", baseline: str = "0400", made: str = "20220312T140533") -> str:
    return f"S2A_MSIL2A_20220312T100031_N{baseline}_R122_T{tile}_{made}"


# --- names and looks -----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", ".SAFE"])
def test_an_optical_name_tells_track_and_baseline(ending: str) -> None:
    item = parse_item(feature(s2() + ending, properties={"eo:cloud_cover": 25}))
    assert (item.relative_orbit, item.name.baseline, item.platform) == (122, "04.00", "sentinel-2a")
    assert item.cloud_share == 0.25


@pytest.mark.parametrize(
    ("platform", "orbit", "started", "expected"),
    [
        pytest.param("S1A", 30165, "20191201T164301", 168, id="S1A"),
        pytest.param("S1B", 21000, "20200401T164301", 149, id="S1B"),
        pytest.param("S1C", 1172, "20250601T164301", 126, id="S1C-first-place"),
        pytest.param("S1C", 8100, "20260615T164301", None, id="S1C-on-the-move"),
        pytest.param("S1C", 8381, "20260703T155542", 58, id="S1C-moved"),
        pytest.param("S1D", 3424, "20260627T155612", 58, id="S1D-six-days-before-S1C"),
        pytest.param("S1D", 4762, "20260927T112236", 171, id="S1D"),
    ],
)
def test_a_radar_name_tells_the_track_where_it_can(
    platform: str, orbit: int, started: str, expected: int | None
) -> None:
    name = f"{platform}_IW_GRDH_1SDV_{started}_{started}_{orbit:06d}_03726D_6D3A"
    assert parse_name(name).relative_orbit == expected


def test_the_catalogue_is_believed_before_the_name() -> None:
    assert parse_item(feature(s2(), properties={"sat:relative_orbit": 7})).relative_orbit == 7


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "x"},
        {"id": "x", "properties": None, "geometry": None},
        feature("x", "yesterday"),
        {**feature("x"), "geometry": {"type": "Polygon"}},
        feature("x", properties={"eo:cloud_cover": "much"}),
    ],
)
def test_an_entry_that_makes_no_sense_is_named(broken: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="product x: the catalogue's entry makes no sense"):
        parse_item(broken)


def test_the_newest_processing_supersedes_the_earlier_and_keeps_the_scene_id() -> None:
    old, new = feature(s2()), feature(s2(baseline="0510", made="20240101T000000"))
    (look,) = looks_of(parse_item(one) for one in (new, old))
    (before,) = looks_of([parse_item(old)])
    ref, ref_before = (ref_of(one, OPTICAL, bands=("B04",)) for one in (look, before))
    assert ref.processing_baseline == "05.10"
    assert ref.scene_id == ref_before.scene_id == "S2A_MSIL2A_20220312T100031_R122_T33UXS"
    assert ref.fingerprint != ref_before.fingerprint


def test_tiles_of_one_pass_are_one_look_and_other_passes_are_others() -> None:
    tiles = [feature(s2(tile="33UXS")), feature(s2(tile="33UXR"), "2022-03-12T10:05:36Z")]
    other = feature(s2().replace("S2A", "S2B"), "2022-03-12T10:05:21Z")
    later = feature(s2().replace("20220312T100031", "20220317T100031"), "2022-03-17T10:05:21Z")
    looks = looks_of(parse_item(one) for one in (later, *tiles, other))
    assert [len(look) for look in looks] == [2, 1, 1]
    ref = ref_of(looks[0], OPTICAL, bands=())
    assert ref.scene_id.endswith("_T33UXR+T33UXS")
    first, last = window_of(ref)
    assert all(first <= item.observed_at <= last for item in looks[0])
    assert last - first < timedelta(minutes=50)


def test_the_order_of_the_catalogue_changes_nothing() -> None:
    items = [parse_item(feature(s2(tile=tile))) for tile in ("33UXS", "33UXR", "33UYS")]
    assert looks_of(items) == looks_of(reversed(items))


def test_products_with_names_nobody_knows_are_still_looks() -> None:
    (look,) = looks_of([parse_item(feature("mystery", properties={"platform": "Sentinel-2A"}))])
    assert ref_of(look, OPTICAL, bands=()).scene_id == "mystery"
    assert look[0].platform == "sentinel-2a"


# --- tiles and merging ---------------------------------------------------------------------------


@given(width=st.integers(1, 60), height=st.integers(1, 60), limit=st.integers(1, 25))
def test_tiles_cover_the_grid_once_and_are_small_enough(width: int, height: int, limit: int) -> None:
    grid = replace(GRID, width_px=width, height_px=height)
    counts = np.zeros(grid.shape, dtype=int)
    for tile in split(grid, max_side_px=limit):
        place = offset_px(tile, grid)
        assert place is not None
        assert max(tile.shape) <= limit
        counts[place[0] : place[0] + tile.height_px, place[1] : place[1] + tile.width_px] += 1
    assert (counts == 1).all()


def test_stitching_is_the_inverse_of_splitting() -> None:
    whole = np.arange(2 * 600, dtype=np.uint16).reshape(2, 20, 30)
    parts = []
    for tile in split(GRID, max_side_px=7):
        row, column = offset_px(tile, GRID) or (0, 0)
        parts.append((tile, whole[:, row : row + tile.height_px, column : column + tile.width_px]))
    np.testing.assert_array_equal(stitched(parts, GRID), whole)


def at(x_px: float, y_px: float, *, side_px: int = 200, epsg: int = 32631) -> Grid:
    return Grid(
        epsg=epsg,
        left_m=500_000 + 10 * x_px,
        top_m=5_000_000 - 10 * y_px,
        pixel_m=10,
        width_px=side_px,
        height_px=side_px,
    )


PRICES = Prices(bands=7, units_per_request=1.0)


def test_near_areas_are_asked_for_together_and_far_ones_are_not() -> None:
    near, far = [at(0, 0), at(300, 0)], at(2200, 0)
    assert [group.members for group in merge_requests([*near, far], PRICES)] == [(0, 1), (2,)]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(at(100.5, 0), id="between-pixels"),
        pytest.param(at(100, 0, epsg=32632), id="other-zone"),
        pytest.param(replace(at(100, 0), pixel_m=20.0), id="other-pixel"),
        pytest.param(at(2400, 0), id="too-long"),
    ],
)
def test_what_does_not_lie_on_the_same_pixels_or_fit_is_not_merged(other: Grid) -> None:
    generous = replace(PRICES, units_per_request=1000.0)
    assert len(merge_requests([at(0, 0), other], generous)) == 2


places = st.lists(st.tuples(st.integers(0, 1500), st.integers(0, 1500)), min_size=1, max_size=12)


@given(places=places, worth=st.floats(0, 3))
def test_merging_never_costs_more_and_loses_nobody(places: list[tuple[int, int]], worth: float) -> None:
    grids = [at(x, y) for x, y in places]
    prices = Prices(bands=7, processing=OPTICAL_16_BIT, units_per_request=worth)
    groups = merge_requests(grids, prices)
    assert sorted(member for group in groups for member in group.members) == list(range(len(grids)))
    assert all(offset_px(grids[member], group.grid) is not None for group in groups for member in group.members)
    assert sum(prices.of(group.grid) for group in groups) <= sum(map(prices.of, grids)) + 1e-9


# --- scripts and numbers -------------------------------------------------------------------------


def test_the_script_asks_for_each_layer_once_and_the_mask_last() -> None:
    layers = OPTICAL.layers(("B04", "SCL", "B04"))
    assert layers == ("B04", "SCL")
    script = OPTICAL.script(layers)
    assert 'bands: ["B04", "SCL", "dataMask"], units: ["DN", "DN", "DN"]' in script
    assert "return [sample.B04, sample.SCL, sample.dataMask];" in script
    assert 'bands: 3, sampleType: "UINT16"' in script


def test_radar_is_asked_for_as_linear_terrain_corrected_power() -> None:
    script = RADAR.script(("VV", "VH"))
    assert 'units: ["LINEAR_POWER", "LINEAR_POWER", "DN"]' in script
    assert "FLOAT32" in script
    assert RADAR.options == {"orthorectify": True, "backCoeff": "GAMMA0_TERRAIN", "demInstance": "COPERNICUS_30"}


def test_dark_ground_is_not_taken_for_missing_ground() -> None:
    numbers = np.array([[[0, 0, 2500]], [[4, 0, 5]], [[1, 0, 1]]], dtype=np.uint16)
    values = values_of(OPTICAL, ("B04", "SCL"), numbers)
    np.testing.assert_allclose(values["B04"], [[0.0, np.nan, 0.25]])
    np.testing.assert_array_equal(values["SCL"], [[4, np.nan, 5]])


def test_radar_shadow_is_missing() -> None:
    numbers = np.array([[[0.0, 0.2]], [[1, 1]]], dtype=np.float32)
    np.testing.assert_allclose(values_of(RADAR, ("VV",), numbers)["VV"], [[np.nan, 0.2]])


# --- answers -------------------------------------------------------------------------------------


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    return Answer(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, content=body
    )


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        pytest.param(answer(200), type(None), "", id="fine"),
        pytest.param(answer(302), SourceError, "answered 302", id="redirected"),
        pytest.param(
            answer(400, b'{"error": {"message": "bad\\nbox", "code": "C"}}'),
            SourceError,
            "(bad box C)",
            id="asked-wrongly",
        ),
        pytest.param(answer(403, b"no permission"), SourceError, "(no permission)", id="forbidden"),
        pytest.param(
            answer(403, b'{"error": {"code": "ACCESS_INSUFFICIENT_PROCESSING_UNITS"}}'),
            QuotaExceededError,
            "used up",
            id="quota",
        ),
        pytest.param(
            answer(403, b"Insufficient processing units or requests available"),
            QuotaExceededError,
            "used up",
            id="quota-in-words",
        ),
        pytest.param(answer(429, b""), BusyError, "asked too often", id="too-often"),
        pytest.param(
            answer(429, b"RATE_LIMIT_TOKEN_COUNT_EXCEEDS_CAPACITY"),
            SourceError,
            "EXCEEDS_CAPACITY",
            id="larger-than-the-rate",
        ),
        pytest.param(answer(500, b"<html>"), BusyError, "answered 500 (<html>)", id="broken"),
        pytest.param(answer(503, b'["odd"]'), BusyError, "answered 503", id="odd-body"),
        pytest.param(answer(404, b'{"error": "not_found"}'), SourceError, "(not_found)", id="plain-error"),
    ],
)
def test_every_status_has_a_meaning(got: Answer, expected: type, words: str) -> None:
    trouble = trouble_of(got, what="service: product", now=NOW, hide=str)
    assert type(trouble) is expected
    assert words in str(trouble or "")
    assert "\n" not in str(trouble)


@pytest.mark.parametrize(
    ("text", "expected"), [("1.25", 1.25), ("", None), ("much", None), ("nan", None), ("-1", None)]
)
def test_what_was_charged_is_read_from_the_header(text: str, expected: float | None) -> None:
    assert answer(200, x_processingunits_spent=text).units_spent == expected


def test_secrets_that_a_service_repeats_are_taken_out() -> None:
    credentials = Credentials.of({"SH_CLIENT_ID": "my-client", "SH_CLIENT_SECRET": "my-secret"})
    trouble = trouble_of(answer(400, b"client my-client with my-secret"), what="x", now=NOW, hide=credentials.hide)
    assert str(trouble) == "x: answered 400 (client *** with ***)"


def test_a_search_is_charged_by_its_payload() -> None:
    asked = {"bbox": [10.0, 50.0, 10.1, 50.1], "datetime": "2020-01-01T00:00:00Z/2020-06-28T23:59:59Z"}
    assert units_of_search(asked) == pytest.approx(0.06)


def tiff(
    grid: Grid = GRID, *, layers: int = 2, dtype: str = "uint16", epsg: int | None = 32631, shift_m: float = 0
) -> bytes:
    profile = {"width": grid.width_px, "height": grid.height_px, "count": layers, "dtype": dtype}
    transform = replace(grid, left_m=grid.left_m + shift_m).transform
    noise = np.random.default_rng(0).integers(0, 9000, (layers, *grid.shape)).astype(dtype)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", crs=epsg and f"EPSG:{epsg}", transform=transform, compress="deflate", **profile
        ) as file:
            file.write(noise)
        return bytes(memory.read())


def test_a_whole_answer_is_read() -> None:
    assert read_answer(tiff(), GRID, layers=2, dtype="uint16").shape == (2, 20, 30)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="a-page"),
        pytest.param(tiff()[: len(tiff()) // 2], id="half"),
        pytest.param(tiff()[:-20], id="end-missing"),
        pytest.param(tiff(layers=3), id="other-layers"),
        pytest.param(tiff(dtype="float32"), id="other-type"),
        pytest.param(tiff(epsg=32632), id="other-zone"),
        pytest.param(tiff(shift_m=10), id="other-place"),
        pytest.param(tiff(replace(GRID, width_px=31)), id="other-size"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_not_believed(content: bytes) -> None:
    with pytest.raises(DamagedError):
        read_answer(content, GRID, layers=2, dtype="uint16")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_answer_without_a_place_is_not_believed() -> None:
    with pytest.raises(DamagedError, match="None"):
        read_answer(tiff(epsg=None), GRID, layers=2, dtype="uint16")


# --- secrets and options -------------------------------------------------------------------------

SET = {"SH_CLIENT_ID": "my-client", "SH_CLIENT_SECRET": "my-secret"}


def test_a_secret_shows_itself_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    credentials = Credentials.of(SET)
    logging.getLogger("test").warning("%s %r %s", credentials, credentials, vars(Secret).get("nothing"))
    shown = f"{credentials} {credentials!r} {credentials.client_secret} {credentials.client_secret!r} {caplog.text}"
    assert "my-" not in shown
    assert "my-client" not in credentials.account
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(credentials)


@pytest.mark.parametrize("missing", ["SH_CLIENT_ID", "SH_CLIENT_SECRET"])
def test_missing_credentials_are_named(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"not set: {missing}"):
        Credentials.of({**SET, missing: " "})


def test_credentials_may_come_from_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "account.env"
    path.write_text('# mine\nexport SH_CLIENT_ID="my-client"\n\nSH_CLIENT_SECRET = my=secret\n', encoding="utf-8")
    path.chmod(0o600)
    credentials = Credentials.from_file(path)
    assert credentials.client_id.reveal() == "my-client"
    assert credentials.client_secret.reveal() == "my=secret"


def test_a_file_that_everybody_reads_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "account.env"
    path.write_text("SH_CLIENT_ID=a\nSH_CLIENT_SECRET=my-secret\n", encoding="utf-8")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600") as caught:
        Credentials.from_file(path)
    assert "my-secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"SH_CLIENT_ID=a"])
def test_a_file_without_credentials_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "account.env"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"account\.env"):
        Credentials.from_file(path)


@pytest.mark.parametrize("wrong", [{"max_side_px": 2501}, {"max_side_px": 0}, {"answer_timeout_s": 0.0}])
def test_impossible_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"max_side_px|time-outs"):
        SentinelHubOptions(**wrong)


def test_quantities_are_stated() -> None:
    assert (OPTICAL.quantity, RADAR.quantity) == (Quantity.REFLECTANCE, Quantity.GAMMA0)
