"""A source that keeps what it reads asks for nothing twice, whoever asks, whatever happens to the files."""

import logging
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from time import sleep

import numpy as np
import pytest
from shapely.geometry.base import BaseGeometry

from geo.cache import CachedSource, ImageStore
from geo.errors import SourceError, SourceUnavailableError
from geo.grid import Grid
from geo.scene import Quantity, Scene
from geo.sources.base import ImagerySource, SceneRef

GRID = Grid(epsg=32645, left_m=500_000, top_m=4_800_000, pixel_m=10, width_px=9, height_px=6)
BANDS = ("B02", "B04", "B08", "SCL")


@dataclass(kw_only=True)
class Provider:
    """A stand-in that counts how often it is asked, and for what."""

    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    shares_asked: list[str] = field(default_factory=list)
    error: SourceError | None = None
    pause_s: float = 0.0
    credit: str = "by nobody"

    def search(self, shape_4326: BaseGeometry, *, first: date, last: date) -> Sequence[SceneRef]:
        """Find one scene, wherever and whenever."""
        assert not shape_4326.is_empty
        assert first <= last
        return [ref()]

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Draw numbers that hang on scene, version and band, at every pixel the same whatever the grid."""
        if self.error:
            raise self.error
        self.asked.append((ref.scene_id, tuple(bands)))
        sleep(self.pause_s)
        rows, columns = np.meshgrid(grid.y_m, grid.x_m, indexing="ij")
        place = np.sin(rows / 7) * np.cos(columns / 5)
        version = len(ref.fingerprint) + sum(map(ord, ref.processing_baseline or ""))
        layers = {
            band: (0.3 + 0.1 * place + 0.0123456 * (1 + BANDS.index(band)) + version / 1e4).astype(np.float32)
            for band in bands
        }
        if "SCL" in layers:
            layers["SCL"] = np.full(grid.shape, 4, dtype=np.float32)
        return Scene(
            scene_id=ref.scene_id,
            observed_at=ref.observed_at,
            platform=ref.platform,
            quantity=Quantity.REFLECTANCE,
            grid=grid,
            bands=layers,
            is_clear=place > 0,
            processing_baseline=ref.processing_baseline,
        )

    def clear_share(self, ref: SceneRef, grid: Grid) -> float | None:
        """Call everything three quarters clear, and what has no classes unknown."""
        self.shares_asked.append(f"{ref.scene_id} {grid.pixel_m}")
        return 0.75 if "SCL" in ref.bands else None


def ref(scene_id: str = "S2A_20200101", *, baseline: str = "05.00", fingerprint: str = "f") -> SceneRef:
    return SceneRef(
        scene_id=scene_id,
        observed_at=datetime(2020, 1, 1, 5, tzinfo=UTC),
        platform="sentinel-2a",
        bands=BANDS,
        fingerprint=fingerprint,
        processing_baseline=baseline,
    )


def keeping(provider: ImagerySource, tmp_path: Path, *, variant: str = "") -> CachedSource:
    return CachedSource(provider, ImageStore(tmp_path / "imagery"), name="stand-in", variant=variant)


def assert_equal(one: Scene, other: Scene) -> None:
    assert list(one.bands) == list(other.bands)
    for name, values in one.bands.items():
        np.testing.assert_array_equal(values, other.bands[name])
    np.testing.assert_array_equal(one.is_clear, other.is_clear)
    assert (one.scene_id, one.observed_at, one.grid) == (other.scene_id, other.observed_at, other.grid)


def test_it_is_a_source_like_the_one_inside(tmp_path: Path) -> None:
    provider = Provider()
    source: ImagerySource = keeping(provider, tmp_path)
    assert source.credit == "by nobody"
    (found,) = source.search(GRID.footprint_4326, first=date(2020, 1, 1), last=date(2020, 1, 2))
    kept, direct = source.read(found, GRID, bands=["B08", "B02"]), provider.read(found, GRID, bands=["B08", "B02"])
    assert list(kept.bands) == ["B08", "B02"]
    for name, values in direct.bands.items():
        np.testing.assert_allclose(kept.bands[name], values, rtol=0, atol=0.5001e-4)
    np.testing.assert_array_equal(kept.is_clear, direct.is_clear)


def test_the_second_time_nobody_is_asked_and_the_numbers_are_the_same(tmp_path: Path) -> None:
    provider = Provider()
    first = keeping(provider, tmp_path).read(ref(), GRID, bands=["B04", "B08"])
    second = keeping(provider, tmp_path).read(ref(), GRID, bands=["B04", "B08"])
    assert provider.asked == [("S2A_20200101", ("B04", "B08", "SCL"))]
    assert_equal(first, second)


@pytest.mark.parametrize(
    ("grid", "bands", "times"),
    [
        pytest.param(GRID, ("B04",), 1, id="fewer-bands"),
        pytest.param(replace(GRID, top_m=GRID.top_m - 20, width_px=3, height_px=2), ("B08", "B04"), 1, id="a-window"),
        pytest.param(GRID, ("SCL",), 1, id="the-classes-that-were-kept-as-well"),
        pytest.param(GRID, ("B02",), 2, id="another-band"),
        pytest.param(replace(GRID, width_px=10), ("B04",), 2, id="a-larger-grid"),
        pytest.param(replace(GRID, left_m=500_001), ("B04",), 2, id="other-pixels"),
    ],
)
def test_a_part_of_what_is_kept_is_not_asked_for(
    grid: Grid, bands: tuple[str, ...], times: int, tmp_path: Path
) -> None:
    provider = Provider()
    source = keeping(provider, tmp_path)
    source.read(ref(), GRID, bands=["B04", "B08"])
    assert source.has(ref(), grid, bands=bands) == (times == 1)
    part = source.read(ref(), grid, bands=bands)
    assert len(provider.asked) == times
    assert source.has(ref(), grid, bands=bands)
    np.testing.assert_allclose(
        part.bands[bands[0]], provider.read(ref(), grid, bands=bands).bands[bands[0]], rtol=0, atol=1e-4
    )


def test_bands_wanted_one_after_the_other_end_up_in_one_copy(tmp_path: Path) -> None:
    provider = Provider()
    source = keeping(provider, tmp_path)
    for band in ("B02", "B04", "B02", "B04"):
        source.read(ref(), GRID, bands=[band])
    assert [bands for _, bands in provider.asked] == [("B02", "SCL"), ("B04", "B02", "SCL")]
    assert sorted(entry.facts.superseded_by is None for entry in source.store.entries()) == [False, True]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(ref(baseline="05.10"), id="processed-again"),
        pytest.param(ref(fingerprint="ff"), id="changed"),
        pytest.param(ref("S2B_20200106"), id="another-scene"),
    ],
)
def test_another_version_is_asked_for(other: SceneRef, tmp_path: Path) -> None:
    provider = Provider()
    source = keeping(provider, tmp_path)
    before = source.read(ref(), GRID, bands=["B04"])
    after = source.read(other, GRID, bands=["B04"])
    assert len(provider.asked) == 2
    assert (before.bands["B04"] != after.bands["B04"]).any() or other.scene_id != ref().scene_id
    assert_equal(source.read(ref(), GRID, bands=["B04"]), before)  # the old version, still there
    assert len(provider.asked) == 2


def test_other_settings_of_the_source_are_asked_for(tmp_path: Path) -> None:
    provider = Provider()
    keeping(provider, tmp_path, variant="clouds grown by 2").read(ref(), GRID, bands=["B04"])
    keeping(provider, tmp_path, variant="clouds grown by 3").read(ref(), GRID, bands=["B04"])
    assert len(provider.asked) == 2


def damage_by_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def damage_by_cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def damage_by_loss(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "log"),
    [
        pytest.param(
            damage_by_bit, "not the file that was written (its SHA-256 differs); dropped, and fetched again", id="a-bit"
        ),
        pytest.param(damage_by_cut, "dropped, and fetched again", id="cut-off"),
        pytest.param(damage_by_loss, "No such file or directory; dropped", id="lost"),
        pytest.param(
            lambda path: damage_by_cut(path.with_suffix(".json")), "as if it were not there", id="item-cut-off"
        ),
        pytest.param(lambda path: damage_by_loss(path.with_suffix(".json")), "", id="item-lost"),
    ],
)
def test_a_damaged_copy_is_dropped_logged_and_fetched_again(
    damage: Callable[[Path], None], log: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Provider()
    source = keeping(provider, tmp_path)
    good = source.read(ref(), GRID, bands=["B04"])
    (entry,) = source.store.entries()
    damage(entry.image_path)
    with caplog.at_level(logging.WARNING):
        again = source.read(ref(), GRID, bands=["B04"])
    assert len(provider.asked) == 2
    assert_equal(good, again)
    assert log in "\n".join(caplog.messages)
    assert all(entry.item_path.stem in line for line in caplog.messages)
    source.read(ref(), GRID, bands=["B04"])
    assert len(provider.asked) == 2


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(SourceUnavailableError("busy"), id="unavailable"),
        pytest.param(SourceError("broken"), id="broken"),
    ],
)
def test_what_could_not_be_read_is_not_kept(error: SourceError, tmp_path: Path) -> None:
    provider = Provider(error=error)
    source = keeping(provider, tmp_path)
    with pytest.raises(type(error), match=str(error)):
        source.read(ref(), GRID, bands=["B04"])
    assert list(source.store.entries()) == []
    provider.error = None
    source.read(ref(), GRID, bands=["B04"])
    assert len(provider.asked) == 1


def test_threads_that_want_one_scene_ask_once(tmp_path: Path) -> None:
    provider = Provider(pause_s=0.2)
    source = keeping(provider, tmp_path)
    with ThreadPoolExecutor(4) as pool:
        scenes = list(pool.map(lambda _: source.read(ref(), GRID, bands=["B04"]), range(4)))
    assert len(provider.asked) == 1
    for one in scenes:
        assert_equal(one, scenes[0])


def test_how_clear_a_place_is_is_asked_once(tmp_path: Path) -> None:
    provider = Provider()
    source, coarse = keeping(provider, tmp_path), replace(GRID, pixel_m=60)
    assert [source.clear_share(ref(), coarse) for _ in range(3)] == [0.75] * 3
    assert provider.shares_asked == ["S2A_20200101 60"]
    assert source.clear_share(ref(baseline="05.10"), coarse) == 0.75
    assert len(provider.shares_asked) == 2
    assert list(source.store.entries()) == []


def test_what_nobody_can_tell_is_not_told(tmp_path: Path) -> None:
    class Mute:
        credit = ""

        def search(self, *_: object, **__: object) -> Sequence[SceneRef]:
            return []

        def read(self, *_: object, **__: object) -> Scene:
            raise NotImplementedError

    assert keeping(Mute(), tmp_path).clear_share(ref(), GRID) is None
    assert keeping(Provider(), tmp_path).clear_share(replace(ref(), bands=("B04",)), GRID) is None


def test_it_can_be_sent_to_another_process(tmp_path: Path) -> None:
    source = keeping(Provider(), tmp_path)
    source.read(ref(), GRID, bands=["B04"])
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301 - our own
    assert copy.has(ref(), GRID, bands=["B04"])


READER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
import numpy as np
from geo.cache import CachedSource, ImageStore
from geo.grid import Grid
from geo.scene import Quantity, Scene
from geo.sources.base import SceneRef

folder = Path(sys.argv[1])
grid = Grid(epsg=32645, left_m=500000, top_m=4800000, pixel_m=10, width_px=40, height_px=30)

class Slow:
    credit = ""
    def search(self, shape, *, first, last):
        return []
    def read(self, ref, grid, *, bands):
        with (folder / "asked.txt").open("a") as log:
            log.write(ref.scene_id + "\\n")
        time.sleep(0.15)
        layers = {band: np.full(grid.shape, 0.25, np.float32) for band in bands}
        return Scene(scene_id=ref.scene_id, observed_at=ref.observed_at, platform="x", quantity=Quantity.REFLECTANCE,
                     grid=grid, bands=layers, is_clear=np.ones(grid.shape, bool))

(folder / ("ready-" + sys.argv[2])).touch()
while not (folder / "go").exists():
    time.sleep(0.01)
source = CachedSource(Slow(), ImageStore(folder / "imagery"), name="slow")
for number in range(8):
    ref = SceneRef(scene_id=f"scene-{number}", observed_at=datetime(2020, 1, 1 + number, tzinfo=UTC), platform="x",
                   bands=("B04",), fingerprint="f")
    assert (source.read(ref, grid, bands=["B04"]).bands["B04"] == np.float32(0.25)).all()
"""


def test_two_processes_on_one_workspace_ask_for_each_scene_once(tmp_path: Path) -> None:
    script = tmp_path / "reader.py"
    script.write_text(READER)
    running = [subprocess.Popen([sys.executable, str(script), str(tmp_path), name]) for name in "ab"]
    while len(list(tmp_path.glob("ready-*"))) < 2:
        assert all(process.poll() is None for process in running)
        sleep(0.02)
    (tmp_path / "go").touch()
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    asked = Counter((tmp_path / "asked.txt").read_text().split())
    assert asked == {f"scene-{number}": 1 for number in range(8)}
    assert ImageStore(tmp_path / "imagery").remains() == []


FAR = replace(GRID, left_m=GRID.left_m + 30_000)
INNER = replace(GRID, left_m=GRID.left_m + 10, width_px=4)


class Meeting(Provider):
    """A provider that answers the first two only when both have asked, if they come within a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier, self.have_met = Barrier(2), False

    def read(self, ref: SceneRef, grid: Grid, *, bands: Sequence[str]) -> Scene:
        """Wait for the other one, and answer all the same if nobody comes."""
        with suppress(BrokenBarrierError):
            self.barrier.wait(timeout=0.5)
            self.have_met = True
        return super().read(ref, grid, bands=bands)


@pytest.mark.parametrize(
    ("one", "other", "have_met", "asked"),
    [
        pytest.param(GRID, FAR, True, 2, id="far-from-each-other"),
        pytest.param(GRID, GRID, False, 1, id="the-same-ground"),
        pytest.param(GRID, INNER, False, 1, id="one-in-the-other"),
    ],
)
def test_ground_of_one_scene_is_fetched_at_the_same_time_only_where_nothing_could_be_paid_twice(
    one: Grid,
    other: Grid,
    have_met: bool,  # noqa: FBT001  # a table
    asked: int,
    tmp_path: Path,
) -> None:
    provider = Meeting()
    source = keeping(provider, tmp_path)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(source.read, ref(), one, bands=["B04"])
        sleep(0.1)  # the larger one asks first
        second = pool.submit(source.read, ref(), other, bands=["B04"])
        assert (first.result().grid, second.result().grid) == (one, other)
    assert provider.have_met is have_met
    assert len(provider.asked) == asked


@pytest.mark.parametrize("width_px", [9, 8_000], ids=["little-ground", "more-than-there-are-locks-for"])
def test_what_is_fetched_keeps_pruning_waiting(width_px: int, tmp_path: Path) -> None:
    source = keeping(Provider(), tmp_path)
    source.read(ref(), replace(GRID, left_m=GRID.left_m - 30_000), bands=["B04"])
    (old,) = source.store.entries()
    wide = replace(GRID, width_px=width_px, height_px=width_px)
    with ThreadPoolExecutor(1) as pool:
        with source.store.locked(old.facts.key, wide):
            pruning = pool.submit(source.store.prune, old)
            sleep(0.2)
            assert not pruning.done()
        pruning.result()
    assert list(source.store.entries()) == []
    assert not old.item_path.parent.exists()
