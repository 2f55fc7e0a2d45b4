"""Limits hold over all processes of an account, waits have an end, and what was spent is written down."""

import json
import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.cost import Cost
from geo.errors import OutputError, SourceError, SourceUnavailableError
from geo.sources.ledger import Entry, Ledger, area_spent_on, month_of, spending_on
from geo.sources.limits import BusyError, Patience, RateLimiter, Rates, patiently, retry_after_s

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.now += seconds


def limiter(folder: Path, clock: Clock, rates: Rates | None = None) -> RateLimiter:
    return RateLimiter(folder, rates or Rates(requests=3, units=10.0), clock=clock, sleep=clock.sleep)


# --- Retry-After ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "unit_s", "expected"),
    [
        pytest.param("700", 0.001, 0.7, id="milliseconds"),
        pytest.param("30", 1.0, 30.0, id="seconds"),
        pytest.param("1.5", 0.001, 1.5, id="decimals-are-seconds"),
        pytest.param(format_datetime(NOW + timedelta(seconds=90), usegmt=True), 0.001, 90.0, id="date"),
        pytest.param(format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.001, 0.0, id="date-gone-by"),
        pytest.param("Sat, 21 Nov 2026 12:00:10 -0000", 1.0, 10.0, id="date-without-zone"),
        pytest.param("9" * 5000, 1.0, float("inf"), id="absurd"),
        pytest.param(None, 0.001, None, id="missing"),
        pytest.param("", 0.001, None, id="empty"),
        pytest.param("soon", 0.001, None, id="word"),
        pytest.param("-5", 0.001, None, id="negative"),
        pytest.param("1.2.3", 0.001, None, id="two-points"),
        pytest.param(".", 0.001, None, id="point"),
        pytest.param("²", 1.0, None, id="superscript"),
    ],
)
def test_every_form_of_retry_after_is_understood(text: str | None, unit_s: float, expected: float | None) -> None:
    assert retry_after_s(text, NOW, unit_s=unit_s) == (None if expected is None else pytest.approx(expected))


@given(st.text(max_size=20))
def test_no_retry_after_breaks_the_reader(text: str) -> None:
    wait_s = retry_after_s(text, NOW)
    assert wait_s is None or wait_s >= 0


# --- patience ------------------------------------------------------------------------------------


@given(attempt=st.integers(1, 10), asked=st.floats(0, 1000), chance=st.floats(0, 0.999))
def test_a_wait_is_never_shorter_than_asked_for(attempt: int, asked: float, chance: float) -> None:
    assert Patience().wait_s(attempt, asked_s=asked, chance=chance) >= asked


def test_waits_grow_and_have_an_end() -> None:
    patience = Patience(first_wait_s=1, longest_wait_s=6)
    assert [patience.wait_s(attempt) for attempt in range(1, 6)] == [1, 2, 4, 6, 6]


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"first_wait_s": -1.0}, {"jitter_share": -0.1}])
def test_impossible_patience_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="at least one attempt"):
        Patience(**wrong)  # type: ignore[arg-type]  # numbers of both kinds


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = iter([error] * times)

    def send() -> str:
        for one in left:
            raise one
        return "answer"

    return send


def test_what_is_busy_is_asked_again(tmp_path: Path) -> None:
    clock = Clock()
    patience = Patience(attempts=3, jitter_share=0)
    send = failing(2, BusyError("busy"))
    answer = patiently(send, limiter(tmp_path, clock), patience=patience, units=1, sleep=clock.sleep)
    assert answer == "answer"
    assert clock.slept == [1, 2]


def test_what_stays_busy_is_given_up(tmp_path: Path) -> None:
    clock = Clock()
    asked = limiter(tmp_path, clock, Rates())
    with pytest.raises(SourceUnavailableError, match="busy; tried 4 times"):
        patiently(failing(9, BusyError("busy")), asked, patience=Patience(attempts=4), units=1, sleep=clock.sleep)


def test_nobody_waits_for_a_provider_that_wants_hours(tmp_path: Path) -> None:
    clock = Clock()
    send = failing(1, BusyError("busy", wait_s=7200))
    with pytest.raises(SourceUnavailableError, match="asks for a pause of 7200 s"):
        patiently(send, limiter(tmp_path, clock), patience=Patience(), units=1, sleep=clock.sleep)
    assert clock.slept == []


def test_other_errors_are_not_tried_again(tmp_path: Path) -> None:
    clock = Clock()
    with pytest.raises(SourceError, match="wrong"):
        patiently(failing(1, SourceError("wrong")), limiter(tmp_path, clock), patience=Patience(), units=1)
    assert clock.slept == []


# --- the limiter ---------------------------------------------------------------------------------


@given(costs=st.lists(st.floats(0, 9.9), min_size=1, max_size=20), gaps=st.lists(st.floats(0, 30), max_size=20))
def test_no_minute_holds_more_than_the_rates_allow(
    costs: list[float], gaps: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = Clock()
    asked = limiter(tmp_path_factory.mktemp("account"), clock)
    sent: list[tuple[float, float]] = []
    for index, units in enumerate(costs):
        clock.now += gaps[index] if index < len(gaps) else 0
        asked.acquire(units)
        sent.append((clock.now, units))
    for start, _ in sent:
        inside = [units for at, units in sent if start <= at < start + 60]
        assert len(inside) <= 3
        assert sum(inside) <= 10 + 1e-9


def test_what_fits_is_not_made_to_wait(tmp_path: Path) -> None:
    clock = Clock()
    asked = limiter(tmp_path, clock)
    for _ in range(3):
        asked.acquire(1.0)
    assert clock.slept == []
    asked.acquire(1.0)
    assert sum(clock.slept) == pytest.approx(60)


def test_a_request_larger_than_the_rate_waits_for_an_empty_minute_and_goes(tmp_path: Path) -> None:
    clock = Clock()
    asked = limiter(tmp_path, clock)
    asked.acquire(1.0)
    asked.acquire(50.0)
    assert sum(clock.slept) == pytest.approx(60)


def test_a_wait_without_end_is_an_error(tmp_path: Path) -> None:
    clock = Clock()
    asked = limiter(tmp_path, clock)
    asked.pause(5000)
    with pytest.raises(SourceUnavailableError, match="limits ask for 5000 s more"):
        asked.acquire(1.0)


def test_a_pause_that_one_process_learns_of_holds_for_all(tmp_path: Path) -> None:
    clock = Clock()
    one, other = limiter(tmp_path, clock), limiter(tmp_path, clock)
    one.pause(7)
    one.pause(3)  # a shorter one does not shorten it
    other.acquire(1.0)
    assert sum(clock.slept) == pytest.approx(7)


def test_a_clock_that_was_set_back_does_not_stop_everything(tmp_path: Path) -> None:
    clock = Clock()
    asked = limiter(tmp_path, clock)
    for _ in range(3):
        asked.acquire(1.0)
    asked.pause(10)
    clock.now -= 1_000_000 - 1
    asked.acquire(1.0)
    assert clock.slept == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sent": [[1]]}', '{"sent": "x", "paused_until": "y"}'])
def test_a_damaged_state_is_begun_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "rate.json").write_text(content, encoding="utf-8")
    clock = Clock()
    limiter(tmp_path, clock).acquire(1.0)
    assert len(json.loads((tmp_path / "rate.json").read_text(encoding="utf-8"))["sent"]) == 1


def test_an_account_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match=r"cannot write .*rate\.json"):
        limiter(tmp_path / "file", Clock()).acquire(1.0)


def _ask_for_a_while(folder: Path, until: float) -> None:
    looked_at: list[float] = []

    def clock() -> float:
        looked_at.append(time.time())
        return looked_at[-1]

    asked = RateLimiter(folder, Rates(requests=10, units=1000, window_s=0.5), clock=clock)
    times = []
    while time.time() < until:
        asked.acquire(1.0)
        times.append(looked_at[-1])  # under which it was counted
    (folder / f"times-{multiprocessing.current_process().pid}").write_text(json.dumps(times), encoding="utf-8")


def test_two_processes_together_do_not_exceed_the_rate(tmp_path: Path) -> None:
    fresh = multiprocessing.get_context("spawn")
    until = time.time() + 4
    processes = [fresh.Process(target=_ask_for_a_while, args=(tmp_path, until)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    by_process = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("times-*")]
    assert len(by_process) == 2
    assert all(by_process)
    times = sorted(at for one in by_process for at in one)
    assert max(sum(start <= at < start + 0.5 for at in times) for start in times) == 10


# --- the ledger ----------------------------------------------------------------------------------


def entry(at: str = "2026-11-21T10:00:00+00:00", *, units: float = 1.5, area: str = "west") -> Entry:
    return Entry(at=at, kind="process", area=area, product="S2A", units=units, is_stated=True, size_bytes=2_000_000)


def test_what_was_spent_is_told_by_month_and_area(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for one in (entry(), entry(units=0.5, area="east"), entry("2026-10-31T23:59:59+00:00", units=100)):
        ledger.record(one)
    assert ledger.spent("2026-11") == Cost(requests=2, units=2.0, megabytes=4.0)
    assert ledger.by_area("2026-11")["east"] == Cost(requests=1, units=0.5, megabytes=2.0)
    assert Ledger(tmp_path).spent("2026-10").units == 100
    assert ledger.spent("2020-01") == Cost()


def test_a_line_that_a_killed_process_left_half_written_costs_only_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    ledger.record(entry())
    path = tmp_path / "ledger-2026-11.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"at": "2026-11-2', encoding="utf-8")
    ledger.record(entry())
    assert ledger.spent("2026-11").requests == 2
    assert "line 2: passed over" in caplog.text


def _record_many(folder: Path) -> None:
    for _ in range(40):
        Ledger(folder).record(entry())


def test_two_processes_may_write_one_ledger(tmp_path: Path) -> None:
    fresh = multiprocessing.get_context("spawn")
    processes = [fresh.Process(target=_record_many, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert Ledger(tmp_path).spent("2026-11").requests == 80


def test_spending_is_put_down_to_the_area_at_work() -> None:
    assert area_spent_on() == ""
    with spending_on("west"):
        assert area_spent_on() == "west"
        with spending_on("east"):
            assert area_spent_on() == "east"
        assert area_spent_on() == "west"
    assert area_spent_on() == ""


def test_months_are_counted_in_utc() -> None:
    late = datetime.fromisoformat("2026-12-01T01:00:00+03:00")
    assert month_of(late) == "2026-11"
