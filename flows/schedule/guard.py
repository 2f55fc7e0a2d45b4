"""Does the schedule fire? Told from the workspace's own record and from outside of the scheduler, which is not trusted.

What a scheduler that is broken would not notice itself: a time has passed and nothing started; a run hangs; the server
answers and plans no runs; no worker takes them. Each finding is an alarm with a key that stays the same while it lasts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aoi.read.vector import read_areas
from flows.schedule.cadence import Scheduled, timetable
from flows.schedule.starts import Start, holder_of, read_start, schedule_dir
from flows.settings.config import ScheduleSettings
from flows.settings.workspace import Workspace
from geo.errors import AoiError, ConfigError, OutputError, StateError

_AHEAD = timedelta(minutes=5)
"""A start that lies further ahead was written by a clock that is not to be trusted; one that is no older may be of a
run that is just beginning or ending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """Something that somebody must look at. It names no area and no address."""

    key: str
    """The same as long as it lasts."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How one cadence stands."""

    scheduled: Scheduled
    start: Start | None
    alarms: tuple[Alarm, ...]


def is_scheduled(workspace: Workspace) -> bool:
    """Say whether a schedule was ever set up here: else runs are started by something else, such as a timer."""
    return any(path.stem != "alarms" for path in schedule_dir(workspace).glob("*.json"))


def timetable_of(workspace: Workspace) -> tuple[Scheduled, ...]:
    """Return the cadences of the workspace's watch list.

    Raises:
        AoiError, ConfigError: The watch list, or a cadence, is wrong.

    """
    return timetable(read_areas(workspace.areas_path), workspace.config.schedule)


def look_at_starts(root: Path, *, at: datetime | None = None) -> tuple[Watch, ...]:
    """Say of each cadence whether it started when it was due.

    Raises:
        ConfigError, AoiError: The settings or the watch list are wrong.

    """
    workspace, now = Workspace.open(root), at or datetime.now(UTC)
    return tuple(_watch(workspace, one, now) for one in timetable_of(workspace))


def starts_alarms(root: Path, *, at: datetime | None = None) -> tuple[Alarm, ...]:
    """Return what is wrong by the workspace's own record; that a list cannot be read is an alarm, too.

    Raises:
        ConfigError: There is no workspace, or its settings cannot be read at all.

    """
    Workspace.open(root)
    try:
        return tuple(alarm for one in look_at_starts(root, at=at) for alarm in one.alarms)
    except (AoiError, ConfigError) as error:
        reason = type(error).__name__.removesuffix("Error")
        text = f"the watch list cannot be read ({reason}): no scheduled run can start; `sitewatch schedule show` tells"
        return (Alarm(key="watch-list", text=text),)


def _watch(workspace: Workspace, one: Scheduled, now: datetime) -> Watch:
    name = one.cadence.text
    try:
        start, holder = read_start(workspace, one.cadence), holder_of(workspace)
    except (StateError, OutputError):
        alarm = Alarm(key=f"record:{name}", text=f"{name}: the record of its last start cannot be read")
        return Watch(scheduled=one, start=None, alarms=(alarm,))
    return Watch(
        scheduled=one,
        start=start,
        alarms=tuple(judge(one, start, workspace.config.schedule, now=now, is_busy=holder is not None)),
    )


def judge(
    one: Scheduled, start: Start | None, settings: ScheduleSettings, *, now: datetime, is_busy: bool
) -> Iterator[Alarm]:
    """Yield what is wrong with one cadence.

    Args:
        one: The cadence.
        start: What is known of it; None where it was never set up.
        settings: How long a start may be missing, and a run be at work.
        now: Aware.
        is_busy: Whether some process is at work in the workspace.

    """
    name = one.cadence.text
    if start is None:
        yield Alarm(key=f"not-set-up:{name}", text=f"{name}: on the watch list, but it was never set up to be watched")
        return
    if start.is_failed:
        words = f"{name}: the run of {_time(start.started_at)} could not be done"
        yield Alarm(key=f"failed:{name}", text=f"{words}; the workspace's log tells why")
    is_at_work = start.started_at is not None and start.ended_at is None and is_busy
    if is_at_work and start.started_at and now - start.started_at > timedelta(hours=settings.longest_hours):
        yield Alarm(key=f"hangs:{name}", text=f"{name}: at work since {_time(start.started_at)}, too long")
    if start.started_at and start.ended_at is None and not is_busy and now - start.started_at > _AHEAD:
        words = f"{name}: the run of {_time(start.started_at)} broke off"
        yield Alarm(key=f"broke-off:{name}", text=f"{words}; the next one does only what is left")
    if not is_at_work:
        yield from _missing(one, start, settings, now)


def _missing(one: Scheduled, start: Start, settings: ScheduleSettings, now: datetime) -> Iterator[Alarm]:
    """Yield that a time has passed at which nothing started."""
    known = [at for at in (start.since, start.started_at) if at is not None and at <= now + _AHEAD]
    due = one.cadence.following(max(known)) if known else one.cadence.latest(now)
    if now > due + timedelta(minutes=settings.grace_minutes):
        last = f"the last start was {_time(start.started_at)}" if start.started_at else "it never started"
        text = f"{one.cadence.text}: due {_time(due)}, and nothing started; {last}"
        yield Alarm(key=f"missing:{one.cadence.text}", text=text)


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "unknown"
