"""The one error tree of the project.

    SitewatchError
    ├── ConfigError                 a setting is missing or wrong
    ├── AoiError                    an area, facility, supplier or list is wrong: names the file and the row
    ├── SourceError                 imagery is wrong: names the file or product
    │   ├── SourceUnavailableError  the same request may work later: retry
    │   └── QuotaExceededError      no more requests are allowed for now: stop
    ├── GridMismatchError           two things that must lie on one grid do not
    ├── OutputError                 a result cannot be written: names the path
    │   └── BusyError               another process is at work there: later it can be written
    ├── StateError                  what an earlier run kept is damaged or another's: names the path
    └── WorkerLostError             processes that worked on an area ended, one after the other

Every message says what was expected, what came, and which area, row or file it was. What is not an
error has no class here: clouds and missing imagery are outcomes (`detection.schema.Outcome`).
"""


class SitewatchError(Exception):
    """Anything that sitewatch itself finds wrong. Its message is fit for a user to read."""


class ConfigError(SitewatchError):
    """A setting is missing or wrong."""


class AoiError(SitewatchError):
    """An area, facility, supplier or list is wrong; the message names the file and the row."""


class SourceError(SitewatchError):
    """Imagery is wrong in itself: asking again would bring the same answer."""


class SourceUnavailableError(SourceError):
    """The provider did not answer properly; the same request may work later."""


class QuotaExceededError(SourceError):
    """The provider allows no more requests for now."""


class GridMismatchError(SitewatchError):
    """Two things that must lie on one pixel grid do not."""


class OutputError(SitewatchError):
    """A result could not be written; the message names the path."""


class BusyError(OutputError):
    """Another process is at work in the same place; once it is done, the same can be written."""


class StateError(SitewatchError):
    """What an earlier run kept is damaged, or belongs to something else; the message names the path."""


class WorkerLostError(SitewatchError):
    """The processes that worked on something ended one after the other, as for want of memory."""
