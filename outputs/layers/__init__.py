"""Map layers: GeoPackage with its styles inside, and GeoJSON."""
