"""How a map is drawn: one layout for paper and screen, as PNG and as SVG, with all that a printed map must say."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from math import cos, radians, sin
from textwrap import wrap
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from detection.schema import Status
from outputs.pictures.fonts import drawable, font_families
from outputs.pictures.furniture import length_words, rings, scale_bar_m
from outputs.release.captions import day_words
from outputs.release.contents import Release
from outputs.release.maps import Map
from outputs.release.places import OUTLINES_SOURCE, TOWNS_SOURCE, countries
from outputs.vocabulary import EVENT_COLOURS, EVENT_WORDS, STATUS_WORDS, is_simulated, words

A4_INCHES = (297 / 25.4, 210 / 25.4)
PRINT_DPI = 300
SCREEN_PX = 1_600
_INK, _SOFT, _LAND, _SEA = "#1a1a1a", "#4d4d4d", "#e9e5dc", "#cfe0ea"
_MARK = "#c00000"
_LOCATOR_DEG = 24.0
"""How much of the world the locator shows on each side of the map's middle."""
_MANY = 12
"""So many detections are named in the legend one by one."""
_SMALL_SHARE = 0.02
"""An outline narrower than this part of the map is marked by a ring."""
_MAP_BOX = (0.03, 0.115, 0.66, 0.745)
"""Left, bottom, width, height of the map on the sheet."""
_SIDE_LEFT = 0.715
_SIDE_WIDTH = 0.26


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A file of a map."""

    ending: str
    """What stands behind the map's key: ``-print.png``."""
    dpi: float
    """Of PNG; an SVG has none."""
    size: tuple[str, str] | None = None
    """Width and height that an SVG states."""


FORMATS = (
    Format(ending="-print.png", dpi=PRINT_DPI),
    Format(ending="-screen.png", dpi=SCREEN_PX / A4_INCHES[0]),
    Format(ending="-print.svg", dpi=72, size=("297mm", "210mm")),
    Format(ending="-screen.svg", dpi=72, size=(f"{SCREEN_PX}px", f"{round(SCREEN_PX * 210 / 297)}px")),
)


def drawn(content: Map, release: Release) -> Mapping[str, bytes]:
    """Return a map in all formats, by what stands behind its key in the files' names."""
    style: Any = {"svg.fonttype": "path", "svg.hashsalt": release.name, "font.family": list(font_families())}
    with mpl.rc_context(style):
        figure = _sheet(content, release)
        return {form.ending: _written(figure, form, content, release) for form in FORMATS}


def _written(figure: Figure, form: Format, content: Map, release: Release) -> bytes:
    file = BytesIO()
    if form.size is None:
        FigureCanvasAgg(figure)
        told = {"Title": _title(content), "Description": _said(release), "Copyright": release.credit}
        figure.savefig(file, format="png", dpi=form.dpi, metadata={**told, "Source": release.run_id})
        return file.getvalue()
    FigureCanvasSVG(figure)
    rights: dict[str, str | None] = {
        "Title": _title(content),
        "Description": _said(release),
        "Rights": release.credit,
        "Date": None,
    }
    figure.savefig(file, format="svg", metadata={**rights, "Source": release.run_id})
    width, height = form.size
    return re.sub(
        rb'<svg ([^>]*?)width="[^"]*"',
        rf'<svg \1width="{width}"'.encode(),
        re.sub(rb'(<svg [^>]*?)height="[^"]*"', rf'\1height="{height}"'.encode(), file.getvalue(), count=1),
        count=1,
    )


def _title(content: Map) -> str:
    return f"sitewatch: {content.title}"


def _said(release: Release) -> str:
    return " ".join(filter(None, (release.mark, f"Release {release.name}, run {release.run_id}.", release.credit)))


def _sheet(content: Map, release: Release) -> Figure:
    figure = Figure(figsize=A4_INCHES, facecolor="white")
    _head(figure, content, release)
    ground = figure.add_axes(_MAP_BOX)
    _draw_ground(ground, content)
    _draw_detections(ground, content)
    _draw_towns(ground, content)
    _draw_bar(ground, content)
    _draw_north(ground, content)
    _draw_locator(figure, content)
    _draw_legend(figure, content)
    _foot(figure, release)
    return figure


def _head(figure: Figure, content: Map, release: Release) -> None:
    top = 0.965
    notes = [release.mark.upper().rstrip("."), release.credit.upper() if is_simulated(release.credit) else ""]
    banner = "  ·  ".join(filter(None, notes))
    if banner:
        figure.add_artist(Rectangle((0, 0.955), 1, 0.045, transform=figure.transFigure, color=_MARK))
        figure.text(0.5, 0.977, drawable(banner), color="white", weight="bold", size=11, ha="center", va="center")
        top = 0.938
    figure.text(0.03, top, drawable(content.title), size=15, weight="bold", color=_INK, va="top")
    table = content.table
    dates = [table[name].dropna() for name in ("onset_after", "last_seen_on")]
    span = (
        f"Changes that began after {day_words(dates[0].min())}, seen until {day_words(dates[1].max())}. "
        if all(len(some) for some in dates)
        else ""
    )
    figure.text(0.03, top - 0.042, f"{span}Map made {day_words(release.created_at)}.", size=9, color=_SOFT, va="top")


def _draw_ground(axes: Axes, content: Map) -> None:
    left, bottom, right, top = content.bounds
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("#f4f1ea")
    if content.ground is not None:
        west, south, east, north = content.ground.bounds
        grey = np.where(np.isfinite(content.ground.pixels), content.ground.pixels, np.float32(0.85))
        axes.imshow(grey, extent=(west, east, south, north), interpolation="nearest", zorder=1)
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
    elif right - left > 20 * 1_500:
        _draw_countries(axes, content)


def _draw_countries(axes: Axes, content: Map) -> None:
    """Draw land and its borders, where the map shows so much ground that they mean something."""
    import geopandas as gpd  # noqa: PLC0415 - only for maps of much ground
    from shapely.geometry import box  # noqa: PLC0415

    lon, lat = content.centre_4326
    reach = min(max((content.bounds[2] - content.bounds[0]) / 60_000, 3), 60)
    near = box(lon - reach, max(lat - reach, -89), lon + reach, min(lat + reach, 89))
    cut = [one.intersection(near).segmentize(0.5) for one in countries() if one.intersects(near)]
    if not cut:
        return
    axes.set_facecolor(_SEA)
    for shape in gpd.GeoSeries(cut, crs=4326).to_crs(content.crs):
        for ring in rings(shape):
            axes.fill(*ring.xy, facecolor=_LAND, edgecolor="#9a9486", linewidth=0.6, zorder=1)


def _draw_detections(axes: Axes, content: Map) -> None:
    span = content.bounds[2] - content.bounds[0]
    halo = [withStroke(linewidth=3, foreground="white")]
    for number, (_, row) in enumerate(content.table.iterrows(), start=1):
        colour = EVENT_COLOURS.get(row["event"], _INK)
        dash = "--" if row["status"] == Status.CANDIDATE.value else "-"
        for ring in rings(row.geometry):
            axes.plot(*ring.xy, color=colour, linestyle=dash, linewidth=1.6, zorder=4, path_effects=halo)
        left, bottom, right, top = row.geometry.bounds
        middle = row.geometry.representative_point()
        if max(right - left, top - bottom) < _SMALL_SHARE * span:
            axes.plot(middle.x, middle.y, "o", markersize=11, markerfacecolor="none", markeredgecolor=colour,
                      markeredgewidth=1.8, zorder=5, path_effects=halo)  # fmt: skip
        if len(content.table) <= _MANY:
            axes.annotate(str(number), (right, top), xytext=(5, 5), textcoords="offset points", size=10, weight="bold",
                          color=colour, zorder=7, path_effects=halo, annotation_clip=True)  # fmt: skip


def _draw_towns(axes: Axes, content: Map) -> None:
    halo = [withStroke(linewidth=2.5, foreground="white")]
    for town, x, y in content.towns:
        axes.plot(x, y, "s", markersize=4, color=_INK, zorder=6, path_effects=halo)
        axes.annotate(drawable(town.name), (x, y), xytext=(5, -3), textcoords="offset points", size=8, color=_INK,
                      zorder=6, path_effects=halo)  # fmt: skip


def _draw_bar(axes: Axes, content: Map) -> None:
    left, bottom, right, top = content.bounds
    length_m = scale_bar_m(0.22 * (right - left))
    x, y, thick = left + 0.03 * (right - left), bottom + 0.04 * (top - bottom), 0.008 * (top - bottom)
    axes.add_patch(Rectangle((x - 0.012 * (right - left), y - 0.02 * (top - bottom)), length_m + 0.024 * (right - left),
                             0.075 * (top - bottom), facecolor="white", alpha=0.85, zorder=8, linewidth=0))  # fmt: skip
    for part, colour in enumerate((_INK, "white")):
        axes.add_patch(Rectangle((x + part * length_m / 2, y), length_m / 2, thick, facecolor=colour, edgecolor=_INK,
                                 linewidth=0.8, zorder=9))  # fmt: skip
    for at, text in ((0.0, "0"), (length_m, length_words(length_m))):
        axes.text(x + at, y + 2 * thick, text, size=8, ha="center" if at == 0 else "right", color=_INK, zorder=9)


def _draw_north(axes: Axes, content: Map) -> None:
    """Draw an arrow that points where north is on this map, turned with its projection."""
    angle = radians(content.north_deg)
    foot, length = (0.955, 0.875), 0.075
    tip = (foot[0] + length * sin(angle) / 1.3, foot[1] + length * cos(angle))
    axes.add_patch(Rectangle((0.925, 0.845), 0.06, 0.14, transform=axes.transAxes, facecolor="white", alpha=0.85,
                             zorder=8, linewidth=0))  # fmt: skip
    axes.annotate("", tip, foot, xycoords="axes fraction", textcoords="axes fraction", zorder=9,
                  arrowprops={"arrowstyle": "-|>", "color": _INK, "linewidth": 1.6, "mutation_scale": 16})  # fmt: skip
    axes.text(0.955, 0.852, "N", transform=axes.transAxes, size=9, weight="bold", ha="center", color=_INK, zorder=9)


def _draw_locator(figure: Figure, content: Map) -> None:
    axes = figure.add_axes((_SIDE_LEFT, 0.62, _SIDE_WIDTH, 0.24))
    lon, lat = content.centre_4326
    shrink = max(cos(radians(lat)), 0.2)
    high = _LOCATOR_DEG * 0.24 * A4_INCHES[1] / (_SIDE_WIDTH * A4_INCHES[0])
    axes.set_facecolor(_SEA)
    for shape in countries():
        for ring in rings(shape):
            xs, ys = np.array(ring.xy)
            axes.fill(xs, ys, facecolor=_LAND, edgecolor="#9a9486", linewidth=0.5)
    axes.set_xlim(lon - _LOCATOR_DEG / shrink, lon + _LOCATOR_DEG / shrink)
    axes.set_ylim(lat - high, lat + high)
    axes.set_aspect("auto")
    axes.plot(lon, lat, "s", markersize=9, markerfacecolor="none", markeredgecolor=_MARK, markeredgewidth=2)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("Where it is", size=8, loc="left", color=_SOFT, pad=3)


def _draw_legend(figure: Figure, content: Map) -> None:
    axes = figure.add_axes((_SIDE_LEFT, 0.115, _SIDE_WIDTH, 0.48))
    axes.axis("off")
    table = content.table
    keys = [(event, status) for event in EVENT_WORDS for status in STATUS_WORDS
            if ((table["event"] == event) & (table["status"] == status)).any()]  # fmt: skip
    handles = [
        Line2D([], [], color=EVENT_COLOURS[event], linewidth=2,
               linestyle="--" if status == Status.CANDIDATE.value else "-",
               label=f"{EVENT_WORDS[event]}, {STATUS_WORDS[status].lower()}")
        for event, status in keys
    ]  # fmt: skip
    if content.towns:
        handles.append(Line2D([], [], color=_INK, marker="s", linestyle="", markersize=4, label="Town"))
    axes.legend(handles=handles, loc="upper left", frameon=False, fontsize=8, borderaxespad=0, handlelength=2.6)
    y = 1 - 0.055 * (len(handles) + 1)
    lines = _lines(table) if len(table) <= _MANY else [f"{len(table)} detections; each is in detections.csv."]
    for line in lines:
        for part in wrap(drawable(line), 52, subsequent_indent="     "):
            axes.text(0, y, part, size=7.5, color=_INK, va="top", transform=axes.transAxes)
            y -= 0.042


def _lines(table: Any) -> list[str]:  # noqa: ANN401 - a GeoDataFrame, which mypy does not see here
    found = []
    for number, (_, row) in enumerate(table.iterrows(), start=1):
        onset = [row[name] for name in ("onset_after", "onset_by")]
        when = f"began {onset[0]:%Y-%m-%d} to {onset[1]:%Y-%m-%d}" if not any(pd.isna(one) for one in onset) else ""
        sure = f"probability {row['confidence']:.2f}" if not pd.isna(row["confidence"]) else ""
        state = "not reviewed" if pd.isna(row["verdict"]) else "confirmed by a reviewer"
        told = [words(EVENT_WORDS, row["event"]), when, sure, state]
        found.append(f"{number}  {', '.join(filter(None, told))}")
    return found


def _foot(figure: Figure, release: Release) -> None:
    sources = f"{release.credit}. {OUTLINES_SOURCE}. {TOWNS_SOURCE}."
    limits = "Indications from ten-metre imagery, each with a probability: not proof."
    maker = ", made with ".join(filter(None, (release.publisher, f"sitewatch {release.version}")))
    lines = [
        f"{release.mark} {limits} {release.positions}".strip(),
        f"Sources: {sources}",
        f"{maker}. Release {release.name}, run {release.run_id}.",
    ]
    y = 0.09
    for line in lines:
        for part in wrap(drawable(line), 175):
            figure.text(0.03, y, part, size=7.5, color=_SOFT, va="top")
            y -= 0.019
