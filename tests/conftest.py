"""What every test shares: no network, no surprise from the environment, the real data where it is."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"

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
