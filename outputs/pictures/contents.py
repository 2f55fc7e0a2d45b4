"""What one picture of a detection shows: the same ground before and after, and everything needed to judge it."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from geo.errors import GridMismatchError
from geo.grid import Grid
from outputs.vocabulary import EVENT_WORDS, NOT_REVIEWED, STATUS_WORDS, words

TRUE_COLOUR = "True colour"
ONE_BAND = "One band in grey"


@dataclass(frozen=True, slots=True, kw_only=True)
class FacilityMark:
    """A known place to show."""

    name: str
    location_m: BaseGeometry
    """Point or outline in the CRS of the chip's grid."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BeforeAfter:
    """Everything that one picture shows."""

    before: NDArray[np.float32]
    """Red, green and blue, shape (y, x, 3), in any unit; NaN where the ground was not clearly seen."""
    after: NDArray[np.float32]
    """The same for the later look, in the same unit."""
    grid: Grid
    outline_m: BaseGeometry
    """Of the detection, in the CRS of `grid`."""
    before_on: date
    after_on: date
    detection_id: str
    area_name: str
    event: str
    status: str
    confidence: float
    onset_after: date
    onset_by: date
    credit: str
    """Who must be named for the imagery."""
    facilities: tuple[FacilityMark, ...] = ()
    review: str = NOT_REVIEWED
    colours: str = TRUE_COLOUR
    """Which bands are shown as red, green and blue."""

    def __post_init__(self) -> None:
        for name, chip in (("before", self.before), ("after", self.after)):
            if chip.shape != (*self.grid.shape, 3):
                raise GridMismatchError(
                    f"{self.detection_id}: {name} has shape {chip.shape}, its grid asks for {(*self.grid.shape, 3)}"
                )

    @property
    def is_false_colour(self) -> bool:
        """Whether other bands than red, green and blue are shown, each with a stretch of its own."""
        return self.colours not in {TRUE_COLOUR, ONE_BAND}

    @property
    def title(self) -> str:
        """What it is and where."""
        return f"{words(EVENT_WORDS, self.event)}: {self.area_name}"

    @property
    def subtitle(self) -> str:
        """How sure, and when it began."""
        return (
            f"{words(STATUS_WORDS, self.status)}, confidence {self.confidence:.2f} (0 to 1). "
            f"Began after {self.onset_after} and by {self.onset_by}."
        )
