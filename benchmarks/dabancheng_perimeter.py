"""Draw the perimeter of the compound at Dabancheng on the first and the last frame, and say what is measured along it.

    python -m benchmarks.dabancheng_perimeter --data DIR [--picture FILE]

The reverse of a removal, and the only real case at hand: desert on 2017-03-02, a walled compound on 2018-10-11. The
ring is drawn from a rough outline to the line on the last frame; an arc is coloured by how far it stands out there.
The whole ring is compared, too: how much more it stands out on the last frames than on the first, against thousands of
displaced and turned copies in the whole frame, and against rings traced on the last frame around other places, which
were chosen as this one was.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray
from shapely.geometry import LinearRing, Point, Polygon, box

from benchmarks.trials import table
from benchmarks.walls import drawn_roughly
from detection.looks.normalise import normalise, reference_image
from detection.params import DetectParams
from detection.perimeter import Perimeter, PerimeterParams, watch_perimeter
from detection.perimeter.copies import copies_of
from detection.perimeter.lines import Line, Search, along, contrasts, offsets
from detection.perimeter.ring import Ring, RingParams, trace_ring
from detection.perimeter.series import mean_of_seen
from geo.coregister import coregister
from geo.grid import Grid
from geo.scene import RGB_BANDS, Stack
from geo.sources.folder import FolderSource
from geo.sun import sun_on

AREA_4326 = box(88.2455, 43.3714, 88.3235, 43.3964)
"""All of the frames."""
EYE_M = (604_170.0, 4_804_040.0, 604_805.0, 4_804_460.0)
"""West, south, east and north of the compound, read by eye on the last frame as it is, EPSG:32645."""
ROUGH_M = 25.0
LAST = 3
"""So many frames at the end count as after: the finished wall of 2018."""
_LEAST_TOLD = 0.8
_AWAY_M = 60.0
_SHOWN_M = 180.0


def read(data: Path) -> tuple[Stack, Stack]:
    """Return the frames as they are, and registered and in one light."""
    grid = Grid.around(AREA_4326, pixel_m=10, margin_m=0)
    source = FolderSource(data / "dabancheng" / "rgb_series")
    refs = source.search(grid.footprint_4326, first=date(2017, 1, 1), last=date(2018, 12, 31))
    stack = Stack.of([source.read(ref, grid, bands=RGB_BANDS) for ref in refs])
    registered = coregister(stack)
    values = registered.values
    even = normalise(values, reference_image(values), context_px=DetectParams().context_px(grid))
    return stack, registered.with_values(even)


def off_m(ring: Ring, eye: Polygon) -> float:
    """Return how far half of the ring lies off at most."""
    places = np.arange(0, ring.line_m.length, 5)
    return float(np.median([eye.exterior.distance(ring.line_m.interpolate(place)) for place in places]))


def gain_of(stack: Stack, line: Line, arcs_a_ring: int) -> NDArray[np.float64]:
    """Return how much more each ring stands out on the last frames than on the first one, shape (ring, arc).

    In reflectance-like units of contrast; each arc at the place, up to 10 m off, at which it stands out most.
    """
    params = PerimeterParams(outline_error_m=10)
    step_m = stack.grid.pixel_m / 2
    reach = round(params.outline_error_m / step_m)
    across = offsets(params.reach_m + params.outline_error_m, step_m)
    search = Search(wall=params.wall, across_m=across, shifts=range(-reach, reach + 1))
    suns = [sun_on(day, lat_deg=AREA_4326.centroid.y) for day in stack.days]
    found = contrasts(stack.values.mean(axis=1), stack.grid, line, suns, search).reshape(
        len(suns), len(search.shifts), -1, arcs_a_ring
    )
    before, after = np.abs(found[0]), np.abs(mean_of_seen(found[-LAST:]))
    best = np.argmax(np.nan_to_num(np.maximum(before, after), nan=-1), axis=0)[None]
    gain = np.take_along_axis(after, best, axis=0)[0] - np.take_along_axis(before, best, axis=0)[0]
    return np.asarray(gain, dtype=np.float64)


def whole_ring(stack: Stack, ring_m: LinearRing, *, copies: int, chosen: int) -> dict[str, float]:
    """Compare the gain of the whole ring with that of displaced copies, and of rings traced around other places."""
    params = PerimeterParams(copies=copies, outline_error_m=10)
    line = along(ring_m, spacing_m=10, arc_m=params.arc_m)
    placed = copies_of(line, stack.grid, params)
    if placed is None:
        raise ValueError("no room for copies of the ring")
    gain = gain_of(stack, placed.line, line.arcs)
    gain[1:] = np.where(placed.is_free[1:], gain[1:], np.nan)
    is_whole = np.isfinite(gain).mean(axis=1) >= _LEAST_TOLD
    true, others = float(np.nanmean(gain[0])), np.nanmean(gain[1:][is_whole[1:]], axis=1)
    left, bottom, right, top = stack.grid.bounds_m
    room = box(left, bottom, right, top).area / Polygon(ring_m).envelope.area - 1
    rings = _rings_elsewhere(stack, Polygon(ring_m), chosen)
    traced = np.array([float(np.nanmean(gain_of(stack, one, one.arcs))) for one in rings])
    return {
        "gain": true,
        "copies": len(others),
        "as_much": int((others >= true).sum()),
        "p_copies": (1 + int((others >= true).sum())) / (1 + len(others)),
        "apart": room,
        "least_p": 1 / (1 + room),
        "traced": len(traced),
        "traced_as_much": int((traced >= true).sum()),
        "p_traced": (1 + int((traced >= true).sum())) / (1 + len(traced)),
    }


def _rings_elsewhere(stack: Stack, here: Polygon, count: int) -> list[Line]:
    """Return rings traced on the last frame around other places, each ring once."""
    rng = np.random.default_rng(1)
    left, bottom, right, top = stack.grid.bounds_m
    away = here.buffer(_AWAY_M)
    lines: list[Line] = []
    taken: list[Polygon] = []
    for _ in range(count):
        place = Point(rng.uniform(left + 300, right - 300), rng.uniform(bottom + 300, top - 300))
        ring = None if away.contains(place) else trace_ring(stack.values[-1], stack.grid, place, RingParams())
        if ring is None:
            continue
        inside = Polygon(ring.line_m).buffer(0)
        if away.intersects(inside) or any(inside.intersection(one).area > inside.area / 2 for one in taken):
            continue
        taken.append(inside)
        lines.append(along(ring.line_m, spacing_m=10, arc_m=PerimeterParams().arc_m))
    return lines


def draw(path: Path, stack: Stack, ring: Ring, watched: Perimeter) -> None:
    """Draw both frames with the arcs, red where a line stands out, blue where none does; what the eye sees dotted."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, bottom, right, top = stack.grid.bounds_m
    x, y = ring.line_m.xy
    for axes, index, when in zip(figure.subplots(1, 2), (0, -1), ("before", "after"), strict=True):
        image = stack.values[index].transpose(1, 2, 0)
        low, high = np.nanquantile(image, (0.01, 0.995))
        axes.imshow(np.clip((np.nan_to_num(image) - low) / (high - low), 0, 1), extent=(left, right, bottom, top))
        p = np.array([getattr(arc, f"present_{when}_p") for arc in watched.arcs])
        lines = LineCollection([np.asarray(arc.line_m.coords) for arc in watched.arcs], cmap="coolwarm", linewidths=3)
        lines.set_array(-np.log10(np.maximum(p, 1e-4)))
        lines.set_clim(0, 3)
        axes.add_collection(lines)
        axes.plot(*box(*EYE_M).exterior.xy, color="white", linewidth=1, linestyle=":")
        axes.set(xlim=(min(x) - _SHOWN_M, max(x) + _SHOWN_M), ylim=(min(y) - _SHOWN_M, max(y) + _SHOWN_M))
        axes.set(title=f"{stack.days[index]}: {'last' if index else 'first'} frame", xticks=[], yticks=[])
    figure.colorbar(lines, ax=figure.axes, shrink=0.8, ticks=[0, 1, 2, 3]).set_ticklabels(["1", "0.1", "0.01", "0.001"])
    figure.axes[-1].set_ylabel("share of copies that stand out as much")
    figure.text(0.01, 0.005, "Contains modified Copernicus Sentinel data 2017-2018", fontsize=7)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dabancheng_perimeter")
    parser.add_argument("--data", type=Path, required=True, help="folder of the real imagery")
    parser.add_argument("--outlines", type=int, default=12, help="rough outlines that are tried")
    parser.add_argument("--copies", type=int, default=4000, help="of the whole ring, in the whole frame")
    parser.add_argument("--elsewhere", type=int, default=150, help="places around which rings are traced to compare")
    parser.add_argument("--picture", type=Path, help="draw it here")
    options = parser.parse_args(arguments)
    stack, even = read(options.data)
    composite, grid, eye = stack.values[-1], stack.grid, box(*EYE_M)
    rough = [Polygon(drawn_roughly(eye, ROUGH_M, np.random.default_rng(seed))) for seed in range(options.outlines)]
    traced = [trace_ring(composite, grid, place, RingParams()) for place in (*rough, eye.centroid)]
    rings = [ring for ring in traced if ring is not None]
    off = [f"{off_m(ring, eye):.1f}" for ring in rings]
    print(f"median metres off what the eye sees, from rough outlines: {', '.join(off[:-1])}; from a point: {off[-1]}")
    ring = rings[0]
    print(f"said to be {ring.median_uncertainty_m:.0f} m")
    watched = watch_perimeter(even, ring.line_m, PerimeterParams(min_looks=2, outline_error_m=10))
    print(f"gain along a stretch: p = {watched.gain_p:.4f}; loss: p = {watched.loss_p:.4f}; {watched.null_arcs} arcs")
    columns = ("present_before_p", "present_after_p", "change_p", "contrast_before", "contrast_after")
    print(
        table(
            [
                {"state": arc.state.value, **{name: f"{getattr(arc, name):.4f}" for name in columns}}
                for arc in watched.arcs
            ]
        )
    )
    whole = whole_ring(even, ring.line_m, copies=options.copies, chosen=options.elsewhere)
    print(table([{name: f"{value:.4g}" for name, value in whole.items()}]))
    if options.picture:
        draw(options.picture, stack, ring, watched)
    return 0


if __name__ == "__main__":
    sys.exit(main())
