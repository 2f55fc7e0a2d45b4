"""The drawings of a dossier: the perimeter on the picture, the curve of built area, the strip of looks."""

from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import Any

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from shapely.geometry import LineString, Polygon
from shapely.geometry.base import BaseGeometry

from outputs.dossier.contents import Built, Dossier, Frame, Look
from outputs.dossier.timelapse import enlarged_for, screens
from outputs.pictures.furniture import length_words, scale_bar_m
from outputs.vocabulary import ARC_COLOURS, ARC_WORDS, EVENT_COLOURS, is_simulated

INK, SOFT = "#1a1d21", "#565c64"
DASHES: dict[str, Any] = {
    "present": "solid",
    "weakened": (0, (6, 1.5, 1, 1.5)),
    "gone": (0, (3, 1.6)),
    "cannot_tell": (0, (1, 1.4)),
}
"""No state is told by its colour alone: it has dashes of its own, and each arc its number."""
_DPI = 160
_OUTSIDE_M = 26.0
_AROUND_M = 130.0
_CLEAR_SHARE = 0.9
_EPOCH = date(1970, 1, 1).toordinal()
"""Day 0 of matplotlib."""


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    FigureCanvasAgg(figure)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


def perimeter_figures(dossier: Dossier, *, width_in: float = 3.9) -> tuple[Figure, ...]:
    """Draw the first clear look as it is, and the last one with the arcs; nothing where there is no frame."""
    shown = _first_and_last(dossier.frames)
    return tuple(
        _perimeter_figure(dossier, frame, screen, width_in=width_in, has_arcs=frame is shown[-1])
        for frame, screen in zip(shown, screens(shown), strict=True)
    )


def _first_and_last(frames: Sequence[Frame]) -> list[Frame]:
    """Return the first and the last frame that were seen nearly whole; of all, where fewer than two were."""
    clear = [frame for frame in frames if frame.clear_share >= _CLEAR_SHARE]
    chosen = clear if len(clear) > 1 else list(frames)
    return [chosen[0], chosen[-1]] if len(chosen) > 1 else chosen


def _perimeter_figure(
    dossier: Dossier, frame: Frame, screen: NDArray[np.float32], *, width_in: float, has_arcs: bool
) -> Figure:
    arcs = dossier.arcs if has_arcs else []
    room_in = 0.85 if is_simulated(dossier.made.credit) else 0.6
    figure = Figure(figsize=(width_in, width_in + room_in), layout="constrained")
    axes = figure.subplots()
    _draw_frame(axes, dossier, frame, enlarged_for(dossier, screen))
    axes.set_anchor("N")  # both pictures stand at one height, with a legend below or without
    _draw_outline(axes, dossier.outline_m)
    _draw_arcs(axes, arcs)
    states = [state for state in ARC_WORDS if any(arc["state"] == state for arc in arcs)]
    keys = [Line2D([], [], color=ARC_COLOURS[state], linestyle=DASHES[state], linewidth=2.4) for state in states]
    words = [ARC_WORDS[state] for state in states]
    if states:
        figure.legend(keys, words, loc="outside lower center", ncols=min(len(states), 3), frameon=False, fontsize=8)
    _say_if_simulated(figure, dossier.made.credit)
    return figure


def _shown_m(dossier: Dossier) -> tuple[float, float, float, float]:
    """Return what the picture of the perimeter shows: a square around the arcs, or all of the frame."""
    left, bottom, right, top = dossier.grid.bounds_m
    lines = [arc["geometry"].bounds for arc in dossier.arcs]
    if not lines:
        return left, bottom, right, top
    low = np.min([line[:2] for line in lines], axis=0)
    high = np.max([line[2:] for line in lines], axis=0)
    middle, half = (low + high) / 2, float((high - low).max()) / 2 + _AROUND_M
    return (
        max(left, float(middle[0]) - half),
        max(bottom, float(middle[1]) - half),
        min(right, float(middle[0]) + half),
        min(top, float(middle[1]) + half),
    )


def _say_if_simulated(figure: Figure, credit: str) -> None:
    if is_simulated(credit):
        figure.suptitle(
            credit.upper(), fontsize=8.5, color="white", weight="bold", bbox={"facecolor": "#8f0000", "pad": 4, "lw": 0}
        )


def _draw_frame(axes: Axes, dossier: Dossier, frame: Frame, screen: NDArray[np.uint8]) -> None:
    left, bottom, right, top = dossier.grid.bounds_m
    axes.imshow(screen, extent=(left, right, bottom, top), interpolation="nearest")
    left, bottom, right, top = _shown_m(dossier)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_xlabel(f"{frame.day}", fontsize=9.5, weight="bold", color=INK)
    bar_m = scale_bar_m((right - left) / 3)
    x, y = left + 0.05 * (right - left), bottom + 0.05 * (top - bottom)
    halo = [withStroke(linewidth=3, foreground="white")]
    axes.plot([x, x + bar_m], [y, y], color=INK, linewidth=2.2, path_effects=halo)
    axes.text(x, y + 0.02 * (top - bottom), length_words(bar_m), fontsize=8, color=INK, path_effects=halo)


def _draw_outline(axes: Axes, shape: BaseGeometry) -> None:
    """Draw what is known beforehand: an outline thin and dotted, a point as a diamond."""
    for part in getattr(shape, "geoms", [shape]):
        if isinstance(part, Polygon):
            axes.plot(*part.exterior.xy, color="white", linewidth=1.0, linestyle=":", alpha=0.9)
        else:
            axes.plot(part.x, part.y, marker="D", markersize=5, color="#ffd23f", markeredgecolor=INK)


def _draw_arcs(axes: Axes, arcs: Sequence[dict[str, Any]]) -> None:
    middle = np.mean([arc["geometry"].centroid.coords[0] for arc in arcs], axis=0) if arcs else None
    for arc in arcs:
        line: LineString = arc["geometry"]
        x, y = line.xy
        axes.plot(x, y, color="white", linewidth=4.2, solid_capstyle="butt")
        axes.plot(
            x,
            y,
            color=ARC_COLOURS.get(arc["state"], INK),
            linewidth=2.4,
            linestyle=DASHES.get(arc["state"], DASHES["cannot_tell"]),
        )
        at = np.asarray(line.interpolate(0.5, normalized=True).coords[0])
        away = (at - middle) / max(float(np.hypot(*(at - middle))), 1e-9)
        place = at + _OUTSIDE_M * away
        axes.text(
            float(place[0]),
            float(place[1]),
            str(arc["arc"]),
            fontsize=8,
            color=INK,
            ha="center",
            va="center",
            clip_on=True,
            path_effects=[withStroke(linewidth=2.6, foreground="white")],
        )


def built_figure(steps: Sequence[Built], credit: str, *, width_in: float = 5.2) -> Figure | None:
    """Draw how the built area changed since the first look, with its interval; None where nothing did."""
    if not steps:
        return None
    figure = Figure(figsize=(width_in, 2.9), layout="constrained")
    axes = figure.subplots()
    days = [float(step.day.toordinal() - _EPOCH) for step in steps]
    hectares = [[getattr(step, name) / 1e4 for step in steps] for name in ("area_m2", "low_m2", "high_m2")]
    colour = EVENT_COLOURS["construction"]
    axes.fill_between(days, hectares[1], hectares[2], color=colour, alpha=0.18, linewidth=0, label="95 % interval")
    axes.plot(days, hectares[0], color=colour, linewidth=1.8, marker="o", markersize=4, label="each clear look")
    axes.axhline(0, color=SOFT, linewidth=0.8)
    axes.set_ylabel("hectares of ground, since the first look", fontsize=9)
    _plain(axes)
    axes.legend(fontsize=8.5, frameon=False, loc="best")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    _say_if_simulated(figure, credit)
    return figure


def looks_figure(looks: Sequence[Look], credit: str, *, width_in: float = 5.2) -> Figure | None:
    """Draw each acquisition: used ones tall and filled, others short and hollow; None where there is none."""
    if not looks:
        return None
    figure = Figure(figsize=(width_in, 1.9), layout="constrained")
    axes = figure.subplots()
    used, others = (
        [float(look.day.toordinal() - _EPOCH) for look in looks if look.is_used is wanted] for wanted in (True, False)
    )
    axes.vlines(used, 0, 1, color="#1b7f79", linewidth=2.2)
    axes.plot(others, [0.2] * len(others), "o", markerfacecolor="white", markeredgecolor="#b34700", markersize=4.5)
    axes.set(ylim=(-0.1, 1.15), yticks=[])
    _plain(axes)
    axes.spines["left"].set_visible(False)
    keys = [Patch(color="#1b7f79"), Line2D([], [], marker="o", color="#b34700", markerfacecolor="white", lw=0)]
    words = [f"clear, used ({len(used)})", f"not used ({len(others)})"]
    figure.legend(keys, words, loc="outside lower center", ncols=2, frameon=False, fontsize=8.5)
    _say_if_simulated(figure, credit)
    return figure


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5, colors=INK)
    axes.xaxis_date()
    axes.xaxis.set_major_locator(mdates.AutoDateLocator(minticks=3, maxticks=6))  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
