"""A STAC catalogue of everything that a run made, which needs nothing but the run's own folder."""
