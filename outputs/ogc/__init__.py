"""Detections, coverage and facilities as OGC API Features, read-only."""
