"""What is asked about a perimeter, and what is answered."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from math import nan

from shapely.geometry import LineString

from detection.perimeter.lines import WallShape


class ArcState(StrEnum):
    """What is known of one arc of a perimeter."""

    PRESENT = "present"
    """A line stands out, and did before."""
    WEAKENED = "weakened"
    """It stands out less than before, but does."""
    GONE = "gone"
    """It stood out before and does not any more."""
    CANNOT_TELL = "cannot_tell"
    """Also where a line came to stand out: a wall that was built, a road beside it, and a road that a wall hid until
    it was taken away look alike."""


LOSSES = frozenset({ArcState.WEAKENED, ArcState.GONE})
"""The states that say that something changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerimeterParams:
    """How a perimeter is watched."""

    spacing_m: float = 10.0
    """Between profiles along the line."""

    arc_m: float = 125.0
    """Length of an arc, about."""

    reach_m: float = 40.0
    """How far profiles reach to both sides."""

    outline_error_m: float = 5.0
    """How far the line may lie off its drawn place: it is looked for so far to both sides, in the copies, too."""

    beside_m: float = 30.0
    """So far beyond that it is looked for what changed beside the line instead of on it."""

    copies: int = 1100
    """Displaced and turned copies from which chance is learnt: for a probability of 0.001 more than a thousand."""

    least_null: int = 200
    """With fewer arcs of copies nothing is said."""

    min_looks: int = 3
    """Looks needed on each side of a change, of seasons that both sides have."""

    season_days: int = 45
    """Looks whose days of the year are no farther apart share a season: shadows are alike."""

    change_p: float = 0.001
    """A change of an arc must be rarer than this among the copies."""

    present_p: float = 0.01
    """A line must stand out more than this share of the copies' arcs."""

    prior_looks: float = 4.0
    """How many looks' worth the usual unrest of the copies counts beside the arc's own."""

    line_unrest: float = 0.1
    """Share of its own contrast by which a standing line varies from date to date: registration, dust, sun."""

    wall: WallShape = field(default_factory=WallShape)

    def __post_init__(self) -> None:
        for name in ("spacing_m", "arc_m", "reach_m", "copies", "min_looks", "season_days"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0; got {getattr(self, name)}")
        for name in ("change_p", "present_p"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is a probability between 0 and 1; got {getattr(self, name)}")
        if self.outline_error_m < 0:
            raise ValueError(f"outline_error_m cannot be negative; got {self.outline_error_m}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arc:
    """What was found on one arc."""

    line_m: LineString
    state: ArcState
    reason: str
    """Why it is so; in words."""
    change_p: float
    """How probably chance makes a loss or a gain as clear as the clearer of both; NaN where it was not tested."""
    present_before_p: float
    present_after_p: float
    contrast_before: float
    """Of a wall as looked for, in reflectance, negative where it is darker than its sides; NaN where not seen."""
    contrast_after: float
    changed_after: date | None
    """The last look on which the change may not yet have happened…"""
    changed_by: date | None
    """… and the first by which it has. None where nothing changed."""
    smallest_m: float
    """The smallest wall, as width times contrast in metres, whose loss would be found nine times in ten; infinite
    where none would."""
    looks_before: int
    looks_after: int
    offset_m: float
    """How far outwards of its drawn place the line was found."""
    changed_off_m: float = nan
    """How far outwards of the line that stood out before lies what was lost; NaN where nothing was."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Perimeter:
    """What was found along one perimeter."""

    arcs: tuple[Arc, ...]
    loss_p: float
    """How probably chance makes so much loss along any stretch of the perimeter; NaN where it was not tested."""
    gain_p: float
    null_arcs: int
    """On how many arcs of copies the probabilities rest."""
    looks: tuple[date, ...]
    note: str = ""
    """Why nothing could be told; empty where something could."""
    changed: tuple[date, date] | None = None
    """The last look before, and the first after, what is gone or weakened went, from all of these arcs together."""

    @property
    def lost_arcs(self) -> tuple[Arc, ...]:
        """The arcs that are gone or weakened."""
        return tuple(arc for arc in self.arcs if arc.state in LOSSES)

    def share(self, *states: ArcState) -> float:
        """Return the share (0-1) of the perimeter's length in `states`."""
        total = sum(arc.line_m.length for arc in self.arcs)
        return sum(arc.line_m.length for arc in self.arcs if arc.state in states) / total if total else 0.0
