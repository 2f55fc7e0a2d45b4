"""Fetch at once what near areas need of the same scenes, before each area is watched for itself."""

import logging
from collections.abc import Iterator, Sequence

from flows.needs import Look, choose, fetch, need_of_run, readings_of
from flows.pipeline import Job
from geo.cache import CachedSource
from geo.errors import QuotaExceededError, SitewatchError, SourceError, SourceUnavailableError

logger = logging.getLogger(__name__)


def prefetch(job: Job, area_ids: Sequence[str], *, force: bool = False) -> int:
    """Keep the looks of near areas where asking for them at once is cheaper; return how often that was done.

    What goes wrong here is logged only: the areas concerned ask again, each for itself, and report it.

    Raises:
        OutputError: The imagery cannot be kept.

    """
    source = job.source
    if not isinstance(source, CachedSource) or not source.can_fetch_together:
        return 0
    looks = [look for area_id in area_ids for look in _looks(job, area_id, force=force)]
    joint = [reading for reading in readings_of(job, looks) if len(reading.looks) > 1]
    for count, reading in enumerate(joint):
        try:
            fetch(source, reading)
        except (QuotaExceededError, SourceUnavailableError) as error:
            logger.warning("%s: %s", reading.spent_on, error)
            return count
        except SourceError as error:
            logger.warning("%s: %s", reading.spent_on, error)
    return len(joint)


def _looks(job: Job, area_id: str, *, force: bool) -> Iterator[Look]:
    try:
        yield from need_of_run(job, job.areas[area_id], force=force, choosing=choose).looks
    except SitewatchError as error:
        logger.warning("%s: %s", area_id, error)
