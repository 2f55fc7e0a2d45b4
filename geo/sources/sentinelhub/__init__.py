"""Imagery by account from a Sentinel Hub service; the `sentinelhub` package is imported only when it is asked.

Where what is decided: what to ask for (`recipe`), which products are one look (`products`), how an area is cut into
requests (`tiles`, `merge`), what need not be asked again (`memory`), what an answer must be (`raster`), how the
service is spoken to (`client`).
"""

from geo.sources.sentinelhub.credentials import ID_NAME, SECRET_NAME, Credentials, Secret
from geo.sources.sentinelhub.merge import Merged, Prices, merge_requests
from geo.sources.sentinelhub.options import COMMERCIAL, COPERNICUS, Provider, SentinelHubOptions
from geo.sources.sentinelhub.recipe import RECIPES, Recipe, recipe_for
from geo.sources.sentinelhub.source import SentinelHubSource
from geo.sources.sentinelhub.tiles import split

__all__ = [
    "COMMERCIAL",
    "COPERNICUS",
    "ID_NAME",
    "RECIPES",
    "SECRET_NAME",
    "Credentials",
    "Merged",
    "Prices",
    "Provider",
    "Recipe",
    "Secret",
    "SentinelHubOptions",
    "SentinelHubSource",
    "merge_requests",
    "recipe_for",
    "split",
]
