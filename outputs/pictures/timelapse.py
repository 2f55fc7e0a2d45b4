"""A picture of one place that moves through time, each frame with its day; it needs no network and no script.

Animated WebP by default; GIF, which every old program shows, and MP4, where ffmpeg is installed, on demand.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from math import ceil
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from shapely.geometry.base import BaseGeometry

from geo.atomic import atomic_file
from geo.errors import ConfigError, GridMismatchError, OutputError
from geo.grid import Grid
from outputs.pictures.fonts import LATIN_FAMILY, drawable, family_of
from outputs.pictures.furniture import length_words, rings, scale_bar_m
from outputs.pictures.stretch import joint_limits, stretched
from outputs.vocabulary import EVENT_COLOURS, is_simulated

FORMATS = ("webp", "gif", "mp4")
FRAME_MS = 700
"""How long each frame stands: never more than three changes a second, which could harm."""
LAST_MS = 2_000
MOST_FRAMES = 30
_WIDTH_PX = 420
_BANNER_PX, _BAR_PX, _LINE_PX = 24, 30, 18
_EDGE_PX = 8
_STRIPE_PX = 12
_STRIPE_GREY, _PALE_GREY = 140, 217
_QUALITY = 80
_INK, _SOFT, _PALE = "#1a1d21", "#565c64", "#d7dade"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Film:
    """Everything that a time-lapse shows."""

    title: str
    days: tuple[date, ...]
    """Ascending."""
    frames: NDArray[np.float32]
    """Red, green and blue, shape (time, y, x, 3), all in one unit; NaN where the ground was not clearly seen."""
    grid: Grid
    outline_m: BaseGeometry
    """In the CRS of `grid`."""
    event: str
    onset_after: date
    onset_by: date
    credit: str

    def __post_init__(self) -> None:
        if self.frames.shape != (len(self.days), *self.grid.shape, 3):
            expected = (len(self.days), *self.grid.shape, 3)
            raise GridMismatchError(f"{self.title}: frames have shape {self.frames.shape}, expected {expected}")


def choose_frames(
    days: Sequence[date], clear_shares: Sequence[float], *, around: tuple[date, date], least_clear: float
) -> tuple[int, ...]:
    """Return which looks to show, at most `MOST_FRAMES`: the first, the last, those next to `around`, others spread.

    Args:
        days: Of all looks, ascending.
        clear_shares: How much (0-1) of the place each shows.
        around: The onset interval: the looks at its ends are shown if they are clear.
        least_clear: Looks at less are not shown.

    """
    clear = [index for index, share in enumerate(clear_shares) if share >= least_clear]
    if len(clear) <= MOST_FRAMES:
        return tuple(clear)
    ends = {clear[0], clear[-1], *(index for index in clear if days[index] in around)}
    rest = [index for index in clear if index not in ends]
    places = np.linspace(0, len(rest) - 1, MOST_FRAMES - len(ends)).round().astype(int)
    return tuple(sorted(ends | {rest[place] for place in places}))


def write_timelapse(path: Path, film: Film) -> None:
    """Write `film` as `path`, whose ending says how: .webp, .gif or .mp4. The same film gives the same bytes.

    Raises:
        ConfigError: MP4 is asked for, and there is no ffmpeg.
        OutputError: The file cannot be written.

    """
    images = pictures_of(film)
    with atomic_file(path) as part:
        if path.suffix == ".mp4":
            _write_mp4(part, images)
        else:
            part.write_bytes(_animated(images, path.suffix.removeprefix(".")))


def check_formats(formats: Sequence[str]) -> None:
    """Refuse a format that cannot be written on this machine.

    Raises:
        ConfigError: MP4 is among them, and there is no ffmpeg.

    """
    if "mp4" in formats and shutil.which("ffmpeg") is None:
        raise ConfigError(
            "products.timelapses: mp4 needs the program ffmpeg, which is not installed; webp and gif do not"
        )


def pictures_of(film: Film) -> list[Image.Image]:
    """Return the frames as they are shown, all in one stretch."""
    limits = joint_limits(list(film.frames)) if len(film.days) else (0.0, 1.0)
    return [_picture(film, index, stretched(film.frames[index], limits)) for index in range(len(film.days))]


def _picture(film: Film, index: int, screen: NDArray[np.float32]) -> Image.Image:
    """Return one frame, below its banner where it is no observation, above its day, place in time and credit."""
    big, zoom = enlarged(screen)
    banner = _BANNER_PX if is_simulated(film.credit) else 0
    height, width = big.shape[:2]
    room = max(width, _WIDTH_PX)
    sheet = Image.new("RGB", (room + room % 2, (banner + height + _BAR_PX + 3 * _LINE_PX + 7) // 2 * 2), "white")
    left = (sheet.width - width) // 2
    sheet.paste(Image.fromarray(big), (left, banner))
    draw = ImageDraw.Draw(sheet)
    if banner:
        draw.rectangle((0, 0, sheet.width, banner - 1), fill="#8f0000")
        middle = (sheet.width / 2, banner / 2)
        text = _fitting(film.credit.upper(), 12, sheet.width)
        draw.text(middle, text, fill="white", font=_font(12, family_of(text)), anchor="mm")
    _draw_outline(draw, film, zoom, (left, banner))
    _draw_scale(draw, film, zoom, (left + _EDGE_PX, banner + height - 10))
    _draw_words(draw, film, index, (sheet.width, banner + height))
    return sheet


def enlarged(screen: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """Return a screen in whole multiples of its pixels, not smoothed, hatched in grey where NaN; and the zoom."""
    longest = max(screen.shape[:2])
    shrink = ceil(longest / (2 * _WIDTH_PX))
    zoom = max(1, round(_WIDTH_PX / ceil(longest / shrink)))
    small = screen[::shrink, ::shrink]
    is_seen: NDArray[np.bool_] = np.asarray(np.isfinite(small).all(axis=-1))
    shown = (np.where(is_seen[..., None], small, 0) * 255).round().astype(np.uint8)
    big = shown.repeat(zoom, axis=0).repeat(zoom, axis=1)
    if not is_seen.all():
        rows, columns = np.indices(big.shape[:2])
        hatch = np.where((rows + columns) % _STRIPE_PX < _STRIPE_PX // 4, _STRIPE_GREY, _PALE_GREY).astype(np.uint8)
        is_unseen = ~is_seen.repeat(zoom, axis=0).repeat(zoom, axis=1)
        big[is_unseen] = hatch[is_unseen][:, None]
    return big, zoom / shrink


def _draw_outline(draw: ImageDraw.ImageDraw, film: Film, zoom: float, origin: tuple[int, int]) -> None:
    """Draw a thin line on a white one: seen on light and dark ground."""
    grid = film.grid
    for ring in rings(film.outline_m):
        line = [
            (
                origin[0] + (x - grid.left_m) / grid.pixel_m * zoom,
                origin[1] + (grid.top_m - y) / grid.pixel_m * zoom,
            )
            for x, y in ring.coords
        ]
        draw.line(line, fill="white", width=3)
        draw.line(line, fill=EVENT_COLOURS.get(film.event, _INK), width=1)


def _draw_scale(draw: ImageDraw.ImageDraw, film: Film, zoom: float, at: tuple[float, float]) -> None:
    """Draw a bar, and an arrow to (grid) north, which is up."""
    px_per_m = zoom / film.grid.pixel_m
    length_m = scale_bar_m(film.grid.width_px * film.grid.pixel_m / 4)
    left, bottom = at
    right = left + length_m * px_per_m
    for colour, width in (("white", 6), (_INK, 3)):
        draw.line((left, bottom, right, bottom), fill=colour, width=width)
    halo = {"stroke_width": 2, "stroke_fill": "white", "fill": _INK}
    draw.text((left, bottom - 5), length_words(length_m), font=_font(12), anchor="ls", **halo)  # type: ignore[arg-type]  # of mixed kinds
    tip = right + 22
    for colour, width in (("white", 5), (_INK, 2)):
        draw.line((tip, bottom, tip, bottom - 20), fill=colour, width=width)
    draw.polygon([(tip - 5, bottom - 16), (tip + 5, bottom - 16), (tip, bottom - 27)], fill=_INK, outline="white")
    draw.text((tip + 8, bottom), "N", font=_font(12), anchor="ls", **halo)  # type: ignore[arg-type]  # as above


def _draw_words(draw: ImageDraw.ImageDraw, film: Film, index: int, corner: tuple[int, int]) -> None:
    """Write the day; draw where it lies in time, the onset interval dark; write the title and the credit."""
    width, top = corner
    day, unseen = film.days[index], 1 - float(np.isfinite(film.frames[index]).all(axis=-1).mean())
    draw.text((_EDGE_PX, top + 15), f"{day}", fill=_INK, font=_font(18), anchor="lm")
    if unseen > 0:
        said = f"{max(unseen, 0.01):.0%} not clearly seen"
        draw.text((width - _EDGE_PX, top + 15), said, fill=_SOFT, font=_font(12), anchor="rm")
    _draw_time(draw, film, day, (_EDGE_PX, width - _EDGE_PX, top + _BAR_PX + 4))
    line = top + _BAR_PX + 4
    for said, size, colour in ((film.title, 12, _INK), (film.credit, 11, _SOFT)):
        line += _LINE_PX
        text = _fitting(said, size, width - 2 * _EDGE_PX)
        draw.text((_EDGE_PX, line), text, fill=colour, font=_font(size, family_of(text)), anchor="lm")


def _draw_time(draw: ImageDraw.ImageDraw, film: Film, day: date, place: tuple[int, int, int]) -> None:
    left, right, y = place
    days = max((film.days[-1] - film.days[0]).days, 1)

    def at(when: date) -> float:
        share = (when - film.days[0]).days / days
        return left + min(max(share, 0.0), 1.0) * (right - left)

    draw.line((left, y, right, y), fill=_PALE, width=3)
    draw.line((at(film.onset_after), y, at(film.onset_by), y), fill=EVENT_COLOURS.get(film.event, _INK), width=5)
    for look in film.days:
        draw.line((at(look), y - 3, at(look), y + 3), fill=_SOFT, width=1)
    draw.ellipse((at(day) - 5, y - 5, at(day) + 5, y + 5), fill=_INK, outline="white")


def _fitting(text: str, size: int, room_px: float) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `room_px`."""
    plain = drawable(text)
    font = _font(size, family_of(plain))
    if font.getlength(plain) <= room_px:
        return plain
    while plain and font.getlength(plain + "…") > room_px:
        plain = plain[:-1]
    return plain.rstrip() + "…"


@lru_cache(maxsize=8)
def _font(size: int, family: str = LATIN_FAMILY) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font_manager.findfont(family), size)


def _animated(images: Sequence[Image.Image], kind: str) -> bytes:
    stands = [FRAME_MS] * (len(images) - 1) + [LAST_MS]
    file = BytesIO()
    if kind == "gif":
        images = [image.quantize(128, dither=Image.Dither.NONE) for image in images]
        images[0].save(file, format="GIF", save_all=True, append_images=images[1:], duration=stands, loop=0)
    else:
        options = {"quality": _QUALITY, "method": 1}
        images[0].save(file, format="WEBP", save_all=True, append_images=images[1:], duration=stands, loop=0, **options)
    return file.getvalue()


def _write_mp4(path: Path, images: Sequence[Image.Image]) -> None:
    """Let ffmpeg make a film that every browser plays; the last frame stands longer."""
    check_formats(["mp4"])
    stands = [*images, *[images[-1]] * round(LAST_MS / FRAME_MS - 1)]
    width, height = images[0].size
    said = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{1000 / FRAME_MS:.4f}", "-i", "-"]
    how = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "20", "-movflags", "+faststart", "-fflags", "+bitexact"]
    done = subprocess.run(  # noqa: S603  # a fixed command, found on the path as the user installed it
        ["ffmpeg", "-loglevel", "error", "-y", *said, *how, "-threads", "1", str(path)],  # noqa: S607  # as above
        input=b"".join(image.tobytes() for image in stands),
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise OutputError(f"cannot write {path.name}: ffmpeg: {done.stderr.decode(errors='replace').strip()[-200:]}")
