"""Colours of maps with one value a pixel, which keep their order for readers with any colour vision.

Lightness rises or falls from end to end, so that the order stays when hue is lost, in print too.
"""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

Colour = tuple[int, int, int]
Stop = tuple[float, Colour]
"""A value and its colour; colours between two stops are mixed."""

_PALE_TO_DARK: tuple[Colour, ...] = ((255, 255, 217), (199, 233, 180), (65, 182, 196), (34, 94, 168), (8, 29, 88))
_DARK_TO_LIGHT: tuple[Colour, ...] = ((0, 32, 77), (66, 77, 108), (124, 123, 120), (188, 175, 111), (255, 234, 70))

MAGNITUDE_STOPS: tuple[Stop, ...] = tuple(zip((0.0, 3.0, 5.0, 10.0, 20.0), _PALE_TO_DARK, strict=True))
"""In sigma of unchanged ground; 3 and 5 are where changes end and begin by default."""


def spread_stops(low: float, high: float, *, is_dark_first: bool = True) -> tuple[Stop, ...]:
    """Return stops evenly spread from `low` to `high`."""
    colours = _DARK_TO_LIGHT if is_dark_first else _PALE_TO_DARK
    step = (high - low) / (len(colours) - 1)
    return tuple((low + index * step, colour) for index, colour in enumerate(colours))


def colour_at(stops: Sequence[Stop], value: float) -> Colour:
    """Return the colour of `value`; beyond the ends that of the end."""
    if value <= stops[0][0]:
        return stops[0][1]
    for (low, one), (high, other) in pairwise(stops):
        if value <= high:
            part = (value - low) / (high - low) if high > low else 1.0
            mixed = [round(first + part * (second - first)) for first, second in zip(one, other, strict=True)]
            return (mixed[0], mixed[1], mixed[2])
    return stops[-1][1]


def colour_table(stops: Sequence[Stop], *, unseen: int) -> dict[int, tuple[int, int, int, int]]:
    """Return the colour table of whole values 0 to 255, with transparency; `unseen` is wholly transparent."""
    table = {value: (*colour_at(stops, value), 255) for value in range(256)}
    table[unseen] = (0, 0, 0, 0)
    return table


def as_qml(stops: Sequence[Stop], labels: Sequence[str]) -> str:
    """Return a QGIS style that draws band 1 with `stops`; QGIS takes it up where it lies beside the raster."""
    items = "\n".join(
        f'          <item alpha="255" value="{value:g}" label="{escape(label)}" color="#{bytes(colour).hex()}"/>'
        for (value, colour), label in zip(stops, labels, strict=True)
    )
    low, high = stops[0][0], stops[-1][0]
    return f"""<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" nodataColor=""
      classificationMin="{low:g}" classificationMax="{high:g}">
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" labelPrecision="0"
          minimumValue="{low:g}" maximumValue="{high:g}">
{items}
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
  </pipe>
</qgis>
"""
