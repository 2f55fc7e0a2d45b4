"""The places of China and of the world, and where an address lies, offline."""

from aoi.gazetteer.gazetteer import Gazetteer, PlaceWord
from aoi.gazetteer.place import Geocode, Level, Place, Precision

__all__ = ["Gazetteer", "Geocode", "Level", "Place", "PlaceWord", "Precision"]
