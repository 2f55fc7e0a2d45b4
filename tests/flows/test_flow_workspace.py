"""A workspace is written by one run at a time, and never shows half a product."""

import fcntl
from pathlib import Path

import pytest

from flows.settings.config import Config
from flows.settings.workspace import Workspace, locked, point_to
from geo.errors import ConfigError, OutputError


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path, config=Config())


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sitewatch init"):
        Workspace.open(tmp_path)


def test_a_missing_folder_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        Workspace.open(tmp_path / "nowhere")


def test_a_second_run_is_refused_while_the_first_writes(workspace: Workspace) -> None:
    with locked(workspace), pytest.raises(OutputError, match=r"another run \(process \d+\)"), locked(workspace):
        pass


def test_the_lock_is_free_again_after_a_failure(workspace: Workspace) -> None:
    with pytest.raises(RuntimeError), locked(workspace):
        raise RuntimeError
    with locked(workspace):
        pass


def test_a_lock_file_left_by_a_killed_run_holds_nobody_up(workspace: Workspace) -> None:
    workspace.state_dir.mkdir()
    (workspace.state_dir / "lock").write_text("4711")
    with locked(workspace):
        assert (workspace.state_dir / "lock").read_text() != "4711"


def test_the_lock_is_one_that_other_processes_see(workspace: Workspace) -> None:
    with (
        locked(workspace),
        (workspace.state_dir / "lock").open() as file,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_what_a_killed_run_left_half_made_is_cleared_away(workspace: Workspace) -> None:
    half_run = workspace.runs_dir / ".20200101T000000Z-abcdef.tmp-1"
    half_product = workspace.area_dir("west") / ".key-1.tmp-1"
    whole = workspace.area_dir("west") / "key-1"
    for folder in (half_run, half_product, whole):
        folder.mkdir(parents=True)
    with locked(workspace):
        pass
    assert not half_run.exists()
    assert not half_product.exists()
    assert whole.exists()


def test_a_workspace_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot write"), locked(Workspace(root=tmp_path, config=Config())):
        pass


def test_a_link_moves_from_one_folder_to_the_next(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        point_to(tmp_path / "latest", tmp_path / "runs" / name)
        assert (tmp_path / "latest").resolve().name == name
    assert (tmp_path / "latest").readlink() == Path("runs/two")  # relative: the workspace may be moved
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "runs"]


def test_a_dangling_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("gone")
    (tmp_path / "one").mkdir()
    point_to(tmp_path / "latest", tmp_path / "one")
    assert (tmp_path / "latest").is_dir()


def test_a_folder_that_somebody_put_where_the_link_goes_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(OutputError, match="something else stands there"):
        point_to(tmp_path / "latest", tmp_path)
