import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.grid import Grid
from outputs.pictures.fonts import drawable, font_families
from outputs.pictures.furniture import length_words, lon_lat_words, place_words, scale_bar_m


@given(st.floats(1e-3, 1e7))
def test_a_scale_bar_is_round_and_fits_and_is_not_tiny(longest_m: float) -> None:
    length_m = scale_bar_m(longest_m)
    assert length_m <= longest_m * (1 + 1e-6)
    assert length_m > longest_m / 2.6
    digits = f"{length_m:.6e}"
    assert digits.startswith(("1.000000", "2.000000", "5.000000"))


@pytest.mark.parametrize(("longest", "length"), [(999, 500), (1000, 1000), (199, 100), (200, 200), (0.3, 0.2)])
def test_scale_bars_by_hand(longest: float, length: float) -> None:
    assert scale_bar_m(longest) == pytest.approx(length)


def test_a_scale_bar_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        scale_bar_m(0)


@pytest.mark.parametrize(("length", "words"), [(500, "500 m"), (1000, "1 km"), (1500, "1.5 km"), (20_000, "20 km")])
def test_lengths_in_words(length: float, words: str) -> None:
    assert length_words(length) == words


def test_a_place_in_words_puts_latitude_first() -> None:
    assert lon_lat_words(88.28994, 43.38385) == "43.3839° N, 88.2899° E"
    assert lon_lat_words(-70.5, -33.25) == "33.2500° S, 70.5000° W"


def test_the_middle_of_a_grid_in_words() -> None:
    # 500 km east is the central meridian of the zone, 87° E for zone 45; northing 0 is the equator
    grid = Grid(epsg=32645, left_m=499_900, top_m=100, pixel_m=10, width_px=20, height_px=20)
    assert place_words(grid) == "0.0000° N, 87.0000° E"


def test_a_character_that_no_font_has_becomes_a_visible_mark() -> None:
    assert drawable("a\U0001f9ffz") in {"a\N{REPLACEMENT CHARACTER}z", "a\U0001f9ffz"}
    assert drawable("a\U000f0000z") == "a\N{REPLACEMENT CHARACTER}z"


def test_names_are_drawn_on_one_line() -> None:
    assert drawable("two\nlines\tand  tabs") == "two lines and tabs"


def test_chinese_is_kept_where_a_font_has_it() -> None:
    if len(font_families()) == 1:
        pytest.skip("no font with Chinese characters is installed")
    assert drawable("达坂城") == "达坂城"


def test_fonts_are_found_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert font_families()[0] == "DejaVu Sans"
