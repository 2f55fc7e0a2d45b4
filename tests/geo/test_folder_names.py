"""What file names tell."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.sources.folder.names import band_id, find_bands, find_platform, find_time, read_time, shared_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("site_20170216_B04", datetime(2017, 2, 16, tzinfo=UTC), id="compact-day"),
        pytest.param("dabancheng_2017-06-10_rgb", datetime(2017, 6, 10, tzinfo=UTC), id="day-with-dashes"),
        pytest.param("Sen2_2020_06_02", datetime(2020, 6, 2, tzinfo=UTC), id="day-with-underscores"),
        pytest.param("T33UUU_20170216T102101_B02", datetime(2017, 2, 16, 10, 21, 1, tzinfo=UTC), id="granule"),
        pytest.param("x_2017-02-16T10-21-01Z", datetime(2017, 2, 16, 10, 21, 1, tzinfo=UTC), id="iso-with-dashes"),
        pytest.param("20190415_073424_1035_3B", datetime(2019, 4, 15, 7, 34, 24, tzinfo=UTC), id="day-and-time"),
        pytest.param(
            "2020-06-02-00_00_2020-06-02-23_59_Sentinel-2_L2A_B04_(Raw)", datetime(2020, 6, 2, tzinfo=UTC), id="browser"
        ),
        pytest.param(
            "S2A_MSIL2A_20170216T102101_N0204_R065_T33UUU_20170217T000000",
            datetime(2017, 2, 16, 10, 21, 1, tzinfo=UTC),
            id="sensing-before-processing",
        ),
        pytest.param(
            "S2A_OPER_PRD_MSIL1C_PDMC_20161227T091305_R081_V20150916T134200_20150916T134200",
            datetime(2015, 9, 16, 13, 42, tzinfo=UTC),
            id="sensing-behind-v",
        ),
        pytest.param("S2A_OPER_MSI_L1C_TL_EPA__20161227T091305_A001222_T22LHH_B02", None, id="only-processing"),
        pytest.param("scene_20171302_B04", None, id="month-13"),
        pytest.param("scene_2017-02-30", None, id="30-february"),
        pytest.param("id120170216123_B04", None, id="inside-a-longer-number"),
        pytest.param("tree_cover_density_2018_romania", None, id="only-a-year"),
        pytest.param("S2_L2A_sample", None, id="nothing"),
    ],
)
def test_the_time_in_a_name_is_found(name: str, expected: datetime | None) -> None:
    assert find_time(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("median_2017-01-01_2017-12-31_B04", id="two-days"),
        pytest.param("2020-05-01-00_00_2020-06-02-23_59_Sentinel-2_L2A_B04", id="span-of-a-month"),
    ],
)
def test_a_name_with_several_days_is_not_guessed_at(name: str) -> None:
    with pytest.raises(ValueError, match="names several days: 20"):
        find_time(name)


days = st.dates(date(1984, 1, 1), date(2099, 12, 31))
seconds = st.integers(0, 86_399)


@given(day=days, second=seconds, form=st.sampled_from(["%Y%m%dT%H%M%S", "%Y-%m-%dT%H-%M-%S", "%Y%m%d_%H%M%S"]))
def test_every_time_written_is_the_time_found(day: date, second: int, form: str) -> None:
    stamp = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    assert find_time(f"T33UUU_{stamp.strftime(form)}_B04") == stamp


@given(day=days, form=st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%Y_%m_%d", "%Y.%m.%d"]))
def test_every_day_written_is_the_day_found(day: date, form: str) -> None:
    found = find_time(f"site_{day.strftime(form)}_B04")
    assert found == datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2017-02-16T10:21:01Z", datetime(2017, 2, 16, 10, 21, 1, tzinfo=UTC), id="iso"),
        pytest.param("2017-02-16T10:21+08:00", datetime(2017, 2, 16, 2, 21, tzinfo=UTC), id="other-zone"),
        pytest.param(" 20170216 ", datetime(2017, 2, 16, tzinfo=UTC), id="compact"),
    ],
)
def test_the_time_in_a_cell_is_read(text: str, expected: datetime) -> None:
    assert read_time(text) == expected


def test_a_cell_without_a_time_is_refused() -> None:
    with pytest.raises(ValueError, match="'soon' is not a date such as 20170216"):
        read_time("soon")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("T33UUU_20170216T102101_B02", ("B02",), id="granule"),
        pytest.param("T33UUU_20170216T102101_B8A", ("B8A",), id="b8a"),
        pytest.param("T33UUU_20170216T102101_B02_10m", ("B02",), id="with-pixel-size"),
        pytest.param("2020-06-02_Sentinel-2_L2A_B04_(Raw)", ("B04",), id="browser"),
        pytest.param("scene.b4", ("B04",), id="short-and-small"),
        pytest.param("T33UUU_20170216T102201_SCL_20m", ("SCL",), id="classes"),
        pytest.param("stack_B02-B03-B04", ("B02", "B03", "B04"), id="several"),
        pytest.param("T33UUB_20170216_TCI", (), id="no-band-in-a-tile"),
        pytest.param("AB04_B045_XSCL", (), id="inside-words"),
        pytest.param("LC08_L1TP_138030_20200101_B5", (), id="landsat-counts-otherwise"),
    ],
)
def test_bands_in_a_name_are_found(name: str, expected: tuple[str, ...]) -> None:
    assert find_bands(name) == expected


def test_there_is_no_band_13() -> None:
    with pytest.raises(ValueError, match="'B13' is no band; there are B01"):
        band_id("B13")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("S2A_MSIL1C_20170216", "sentinel-2a"),
        ("x_S2C_y", "sentinel-2c"),
        ("2020-06-02_Sentinel-2_L2A", "sentinel-2"),
        ("sentinel2b_2020", "sentinel-2b"),
        ("T33UUU_20170216T102101", None),
    ],
)
def test_the_satellite_in_a_name_is_found(name: str, expected: str | None) -> None:
    assert find_platform(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("T33UUU_20170216T102101_B02_10m", "T33UUU_20170216T102101"),
        ("T33UUU_20170216T102101_SCL_20m", "T33UUU_20170216T102101"),
        ("2020-06-02_Sentinel-2_B04_(Raw)", "2020-06-02_Sentinel-2_Raw"),
        ("达坂城 2017-06-10", "达坂城_2017-06-10"),
        ("B04", ""),
    ],
)
def test_files_of_one_scene_share_a_name(name: str, expected: str) -> None:
    assert shared_name(name) == expected
