"""Maps of one area as cloud-optimised GeoTIFFs: before, after, how much changed, since when, how often seen."""
