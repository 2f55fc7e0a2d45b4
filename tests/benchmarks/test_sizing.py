"""The sizing table is arithmetic over unit figures that anybody can redo."""

import pytest

from benchmarks.sizing import Case, Units, size_of

UNITS = Units(
    cpu_s_per_area=10.0,
    cpu_s_per_km2_look=0.5,
    cpu_s_per_km2_look_blocks=0.7,
    screen_cpu_s_per_km2=0.1,
    mb_per_km2_look_band=0.02,
    product_mb_per_km2=2.0,
    full_pass_days=90,
    acquisitions_per_year=60.0,
    read_share=0.5,
    years=4.0,
    bands=6,
)
SITES = Case(name="sites", areas=100, side_km=1.4, margin_km=0.3)  # 2 km x 2 km are read of each
TILES = Case(name="tiles", areas=10, side_km=9.64, margin_km=0.3, is_screened=False)  # 10.24 km = 1024 pixels


def test_a_first_run_reads_all_looks_once() -> None:
    size = size_of(SITES, UNITS, "first run")
    assert size.looks == 120
    assert size.imagery_gb == pytest.approx(100 * 4 * 120 * 6 * 0.02 / 1000)
    assert size.cpu_hours == pytest.approx(100 * (10 + 0.5 * 4 * 120) / 3600)
    assert size.product_gb == pytest.approx(0.8)
    assert size.processing_units == pytest.approx(100 * 120 * (200 / 512) ** 2 * 2)


def test_a_month_of_small_areas_is_screening_and_a_third_of_a_full_pass() -> None:
    size = size_of(SITES, UNITS, "a month")
    assert size.looks == 2.5
    assert size.cpu_hours == pytest.approx(100 * ((10 + 0.5 * 4 * 120) / 3 + 2.5 * 0.1 * 4) / 3600)
    assert size.imagery_gb == pytest.approx(100 * 4 * 2.5 * 6 * 0.02 / 1000)


def test_a_month_of_large_areas_is_a_full_pass() -> None:
    size = size_of(TILES, UNITS, "a month")
    assert size.cpu_hours == pytest.approx(10 * (10 + 0.7 * 10.24**2 * 120) / 3600)
    assert size.processing_units == pytest.approx(10 * 2.5 * 4 * 2)
