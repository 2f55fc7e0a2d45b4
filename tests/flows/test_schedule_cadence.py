"""A watch list's words become times: held against Prefect's own reading of cron, and against the calendar."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely.geometry import box

from aoi.areas import Area
from flows.schedule.cadence import Cadence, cadence_text, timetable
from flows.schedule.cron import Cron
from flows.settings.config import ScheduleSettings
from geo.errors import AoiError, ConfigError

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)  # a Sunday
SETTINGS = ScheduleSettings()


def area(area_id: str, cadence: str = "") -> Area:
    return Area(area_id=area_id, name=area_id, polygon_4326=box(80, 40, 80.1, 40.1), cadence=cadence)


def cadence(text: str, settings: ScheduleSettings = SETTINGS) -> Cadence:
    return timetable([area("a", text)], settings)[0].cadence


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("daily", "daily"),
        ("  Every   DAY ", "daily"),
        ("every 7 days", "every 7 days"),
        ("every 1 week", "weekly"),
        ("every hour", "every 1 hour"),
        ("hourly", "every 1 hour"),
        ("every 6 hours", "every 6 hours"),
        ("On new imagery", "on new imagery"),
        ("0 6 * * MON", "0 6 * * mon"),
        ("*/15 0-5,22 1 jan-mar *", "*/15 0-5,22 1 jan-mar *"),
    ],
)
def test_a_cadence_is_written_in_one_way(said: str, meant: str) -> None:
    assert cadence_text(said) == meant
    assert cadence_text(meant) == meant


@pytest.mark.parametrize(
    "said",
    [
        "sometimes",
        "every so often",
        "every 0 hours",
        "every 1 second",
        "every 400 days",
        "every 3",
        "60 6 * * *",
        "0 24 * * *",
        "0 6 * *",
        "0 6 * * * *",
        "0 6 30 2 *",
        "0 6 31 2,4 sun",
        "0 6 * * 8",
        "0 6 * foo *",
        "*/0 * * * *",
        "5-1 * * * *",
        "٣ 6 * * *",
        "@daily",
        "0 6 * * mon#2",
        "x" * 5_000,
    ],
)
def test_nonsense_is_refused_with_the_area_and_in_one_short_line(said: str) -> None:
    with pytest.raises(AoiError, match=r"^area kashgar: cadence: expected") as told:
        timetable([area("kashgar", said)], SETTINGS)
    assert len(str(told.value)) < 300
    with pytest.raises(ConfigError, match=r"^schedule.cadence: expected"):
        timetable([area("kashgar")], ScheduleSettings(cadence=said[:100]))


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("daily", ["11-23 02", "11-24 02", "11-25 02"]),
        ("weekly", ["11-23 02", "11-30 02", "12-07 02"]),
        ("monthly", ["12-01 02", "01-01 02", "02-01 02"]),
        ("every 6 hours", ["11-22 12", "11-22 18", "11-23 00"]),
        ("on new imagery", ["11-22 12", "11-22 18", "11-23 00"]),
        ("every 2 weeks", ["11-23 02", "12-07 02", "12-21 02"]),
        ("30 5 * * sat", ["11-28 05", "12-05 05", "12-12 05"]),
    ],
)
def test_the_next_starts_are_those_of_the_calendar(text: str, starts: list[str]) -> None:
    found = cadence(text).next_starts(NOW.replace(minute=59), 3)
    assert [f"{one:%m-%d %H}" for one in found] == starts


def test_each_area_is_watched_at_its_own_cadence_or_the_workspace_s() -> None:
    found = timetable(
        [area("a"), area("b", "weekly"), area("c", "every week"), area("d", "daily")], ScheduleSettings(cadence="Daily")
    )
    assert {one.cadence.text: one.area_ids for one in found} == {"daily": ("a", "d"), "weekly": ("b", "c")}


ALL = [
    "daily",
    "weekly",
    "monthly",
    "on new imagery",
    "every 1 hour",
    "every 5 hours",
    "every 6 hours",
    "every 2 days",
    "every 3 days",
    "every 2 weeks",
    "17 * * * *",
    "44 2 * * *",
]


def test_two_cadences_never_start_in_the_same_minute() -> None:
    table = timetable([area(f"a{number}", text) for number, text in enumerate(ALL)], SETTINGS)
    starts = {one.cadence.text: set(one.cadence.next_starts(NOW, 800)) for one in table}
    for one, other in combinations(ALL, 2):
        assert not starts[one] & starts[other], (one, other)


def test_adding_a_cadence_leaves_the_others_where_they_are() -> None:
    before = cadence("daily")
    after = timetable([area("a", "daily"), area("b", "30 4 * * 1")], SETTINGS)
    assert before in [one.cadence for one in after]


def test_names_of_deployments_are_plain_and_told_apart() -> None:
    names = [cadence(text).name for text in [*ALL, "17 * * * 1", "17 * * 1 *", "*/17 * * * *", "1 7 * * *"]]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)


MOMENTS = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001  # hypothesis wants them naive
    datetime(2035, 1, 1),  # noqa: DTZ001  # likewise
    timezones=st.just(UTC),
)
FIELDS = (
    st.sampled_from(["*", "0", "59", "*/7", "5-20/4", "3,33", "10/20"]),
    st.sampled_from(["*", "0", "23", "*/5", "2-4", "1,13"]),
    st.sampled_from(["*", "1", "31", "29", "13,27", "*/10"]),
    st.sampled_from(["*", "2", "1-3", "jun", "*/4", "12"]),
    st.sampled_from(["*", "0", "7", "mon-fri", "sat", "1,3"]),
)


@given(fields=st.tuples(*FIELDS), moment=MOMENTS)
def test_cron_means_what_it_means_to_prefect(fields: tuple[str, ...], moment: datetime) -> None:
    oracle: Any = pytest.importorskip("prefect._vendor.croniter").croniter
    assume(fields[2:4] not in {("31", "2"), ("31", "jun")})  # there is no such day
    text = " ".join(fields)
    mine = Cron.parse(text)
    assert mine.following(moment) == oracle(text, moment).get_next(datetime)
    assert mine.latest(moment) == oracle(text, moment + timedelta(microseconds=1)).get_prev(datetime)


@given(
    text=st.sampled_from([*ALL, "every 90 minutes", "every 20 seconds", "0 0 29 2 *"]),
    moment=MOMENTS,
)
def test_a_start_lies_between_the_last_and_the_next(text: str, moment: datetime) -> None:
    one = cadence(text)
    assert one.latest(moment) <= moment < one.following(moment)
    assert one.latest(one.following(moment)) == one.following(moment)
    assert one.following(one.latest(moment)) == one.following(moment)
