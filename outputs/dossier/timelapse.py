"""Dated frames of one place: single pictures, and one that moves and needs no network and no script."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from outputs.dossier.contents import Dossier, Frame
from outputs.pictures.frames import draw_banner, enlarged, label_font, moving, steps_for
from outputs.pictures.stretch import joint_limits, stretched
from outputs.vocabulary import is_simulated

FRAME_MS = 900
"""How long each frame stands: never more than three changes a second, which could harm."""
_WIDTH_PX = 480
_BAR_PX = 30
_BANNER_PX = 26
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
    stands = [FRAME_MS] * (len(pictures) - 1) + [2 * FRAME_MS]
    return moving(pictures, stands, kind="webp", quality=_QUALITY, method=4)


def screens(frames: Sequence[Frame]) -> list[NDArray[np.float32]]:
    """Return the frames, all in one stretch, values 0 to 1, shape (y, x, 3); NaN where not seen."""
    if not frames:
        return []
    limits = joint_limits([frame.rgb for frame in frames])
    return [stretched(frame.rgb, limits) for frame in frames]


def enlarged_for(dossier: Dossier, screen: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a screen as large as a page shows it, hatched in grey where NaN."""
    shrink, zoom = steps_for(max(dossier.grid.shape), _WIDTH_PX)
    return enlarged(screen, shrink=shrink, zoom=zoom)


def _pictures(dossier: Dossier) -> list[Image.Image]:
    return [
        _labelled(enlarged_for(dossier, screen), frame, dossier.made.credit)
        for screen, frame in zip(screens(dossier.frames), dossier.frames, strict=True)
    ]


def _labelled(screen: NDArray[np.uint8], frame: Frame, credit: str) -> Image.Image:
    """Return a frame between its banner, where it is no observation, and the bar with its day."""
    banner = _BANNER_PX if is_simulated(credit) else 0
    height, width = screen.shape[:2]
    sheet = Image.new("RGB", (width, banner + height + _BAR_PX), "white")
    sheet.paste(Image.fromarray(screen), (0, banner))
    draw = ImageDraw.Draw(sheet)
    if banner:
        draw_banner(draw, credit, (width, banner), size=13)
    unseen = 1 - frame.clear_share
    said = f"{frame.day}" + (f"   {max(unseen, 0.01):.0%} not clearly seen" if unseen > 0 else "")
    draw.text((8, banner + height + _BAR_PX / 2), said, fill="#1a1d21", font=label_font(16), anchor="lm")
    return sheet


def _encoded(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, format="WEBP", quality=_QUALITY, method=4)
    return file.getvalue()
