"""What is kept is what was read, and a changed byte is noticed."""

import json
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pystac import Item

from geo.cache import Entry, ImageStore, PruneRules, choose_to_prune
from geo.cache.item import from_item, to_item
from geo.cache.key import SCALING_VERSION, Place, SceneKey, as_name, baseline_order, cells_of, entry_name, place_in
from geo.cache.raster import CLEAR, coding_of, read_bands, write_scene
from geo.cache.store import DamagedEntryError
from geo.grid import Grid
from geo.scene import Quantity, Scene

GRID = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=7, height_px=5)
KEY = SceneKey(source="stand-in", variant="a", scene_id="S2A_MSIL2A_20200101", baseline="05.00", fingerprint="f")
HALF_A_STEP = 0.51e-4
"""And the rounding of 32 bits."""
WHEN = datetime(2020, 1, 1, 5, 1, 2, 345_000, tzinfo=UTC)


def scene(grid: Grid = GRID, *, quantity: Quantity = Quantity.REFLECTANCE, seed: int = 0) -> Scene:
    rng = np.random.default_rng(seed)
    bands = {name: rng.uniform(-0.1, 1.2, grid.shape).astype(np.float32) for name in ("B04", "B08")}
    bands["B04"][0, :2] = np.nan
    bands["SCL"] = rng.integers(0, 12, grid.shape).astype(np.float32)
    bands["SCL"][1, 1] = np.nan
    return Scene(
        scene_id=KEY.scene_id,
        observed_at=WHEN,
        platform="sentinel-2a",
        quantity=quantity,
        grid=grid,
        bands=bands,
        is_clear=rng.random(grid.shape) > 0.4,
        processing_baseline=KEY.baseline,
        relative_orbit=33,
        hidden_share={"cloud": 0.25},
    )


def assert_same(one: NDArray[np.float32], other: NDArray[np.float32], *, within: float) -> None:
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    np.testing.assert_allclose(one, other, rtol=0, atol=within, equal_nan=True)


reflectances = arrays(
    np.float32,
    GRID.shape,
    elements=st.one_of(st.floats(-0.25, 6.25, width=32), st.sampled_from([np.nan, 0.0, 1.0])),
)


@given(values=reflectances, is_clear=arrays(np.bool_, GRID.shape))
def test_reflectance_survives_to_half_a_step_and_what_was_not_recorded_exactly(
    values: NDArray[np.float32], is_clear: NDArray[np.bool_], tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = replace(scene(), bands={"B04": values}, is_clear=is_clear)
    coding, path = coding_of(original), tmp_path_factory.mktemp("cog") / "a.tif"
    write_scene(original, path, coding)
    back, back_clear = read_bands(path, coding, ["B04"], grid=GRID, place=Place(row=0, column=0))
    assert coding.dtype == "uint16"
    assert_same(back["B04"], values, within=HALF_A_STEP)
    np.testing.assert_array_equal(back_clear, is_clear)


@pytest.mark.parametrize(
    ("values", "quantity", "dtype"),
    [
        pytest.param((-0.1, 6.4534), Quantity.REFLECTANCE, "uint16", id="all-of-the-usual-range"),
        pytest.param((0.0, 6.5534), Quantity.REFLECTANCE, "uint16", id="saturated-before-baseline-4"),
        pytest.param((-0.3, 1.2), Quantity.REFLECTANCE, "uint16", id="darker-than-usual"),
        pytest.param((-0.1, 6.5535), Quantity.REFLECTANCE, "float32", id="more-than-16-bits-hold"),
        pytest.param((0.0, np.inf), Quantity.REFLECTANCE, "float32", id="infinite"),
        pytest.param((1e-5, 0.2), Quantity.GAMMA0, "float32", id="radar"),
        pytest.param((0.0, 1.0), Quantity.DISPLAY, "float32", id="picture"),
    ],
)
def test_what_does_not_fit_16_bits_is_written_as_it_is(
    values: tuple[float, float], quantity: Quantity, dtype: str, tmp_path: Path
) -> None:
    band = np.full(GRID.shape, values[0], dtype=np.float32)
    band[2, 2], band[3, 3] = values[1], np.nan
    original = replace(scene(quantity=quantity), bands={"B04": band})
    coding = coding_of(original)
    write_scene(original, tmp_path / "a.tif", coding)
    back, _ = read_bands(tmp_path / "a.tif", coding, ["B04"], grid=GRID, place=Place(row=0, column=0))
    assert coding.dtype == dtype
    assert_same(back["B04"], band, within=0.0 if dtype == "float32" else HALF_A_STEP)


@pytest.mark.parametrize("quantity", [pytest.param(one, id=one.value) for one in Quantity])
def test_a_kept_scene_says_what_the_scene_said(quantity: Quantity, tmp_path: Path) -> None:
    original = scene(quantity=quantity)
    store = ImageStore(tmp_path)
    entry = store.put(KEY, original)
    found = store.find(KEY, GRID, ["B08", "SCL"])
    assert found is not None
    back = store.load(found, GRID, ["B08", "SCL"])
    assert list(back.bands) == ["B08", "SCL"]
    assert_same(back.bands["B08"], original.bands["B08"], within=HALF_A_STEP)
    assert_same(back.bands["SCL"], original.bands["SCL"], within=0.0)
    np.testing.assert_array_equal(back.is_clear, original.is_clear)
    assert (back.scene_id, back.observed_at, back.platform) == (original.scene_id, WHEN, "sentinel-2a")
    assert (back.quantity, back.grid, back.relative_orbit) == (quantity, GRID, 33)
    assert (back.processing_baseline, dict(back.hidden_share)) == ("05.00", {"cloud": 0.25})
    assert entry.facts == found.facts


def test_a_large_scene_is_written_and_read_without_another_copy_of_it(tmp_path: Path) -> None:
    side_px, store = 2_000, ImageStore(tmp_path)
    large = replace(GRID, width_px=side_px, height_px=side_px)
    layer = np.broadcast_to(np.linspace(0, 0.5, side_px, dtype=np.float32), large.shape)
    bands = {name: layer.copy() for name in ("B02", "B03", "B04", "B08", "SCL")}
    original = replace(scene(), grid=large, bands=bands, is_clear=np.ones(large.shape, dtype=bool))
    layer_bytes = 4 * side_px**2
    tracemalloc.start()
    try:
        entry = store.put(KEY, original)
        assert tracemalloc.get_traced_memory()[1] < 1.5 * layer_bytes
        tracemalloc.reset_peak()
        kept = store.load(entry, large, tuple(bands))
        assert tracemalloc.get_traced_memory()[1] < (len(bands) + 1.5) * layer_bytes
    finally:
        tracemalloc.stop()
    assert_same(kept.bands["B04"], bands["B04"], within=HALF_A_STEP)
    assert kept.is_clear.all()
    assert list(tmp_path.glob("**/*.draft")) == []


def test_any_gis_reads_reflectance_from_a_kept_image(tmp_path: Path) -> None:
    original = scene(replace(GRID, width_px=600, height_px=300))
    entry = ImageStore(tmp_path).put(KEY, original)
    with rasterio.open(entry.image_path) as image:
        numbers = image.read(1, masked=True)
        assert image.descriptions == ("B04", "B08", "SCL", CLEAR)
        assert image.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert image.crs.to_epsg() == GRID.epsg
        assert image.transform == GRID.transform
        assert image.overviews(1) == [2, 4]
        values = (numbers * image.scales[0] + image.offsets[0]).filled(np.nan).astype(np.float32)
    assert_same(values, original.bands["B04"], within=HALF_A_STEP)


def test_beside_the_image_lies_a_valid_stac_item(tmp_path: Path) -> None:
    entry = ImageStore(tmp_path).put(KEY, scene())
    text = json.loads(entry.item_path.read_text(encoding="utf-8"))
    text["stac_extensions"] = []  # their schemas would come over the network; the core's are in the library
    item = Item.from_dict(text)
    item.validate()
    asset = item.assets["image"]
    assert (entry.item_path.parent / asset.href).resolve() == entry.image_path
    assert asset.extra_fields["file:checksum"] == "1220" + entry.facts.sha256
    assert asset.extra_fields["file:size"] == entry.image_path.stat().st_size
    assert item.properties["proj:epsg"] == GRID.epsg
    assert item.properties["proj:shape"] == [GRID.height_px, GRID.width_px]
    assert item.properties["proj:transform"] == list(GRID.transform)[:6]
    assert item.properties["sitewatch:processing_baseline"] == "05.00"


def test_an_item_reads_back_as_it_was(tmp_path: Path) -> None:
    facts = ImageStore(tmp_path).put(KEY, scene()).facts
    assert from_item(to_item(facts, "a")) == facts
    marked = replace(facts, superseded_by="b")
    assert from_item(to_item(marked, "a")) == marked


CHANGED_KEYS = [
    pytest.param(replace(KEY, source="other"), GRID, ("B04",), id="source"),
    pytest.param(replace(KEY, variant="b"), GRID, ("B04",), id="settings"),
    pytest.param(replace(KEY, scene_id="S2A_MSIL2A_20200106"), GRID, ("B04",), id="product"),
    pytest.param(replace(KEY, baseline="05.10"), GRID, ("B04",), id="baseline"),
    pytest.param(replace(KEY, fingerprint="g"), GRID, ("B04",), id="fingerprint"),
    pytest.param(KEY, replace(GRID, epsg=32646), ("B04",), id="crs"),
    pytest.param(KEY, replace(GRID, left_m=500_005), ("B04",), id="off-by-half-a-pixel"),
    pytest.param(KEY, replace(GRID, pixel_m=20), ("B04",), id="pixel"),
    pytest.param(KEY, replace(GRID, width_px=8), ("B04",), id="beyond-the-edge"),
    pytest.param(KEY, GRID, ("B04", "B11"), id="band"),
]


@pytest.mark.parametrize(("key", "grid", "bands"), CHANGED_KEYS)
def test_nothing_else_is_served(key: SceneKey, grid: Grid, bands: tuple[str, ...], tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    store.put(KEY, scene())
    assert store.find(KEY, GRID, ("B04",)) is not None
    assert store.find(key, grid, bands) is None
    assert entry_name(key, grid, bands) != entry_name(KEY, GRID, ("B04",))


def test_another_scaling_version_is_not_read(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    path = store.put(KEY, scene()).item_path
    assert store.find(KEY, GRID, ("B04",)) is not None
    before = f'"sitewatch:scaling_version": {SCALING_VERSION}'
    path.write_text(path.read_text(encoding="utf-8").replace(before, f"{before}0"), encoding="utf-8")
    assert store.find(KEY, GRID, ("B04",)) is None


def test_an_item_is_read_once_as_long_as_it_stays_the_same(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    entry = store.put(KEY, scene())
    (before,) = store.of_scene(KEY)
    (again,) = store.of_scene(KEY)
    assert again.facts is before.facts
    store.drop(entry)
    assert store.of_scene(KEY) == []
    store.put(KEY, replace(scene(), platform="sentinel-2b"))
    (other,) = store.of_scene(KEY)
    assert other.facts.platform == "sentinel-2b"


@given(
    left_px=st.integers(-3_000, 3_000),
    top_px=st.integers(-3_000, 3_000),
    width_px=st.integers(1, 2_500),
    height_px=st.integers(1, 2_500),
    data=st.data(),
)
def test_whoever_may_serve_another_has_ground_in_common_with_it(
    left_px: int, top_px: int, width_px: int, height_px: int, data: st.DataObject
) -> None:
    outer = replace(GRID, left_m=10.0 * left_px, top_m=10.0 * top_px, width_px=width_px, height_px=height_px)
    column, row = data.draw(st.integers(0, width_px - 1)), data.draw(st.integers(0, height_px - 1))
    off_m = data.draw(st.floats(-0.009, 0.009))  # less than counts
    inner = replace(
        outer,
        left_m=outer.left_m + 10 * column + off_m,
        top_m=outer.top_m - 10 * row + off_m,
        width_px=data.draw(st.integers(1, width_px - column)),
        height_px=data.draw(st.integers(1, height_px - row)),
    )
    assert place_in(inner, outer) is not None
    assert cells_of(inner) & cells_of(outer)
    for x_px, y_px in ((left_px, top_px - 1), (left_px + width_px - 1, top_px - height_px)):  # of two corners
        assert f"{GRID.epsg} {x_px // 1000} {y_px // 1000}" in cells_of(outer)


@given(row=st.integers(0, 4), column=st.integers(0, 6), data=st.data())
def test_a_window_is_that_part_of_the_whole(row: int, column: int, data: st.DataObject) -> None:
    window = replace(
        GRID,
        left_m=GRID.left_m + 10 * column,
        top_m=GRID.top_m - 10 * row,
        width_px=data.draw(st.integers(1, 7 - column)),
        height_px=data.draw(st.integers(1, 5 - row)),
    )
    place = place_in(window, GRID)
    assert place is not None
    assert (place.row, place.column) == (row, column)


def test_a_part_of_what_is_kept_is_served_from_it(tmp_path: Path) -> None:
    store, original = ImageStore(tmp_path), scene()
    store.put(KEY, original)
    window = replace(GRID, left_m=GRID.left_m + 20, top_m=GRID.top_m - 10, width_px=4, height_px=3)
    entry = store.find(KEY, window, ["B04"])
    assert entry is not None
    part = store.load(entry, window, ["B04"])
    assert_same(part.bands["B04"], original.bands["B04"][1:4, 2:6], within=HALF_A_STEP)
    np.testing.assert_array_equal(part.is_clear, original.is_clear[1:4, 2:6])
    assert not part.hidden_share  # known for the whole alone


@given(at=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_changed_bit_is_noticed(at: float, bit: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    store = ImageStore(tmp_path_factory.mktemp("store"))
    entry = store.put(KEY, scene())
    content = bytearray(entry.image_path.read_bytes())
    content[int(at * len(content))] ^= 1 << bit
    entry.image_path.write_bytes(content)
    with pytest.raises(DamagedEntryError, match="not the file that was written"):
        store.load(entry, GRID, ["B04"])


def test_a_newer_baseline_supersedes_and_the_older_is_kept(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    store.put(KEY, scene(seed=1))
    new = store.put(replace(KEY, baseline="05.10"), scene(seed=2))
    by_baseline = {entry.facts.key.baseline: entry for entry in store.entries()}
    assert by_baseline["05.00"].facts.superseded_by == new.name
    assert by_baseline["05.10"].facts.superseded_by is None
    item = json.loads(by_baseline["05.00"].item_path.read_text(encoding="utf-8"))
    assert item["properties"]["deprecated"]
    assert item["links"][0]["href"] == f"./{new.name}.json"
    old = store.find(KEY, GRID, ["B04"])
    assert old is not None
    store.load(old, GRID, ["B04"])


@pytest.mark.parametrize(
    ("key", "grid"),
    [
        pytest.param(replace(KEY, baseline="04.00"), GRID, id="an-older-one"),
        pytest.param(replace(KEY, baseline=None), GRID, id="one-of-unknown-age"),
        pytest.param(replace(KEY, baseline="05.10"), replace(GRID, width_px=3), id="less-ground"),
        pytest.param(replace(KEY, baseline="05.10", scene_id="another"), GRID, id="another-scene"),
    ],
)
def test_not_everything_new_supersedes(key: SceneKey, grid: Grid, tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    first = store.put(KEY, scene())
    store.put(key, scene(grid))
    kept = next(entry for entry in store.entries() if entry.name == first.name)
    assert kept.facts.superseded_by is None


def test_baselines_are_ordered_as_numbers() -> None:
    names = ["05.10", None, "02.04", "05.09", "04.00"]
    assert sorted(names, key=baseline_order) == [None, "02.04", "04.00", "05.09", "05.10"]


@given(one=st.text(), other=st.text())
def test_names_are_files_and_tell_apart(one: str, other: str) -> None:
    assert (as_name(one) == as_name(other)) == (one == other)
    assert set(as_name(one)).isdisjoint("/\\\0 :")
    assert not as_name(one).startswith(".")
    assert len(as_name(one)) < 100


def test_an_image_without_its_item_is_a_remain_and_no_entry(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    entry = store.put(KEY, scene())
    entry.item_path.unlink()
    part = entry.image_path.with_name(".x.tmp-1.tif")
    part.touch()
    assert list(store.entries()) == []
    assert store.remains() == sorted([entry.image_path, part])


def test_an_item_that_is_no_item_is_passed_over(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    entry = store.put(KEY, scene())
    entry.item_path.write_text("{}")
    assert store.find(KEY, GRID, ["B04"]) is None


def entries(store: ImageStore, now: datetime) -> list[Entry]:
    """Return three entries, read 30, 20 and 10 days ago, the first superseded."""
    for index, baseline in enumerate(["02.00", "03.00"]):
        store.put(replace(KEY, baseline=baseline), scene(seed=index))
    store.put(replace(KEY, scene_id="other"), scene())
    found = sorted(store.entries(), key=lambda entry: (entry.facts.key.scene_id == "other", entry.facts.key.baseline))
    return [
        replace(entry, last_read_at=now - timedelta(days=days)) for entry, days in zip(found, (30, 20, 10), strict=True)
    ]


@pytest.mark.parametrize(
    ("rules", "going"),
    [
        pytest.param(PruneRules(), [], id="no-rule"),
        pytest.param(PruneRules(is_superseded=True), [0], id="superseded"),
        pytest.param(PruneRules(unread_days=15), [0, 1], id="unread"),
        pytest.param(PruneRules(unread_days=30), [], id="not-a-day-early"),
        pytest.param(PruneRules(max_bytes=0), [0, 1, 2], id="nothing-may-stay"),
        pytest.param(PruneRules(max_bytes=10**9), [], id="room-for-all"),
    ],
)
def test_what_may_go_goes_by_its_rule(rules: PruneRules, going: list[int], tmp_path: Path) -> None:
    now = datetime(2021, 1, 1, tzinfo=UTC)
    three = entries(ImageStore(tmp_path), now)
    chosen = choose_to_prune(three, rules, now=now)
    assert [three.index(entry) for entry, _ in chosen] == going
    assert all(reason for _, reason in chosen)


def test_for_a_limit_of_size_the_longest_unread_goes_first_and_no_more_than_need(tmp_path: Path) -> None:
    now = datetime(2021, 1, 1, tzinfo=UTC)
    three = entries(ImageStore(tmp_path), now)
    limit = three[1].size_bytes + three[2].size_bytes
    assert [entry for entry, _ in choose_to_prune(three, PruneRules(max_bytes=limit), now=now)] == three[:1]
    assert [entry for entry, _ in choose_to_prune(three, PruneRules(max_bytes=limit - 1), now=now)] == three[:2]
