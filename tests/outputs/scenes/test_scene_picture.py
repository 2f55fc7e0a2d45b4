"""The picture of all scenes shows each one, marked by what became of it."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from geo.grid import Grid
from geo.scene import Quantity, Scene
from outputs.scenes.mosaic import colour_of, layout_of, overview_as_png
from outputs.scenes.picture import Overview, Tile, draw_overview, words_of
from outputs.scenes.table import Fate
from outputs.scenes.thumbnail import LONGEST_PX, Thumbnail, thumbnail_of

CREDIT = "Contains modified Copernicus Sentinel data 2022"


def thumbnail(value: float = 0.2) -> Thumbnail:
    rng = np.random.default_rng(1)
    rgb = (value + 0.05 * rng.random((30, 48, 3))).astype(np.float16)
    return Thumbnail(rgb=rgb, is_clear=np.ones((30, 48), dtype=bool), is_true_colour=True)


def overview(*fates: Fate, credit: str = CREDIT) -> Overview:
    first = datetime(2022, 1, 1, tzinfo=UTC)
    tiles = tuple(
        Tile(
            observed_at=first + timedelta(days=5 * index),
            fate=fate,
            clear_share=None if fate in {Fate.NOT_CHOSEN, Fate.UNREADABLE} else 0.6,
            thumbnail=None if fate in {Fate.NOT_CHOSEN, Fate.UNREADABLE} else thumbnail(),
        )
        for index, fate in enumerate(fates)
    )
    return Overview(area_name="模拟 camp", tiles=tiles, credit=credit)


def pixels(shown: Overview) -> NDArray[np.float32]:
    image: NDArray[np.float32] = imread(BytesIO(overview_as_png(shown)))
    return image


@pytest.mark.parametrize("fate", list(Fate))
def test_the_frame_of_each_scene_has_the_colour_of_its_fate(fate: Fate) -> None:
    shown = overview(Fate.USED, fate)
    left, top = layout_of(shown).corner(1)
    frame = pixels(shown)[top + 22, left + 40, :3] * 255
    assert "#{:02x}{:02x}{:02x}".format(*np.round(frame).astype(int)) == colour_of(fate)


def test_a_hundred_and_forty_scenes_are_wrapped_into_rows() -> None:
    shown = overview(*[Fate.USED] * 140)
    layout = layout_of(shown)
    assert (layout.columns, layout.rows) == (14, 10)
    height, width = pixels(shown).shape[:2]
    assert (width, height) == (layout.width, layout.height)
    assert width < 1800
    assert height < 2000


def test_no_scene_at_all_can_be_drawn() -> None:
    assert pixels(overview()).shape[0] > 100


def test_the_same_overview_gives_the_same_bytes(tmp_path: Path) -> None:
    shown = overview(Fate.USED, Fate.MURKY, credit="Simulated imagery, not an observation")
    draw_overview(tmp_path / "a.png", shown)
    assert (tmp_path / "a.png").read_bytes() == overview_as_png(shown)
    assert CREDIT.encode() in overview_as_png(overview(Fate.USED))


def test_what_hid_most_is_the_word_of_a_hidden_scene() -> None:
    tile = Tile(
        observed_at=datetime(2022, 1, 1, tzinfo=UTC),
        fate=Fate.TOO_HIDDEN,
        hidden_shares={"beside": 0.5, "snow": 0.3, "cloud": 0.1},
    )
    assert words_of(tile) == "snow"


def scene(height: int, width: int, bands: tuple[str, ...]) -> Scene:
    layers = {band: np.full((height, width), 0.1 * (1 + at), dtype=np.float32) for at, band in enumerate(bands)}
    layers[bands[0]][0, 0] = np.nan
    return Scene(
        scene_id="s",
        observed_at=datetime(2022, 1, 1, tzinfo=UTC),
        platform="p",
        quantity=Quantity.REFLECTANCE,
        grid=Grid(epsg=32645, left_m=0, top_m=0, pixel_m=10, width_px=width, height_px=height),
        bands=layers,
        is_clear=np.zeros((height, width), dtype=bool),
    )


@pytest.mark.parametrize(("height", "width"), [(10, 20), (48, 48), (49, 30), (500, 333)])
def test_a_thumbnail_is_small_and_has_the_values_of_the_scene(height: int, width: int) -> None:
    small = thumbnail_of(scene(height, width, ("B04", "B03", "B02")))
    assert max(small.rgb.shape[:2]) <= LONGEST_PX
    assert small.is_true_colour
    np.testing.assert_allclose(small.rgb[1:, 1:], np.broadcast_to([0.1, 0.2, 0.3], small.rgb[1:, 1:].shape), rtol=2e-3)
    assert not small.is_clear.any()


def test_without_three_colours_a_thumbnail_is_grey() -> None:
    small = thumbnail_of(scene(8, 8, ("VV",)))
    assert not small.is_true_colour
    assert np.isnan(small.rgb[0, 0]).all()
    assert (small.rgb[1:] == small.rgb[1:, :, :1]).all()
