"""The offset comes from metadata, on both sides of January 2022 and whenever a scene was processed again."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.reflectance import (
    Scaling,
    baseline_number,
    baseline_of,
    baseline_offset_dn,
    contradicts,
    is_doubtful,
    safe_scalings,
    stac_scaling,
    tag_scaling,
    to_reflectance,
)

STARTED = date(2022, 1, 25)
days = st.dates(date(2015, 7, 1), date(2030, 1, 1))
old_baselines = st.sampled_from(["02.04", "02.14", "03.00", "03.01"])
new_baselines = st.sampled_from(["04.00", "05.00", "05.09", "05.10", "05.11", "06.01", "10.00"])
PLAIN = {"scale": 1e-4, "offset": 0}
SHIFTED = {"scale": 1e-4, "offset": -0.1}


def item(day: date, baseline: str | None, **more: object) -> dict[str, Any]:
    said = {"s2:processing_baseline": baseline} if baseline else {}
    return {"datetime": f"{day}T05:20:00Z", **said, **more}


def offset(asset: Mapping[str, Any], properties: Mapping[str, Any]) -> float | None:
    scaling = stac_scaling(asset, properties, baseline=baseline_of(properties))
    return None if scaling is None else scaling.offset


@given(day=days, baseline=new_baselines)
def test_original_numbers_of_new_baselines_are_shifted_whatever_the_day(day: date, baseline: str) -> None:
    assert offset({}, item(day, baseline)) == pytest.approx(-0.1)


@given(day=days, baseline=old_baselines)
def test_original_numbers_of_old_baselines_are_not_whatever_the_day(day: date, baseline: str) -> None:
    assert offset({}, item(day, baseline)) == 0


@given(day=days)
def test_the_day_alone_tells_nothing(day: date) -> None:
    assert offset({}, item(day, None)) is None


@given(dn=st.integers(1, 20_000), before=st.integers(1, 2000), after=st.integers(0, 1500))
def test_the_same_ground_is_equally_bright_on_both_sides_of_the_change(dn: int, before: int, after: int) -> None:
    old = stac_scaling({}, {}, baseline=baseline_of(item(STARTED - timedelta(days=before), "03.01")))
    new = stac_scaling({}, {}, baseline=baseline_of(item(STARTED + timedelta(days=after), "04.00")))
    again = stac_scaling({}, {}, baseline=baseline_of(item(date(2018, 6, 10), "05.00")))
    assert old
    assert new
    assert again
    expected = to_reflectance(np.array([dn], dtype=np.float32), old)
    shifted = np.array([dn + 1000], dtype=np.float32)
    for scaling in (new, again):
        np.testing.assert_allclose(to_reflectance(shifted, scaling), expected, atol=1e-6)


@given(day=days, baseline=st.one_of(old_baselines, new_baselines), stated=st.floats(-0.3, 0.3))
def test_a_stated_offset_wins_over_the_baseline(day: date, baseline: str, stated: float) -> None:
    assert offset({"raster:bands": [{"scale": 1e-4, "offset": stated}]}, item(day, baseline)) == stated


@given(day=days, baseline=st.one_of(old_baselines, new_baselines), asset=st.sampled_from([PLAIN, SHIFTED]))
def test_an_offset_that_was_applied_is_not_applied_again(day: date, baseline: str, asset: dict[str, float]) -> None:
    for flag in ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"):
        assert offset({"raster:bands": [asset]}, item(day, baseline, **{flag: True})) == 0
        assert offset({"raster:bands": [asset]}, item(day, baseline, **{flag: False})) == asset["offset"]


@pytest.mark.parametrize(
    ("asset", "expected"),
    [
        pytest.param(
            {"raster:bands": [{"scale": 0.0002, "offset": -0.1, "nodata": 7}]},
            Scaling(scale=0.0002, offset=-0.1, nodata=7),
            id="1.0",
        ),
        pytest.param(
            {"bands": [{"name": "B04", "raster:scale": 0.0002, "raster:offset": -0.1, "nodata": 7}]},
            Scaling(scale=0.0002, offset=-0.1, nodata=7),
            id="1.1",
        ),
        pytest.param(
            {"bands": [{"name": "B04"}], "raster:scale": 0.0002, "raster:offset": -0.1, "nodata": 7},
            Scaling(scale=0.0002, offset=-0.1, nodata=7),
            id="1.1-of-the-asset",
        ),
        pytest.param({"raster:bands": [{"nodata": 0}]}, Scaling(scale=1e-4, offset=-0.1, nodata=0), id="nodata-alone"),
        pytest.param(
            {"raster:bands": [{"scale": 0.0002}]}, Scaling(scale=0.0002, offset=-0.2, nodata=0), id="scale-alone"
        ),
        pytest.param(
            {"raster:bands": [{"scale": "0.0001", "offset": 0}]}, Scaling(scale=1e-4, offset=0, nodata=0), id="as-text"
        ),
    ],
)
def test_both_versions_of_stac_are_understood(asset: dict[str, Any], expected: Scaling) -> None:
    assert stac_scaling(asset, {}, baseline="05.10") == expected


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="scale: expected a number; got 'much'"):
        stac_scaling({"raster:bands": [{"scale": "much"}]}, {})


@pytest.mark.parametrize(
    ("properties", "names", "expected"),
    [
        ({"s2:processing_baseline": "05.10"}, (), "05.10"),
        ({"processing:version": "05.10"}, (), "05.10"),
        ({"processing:version": "0.1.0"}, (), None),
        ({"s2:product_uri": "S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200219T123947.SAFE"}, (), "02.14"),
        ({}, ("S2A_MSIL2A_20180610T051651_N0500_R062_T45TWL_20230710T081326",), "05.00"),
        ({"s2:processing_baseline": "00.00"}, ("x_N0400_y",), "04.00"),
        ({}, ("S2A_29RKH_20200219_0_L2A",), None),
    ],
)
def test_the_baseline_is_found_where_products_tell_it(
    properties: dict[str, Any], names: tuple[str, ...], expected: str | None
) -> None:
    assert baseline_of(properties, *names) == expected


@given(
    first=st.tuples(st.integers(0, 99), st.integers(0, 99)), second=st.tuples(st.integers(0, 99), st.integers(0, 99))
)
def test_baselines_are_compared_as_numbers(first: tuple[int, int], second: tuple[int, int]) -> None:
    texts = [f"{major:02d}.{minor:02d}" for major, minor in (first, second)]
    assert (baseline_number(texts[0]) < baseline_number(texts[1])) == (first < second)


def test_a_baseline_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a processing baseline such as"):
        baseline_offset_dn("newest")


def metadata(
    *, name: str = "BOA_QUANTIFICATION_VALUE", baseline: str = "05.10", offsets: Mapping[int, int] | None = None
) -> str:
    kind = "RADIO" if name == "QUANTIFICATION_VALUE" else "BOA"
    lines = "".join(
        f'<{kind}_ADD_OFFSET band_id="{band}">{dn}</{kind}_ADD_OFFSET>' for band, dn in (offsets or {}).items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    <n1:Level-2A_User_Product xmlns:n1="https://example.org/psd">
    <n1:General_Info><Product_Info><PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE></Product_Info>
    <Product_Image_Characteristics>
      <Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>
      </Special_Values>
      <Special_Values><SPECIAL_VALUE_TEXT>SATURATED</SPECIAL_VALUE_TEXT>
      <SPECIAL_VALUE_INDEX>65535</SPECIAL_VALUE_INDEX></Special_Values>
      <{name} unit="none">10000</{name}><ADD_OFFSET_LIST>{lines}</ADD_OFFSET_LIST>
    </Product_Image_Characteristics></n1:General_Info></n1:Level-2A_User_Product>"""


@pytest.mark.parametrize("name", ["BOA_QUANTIFICATION_VALUE", "QUANTIFICATION_VALUE", "L2A_BOA_QUANTIFICATION_VALUE"])
def test_a_product_tells_the_offset_of_each_band(name: str) -> None:
    offsets = {band: -1000 - band for band in range(13)}
    scalings = safe_scalings(metadata(name=name, offsets=offsets))
    bands = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12"]
    assert list(scalings) == bands
    for index, band in enumerate(bands):
        assert scalings[band].offset == pytest.approx((-1000 - index) / 10_000)
        assert (scalings[band].scale, scalings[band].nodata) == (1e-4, 0)


def test_a_product_of_an_old_baseline_has_no_offset() -> None:
    assert {scaling.offset for scaling in safe_scalings(metadata(baseline="02.14")).values()} == {0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("not <xml", "expected the XML", id="no-xml"),
        pytest.param("<a><b>1</b></a>", "expected one of BOA_QUANTIFICATION_VALUE", id="another-xml"),
        pytest.param(metadata(baseline="04.00"), "expected an offset a band", id="no-offsets"),
        pytest.param(metadata(offsets={0: -1000, 1: -1000}), "B03.* has none", id="some-offsets"),
    ],
)
def test_metadata_that_leaves_the_offset_open_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        safe_scalings(text)


def test_tags_of_a_file_count_if_they_say_something() -> None:
    assert tag_scaling(scale=1, offset=0, nodata=0, dtype="uint16") is None
    assert tag_scaling(scale=1e-4, offset=-0.1, nodata=None, dtype="uint16") == Scaling(
        scale=1e-4, offset=-0.1, nodata=0
    )
    plain = tag_scaling(scale=1, offset=0, nodata=None, dtype="float32")
    assert plain is not None
    assert (plain.scale, plain.offset, np.isnan(plain.nodata)) == (1, 0, True)


def test_nodata_dark_and_saturated_pixels_are_three_things() -> None:
    numbers = np.array([[0, 1, 999], [1000, 32767, 65535]], dtype=np.float32)
    values = to_reflectance(numbers, Scaling(scale=1e-4, offset=-0.1, nodata=0))
    np.testing.assert_array_equal(np.isnan(values), [[True, False, False], [False, False, False]])
    np.testing.assert_allclose(values[0, 1:], [-0.0999, -0.0001], atol=1e-6)
    np.testing.assert_allclose(values[1], [0.0, 3.1767, 6.4535], atol=1e-5)


@given(numbers=st.lists(st.integers(0, 65535), min_size=1, max_size=30), shift=st.sampled_from([0.0, -0.1]))
def test_no_number_is_changed_in_its_place_and_none_falls_below_the_floor(numbers: list[int], shift: float) -> None:
    given_numbers = np.array(numbers, dtype=np.float32)
    before = given_numbers.copy()
    values = to_reflectance(given_numbers, Scaling(scale=1e-4, offset=shift, nodata=0))
    np.testing.assert_array_equal(given_numbers, before)
    recorded = values[before != 0]
    assert np.isfinite(recorded).all()
    assert (recorded > shift - 1e-9).all()


def test_only_items_that_may_be_wrong_are_doubted() -> None:
    flagged = {"earthsearch:boa_offset_applied": False}
    assert is_doubtful(flagged, "05.11")
    assert not is_doubtful(flagged, "03.00")
    assert not is_doubtful(flagged, None)
    assert not is_doubtful({"earthsearch:boa_offset_applied": True}, "05.11")
    assert not is_doubtful({}, "05.11")


def test_pixels_contradict_when_most_of_the_ground_is_darker_than_black() -> None:
    dark = np.array([[-0.05, -0.01, -0.02], [0.01, np.nan, np.nan]], dtype=np.float32)
    assert contradicts(dark)
    assert not contradicts(-dark)
    assert not contradicts(np.full((2, 2), np.nan, np.float32))
