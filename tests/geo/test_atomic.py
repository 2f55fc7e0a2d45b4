import errno
import os
from pathlib import Path

import pytest

from geo.atomic import atomic_file, atomic_folder
from geo.errors import OutputError


def test_a_file_appears_whole_and_alone(tmp_path: Path) -> None:
    target = tmp_path / "new" / "page.html"
    with atomic_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
        assert part.suffix == ".html"
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("old")

    def fail() -> None:
        with atomic_file(target) as part:
            part.write_text("half")
            part.with_name(part.name + "-journal").write_text("left by SQLite")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_part_left_by_a_killed_run_is_not_appended_to(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    left = tmp_path / f".a.tmp-{os.getpid()}.txt"
    left.write_text("left")
    with atomic_file(target) as part:
        assert part == left
        assert not part.exists()
        part.write_text("new")
    assert target.read_text() == "new"


def test_a_file_where_a_folder_should_be_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    reason = r"cannot write .*runs/a\.txt: (Not a directory|File exists)"
    with pytest.raises(OutputError, match=reason) as caught, atomic_file(tmp_path / "runs" / "a.txt"):
        pass
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_named_with_the_target_not_the_temporary_name(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with pytest.raises(OutputError) as caught, atomic_file(target) as part:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(part))
    assert str(caught.value) == f"cannot write {target}: No space left on device"


def test_trouble_with_another_file_names_that_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"source\.tif"), atomic_file(tmp_path / "a.txt"):
        (tmp_path / "source.tif").read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_is_an_output_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"), atomic_file(tmp_path / "a.txt") as part:
        part.write_text("x")


def test_a_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "runs" / "one"
    with atomic_folder(target) as part:
        assert part.parent == target.parent
        assert part.name.startswith(".one.tmp-")
        (part / "a.txt").write_text("a")
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["one"]
    assert (target / "a.txt").read_text() == "a"


@pytest.mark.parametrize("content", [pytest.param(None, id="empty"), pytest.param("x", id="with-content")])
def test_a_folder_that_exists_is_never_replaced(tmp_path: Path, content: str | None) -> None:
    target = tmp_path / "one"
    target.mkdir()
    if content:
        (target / "a.txt").write_text(content)
    with pytest.raises(OutputError, match="exists already"), atomic_folder(target):
        pass
    assert len(list(target.iterdir())) == (1 if content else 0)


def test_a_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "one"
    with pytest.raises(OutputError, match="exists already"), atomic_folder(target):
        target.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_a_failed_folder_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic_folder(tmp_path / "one") as part:
            (part / "a.txt").write_text("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list(tmp_path.iterdir()) == []
