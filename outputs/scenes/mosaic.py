"""How the picture of all scenes is drawn: a calendar of tiles that reads like lines of text."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from outputs.pictures.fonts import drawable, font_families
from outputs.pictures.stretch import joint_limits, stretched
from outputs.scenes.picture import Overview, Tile, words_of
from outputs.scenes.table import Fate
from outputs.scenes.thumbnail import LONGEST_PX
from outputs.vocabulary import is_simulated

# It reports on the console that a font has no "normal" weight. The reader of a picture cannot do anything about it.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

DPI = 100
_POINTS = 72 / DPI
_EDGE_PX = 28
_HEADER_PX = 104
_FOOTER_PX = 62
_BANNER_PX = 34
_FRAME_PX = 4
_GAP_PX = 12
_CAPTION_PX = 20
"""Above a thumbnail: its day."""
_BELOW_PX = 30
"""Under it: the bar and the word."""
_BAR_PX = 6
_WIDEST_ROW = 14
_INK, _SOFT, _EMPTY = "#1a1a1a", "#4d4d4d", "#e4e4e4"
_USED, _UNUSED, _UNREAD = "#0b6e4f", "#c8500a", "#7a7a7a"
_MARKS = {_USED: "\N{CHECK MARK}", _UNUSED: "\N{MULTIPLICATION X}", _UNREAD: "\N{EN DASH}"}
_FADING = 0.45
"""Thumbnails of scenes that were not used are mixed with so much white, so that the used ones stand out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things stand, in pixels from the top left."""

    columns: int
    rows: int
    side: int
    """Of the square that a thumbnail stands in."""
    banner: int

    @property
    def step(self) -> tuple[int, int]:
        """From one tile to the next, (right, down)."""
        frame = self.side + 2 * _FRAME_PX
        return (frame + _GAP_PX, _CAPTION_PX + frame + _BELOW_PX + _GAP_PX)

    @property
    def width(self) -> int:
        """Of the whole picture."""
        return max(2 * _EDGE_PX + self.columns * self.step[0] - _GAP_PX, 760)

    @property
    def top(self) -> int:
        """Where the tiles begin."""
        return self.banner + _HEADER_PX

    @property
    def height(self) -> int:
        """Of the whole picture."""
        return self.top + self.rows * self.step[1] + _FOOTER_PX

    def corner(self, index: int) -> tuple[int, int]:
        """Return (right, down) of the upper left corner of the tile number `index`."""
        row, column = divmod(index, self.columns)
        return (_EDGE_PX + column * self.step[0], self.top + row * self.step[1])


def layout_of(overview: Overview) -> Layout:
    """Return where everything stands: rows of at most fourteen tiles, thumbnails enlarged by a whole number."""
    count = max(1, len(overview.tiles))
    columns = min(_WIDEST_ROW, count)
    return Layout(
        columns=columns,
        rows=ceil(count / columns),
        side=2 * LONGEST_PX,
        banner=_BANNER_PX if is_simulated(overview.credit) else 0,
    )


def overview_as_png(overview: Overview) -> bytes:
    """Return `overview` as the bytes of a PNG."""
    layout = layout_of(overview)
    figure = Figure(figsize=(layout.width / DPI, layout.height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    sheet: Axes = figure.add_axes((0, 0, 1, 1))
    sheet.set_axis_off()
    sheet.set_xlim(0, layout.width)
    sheet.set_ylim(layout.height, 0)
    sheet.imshow(
        _mosaic(overview, layout),
        extent=(0, layout.width, layout.height, 0),
        interpolation="nearest",
        aspect="auto",
        zorder=0,
    )
    _draw_header(sheet, overview, layout)
    for index, tile in enumerate(overview.tiles):
        _draw_tile(sheet, tile, layout, index=index)
    _draw_footer(sheet, overview, layout)
    png = BytesIO()
    metadata = {
        "Software": None,
        "Title": f"All scenes: {overview.area_name}",
        "Description": _count_words(overview.tiles),
        "Copyright": overview.credit,
    }
    canvas.print_png(png, metadata=metadata)  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    return png.getvalue()


def colour_of(fate: Fate) -> str:
    """Return the colour of a tile's frame: used, read in vain, or never read."""
    if fate is Fate.USED:
        return _USED
    return _UNREAD if fate in {Fate.NOT_CHOSEN, Fate.UNREADABLE} else _UNUSED


def _mosaic(overview: Overview, layout: Layout) -> NDArray[np.float32]:
    """Return all frames and thumbnails as one image, shape (y, x, 3), 0 to 1."""
    image = np.ones((layout.height, layout.width, 3), dtype=np.float32)
    limits = _limits(overview.tiles)
    for index, tile in enumerate(overview.tiles):
        left, top = layout.corner(index)
        top += _CAPTION_PX
        outer = layout.side + 2 * _FRAME_PX
        image[top : top + outer, left : left + outer] = _rgb(colour_of(tile.fate))
        inner = image[
            top + _FRAME_PX : top + _FRAME_PX + layout.side, left + _FRAME_PX : left + _FRAME_PX + layout.side
        ]
        inner[:] = _rgb(_EMPTY)
        if tile.thumbnail is not None:
            shown = _enlarged(stretched(tile.thumbnail.rgb.astype(np.float32), limits), layout.side)
            fade = 0.0 if tile.fate is Fate.USED else _FADING
            rows, columns = ((layout.side - length) // 2 for length in shown.shape[:2])
            place = inner[rows : rows + shown.shape[0], columns : columns + shown.shape[1]]
            place[:] = np.where(np.isfinite(shown), shown * (1 - fade) + fade, place)
    return image


def _limits(tiles: Sequence[Tile]) -> tuple[float, float]:
    """Return one stretch for all, that of ground clearly seen in the used scenes: clouds must not make it black."""
    read = [tile for tile in tiles if tile.thumbnail is not None]
    used = [tile for tile in read if tile.fate is Fate.USED] or read
    if not used:
        return (0.0, 1.0)
    chips = [
        np.where(tile.thumbnail.is_clear[..., None], tile.thumbnail.rgb.astype(np.float32), np.float32(np.nan))
        for tile in used
        if tile.thumbnail is not None
    ]
    return joint_limits(chips)


def _enlarged(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return `image` with its longer side `side` pixels long, without interpolation."""
    longest = max(image.shape[:2])
    rows, columns = (np.arange(max(1, length * side // longest)) * longest // side for length in image.shape[:2])
    result: NDArray[np.float32] = image[rows][:, columns]
    return result


def _draw_header(sheet: Axes, overview: Overview, layout: Layout) -> None:
    if layout.banner:
        sheet.add_patch(Rectangle((0, 0), layout.width, layout.banner, color="#8f0000"))
        middle = {"ha": "center", "color": "white", "weight": "bold"}
        _write(sheet, (layout.width / 2, layout.banner - 11), "Simulated imagery, not an observation", 17, middle)
    top = layout.banner
    _write(sheet, (_EDGE_PX, top + 36), f"All scenes: {overview.area_name}", 22, {"weight": "bold"})
    _write(sheet, (_EDGE_PX, top + 60), _count_words(overview.tiles), 14)
    left = float(_EDGE_PX)
    for colour, word in ((_USED, "used"), (_UNUSED, "read, not used"), (_UNREAD, "not read")):
        sheet.add_patch(Rectangle((left, top + 71), 14, 14, color=colour))
        _write(sheet, (left + 20, top + 83), f"{_MARKS[colour]} {word}", 13)
        left += 150
    sheet.add_patch(Rectangle((left, top + 75), 28, _BAR_PX, facecolor=_USED))
    sheet.add_patch(Rectangle((left + 28, top + 75), 14, _BAR_PX, facecolor="#cfcfcf"))
    _write(sheet, (left + 50, top + 83), "share of the area clearly seen", 13)


def _draw_tile(sheet: Axes, tile: Tile, layout: Layout, *, index: int) -> None:
    left, top = layout.corner(index)
    width = layout.side + 2 * _FRAME_PX
    colour = colour_of(tile.fate)
    _write(sheet, (left, top + 14), f"{tile.observed_on}", 13)
    below = top + _CAPTION_PX + width
    if tile.clear_share is not None:
        sheet.add_patch(Rectangle((left, below + 3), width, _BAR_PX, facecolor="#cfcfcf"))
        sheet.add_patch(Rectangle((left, below + 3), width * tile.clear_share, _BAR_PX, facecolor=colour))
        _write(sheet, (left + width, below + 24), f"{_percent(tile.clear_share)}", 12, {"ha": "right", "color": _SOFT})
    said = f"{_MARKS[colour]} {words_of(tile)}"
    _write(sheet, (left, below + 24), said, 12, {"color": colour, "weight": "bold"})


def _draw_footer(sheet: Axes, overview: Overview, layout: Layout) -> None:
    top = layout.height - _FOOTER_PX
    is_true_colour = all(tile.thumbnail.is_true_colour for tile in overview.tiles if tile.thumbnail is not None)
    colours = "True colour" if is_true_colour else "One band in grey"
    said = f"{colours}, north up, one stretch for all; paler where not used. The days are those of UTC."
    _write(sheet, (_EDGE_PX, top + 26), said, 12, {"color": _SOFT})
    _write(sheet, (_EDGE_PX, top + 46), overview.credit, 13)


def _count_words(tiles: Sequence[Tile]) -> str:
    """Return how many scenes there are and what became of them."""
    if not tiles:
        return "No scene was found."
    counts = Counter(words_of(tile) for tile in tiles)
    used = counts.pop("used", 0)
    others = ", ".join(f"{count} {word}" for word, count in counts.most_common())
    found = f"{len(tiles)} {'scene' if len(tiles) == 1 else 'scenes'} from {tiles[0].observed_on} to "
    return f"{found}{tiles[-1].observed_on}: {used} used" + (f"; {others}." if others else ".")


def _percent(share: float) -> str:
    """Return a share in whole per cent, never rounded up to all or down to nothing."""
    return f"{share:.0%}" if share in {0.0, 1.0} else f"{min(max(round(100 * share), 1), 99)}%"


def _rgb(colour: str) -> NDArray[np.float32]:
    return np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)], dtype=np.float32)


def _write(
    sheet: Axes, at: tuple[float, float], text: str, size_px: float, style: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Write one line whose baseline starts at `at`."""
    options = {"color": _INK, "fontsize": size_px * _POINTS, "fontfamily": font_families(), **style}
    sheet.text(*at, drawable(text), va="baseline", parse_math=False, **options)
