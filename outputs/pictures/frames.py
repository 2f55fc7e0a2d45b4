"""What all moving pictures share: frames enlarged and hatched, labels that fit, a banner, and the file they become."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from math import ceil

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from outputs.pictures.fonts import LATIN_FAMILY, drawable, family_of

_STRIPE_PX = 12
_STRIPE_GREY, _PALE_GREY = 140, 217
_BANNER_COLOUR = "#8f0000"


def steps_for(longest_px: int, width_px: int) -> tuple[int, int]:
    """Return how to bring an image to about `width_px`: each how-manieth pixel is taken, and how large it is drawn."""
    shrink = max(1, ceil(longest_px / (2 * width_px)))
    return shrink, max(1, round(width_px / ceil(longest_px / shrink)))


def enlarged(screen: NDArray[np.float32], *, shrink: int, zoom: int) -> NDArray[np.uint8]:
    """Return a screen (y, x, 3; 0 to 1) in whole multiples of its pixels, not smoothed, hatched in grey where NaN."""
    small = screen[::shrink, ::shrink]
    is_seen: NDArray[np.bool_] = np.asarray(np.isfinite(small).all(axis=-1))
    shown = (np.where(is_seen[..., None], small, 0) * 255).round().astype(np.uint8)
    big = shown.repeat(zoom, axis=0).repeat(zoom, axis=1)
    if not is_seen.all():
        rows, columns = np.indices(big.shape[:2])
        hatch = np.where((rows + columns) % _STRIPE_PX < _STRIPE_PX // 4, _STRIPE_GREY, _PALE_GREY).astype(np.uint8)
        is_unseen = ~is_seen.repeat(zoom, axis=0).repeat(zoom, axis=1)
        big[is_unseen] = hatch[is_unseen][:, None]
    return big


@lru_cache(maxsize=16)
def label_font(size: int, family: str = LATIN_FAMILY) -> ImageFont.FreeTypeFont:
    """Return the font that frames are labelled in."""
    return ImageFont.truetype(font_manager.findfont(family), size)


def fitting(text: str, size: int, room_px: float) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `room_px`."""
    plain = drawable(text)
    font = label_font(size, family_of(plain))
    if font.getlength(plain) <= room_px:
        return plain
    while plain and font.getlength(plain + "…") > room_px:
        plain = plain[:-1]
    return plain.rstrip() + "…"


def draw_banner(draw: ImageDraw.ImageDraw, said: str, area_px: tuple[int, int], *, size: int) -> None:
    """Write `said` in capitals, white on red, across the top: `area_px` is how wide and high."""
    width, height = area_px
    draw.rectangle((0, 0, width, height - 1), fill=_BANNER_COLOUR)
    text = fitting(said.upper(), size, width)
    draw.text((width / 2, height / 2), text, fill="white", font=label_font(size, family_of(text)), anchor="mm")


def moving(images: Sequence[Image.Image], stands_ms: Sequence[int], *, kind: str, quality: int, method: int) -> bytes:
    """Return pictures as one that moves and begins again: `kind` is webp or gif, each picture stands so long."""
    file = BytesIO()
    if kind == "gif":
        images = [image.quantize(128, dither=Image.Dither.NONE) for image in images]
    how = {} if kind == "gif" else {"quality": quality, "method": method}
    images[0].save(
        file, format=kind.upper(), save_all=True, append_images=images[1:], duration=list(stands_ms), loop=0, **how
    )
    return file.getvalue()
