"""The reviewer's browser: a queue, a page a detection, tiles straight from the rasters of the run."""
