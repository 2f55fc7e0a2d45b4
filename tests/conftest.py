"""What every test shares: no network, no surprise from the environment, the real data where it is."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from flows.settings.environment import prepare_prefect_environment

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
NEEDS = ("realdata", "qgis", "chromium", "postgis")
"""Markers of tests that skip where something is not installed."""

prepare_prefect_environment()  # for good: a test that sets it and takes it back would leave Prefect half set up
settings.register_profile("sitewatch", deadline=None, derandomize="CI" in os.environ, max_examples=50)
settings.load_profile("sitewatch")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real imagery and reference data beside the repository, or skip."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data: {SHARED_DATA} is not there")
    return SHARED_DATA


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a home folder of its own: nothing may read or write the user's."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("MPLCONFIGDIR", str(home / "matplotlib"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything must be there (SITEWATCH_REQUIRE_OPTIONAL), let no test skip for a missing component."""
    report = yield
    needs = [name for name in NEEDS if item.get_closest_marker(name)]
    if report.skipped and needs and not hasattr(report, "wasxfail") and os.environ.get("SITEWATCH_REQUIRE_OPTIONAL"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but required here ({', '.join(needs)}): {call.excinfo and call.excinfo.value}"
    return report
