"""Fetch at once what near areas need of the same scenes, before each area is watched for itself."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from flows.area.pipeline import Job
from flows.pull.fetching import Asking, ask_all, reading_bounds
from flows.pull.needs import (
    Look,
    Reading,
    choose,
    fetch,
    first_looks,
    look_first,
    need_of_run,
    radar_need_of_run,
    readings_of,
)
from flows.reading.looks import find_scenes
from geo.cache import CachedSource
from geo.errors import SitewatchError
from geo.sources.ledger import spending_on

logger = logging.getLogger(__name__)


def prefetch(job: Job, area_ids: Sequence[str], *, force: bool = False) -> int:
    """Keep the looks of near areas where asking for them at once is cheaper; return how often that was done.

    What goes wrong here is logged only: the areas concerned ask again, each for itself, and report it.

    Raises:
        OutputError: The imagery cannot be kept.

    """
    source, count = job.source, 0
    if isinstance(source, CachedSource) and source.can_fetch_together:
        _ask_together(job, area_ids, partial(_first_looks, job), partial(look_first, source))
        count += _ask_together(job, area_ids, partial(_looks, job, force), partial(fetch, source))
    heard = job.radar.source if job.radar else None
    if job.radar and isinstance(heard, CachedSource) and heard.can_fetch_together:
        count += _ask_together(job.radar, area_ids, partial(_radar_looks, job, force), partial(fetch, heard))
    return count


def _ask_together(
    job: Job, area_ids: Sequence[str], looks_of: Callable[[str], Sequence[Look]], ask: Callable[[Reading], None]
) -> int:
    """Ask for those looks of several areas that go together; return how often that brought them."""
    looks = [look for area_id in area_ids for look in _or_nothing(area_id, looks_of)]
    joint = [reading for reading in readings_of(job, looks) if len(reading.looks) > 1]
    count = 0
    for done in ask_all(joint, ask, reading_bounds(job.workspace.config, joint), Asking(most_silences=1)):
        count += done.error is None
        if done.error:
            logger.warning("%s: %s", done.task.spent_on, done.error)
    return count


def _or_nothing(area_id: str, looks_of: Callable[[str], Sequence[Look]]) -> Sequence[Look]:
    try:
        return looks_of(area_id)
    except SitewatchError as error:
        logger.warning("%s: %s", area_id, error)
        return ()


def _first_looks(job: Job, area_id: str) -> Sequence[Look]:
    area = job.areas[area_id]
    with spending_on(area_id):
        return first_looks(job, area, find_scenes(job.source, area, job.workspace.config))


def _looks(job: Job, force: bool, area_id: str) -> Sequence[Look]:  # noqa: FBT001  # bound by `partial`
    return need_of_run(job, job.areas[area_id], force=force, choosing=choose).looks


def _radar_looks(job: Job, force: bool, area_id: str) -> Sequence[Look]:  # noqa: FBT001  # bound by `partial`
    return radar_need_of_run(job, job.areas[area_id], force=force, choosing=choose).looks
