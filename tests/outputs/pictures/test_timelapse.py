"""A time-lapse shows each clear look once, in order, with its day and who must be named."""

import shutil
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shapely.geometry import box

from geo.errors import ConfigError, GridMismatchError, OutputError
from geo.grid import Grid
from outputs.pictures.timelapse import (
    FRAME_MS,
    LAST_MS,
    MOST_FRAMES,
    Film,
    check_formats,
    choose_frames,
    pictures_of,
    write_timelapse,
)

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_800_000, pixel_m=10, width_px=42, height_px=42)
DAYS = tuple(date(2017, 1, 1) + timedelta(days=40 * index) for index in range(4))


def _film(**changes: object) -> Film:
    frames = np.full((4, 42, 42, 3), 0.2, dtype=np.float32)
    frames[:, :10] = 0.1
    for index in range(4):
        frames[index, 15:25, 15:25] = 0.2 + 0.1 * index
    film = Film(
        title="Construction: Dabancheng 达坂城. home-1",
        days=DAYS,
        frames=frames,
        grid=GRID,
        outline_m=box(600_150, 4_799_750, 600_250, 4_799_850),
        event="construction",
        onset_after=DAYS[0],
        onset_by=DAYS[1],
        credit="Contains modified Copernicus Sentinel data 2017",
    )
    return replace(film, **changes)  # type: ignore[arg-type]  # each test knows what it changes


@pytest.mark.parametrize("ending", ["webp", "gif"])
def test_each_look_is_a_frame_and_the_last_stands_longest(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    write_timelapse(path, _film())
    stands = []
    with Image.open(path) as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]  # of pictures that move
        for index in range(4):
            image.seek(index)
            image.load()
            stands.append(image.info["duration"])
        assert image.info["loop"] == 0
    assert stands == [FRAME_MS] * 3 + [LAST_MS]
    assert min(stands) >= 334, "more than three changes a second could harm"


def test_the_ground_is_seen_to_change() -> None:
    middle = [np.asarray(picture)[200, 200].mean() for picture in pictures_of(_film())]
    assert (np.diff(middle) > 20).all()


def test_unchanged_ground_looks_alike_in_all_frames() -> None:
    corners = {tuple(np.asarray(picture)[5, 5].tolist()) for picture in pictures_of(_film())}
    assert len(corners) == 1


def test_what_was_not_seen_is_hatched_and_its_share_is_said() -> None:
    frames = _film().frames.copy()
    frames[1, :21] = np.nan
    clear, hidden = pictures_of(_film(frames=frames))[:2]
    upper = np.asarray(hidden)[:200]
    assert {216, 217} & set(upper[..., 0].ravel().tolist())
    assert 140 in upper[..., 0]
    words = slice(420, 450)
    assert (np.asarray(hidden)[words, 250:] < 200).sum() > (np.asarray(clear)[words, 250:] < 200).sum()


def test_each_frame_bears_its_own_day() -> None:
    bars = {np.asarray(picture)[420:450, :120].tobytes() for picture in pictures_of(_film())}
    assert len(bars) == 4


def test_simulated_imagery_is_banned_in_every_frame() -> None:
    for picture in pictures_of(_film(credit="Simulated imagery, not an observation")):
        assert np.asarray(picture)[2, 2].tolist() == [0x8F, 0, 0]


def test_the_same_film_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.webp", "b.webp"):
        write_timelapse(tmp_path / name, _film())
    assert (tmp_path / "a.webp").read_bytes() == (tmp_path / "b.webp").read_bytes()


def test_a_single_look_is_a_picture_too(tmp_path: Path) -> None:
    write_timelapse(tmp_path / "a.webp", _film(days=DAYS[:1], frames=_film().frames[:1]))
    with Image.open(tmp_path / "a.webp") as image:
        assert image.size[0] == 420


@pytest.mark.parametrize("size", [(3, 5), (42, 42), (900, 300)], ids=["tiny", "usual", "large"])
def test_any_size_fits_a_screen(size: tuple[int, int]) -> None:
    grid = replace(GRID, height_px=size[0], width_px=size[1])
    frames = np.random.default_rng(2).uniform(0, 1, (2, *size, 3)).astype(np.float32)
    picture = pictures_of(_film(days=DAYS[:2], frames=frames, grid=grid))[0]
    assert 400 <= picture.width <= 900
    assert picture.width % 2 == picture.height % 2 == 0, "films need even sides"


def test_frames_of_another_size_than_their_grid_are_refused() -> None:
    with pytest.raises(GridMismatchError, match="frames have shape"):
        _film(days=DAYS[:2])


@given(shares=st.lists(st.floats(0, 1), max_size=120), onset=st.integers(0, 118))
def test_the_looks_at_the_ends_and_around_the_onset_are_kept(shares: list[float], onset: int) -> None:
    days = [date(2015, 1, 1) + timedelta(days=5 * index) for index in range(len(shares))]
    around = (date(2015, 1, 1) + timedelta(days=5 * onset), date(2015, 1, 1) + timedelta(days=5 * onset + 5))
    shown = choose_frames(days, shares, around=around, least_clear=0.5)
    clear = [index for index, share in enumerate(shares) if share >= 0.5]
    assert list(shown) == sorted(set(shown))
    assert set(shown) <= set(clear)
    assert len(shown) == min(len(clear), MOST_FRAMES)
    if clear:
        assert {clear[0], clear[-1]} <= set(shown)
    assert {index for index in clear if days[index] in around} <= set(shown)


def test_mp4_without_ffmpeg_is_refused_before_anything_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    check_formats(["webp", "gif"])
    with pytest.raises(ConfigError, match="mp4 needs the program ffmpeg"):
        check_formats(["webp", "mp4"])


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp4_is_a_film_of_as_many_seconds(tmp_path: Path) -> None:
    write_timelapse(tmp_path / "a.mp4", _film())
    asked = ["ffprobe", "-v", "error", "-show_entries", "format=duration:stream=codec_name", "-of", "csv=p=0"]
    done = subprocess.run([*asked, str(tmp_path / "a.mp4")], capture_output=True, text=True, check=True)
    codec, seconds = done.stdout.split()
    assert codec == "h264"
    assert float(seconds) == pytest.approx((3 * FRAME_MS + LAST_MS) / 1000, abs=0.75)


def test_what_ffmpeg_complains_of_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\ncat > /dev/null\necho no such encoder >&2\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(OutputError, match="no such encoder"):
        write_timelapse(tmp_path / "a.mp4", _film())
    assert not (tmp_path / "a.mp4").exists()
