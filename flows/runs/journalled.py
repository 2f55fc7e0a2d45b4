"""The journal of a run as a whole: what it came to, and why it ended if it did not come to its end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from flows.area.journal import Journal
from flows.area.outcome import NO_PRODUCT, AreaOutcome, one_line
from flows.area.pipeline import Job
from flows.settings.version import code_version
from geo.errors import OutputError


@contextmanager
def journalled(job: Job) -> Iterator[Journal]:
    """Take down the beginning of a run, and its end if something stops it; who uses it takes down a good end.

    Raises:
        OutputError: The disk does not take it.

    """
    journal = Journal(job.workspace.state_dir, run=job.run, code=code_version())
    journal.begin()
    try:
        yield journal
    except Exception as error:
        with suppress(OutputError):  # what stopped it may be the disk itself
            journal.close(state="failed", reason=one_line(error))
        raise


def areas_facts(outcomes: Sequence[AreaOutcome]) -> dict[str, Any]:
    """Return how many areas came how far, and what stopped those that came to nothing."""
    facts: dict[str, Any] = {"states": dict(Counter(one.state.value for one in outcomes))}
    stopped = {one.area_id: {"state": one.state, "reason": one.reason} for one in outcomes if one.state in NO_PRODUCT}
    return {**facts, "stopped": stopped} if stopped else facts
