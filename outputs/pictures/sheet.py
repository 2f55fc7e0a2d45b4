"""How a before-and-after picture is drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from shapely.geometry import Point, box
from shapely.geometry.base import BaseGeometry

from detection.schema import Status
from outputs.pictures.contents import BeforeAfter, FacilityMark
from outputs.pictures.fonts import drawable, font_families
from outputs.pictures.furniture import length_words, place_words, rings, scale_bar_m
from outputs.pictures.stretch import joint_limits, limits_of_each_band, stretched
from outputs.vocabulary import EVENT_COLOURS, is_simulated

DPI = 100
_POINTS = 72 / DPI
"""One screen pixel."""
_PANEL_PX = 640
_MIN_COLUMN_PX = 480
_EDGE_PX = 28
_GAP_PX = 24
_HEADER_PX = 128
_FOOTER_PX = 128
_BANNER_PX = 34
_INK = "#1a1a1a"
_SOFT = "#4d4d4d"
_FACILITY = "#ffd23f"
_STRIPE_PX = 12
_STRIPE_WIDTH_PX = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things stand, in pixels from the top left."""

    zoom: int
    """Screen pixels a side of an image pixel; 1 where `shrink` is above 1."""
    shrink: int
    """Image pixels a side that one screen pixel shows."""
    panel_width: int
    panel_height: int
    column_width: int
    banner: int

    @property
    def width(self) -> int:
        """Of the whole picture."""
        return 2 * (_EDGE_PX + self.column_width) + _GAP_PX

    @property
    def height(self) -> int:
        """Of the whole picture."""
        return self.panel_top + self.panel_height + _FOOTER_PX

    @property
    def panel_top(self) -> int:
        """Where both images begin."""
        return self.banner + _HEADER_PX

    def column_left(self, side: int) -> int:
        """Where the image before (0) or after (1) begins."""
        return _EDGE_PX + side * (self.column_width + _GAP_PX)


def sheet_as_png(picture: BeforeAfter) -> bytes:
    """Return `picture` as the bytes of a PNG: both looks side by side, at one scale, with one stretch."""
    layout = layout_of(picture)
    figure = Figure(figsize=(layout.width / DPI, layout.height / DPI), dpi=DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    sheet = _sheet(figure, layout)
    _draw_header(sheet, picture, layout)
    of_all = limits_of_each_band if picture.is_false_colour else joint_limits
    limits = of_all([picture.before, picture.after])
    looks = (("Before", picture.before_on, picture.before), ("After", picture.after_on, picture.after))
    for side, (word, day, chip) in enumerate(looks):
        _draw_caption(sheet, layout, side, text=f"{word}: {day}", unseen_share=_unseen_share(chip))
        _draw_panel(figure, picture, layout, side=side, screen=to_screen(stretched(chip, limits), layout))
    _draw_footer(sheet, picture, layout)
    png = BytesIO()
    canvas.print_png(png, metadata=dict(_metadata(picture)))  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    return png.getvalue()


def to_screen(chip: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Return a chip with values 0 to 1 as screen pixels, hatched in grey where NaN.

    Small chips are enlarged by a whole number without interpolation: smoothing would show detail that was not
    measured, so the pixels stay visible. Large ones are averaged over whole blocks.
    """
    if layout.shrink > 1:
        screen = _block_means(chip, layout.shrink)
    else:
        screen = chip.repeat(layout.zoom, axis=0).repeat(layout.zoom, axis=1)
    rows, cols = np.indices(screen.shape[:2])
    is_stripe: NDArray[np.bool_] = np.asarray((rows + cols) % _STRIPE_PX < _STRIPE_WIDTH_PX)
    hatch = np.where(is_stripe, 0.55, 0.85).astype(np.float32)
    is_unseen: NDArray[np.bool_] = np.asarray(~np.isfinite(screen).all(axis=-1))
    return np.where(is_unseen[..., None], hatch[..., None], screen)


def _block_means(chip: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Average blocks of `side` x `side`; a block with any NaN is NaN. Blocks at the lower right edges may be cut."""
    height, width = (ceil(length / side) * side for length in chip.shape[:2])
    padded = np.pad(chip, ((0, height - chip.shape[0]), (0, width - chip.shape[1]), (0, 0)), mode="edge")
    blocks = padded.reshape(height // side, side, width // side, side, 3)
    means: NDArray[np.float32] = blocks.mean(axis=(1, 3))
    return means


def layout_of(picture: BeforeAfter) -> Layout:
    """Return where everything stands, so that each panel is about `_PANEL_PX` large in whole pixels."""
    rows, cols = picture.grid.shape
    longest = max(rows, cols)
    zoom = max(1, round(_PANEL_PX / longest))
    shrink = max(1, round(longest / _PANEL_PX))
    panel_width = ceil(cols / shrink) * zoom
    return Layout(
        zoom=zoom,
        shrink=shrink,
        panel_width=panel_width,
        panel_height=ceil(rows / shrink) * zoom,
        column_width=max(panel_width, _MIN_COLUMN_PX),
        banner=_BANNER_PX if is_simulated(picture.credit) else 0,
    )


def _sheet(figure: Figure, layout: Layout) -> Axes:
    """Return axes over the whole figure whose units are pixels from the top left."""
    sheet: Axes = figure.add_axes((0, 0, 1, 1))
    sheet.set_axis_off()
    sheet.set_xlim(0, layout.width)
    sheet.set_ylim(layout.height, 0)
    return sheet


def _draw_header(sheet: Axes, picture: BeforeAfter, layout: Layout) -> None:
    if layout.banner:
        sheet.add_patch(Rectangle((0, 0), layout.width, layout.banner, color="#8f0000"))
        middle = {"ha": "center", "color": "white", "weight": "bold"}
        _write(sheet, (layout.width / 2, layout.banner - 11), picture.credit.upper(), size_px=15, style=middle)
    top = layout.banner
    room = layout.width - 2 * _EDGE_PX
    _write(sheet, (_EDGE_PX, top + 38), picture.title, size_px=24, room_px=room, style={"weight": "bold"})
    _write(sheet, (_EDGE_PX, top + 66), picture.subtitle, size_px=15, room_px=room)
    review = {"weight": "bold", "color": _INK}
    _write(sheet, (_EDGE_PX, top + 88), picture.review, size_px=13, room_px=room - 420, style=review)
    identity = {"ha": "right", "color": _SOFT}
    _write(sheet, (layout.width - _EDGE_PX, top + 88), picture.detection_id, size_px=13, room_px=400, style=identity)


def _draw_caption(sheet: Axes, layout: Layout, side: int, *, text: str, unseen_share: float) -> None:
    left, baseline = layout.column_left(side), layout.panel_top - 10
    _write(sheet, (left, baseline), text, size_px=17, style={"weight": "bold"})
    if unseen_share > 0:
        said = f"{max(unseen_share, 0.01):.0%} not clearly seen"
        _write(sheet, (left + layout.column_width, baseline), said, size_px=13, style={"ha": "right", "color": _SOFT})


def _draw_panel(
    figure: Figure, picture: BeforeAfter, layout: Layout, *, side: int, screen: NDArray[np.float32]
) -> None:
    left_px = layout.column_left(side)
    bottom_px = layout.height - layout.panel_top - layout.panel_height
    axes: Axes = figure.add_axes(
        (
            left_px / layout.width,
            bottom_px / layout.height,
            layout.panel_width / layout.width,
            layout.panel_height / layout.height,
        )
    )
    axes.set_axis_off()
    pixel_m = picture.grid.pixel_m * layout.shrink / layout.zoom
    left_m, top_m = picture.grid.left_m, picture.grid.top_m
    right_m, bottom_m = left_m + screen.shape[1] * pixel_m, top_m - screen.shape[0] * pixel_m
    axes.imshow(screen, extent=(left_m, right_m, bottom_m, top_m), interpolation="nearest", aspect="auto")
    axes.set_autoscale_on(False)
    for facility in picture.facilities:
        _draw_facility(axes, facility, box(*picture.grid.bounds_m), is_named=side == 0)
    _draw_outline(axes, picture)


def _draw_outline(axes: Axes, picture: BeforeAfter) -> None:
    """Draw a thin line with a white one beneath: seen on light and dark ground, and it hides little."""
    dashes = _dashes(picture.status)
    for ring in rings(picture.outline_m):
        x_m, y_m = ring.xy
        axes.plot(x_m, y_m, color="white", linewidth=3.4 * _POINTS, alpha=0.9, solid_joinstyle="miter")
        colour = _event_colour(picture.event)
        axes.plot(x_m, y_m, color=colour, linewidth=1.8 * _POINTS, linestyle=dashes, solid_joinstyle="miter")


def _draw_facility(axes: Axes, facility: FacilityMark, frame_m: BaseGeometry, *, is_named: bool) -> None:
    """Mark a known place that lies in the picture, its outline dotted; a name hides ground, so one panel has it."""
    shown = facility.location_m.intersection(frame_m)
    if shown.is_empty:
        return
    for ring in rings(facility.location_m):
        axes.plot(*ring.xy, color=_INK, linewidth=2.6 * _POINTS, alpha=0.7)
        axes.plot(*ring.xy, color=_FACILITY, linewidth=1.4 * _POINTS, linestyle=(0, (1, 2)))
    point = shown.representative_point()
    axes.plot(point.x, point.y, **_facility_marker())
    if is_named:
        _name_facility(axes, facility, point, is_left=point.x < frame_m.centroid.x)


def _name_facility(axes: Axes, facility: FacilityMark, point: Point, *, is_left: bool) -> None:
    axes.annotate(
        drawable(facility.name),
        (point.x, point.y),
        xytext=(8 if is_left else -8, 0),
        textcoords="offset pixels",
        ha="left" if is_left else "right",
        va="center",
        color=_INK,
        fontsize=12 * _POINTS,
        fontfamily=font_families(),
        parse_math=False,
        annotation_clip=True,
        path_effects=[withStroke(linewidth=3 * _POINTS, foreground="white")],
    )


def _facility_marker() -> dict[str, Any]:
    return {
        "marker": "D",
        "markersize": 8 * _POINTS,
        "markerfacecolor": _FACILITY,
        "markeredgecolor": _INK,
        "markeredgewidth": 1.2 * _POINTS,
        "linestyle": "none",
    }


def _draw_footer(sheet: Axes, picture: BeforeAfter, layout: Layout) -> None:
    top = layout.panel_top + layout.panel_height
    _draw_scale_bar(sheet, picture, layout, top=top + 30)
    _draw_legend(sheet, picture, layout, middle=top + 30)
    room = layout.width - 2 * _EDGE_PX
    _write(sheet, (_EDGE_PX, top + 72), _ground_words(picture, layout), size_px=13, room_px=room)
    _write(sheet, (_EDGE_PX, top + 94), picture.credit, size_px=13, room_px=room)
    limits = "An indication with a probability, not proof: walls, towers, wire and people cannot be seen at this size."
    _write(sheet, (_EDGE_PX, top + 114), limits, size_px=12, room_px=room, style={"color": _SOFT})


def _ground_words(picture: BeforeAfter, layout: Layout) -> str:
    """Say where it is, how large a pixel is, and what was done to it."""
    pixel = f"{picture.grid.pixel_m:g} m pixels"
    size = f"{pixel}, averaged {layout.shrink} by {layout.shrink}" if layout.shrink > 1 else f"{pixel}, not smoothed"
    stretch = "each band with one stretch for both looks" if picture.is_false_colour else "both looks with one stretch"
    return f"Centre {place_words(picture.grid)}. {picture.colours}, {size}, {stretch}."


def _draw_scale_bar(sheet: Axes, picture: BeforeAfter, layout: Layout, *, top: float) -> None:
    """Draw the bar and an arrow to (grid) north, which is up."""
    px_per_m = layout.zoom / (layout.shrink * picture.grid.pixel_m)
    length_m = scale_bar_m(min(layout.panel_width, 300) / px_per_m)
    left, length = _EDGE_PX, length_m * px_per_m
    sheet.add_patch(Rectangle((left, top), length, 7, facecolor="white", edgecolor=_INK, linewidth=1))
    sheet.add_patch(Rectangle((left, top), length / 2, 7, facecolor=_INK, edgecolor=_INK, linewidth=1))
    _write(sheet, (left, top - 6), "0", size_px=12)
    _write(sheet, (left + length, top - 6), length_words(length_m), size_px=12, style={"ha": "center"})
    arrow = left + length + 52
    sheet.annotate(
        "",
        xy=(arrow, top - 16),
        xytext=(arrow, top + 12),
        arrowprops={"arrowstyle": "-|>", "color": _INK, "linewidth": 1.4, "mutation_scale": 13},
    )
    _write(sheet, (arrow + 9, top + 5), "N", size_px=15, style={"weight": "bold"})


def _draw_legend(sheet: Axes, picture: BeforeAfter, layout: Layout, *, middle: float) -> None:
    left = float(layout.column_left(1))
    sheet.add_line(Line2D([left, left + 30], [middle, middle], color="#bdbdbd", linewidth=4.4 * _POINTS))
    dashes = _dashes(picture.status)
    colour = _event_colour(picture.event)
    sheet.add_line(Line2D([left, left + 30], [middle, middle], color=colour, linewidth=2 * _POINTS, linestyle=dashes))
    _write(sheet, (left + 38, middle + 5), "Outline of the change", size_px=13)
    left += 198
    frame_m = box(*picture.grid.bounds_m)
    if any(mark.location_m.intersects(frame_m) for mark in picture.facilities):
        sheet.plot(left, middle, **_facility_marker())
        _write(sheet, (left + 12, middle + 5), "Known place", size_px=13)
        left += 122
    if _unseen_share(picture.before) + _unseen_share(picture.after) > 0:
        swatch: dict[str, Any] = {"facecolor": "#d9d9d9", "edgecolor": "#8c8c8c", "hatch": "////", "linewidth": 0.8}
        sheet.add_patch(Rectangle((left - 6, middle - 7), 26, 14, **swatch))
        _write(sheet, (left + 28, middle + 5), "Not seen: cloud, shadow, gap", size_px=13)


def _write(  # noqa: PLR0913  # where, what, how large, how wide, how: bundling them would only hide it
    sheet: Axes,
    at: tuple[float, float],
    text: str,
    *,
    size_px: float,
    room_px: float | None = None,
    style: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Write one line whose baseline starts at `at`, cut with an ellipsis where it is wider than `room_px`."""
    plain = drawable(text)
    options = {"color": _INK, "fontsize": size_px * _POINTS, "fontfamily": font_families(), **style}
    drawn = sheet.text(*at, plain, va="baseline", parse_math=False, **options)
    if room_px is None:
        return
    fitting, too_long = 0, len(plain) + 1
    if drawn.get_window_extent().width <= room_px:
        return
    while too_long - fitting > 1:  # halve the interval between a length that fits and one that does not
        middle = (fitting + too_long) // 2
        drawn.set_text(plain[:middle].rstrip() + "…")
        fitting, too_long = (middle, too_long) if drawn.get_window_extent().width <= room_px else (fitting, middle)
    drawn.set_text(plain[:fitting].rstrip() + "…")


def _unseen_share(chip: NDArray[np.float32]) -> float:
    return float((~np.isfinite(chip).all(axis=-1)).mean())


def _dashes(status: str) -> Literal["solid"] | tuple[float, tuple[int, int]]:
    """Return the line of an outline: solid for what is confirmed, dashed for all else."""
    return "solid" if status == Status.CONFIRMED else (0.0, (5, 2))


def _event_colour(event: str) -> str:
    return EVENT_COLOURS.get(event, _INK)


def _metadata(picture: BeforeAfter) -> Iterator[tuple[str, str | None]]:
    """Give what travels inside the PNG: no time and no software, so that the bytes depend on the picture alone."""
    yield "Software", None
    yield "Title", picture.title
    yield "Description", f"{picture.detection_id}: {picture.before_on} and {picture.after_on}. {picture.review}"
    yield "Copyright", picture.credit
