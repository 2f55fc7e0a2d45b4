"""Imagery that was read once, kept in the workspace so that no provider is asked for it twice."""

from geo.cache.prune import PruneRules, choose_to_prune
from geo.cache.source import CachedSource
from geo.cache.store import Entry, ImageStore

__all__ = ["CachedSource", "Entry", "ImageStore", "PruneRules", "choose_to_prune"]
