"""What imagery costs at providers that count processing units: pure arithmetic, nothing is asked.

The rules are those that the Copernicus Data Space documentation gives under "Processing Unit definition"; the
commercial Sentinel Hub counts alike. A request is charged only when it succeeds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Self

UNIT_SIDE_PX = 512
UNIT_BANDS = 3
MIN_AREA_FACTOR = 0.01
MIN_PROCESS_UNITS = 0.005
MIN_CATALOG_UNITS = 0.01
MAX_CATALOG_UNITS = 1.0
CATALOG_UNIT_KM2 = 1_000_000.0
WIDE_BITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Processing:
    """What a provider is asked to do with each pixel."""

    sample_bits: int = 16
    samples: int = 1
    """Acquisitions a pixel is made from."""
    collections: int = 1
    """How many collections are fused; one elsewhere than at the endpoint counts twice."""
    is_orthorectified: bool = False
    is_terrain_corrected: bool = False
    """Radiometrically (gamma0 over terrain); includes the orthorectification."""
    is_speckle_filtered: bool = False

    @property
    def factor(self) -> float:
        """By how much all of it multiplies the cost of a pixel."""
        format_factor = 2.0 if self.sample_bits >= WIDE_BITS else 1.0
        terrain_factor = 2.5 if self.is_terrain_corrected else 2.0 if self.is_orthorectified else 1.0
        speckle_factor = 2.0 if self.is_speckle_filtered else 1.0
        return format_factor * self.samples * self.collections * terrain_factor * speckle_factor


OPTICAL_16_BIT = Processing()
"""Sentinel-2 as digital numbers."""
RADAR_TERRAIN_CORRECTED = Processing(sample_bits=32, is_terrain_corrected=True)
"""Sentinel-1 GRD as gamma0 over terrain, floating point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What some requests cost; costs add up."""

    requests: int = 0
    units: float = 0.0
    """Processing units."""
    megabytes: float = 0.0
    """Before compression: what is sent is less."""

    def __add__(self, other: Self) -> Self:
        return type(self)(
            requests=self.requests + other.requests,
            units=self.units + other.units,
            megabytes=self.megabytes + other.megabytes,
        )

    def __mul__(self, times: int) -> Self:
        return type(self)(requests=self.requests * times, units=self.units * times, megabytes=self.megabytes * times)


def processing_units(width_px: int, height_px: int, bands: int, processing: Processing = OPTICAL_16_BIT) -> float:
    """Return the processing units of one answer of the Process API.

    Args:
        width_px: Of the answer.
        height_px: Of the answer.
        bands: Input bands without ``dataMask``, which is free unless it is the only one (then give 0).
        processing: What is done with them.

    """
    if width_px < 1 or height_px < 1 or bands < 0:
        raise ValueError(f"expected at least one pixel and no negative bands; got {width_px} x {height_px}, {bands}")
    area_factor = max(width_px * height_px / UNIT_SIDE_PX**2, MIN_AREA_FACTOR)
    return max(area_factor * max(bands, 1) / UNIT_BANDS * processing.factor, MIN_PROCESS_UNITS)


def catalog_units(area_km2: float, months: float) -> float:
    """Return the processing units of one page of a catalogue search over `area_km2` and `months`."""
    area_factor = max(area_km2 / CATALOG_UNIT_KM2, MIN_AREA_FACTOR)
    return min(max(area_factor * ceil(max(months, 1.0)), MIN_CATALOG_UNITS), MAX_CATALOG_UNITS)


def process_cost(
    shapes: Iterable[tuple[int, int]], *, bands: int, masks: int = 1, processing: Processing = OPTICAL_16_BIT
) -> Cost:
    """Return what one request for each of `shapes` costs.

    Args:
        shapes: Rows and columns, (y, x), of each answer.
        bands: Input bands that are charged.
        masks: Layers that come free with them.
        processing: What is done with the pixels.

    """
    total = Cost()
    for height_px, width_px in shapes:
        size_mb = width_px * height_px * (bands + masks) * processing.sample_bits / 8 / 1e6
        units = processing_units(width_px, height_px, bands, processing)
        total += Cost(requests=1, units=units, megabytes=size_mb)
    return total
