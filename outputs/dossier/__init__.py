"""One facility, one page: time-lapse, curve of built area, perimeter arc by arc, and what could not be seen."""
