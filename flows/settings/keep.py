"""The section of the settings that says how long is kept what tells of the past."""

from pydantic import Field

from flows.settings.section import Section


class KeepSettings(Section):
    """How long is kept what tells of the past. The store, the evidence log and imagery are kept for good."""

    logs_days: int = Field(default=400, ge=1, le=100_000)
    """A run's log is taken away after so many days."""
    journal_runs: int = Field(default=100, ge=1, le=100_000)
    """The journal of an area tells of at least so many runs, and of as many that found something to do."""
    superseded: int = Field(default=10, ge=0, le=10_000)
    """So many products of an area are kept, without pictures and maps, after others took their place; 0: none."""
    runs_days: int = Field(default=0, ge=0, le=100_000)
    """A finished run's folder is taken away after so many days; never the newest, nor one that a release was made
    from, and the evidence log says which. 0: none is."""
