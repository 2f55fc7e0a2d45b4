"""Where a run is worked off: here, or on many machines."""
