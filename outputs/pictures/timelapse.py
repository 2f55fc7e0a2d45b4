"""A picture of one place that moves through time, each frame with its day; it needs no network and no script.

Animated WebP by default; GIF, which every old program shows, and MP4, where ffmpeg is installed, on demand.
"""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from shapely.geometry.base import BaseGeometry

from geo.atomic import atomic_file
from geo.errors import ConfigError, GridMismatchError, OutputError
from geo.grid import Grid
from outputs.pictures.fonts import family_of
from outputs.pictures.frames import draw_banner, enlarged, fitting, label_font, moving, steps_for
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
            stands = [FRAME_MS] * (len(images) - 1) + [LAST_MS]
            kind = path.suffix.removeprefix(".")
            part.write_bytes(moving(images, stands, kind=kind, quality=_QUALITY, method=1))


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
    shrink, factor = steps_for(max(screen.shape[:2]), _WIDTH_PX)
    big, zoom = enlarged(screen, shrink=shrink, zoom=factor), factor / shrink
    banner = _BANNER_PX if is_simulated(film.credit) else 0
    height, width = big.shape[:2]
    room = max(width, _WIDTH_PX)
    sheet = Image.new("RGB", (room + room % 2, (banner + height + _BAR_PX + 3 * _LINE_PX + 7) // 2 * 2), "white")
    left = (sheet.width - width) // 2
    sheet.paste(Image.fromarray(big), (left, banner))
    draw = ImageDraw.Draw(sheet)
    if banner:
        draw_banner(draw, film.credit, (sheet.width, banner), size=12)
    _draw_outline(draw, film, zoom, (left, banner))
    _draw_scale(draw, film, zoom, (left + _EDGE_PX, banner + height - 10))
    _draw_words(draw, film, index, (sheet.width, banner + height))
    return sheet


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
    halo: dict[str, Any] = {"stroke_width": 2, "stroke_fill": "white", "fill": _INK}
    draw.text((left, bottom - 5), length_words(length_m), font=label_font(12), anchor="ls", **halo)
    tip = right + 22
    for colour, width in (("white", 5), (_INK, 2)):
        draw.line((tip, bottom, tip, bottom - 20), fill=colour, width=width)
    draw.polygon([(tip - 5, bottom - 16), (tip + 5, bottom - 16), (tip, bottom - 27)], fill=_INK, outline="white")
    draw.text((tip + 8, bottom), "N", font=label_font(12), anchor="ls", **halo)


def _draw_words(draw: ImageDraw.ImageDraw, film: Film, index: int, corner: tuple[int, int]) -> None:
    """Write the day; draw where it lies in time, the onset interval dark; write the title and the credit."""
    width, top = corner
    day, unseen = film.days[index], 1 - float(np.isfinite(film.frames[index]).all(axis=-1).mean())
    draw.text((_EDGE_PX, top + 15), f"{day}", fill=_INK, font=label_font(18), anchor="lm")
    if unseen > 0:
        said = f"{max(unseen, 0.01):.0%} not clearly seen"
        draw.text((width - _EDGE_PX, top + 15), said, fill=_SOFT, font=label_font(12), anchor="rm")
    _draw_time(draw, film, day, (_EDGE_PX, width - _EDGE_PX, top + _BAR_PX + 4))
    line = top + _BAR_PX + 4
    for said, size, colour in ((film.title, 12, _INK), (film.credit, 11, _SOFT)):
        line += _LINE_PX
        text = fitting(said, size, width - 2 * _EDGE_PX)
        draw.text((_EDGE_PX, line), text, fill=colour, font=label_font(size, family_of(text)), anchor="lm")


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
