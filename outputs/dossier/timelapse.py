"""Dated frames of one place: single pictures, and one that moves and needs no network and no script."""

from collections.abc import Sequence
from functools import lru_cache
from io import BytesIO
from math import ceil

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from outputs.dossier.contents import Dossier, Frame
from outputs.pictures.fonts import LATIN_FAMILY, drawable
from outputs.pictures.stretch import joint_limits, stretched
from outputs.vocabulary import is_simulated

FRAME_MS = 900
"""How long each frame stands: never more than three changes a second, which could harm."""
_WIDTH_PX = 480
_BAR_PX = 30
_BANNER_PX = 26
_STRIPE_PX = 12
_QUALITY = 82

Pixels = NDArray[np.uint8]


def film(dossier: Dossier) -> tuple[bytes, ...]:
    """Return each frame as a WebP picture of its own, its day and the credit written into it."""
    return tuple(_encoded(picture) for picture in _pictures(dossier))


def animation(dossier: Dossier) -> bytes | None:
    """Return all frames as one moving WebP picture; None where there are fewer than two."""
    pictures = _pictures(dossier)
    if len(pictures) < 2:  # noqa: PLR2004 - one frame does not move
        return None
    file = BytesIO()
    pictures[0].save(
        file,
        format="WEBP",
        save_all=True,
        append_images=[*pictures[1:], pictures[-1]],  # the last one stands twice as long
        duration=FRAME_MS,
        loop=0,
        quality=_QUALITY,
        method=4,
    )
    return file.getvalue()


def screens(frames: Sequence[Frame]) -> list[NDArray[np.float32]]:
    """Return the frames, all in one stretch, values 0 to 1, shape (y, x, 3); NaN where not seen."""
    if not frames:
        return []
    limits = joint_limits([frame.rgb for frame in frames])
    return [stretched(frame.rgb, limits) for frame in frames]


def zoom_of(dossier: Dossier) -> int:
    """Return how many screen pixels a side of an image pixel gets."""
    return max(1, round(_WIDTH_PX / max(dossier.grid.shape)))


def enlarged(screen: NDArray[np.float32], zoom: int) -> NDArray[np.float32]:
    """Return a screen enlarged by a whole number without interpolation, hatched in grey where NaN."""
    shrink = max(1, ceil(max(screen.shape[:2]) / (2 * _WIDTH_PX)))
    big = screen[::shrink, ::shrink].repeat(zoom, axis=0).repeat(zoom, axis=1)
    rows, columns = np.indices(big.shape[:2])
    hatch = np.where((rows + columns) % _STRIPE_PX < _STRIPE_PX // 4, 0.55, 0.85).astype(np.float32)
    is_unseen: NDArray[np.bool_] = np.asarray(~np.isfinite(big).all(axis=-1))
    return np.where(is_unseen[..., None], hatch[..., None], big).astype(np.float32)


def _pictures(dossier: Dossier) -> list[Image.Image]:
    zoom = zoom_of(dossier)
    return [
        _labelled(enlarged(screen, zoom), frame, dossier.made.credit)
        for screen, frame in zip(screens(dossier.frames), dossier.frames, strict=True)
    ]


def _labelled(screen: NDArray[np.float32], frame: Frame, credit: str) -> Image.Image:
    """Return a frame between its banner, where it is no observation, and the bar with its day."""
    banner = _BANNER_PX if is_simulated(credit) else 0
    height, width = screen.shape[:2]
    sheet = Image.new("RGB", (width, banner + height + _BAR_PX), "white")
    sheet.paste(Image.fromarray((screen * 255).round().astype(np.uint8)), (0, banner))
    draw = ImageDraw.Draw(sheet)
    if banner:
        draw.rectangle((0, 0, width, banner), fill="#8f0000")
        draw.text((width / 2, banner / 2), drawable(credit).upper(), fill="white", font=_font(13), anchor="mm")
    unseen = 1 - frame.clear_share
    said = f"{frame.day}" + (f"   {max(unseen, 0.01):.0%} not clearly seen" if unseen > 0 else "")
    draw.text((8, banner + height + _BAR_PX / 2), said, fill="#1a1d21", font=_font(16), anchor="lm")
    return sheet


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont(LATIN_FAMILY), size)


def _encoded(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, format="WEBP", quality=_QUALITY, method=4)
    return file.getvalue()
