"""What is asked of each collection, and what the numbers that come back mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.cost import OPTICAL_16_BIT, RADAR_TERRAIN_CORRECTED, Processing
from geo.masks import SCL
from geo.scene import Quantity
from geo.sources.sentinelhub.options import CollectionId, SentinelHubOptions

MASK = "dataMask"
CLOUD_PERCENT: Mapping[str, float] = {"CLD": 1.0, "CLP": 100 / 255}
"""Layers that tell how probably it is cloud, and how many per cent one step of their numbers is: ``CLD``, by Sen2Cor,
is asked for in per cent; ``CLP``, by s2cloudless, comes as a byte of which 255 is certainty (and 0 also where it was
never computed)."""
_SCRIPT = """//VERSION=3
function setup() {{
  return {{
    input: [{{bands: {bands}, units: {units}}}],
    output: {{bands: {count}, sampleType: "{sample_type}"}}
  }};
}}
function evaluatePixel(sample) {{
  return [{values}];
}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How one collection is asked for."""

    collection: CollectionId
    quantity: Quantity
    bands: tuple[str, ...]
    """The bands that measure something; masks are not among them."""
    always: tuple[str, ...]
    """Layers that come with every answer, because the mask is made from them; charged as bands."""
    sample_type: str
    """Of the answer: ``UINT16`` or ``FLOAT32``."""
    units: Mapping[str, str]
    """What each layer's numbers count, in the service's words; `other_units` for the rest."""
    other_units: str
    options: Mapping[str, Any]
    """The ``processing`` part of the request."""
    processing: Processing
    """What that costs."""
    version: int = 1
    """To be raised when the same request means other pixels than before."""

    @property
    def dtype(self) -> str:
        """The sample type as numpy and rasterio name it."""
        return self.sample_type.lower()

    def layers(self, bands: Iterable[str]) -> tuple[str, ...]:
        """Return the layers that are charged when `bands` are wanted, each once: the answer has these and the mask."""
        return tuple(dict.fromkeys((*bands, *self.always)))

    def script(self, layers: Sequence[str]) -> str:
        """Return the evalscript that answers with `layers` and, last, the data mask."""
        names = (*layers, MASK)
        return _SCRIPT.format(
            bands=_listed(names),
            units=_listed(self.units.get(name, self.other_units) for name in names),
            count=len(names),
            sample_type=self.sample_type,
            values=", ".join(f"sample.{name}" for name in names),
        )


def _listed(names: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


RECIPES: Mapping[CollectionId, Recipe] = {
    "sentinel-2-l2a": Recipe(
        collection="sentinel-2-l2a",
        quantity=Quantity.REFLECTANCE,
        bands=("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"),
        always=(SCL,),
        sample_type="UINT16",
        units={"CLD": "PERCENT"},
        other_units="DN",
        # harmonised: the service takes the offset of baseline 04.00 and later off, from each product's own metadata,
        # so that reflectance is DN / 10 000 always; below 0 it answers 0, which the data mask tells from "no data".
        # Nearest: another interpolation would apply to the classification too, and invent classes.
        options={"harmonizeValues": True, "upsampling": "NEAREST", "downsampling": "NEAREST"},
        processing=OPTICAL_16_BIT,
    ),
    "sentinel-1-grd": Recipe(
        collection="sentinel-1-grd",
        quantity=Quantity.GAMMA0,
        bands=("VV", "VH"),
        always=(),
        sample_type="FLOAT32",
        units={MASK: "DN"},
        other_units="LINEAR_POWER",
        options={"orthorectify": True, "backCoeff": "GAMMA0_TERRAIN", "demInstance": "COPERNICUS_30"},
        processing=RADAR_TERRAIN_CORRECTED,
    ),
}


def recipe_for(options: SentinelHubOptions) -> Recipe:
    """Return how to ask as `options` want it: with the cloud probability only where the mask is made from it."""
    recipe, layer = RECIPES[options.collection], options.provider.cloud_layer
    if options.mask.cloud_probability_percent is None or SCL not in recipe.always or not layer:
        return recipe
    return replace(recipe, always=(*recipe.always, layer))


def values_of(
    recipe: Recipe, layers: Sequence[str], numbers: NDArray[np.uint16] | NDArray[np.float32]
) -> dict[str, NDArray[np.float32]]:
    """Return each layer as float32, shape (y, x); NaN where nothing was recorded.

    Reflectance and gamma0 as they are, classes as their numbers, cloud probability in per cent.

    Args:
        recipe: What was asked.
        layers: The layers that were asked for.
        numbers: The answer, shape (layer, y, x), the data mask last.

    """
    is_recorded = numbers[-1] != 0
    values = {}
    for name, layer in zip(layers, numbers[:-1], strict=True):
        scaled = layer.astype(np.float32) * np.float32(_scale(recipe, name))
        is_number = is_recorded & (scaled > 0) if recipe.quantity is Quantity.GAMMA0 else is_recorded
        values[name] = np.where(is_number, scaled, np.float32(np.nan))
    return values


def _scale(recipe: Recipe, name: str) -> float:
    if name == SCL or recipe.quantity is Quantity.GAMMA0:
        return 1.0
    return CLOUD_PERCENT.get(name, 1e-4)
