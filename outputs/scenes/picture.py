"""One picture an area: every scene that was found, in order of time, small, with what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from geo.atomic import atomic_file
from outputs.scenes.table import Fate
from outputs.scenes.thumbnail import Thumbnail


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tile:
    """One scene in the picture."""

    observed_at: datetime
    """Aware."""
    fate: Fate
    clear_share: float | None = None
    """Share (0-1) of the area clearly seen; None where it was not read."""
    hidden_shares: Mapping[str, float] = field(default_factory=dict)
    """Cause to share (0-1) of the area."""
    thumbnail: Thumbnail | None = None
    """None where it was not read."""

    @property
    def observed_on(self) -> date:
        """The day in UTC."""
        return self.observed_at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Overview:
    """Everything that the picture shows."""

    area_name: str
    tiles: tuple[Tile, ...]
    """Ascending in time."""
    credit: str
    """Who must be named for the imagery."""


def words_of(tile: Tile) -> str:
    """Return what became of a scene in a word or two."""
    if tile.fate is Fate.TOO_HIDDEN:
        causes = {cause: share for cause, share in tile.hidden_shares.items() if cause != "beside"}
        most = max(causes, key=lambda cause: causes[cause], default="hidden")
        return {"nodata": "no data"}.get(most, most)
    return {
        Fate.USED: "used",
        Fate.MURKY: "murky",
        Fate.NOT_CHOSEN: "not chosen",
        Fate.UNREADABLE: "unreadable",
        Fate.SCREENED: "screened",
        Fate.ALONE: "alone",
    }[tile.fate]


def draw_overview(path: Path, overview: Overview) -> None:
    """Draw `overview` as a PNG. The same overview gives the same bytes, with the same fonts installed.

    Raises:
        OutputError: The file cannot be written.

    """
    from outputs.scenes.mosaic import overview_as_png  # noqa: PLC0415  # matplotlib takes a second: only who draws waits

    png = overview_as_png(overview)
    with atomic_file(path) as part:
        part.write_bytes(png)
