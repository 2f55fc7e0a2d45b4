"""Draw the perimeter of the compound at Dabancheng on the first and the last frame, and say what is measured along it.

    python -m benchmarks.dabancheng_perimeter --data DIR [--picture FILE]

The reverse of a removal, and the only real case at hand: desert on 2017-03-02, a walled compound on 2018-10-11. The
ring is drawn from a rough outline to the line on the last frame; an arc is coloured by how far it stands out there.
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
from shapely.geometry import Polygon, box

from benchmarks.trials import table
from benchmarks.walls import drawn_roughly
from detection.looks.normalise import normalise, reference_image
from detection.params import DetectParams
from detection.perimeter import Perimeter, PerimeterParams, watch_perimeter
from detection.perimeter.ring import Ring, RingParams, trace_ring
from geo.coregister import coregister
from geo.grid import Grid
from geo.scene import RGB_BANDS, Stack
from geo.sources.folder import FolderSource

AREA_4326 = box(88.262, 43.374, 88.305, 43.394)
EYE_M = (604_170.0, 4_804_040.0, 604_805.0, 4_804_460.0)
"""West, south, east and north of the compound, read by eye on the last frame as it is, EPSG:32645."""
ROUGH_M = 25.0
_SHOWN_M = 180.0


def read(data: Path) -> tuple[Stack, Stack]:
    """Return the frames as they are, and registered and in one light."""
    grid = Grid.around(AREA_4326, pixel_m=10, margin_m=300)
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


def draw(path: Path, stack: Stack, ring: Ring, watched: Perimeter) -> None:
    """Draw the first and the last frame with the arcs, blue where nothing stands out, red where a line does."""
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
    if options.picture:
        draw(options.picture, stack, ring, watched)
    return 0


if __name__ == "__main__":
    sys.exit(main())
