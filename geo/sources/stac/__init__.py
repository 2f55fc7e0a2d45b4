"""Imagery from a STAC catalogue: an API, or a static catalogue on the web or on disk."""

from geo.sources.stac.options import PRESETS, StacOptions
from geo.sources.stac.source import StacSource

__all__ = ["PRESETS", "StacOptions", "StacSource"]
