from pathlib import Path

import numpy as np
import pytest

from geo.errors import OutputError, StateError
from geo.sealed import read_sealed, write_sealed

ARRAYS = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([], dtype=np.int32), "c": np.array(7)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_sealed(tmp_path / "x.npz", ARRAYS, {"kind": "test", "version": 1, "place": "新疆"})
    return tmp_path / "x.npz"


def test_what_was_written_is_read_back(path: Path) -> None:
    arrays, header = read_sealed(path, {"kind": "test", "version": 1})
    assert header == {"kind": "test", "version": 1, "place": "新疆"}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_nothing_is_left_beside_the_file(path: Path) -> None:
    assert [file.name for file in path.parent.iterdir()] == ["x.npz"]


def test_a_file_of_something_else_is_refused(path: Path) -> None:
    with pytest.raises(StateError, match=r"x\.npz: expected version 2; got 1"):
        read_sealed(path, {"version": 2})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"none\.npz: no such file"):
        read_sealed(tmp_path / "none.npz", {})


def test_every_flipped_byte_is_noticed_or_harmless(path: Path) -> None:
    content = path.read_bytes()
    noticed = 0
    for place in range(0, len(content), 5):
        spoiled = bytearray(content)
        spoiled[place] ^= 0x10
        path.write_bytes(bytes(spoiled))
        try:
            arrays, header = read_sealed(path, {"kind": "test"})
        except StateError:
            noticed += 1
        else:  # such as a time stamp of the archive, which nobody reads
            assert header["place"] == "新疆"
            assert all(np.array_equal(arrays[name], array) for name, array in ARRAYS.items())
    assert noticed > len(content) / 5 / 3


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9], ids=["empty", "a third", "nearly whole"])
def test_a_file_cut_short_is_refused(path: Path, kept: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(StateError, match="damaged"):
        read_sealed(path, {})


def test_arrays_that_are_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    strange = np.array([{}], dtype=object)
    with pytest.raises(ValueError, match="allow_pickle"):
        write_sealed(tmp_path / "y.npz", {"a": strange}, {})
    assert not list(tmp_path.iterdir())
    np.savez(tmp_path / "z.npz", allow_pickle=True, a=strange)
    with pytest.raises(StateError, match="damaged"):
        read_sealed(tmp_path / "z.npz", {})


def test_a_disk_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        write_sealed(tmp_path / "file" / "x.npz", ARRAYS, {})
