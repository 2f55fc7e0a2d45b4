"""The parts of a run by many workers, without any: storage, shelves, products on their way, blocks by a crew."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box

from detection import blocks as blocks_module
from detection import changes as changes_module
from detection.blocks import Window, Worked
from detection.changes import map_changes
from detection.params import DetectParams
from detection.room import Room
from detection.series.steps import Steps
from flows.area.outcome import AreaOutcome, State
from flows.area.pipeline import Job
from flows.area.product import find_product
from flows.reading import blocks as reading_module
from flows.reading.blocks import read_area
from flows.reading.looks import find_scenes
from flows.scale.orders import Order
from flows.scale.prepare import Preparing
from flows.scale.products import get_product, mark_in, pointer_name, put_product, record_mark, shared_product
from flows.scale.shelf import Laid, Shelf, pieces_of, scratch_of, stem_of
from flows.scale.storage import Storage
from flows.settings.config import Config, parse_config
from geo.errors import ConfigError, OutputError, StateError
from geo.grid import Grid
from geo.sources.folder import FolderSource
from tests.flows.conftest import Site

T = TypeVar("T")

PARAMS = DetectParams(context_m=210.0, patch_m=30.0)


def again(value: T) -> T:
    """Return what arrives on another machine."""
    arrived: T = pickle.loads(pickle.dumps(value))  # noqa: S301  # dumped in the same line
    return arrived


@dataclass(slots=True, kw_only=True, eq=False)
class PickledCrew:
    """A crew of one: all it is told and tells goes through pickle and a shelf, as between machines."""

    shelf: Shelf
    imagery: Path
    stages: list[str] = field(default_factory=list)
    largest_bytes: int = 0
    laid: dict[str, list[tuple[Any, str, Any]]] = field(default_factory=dict)

    @property
    def source(self) -> Callable[[], FolderSource]:
        return _Opener(self.imagery)

    def each(
        self, stage: str, work: Callable[[Window], Worked], windows: Sequence[Window]
    ) -> Iterator[tuple[Window, Worked]]:
        assert stage not in self.stages
        self.stages.append(stage)
        sent = pickle.dumps(work)
        self.largest_bytes = max(self.largest_bytes, len(sent))
        done = []
        for window in reversed(windows):  # nobody may rely on an order
            worked = pickle.loads(sent)(window)  # noqa: S301  # dumped two lines above
            name = f"{stage}/{stem_of(window.own)}"
            facts = again(worked.facts)
            done.append((window, name, self.shelf.lay(name, worked.arrays), facts))
        done.reverse()
        self.laid[stage] = [(window.own, name, places) for window, name, places, _ in done]
        for window, name, places, facts in done:
            yield (
                window,
                Worked(arrays={key: self.shelf.open(name, place) for key, place in places.items()}, facts=facts),
            )

    def array(self, stage: str, name: str, shape: tuple[int, ...]) -> Laid:
        return Laid(shelf=self.shelf, pieces=pieces_of(name, self.laid[stage]), shape=shape)


@dataclass(frozen=True, slots=True)
class _Opener:
    imagery: Path

    def __call__(self) -> FolderSource:
        return FolderSource(self.imagery)


@pytest.fixture
def in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small area be read and looked at in several blocks."""
    monkeypatch.setattr(reading_module, "MARGIN_PX", 8)
    monkeypatch.setattr(reading_module, "COPIES", 10_000)
    monkeypatch.setattr(reading_module, "_bytes_a_px", lambda *_: 700e6 / 2_500)
    monkeypatch.setattr(blocks_module, "LEAST_BLOCK_PX", 17)
    monkeypatch.setattr(changes_module, "_block_px", lambda *_: 3_500.0)
    monkeypatch.setattr(changes_module, "_REGISTERED_COPIES", 1e6)  # shifts are measured, as of large areas
    monkeypatch.setattr(changes_module, "_window_px", lambda *_: 60)


@pytest.mark.slow
@pytest.mark.usefixtures("in_blocks")
@pytest.mark.parametrize("noise", ["of-all-pixels", "of-a-sample"])
def test_a_crew_reads_and_finds_bit_by_bit_what_one_process_does(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noise: str
) -> None:
    if noise == "of-a-sample":
        monkeypatch.setattr(changes_module, "_exact_values", lambda *_: 1_000)
        monkeypatch.setattr(blocks_module, "_SAMPLE_PX", 30)
    source = FolderSource(site.imagery)
    job_refs = [
        ref
        for ref in source.search(box(-180, -90, 180, 90), first=date(2000, 1, 1), last=date(2100, 1, 1))
        if "west" in ref.scene_id
    ]
    grid = Grid(epsg=32631, left_m=500_000, top_m=5_000_800, pixel_m=10, width_px=70, height_px=70)
    results = []
    crew = PickledCrew(shelf=Shelf(storage=Storage(str(tmp_path / "shared")), name="a"), imagery=site.imagery)
    for one in (None, crew):
        (tmp_path / "room").mkdir(exist_ok=True)
        room = Room(memory_mb=1_000, folder=tmp_path / "room", crew=one)
        looks = read_area(source, job_refs, grid, area_id="west", room=room)
        assert looks.stack is not None
        results.append((looks, looks.stack.values, map_changes(looks.stack, PARAMS, room=room)))
    (alone, values, changes), (shared, same_values, same) = results
    np.testing.assert_array_equal(values, same_values)
    for mine, other in zip(alone.scenes, shared.scenes, strict=True):
        for name in ("is_clear", "is_restored", "classes"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))
        np.testing.assert_array_equal(mine.thumbnail.rgb, other.thumbnail.rgb)
    for item in fields(Steps):
        if item.name != "noise":
            np.testing.assert_array_equal(getattr(changes.steps, item.name), getattr(same.steps, item.name), item.name)
    assert changes.steps.noise == same.steps.noise
    np.testing.assert_array_equal(changes.values, same.values)
    np.testing.assert_array_equal(changes.is_changed, same.is_changed)
    assert changes.is_changed.any()
    assert crew.stages[0] == "read"
    assert {"light-0", "light-0-noise-0", "light-3", "steps-noise-0", "steps"} < set(crew.stages)
    assert crew.largest_bytes < 60_000, "arrays go by reference"


def test_what_is_cut_from_a_laid_array_is_what_numpy_cuts(tmp_path: Path) -> None:
    array = np.arange(3 * 40 * 50, dtype=np.float32).reshape(3, 40, 50)
    shelf = Shelf(storage=Storage(str(tmp_path)), name="x")
    laid = []
    for rows in (slice(0, 13), slice(13, 40)):
        for columns in (slice(0, 31), slice(31, 50)):
            name = stem_of((rows, columns))
            laid.append(((rows, columns), name, shelf.lay(name, {"m": array[..., rows, columns], "n": np.ones(3)})))
    whole = again(Laid(shelf=shelf, pieces=pieces_of("m", laid), shape=array.shape))

    sides = st.one_of(
        st.integers(-40, 39),
        st.builds(
            slice, st.none() | st.integers(-45, 45), st.none() | st.integers(-45, 45), st.sampled_from([None, 1, 2, 3])
        ),
    )

    @given(st.one_of(st.integers(-3, 2), st.builds(slice, st.none() | st.integers(0, 3))), sides, sides)
    def cut(time: int | slice, rows: int | slice, columns: int | slice) -> None:
        np.testing.assert_array_equal(whole[time, rows, columns], array[time, rows, columns])

    cut()
    assert whole.dtype == array.dtype
    np.testing.assert_array_equal(whole[(1,)], array[1])


def test_scratch_space_holds_no_more_than_it_may(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "shared"))
    for number in range(5):
        storage.write(bytes(400_000), f"{number}")
    scratch = scratch_of(str(tmp_path / "scratch"), 1)
    paths = [scratch.get(storage, f"{number}") for number in (0, 1, 0, 2)]
    assert [path.exists() for path in paths] == [True, False, True, True], "what was used longest ago goes first"
    assert scratch.get(storage, "1").stat().st_size == 400_000
    assert sum(path.stat().st_size for path in scratch.folder.iterdir()) <= 1_000_000


def test_a_folder_as_storage_keeps_gives_back_and_forgets(tmp_path: Path) -> None:
    storage = again(Storage(f"{tmp_path}/there/"))
    storage.check()
    storage.write(b"one", "a/b")
    (tmp_path / "file").write_bytes(b"two")
    storage.put(tmp_path / "file", "a/c")
    assert (storage.read("a/b"), storage.read("a/c"), storage.read("a/d")) == (b"one", b"two", None)
    assert (storage.has("a/b"), storage.has("a"), storage.has("a/d")) == (True, False, False)
    storage.fetch("a/c", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"two"
    storage.remove("a")
    storage.remove("a")
    assert storage.read("a/b") is None
    with pytest.raises(OutputError, match="there/a/b: is not there"):
        storage.fetch("a/b", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_product_reaches_another_machine_whole_or_not_at_all(ran: Site, tmp_path: Path) -> None:
    storage = Storage(str(tmp_path / "shared"))
    mine = ran.root / "state" / "areas" / "west"
    pointer = put_product(storage, mine, "west")
    assert pointer is not None
    there = tmp_path / "there" / "west"
    product, before = get_product(storage, pointer, there), find_product(mine)
    assert before is not None
    assert product.is_intact()
    assert record_mark(product) == record_mark(before)
    assert (there / "screen.npz").exists() == (mine / "screen.npz").exists()
    assert put_product(storage, there, "west") == pointer, "what is there is not put there again"
    # an object that is damaged is refused, and what stood there stands
    name = next(one.key for one in pointer.files if one.name == "area.gpkg")
    storage.write(b"rubbish", name)
    other = tmp_path / "other" / "west"
    with pytest.raises(StateError, match=r"is not what was put there \(area.gpkg\)"):
        get_product(storage, pointer, other)
    assert find_product(other) is None
    storage.write(b"{half", pointer_name("west"))
    assert shared_product(storage, "west") is None


def test_an_upload_that_breaks_off_leaves_the_last_product_named(
    ran: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage(str(tmp_path / "shared"))
    mine = ran.root / "state" / "areas"
    first = put_product(storage, mine / "east", "a")
    put, count = Storage.put, 0

    def breaks(self: Storage, path: Path, name: str) -> None:
        nonlocal count
        count += 1
        if count > 2:
            raise OutputError("broken off")
        put(self, path, name)

    monkeypatch.setattr(Storage, "put", breaks)
    with pytest.raises(OutputError, match="broken off"):
        put_product(storage, mine / "west", "a")
    assert shared_product(storage, "a") == first


def test_what_a_worker_had_finished_is_taken_over_by_the_next_run_and_not_made_again(ran: Site, tmp_path: Path) -> None:
    storage, area_dir = Storage(str(tmp_path / "shared")), ran.root / "state" / "areas" / "west"
    pointer = put_product(storage, area_dir, "west")
    assert pointer is not None
    (area_dir / "current").unlink()
    ran.configure(scale={"on": "dask", "shared": storage.place})
    preparing = Preparing(job=Job.open(ran.root), storage=storage, run="r", force=False)
    outcome = preparing.order("west")
    assert isinstance(outcome, AreaOutcome)
    assert outcome.state is State.UP_TO_DATE, "what is up to date never reaches the cluster"
    assert mark_in(area_dir) == pointer.record
    # one that takes the place of another product than the one here is not taken over
    storage.write(replace(pointer, record="other", before="another").as_json(), pointer_name("west"))
    assert isinstance(preparing.order("west"), AreaOutcome)
    assert mark_in(area_dir) == pointer.record


def test_an_order_holds_no_pixels_and_names_its_imagery_by_content(site: Site, tmp_path: Path) -> None:
    site.configure(scale={"on": "dask", "shared": str(tmp_path / "shared")})
    job = Job.open(site.root)
    preparing = Preparing(job=job, storage=Storage(str(tmp_path / "shared")), run="r", force=False)
    order = preparing.order("west")
    assert isinstance(order, Order)
    assert order.home == ""
    assert len(order.files) == len(find_scenes(job.source, job.areas["west"], job.workspace.config))
    assert all((tmp_path / "shared" / file.key).is_file() for file in order.files)
    assert len(pickle.dumps(order)) < 30_000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"on": "spark"}, "scale.on: should be 'here' or 'dask'; got 'spark'", id="switch"),
        pytest.param({"scheduler": "10.0.0.1"}, "scale.scheduler: expected an address such as tcp://", id="address"),
        pytest.param({"shared": "gs://x"}, "scale.shared: expected a folder or s3://bucket/prefix", id="other-store"),
        pytest.param({"shared": "s3://k:s@b/x"}, "scale.shared: keys belong into the environment", id="keys"),
    ],
)
def test_settings_of_scale_that_cannot_be_are_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"scale": settings}, name="sitewatch.toml")
    assert said in str(caught.value)
    assert Config().scale.on == "here"


def test_imagery_that_workers_could_not_reach_is_refused_before_anything_is_run(site: Site, tmp_path: Path) -> None:
    site.configure(scale={"on": "dask"}, cache={"enabled": False})
    job = Job.open(site.root)
    account = parse_config({"source": {"kind": "sentinelhub"}, "cache": {"enabled": False}}, name="x")
    config = account.model_copy(update={"scale": job.workspace.config.scale})
    preparing = Preparing(job=_with(job, config), storage=Storage(str(tmp_path)), run="r", force=False)
    with pytest.raises(ConfigError, match=r"must be kept: set cache.enabled = true"):
        preparing.check()
    on_disk = parse_config({"source": {"kind": "stac", "path": "x"}, "scale": {"shared": "s3://b/p"}}, name="x")
    with pytest.raises(ConfigError, match="do not see this catalogue on disk"):
        Preparing(job=_with(job, on_disk), storage=Storage("s3://b/p"), run="r", force=False).check()


def _with(job: Job, config: Config) -> Job:
    return replace(job, workspace=replace(job.workspace, config=config))
