"""What both time-lapses are drawn with: whole pixels, an honest hatch where nothing was seen, labels that fit."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from outputs.pictures.frames import draw_banner, enlarged, fitting, label_font, moving, steps_for


@pytest.mark.parametrize(
    ("longest", "width", "expected"),
    [(42, 420, (1, 10)), (3, 420, (1, 140)), (839, 420, (1, 1)), (841, 420, (2, 1)), (2_000, 480, (3, 1))],
)
def test_an_image_is_brought_near_the_width_in_whole_steps(longest: int, width: int, expected: tuple[int, int]) -> None:
    assert steps_for(longest, width) == expected


def test_pixels_stay_whole_and_what_was_not_seen_is_hatched() -> None:
    screen = np.full((3, 4, 3), 0.5, dtype=np.float32)
    screen[0, 0] = np.nan
    big = enlarged(screen, shrink=1, zoom=12)
    assert big.shape == (36, 48, 3)
    assert np.unique(big[12:]).tolist() == [128]
    assert np.unique(big[:12, :12]).tolist() == [140, 217]
    assert np.unique(big[:12, 12:]).tolist() == [128]


def test_a_label_fits_its_room() -> None:
    said = "Contains modified Copernicus Sentinel data 2017-2026, processed by somebody with a long name"
    cut = fitting(said, 12, 200)
    assert cut.endswith("…")
    assert label_font(12).getlength(cut) <= 200
    assert fitting("short", 12, 200) == "short"


def test_the_banner_is_red_from_edge_to_edge() -> None:
    image = Image.new("RGB", (300, 40), "white")
    draw_banner(ImageDraw.Draw(image), "Simulated imagery, not an observation", (300, 24), size=12)
    pixels = np.asarray(image)
    assert (pixels[0] == (0x8F, 0, 0)).all()
    assert (pixels[23, [0, -1]] == (0x8F, 0, 0)).all()
    assert (pixels[24:] == 255).all()


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_each_picture_stands_as_long_as_it_should_and_the_film_begins_again(kind: str) -> None:
    images = [Image.new("RGB", (20, 20), (80 * index, 10, 10)) for index in range(3)]
    with Image.open(BytesIO(moving(images, [400, 500, 900], kind=kind, quality=80, method=1))) as film:
        stands = []
        for index in range(film.n_frames):  # type: ignore[attr-defined]  # of pictures that move
            film.seek(index)
            film.load()
            stands.append(film.info["duration"])
        assert film.info["loop"] == 0
    assert stands == [400, 500, 900]
