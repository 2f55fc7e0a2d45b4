"""The time series of one detection as a picture: its usual state, each clear look, hidden looks, onset, growth."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from geo.atomic import atomic_file
from outputs.pictures.course import BAND_SIGMAS, Course
from outputs.pictures.fonts import drawable, font_families
from outputs.vocabulary import EVENT_COLOURS, EVENT_WORDS, is_simulated, words

_DPI = 100
_INK, _SOFT, _PAST = "#1a1d21", "#565c64", "#9aa5b1"
_HIDDEN = "#b34700"
_EPOCH = date(1970, 1, 1).toordinal()
_HECTARE_M2 = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """Everything that the picture shows."""

    detection_id: str
    area_name: str
    event: str
    days: tuple[date, ...]
    """Of the looks that counted, ascending: those of the courses."""
    courses: tuple[Course, ...]
    hidden_days: tuple[date, ...]
    """Looks at the area on which the object was not clearly seen, whatever the reason."""
    onset_after: date
    onset_by: date
    growth: tuple[tuple[date, float], ...]
    """Day and changed ground in square metres by then; may be empty."""
    credit: str


def write_series(path: Path, series: Series) -> None:
    """Draw `series` as a PNG. The same series gives the same bytes, with the same fonts installed.

    Raises:
        OutputError: The file cannot be written.

    """
    png = _as_png(_figure(series), series)
    with atomic_file(path) as part:
        part.write_bytes(png)


def _figure(series: Series) -> Figure:
    has_growth = len(series.growth) > 1
    panels = len(series.courses) + has_growth
    heights = [1.0] * len(series.courses) + [0.7] * has_growth
    figure = Figure(figsize=(9.0, 1.65 + 1.75 * panels), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes: list[Axes] = list(np.atleast_1d(figure.subplots(panels, 1, sharex=True, height_ratios=heights)))
    for place, course in zip(axes, series.courses, strict=False):
        _draw_course(place, course, series)
    if has_growth:
        _draw_growth(axes[-1], series)
    for place in axes:
        _draw_onset(place, series)
        _plain(place)
    _draw_hidden(axes[0], series)
    _write_around(figure, axes, series)
    return figure


def _draw_course(axes: Axes, course: Course, series: Series) -> None:
    days = _numbers(series.days)
    colour = EVENT_COLOURS.get(series.event, _INK)
    low, high = (course.usual + side * BAND_SIGMAS * course.spread for side in (-1, 1))
    if np.isfinite(course.spread).any():
        label = f"its past in that season: median ± {BAND_SIGMAS:g} robust sigma"
        axes.fill_between(days, low, high, color=_PAST, alpha=0.45, linewidth=0, label=label)
    label = "its past: median" if np.isfinite(course.spread).any() else "its past: median (too few looks for a band)"
    axes.plot(days, course.usual, color=_SOFT, linewidth=1.0, linestyle="--", label=label)
    around: dict[str, Any] = {"marker": "s", "markersize": 3, "markerfacecolor": "white", "markeredgewidth": 0.8}
    axes.plot(*_seen(days, course.around), color=_INK, linewidth=0.8, label="30 to 150 m around", **around)
    inside: dict[str, Any] = {"marker": "o", "markersize": 4, "linewidth": 1.5}
    axes.plot(*_seen(days, course.inside), color=colour, label="inside the outline", **inside)
    axes.set_ylabel(course.name, fontsize=9, color=_INK)


def _draw_growth(axes: Axes, series: Series) -> None:
    days = [*(day for day, _ in series.growth), max(series.days[-1], series.growth[-1][0])]
    hectares = [area_m2 / _HECTARE_M2 for _, area_m2 in (*series.growth, series.growth[-1])]
    colour = EVENT_COLOURS.get(series.event, _INK)
    axes.fill_between(_numbers(days), hectares, step="post", color=colour, alpha=0.25, linewidth=0)
    axes.step(_numbers(days), hectares, where="post", color=colour, linewidth=1.4)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Changed by then, ha", fontsize=9, color=_INK)


def _draw_onset(axes: Axes, series: Series) -> None:
    """Shade the interval in which the change began; hatched, so that it is told without colour."""
    after, by = _numbers((series.onset_after, series.onset_by))
    style: dict[str, Any] = {
        "facecolor": "#f3d9a4",
        "edgecolor": "#b8860b",
        "hatch": "//",
        "alpha": 0.45,
        "linewidth": 0,
    }
    axes.axvspan(after, by, zorder=0, label="it began within", **style)


def _draw_hidden(axes: Axes, series: Series) -> None:
    """Mark looks that showed nothing of the object at the upper edge: it is no gap in the watch."""
    if series.hidden_days:
        days = _numbers(series.hidden_days)
        where = axes.get_xaxis_transform()
        axes.vlines(days, 0.93, 1.0, color=_HIDDEN, linewidth=1.1, transform=where, label="hidden or unused look")


def _write_around(figure: Figure, axes: Sequence[Axes], series: Series) -> None:
    height = figure.get_figheight()
    style: dict[str, Any] = {"fontfamily": font_families(), "parse_math": False}
    top = 1.0
    if is_simulated(series.credit):
        box = {"facecolor": "#8f0000", "edgecolor": "none", "pad": 4}
        figure.text(
            0.5,
            1 - 0.15 / height,
            series.credit.upper(),
            color="white",
            weight="bold",
            fontsize=9,
            bbox=box,
            ha="center",
            va="center",
            **style,
        )
        top = 1 - 0.28 / height
    title = f"{words(EVENT_WORDS, series.event)}: {series.area_name}"
    figure.text(
        0.075, top - 0.24 / height, drawable(title), fontsize=12, weight="bold", color=_INK, va="center", **style
    )
    said = f"{series.detection_id}. Began after {series.onset_after} and by {series.onset_by}."
    figure.text(0.075, top - 0.47 / height, drawable(said), fontsize=9, color=_SOFT, va="center", **style)
    figure.subplots_adjust(left=0.075, right=0.985, top=top - 0.66 / height, bottom=0.95 / height, hspace=0.12)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="lower center",
        bbox_to_anchor=(0.5, 0.17 / height),
        ncols=3,
        frameon=False,
        fontsize=7.5,
        columnspacing=1.0,
        handlelength=1.6,
    )
    figure.text(0.075, 0.1 / height, drawable(series.credit), fontsize=7.5, color=_SOFT, va="center", **style)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8, colors=_INK)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis_date()
    locator = mdates.AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%Y-%m"))  # type: ignore[no-untyped-call]  # as above


def _seen(days: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    is_seen = np.isfinite(values)
    return days[is_seen], values[is_seen]


def _numbers(days: Sequence[date]) -> NDArray[np.float64]:
    return np.array([day.toordinal() - _EPOCH for day in days], dtype=np.float64)


def _as_png(figure: Figure, series: Series) -> bytes:
    file = BytesIO()
    told = {"Software": None, "Title": series.detection_id, "Copyright": series.credit}
    figure.savefig(file, format="png", dpi=_DPI, metadata=told)
    return file.getvalue()
