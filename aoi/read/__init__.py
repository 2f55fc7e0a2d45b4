"""Files of areas and facilities, read once and checked row by row."""
