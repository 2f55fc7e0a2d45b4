"""Imagery from a folder of GeoTIFF or JPEG 2000 files."""

from geo.sources.folder.source import FolderOptions, FolderSource

__all__ = ["FolderOptions", "FolderSource"]
