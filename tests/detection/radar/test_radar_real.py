"""On real radar in which nothing was built the step test stays silent, and on labelled change it speaks."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.radar import QUIET, placebo_steps, quiet_track, read_city
from detection.radar.shapes import Shape
from detection.radar.steps import RadarParams, Track, object_step

pytestmark = pytest.mark.realdata

PARAMS = RadarParams()


@pytest.mark.parametrize("name", QUIET)
def test_nothing_built_is_no_sure_step_and_hardly_ever_a_likely_one(shared_data: Path, name: str) -> None:
    steps = [step for _, step in placebo_steps(quiet_track(shared_data / QUIET[name]), PARAMS, count=300, seed=2)]
    assert all(step.is_told for step in steps)
    assert not any(step.is_sure(PARAMS) for step in steps)
    assert np.mean([step.steps(PARAMS) != 0 for step in steps]) <= 0.015


def test_a_step_put_into_a_real_series_is_found(shared_data: Path) -> None:
    track = quiet_track(shared_data / QUIET["California"])
    rng = np.random.default_rng(3)
    found = []
    for _ in range(40):
        row, column = rng.integers(5, 85, 2).tolist()
        shape = Shape(mask=np.ones((6, 6), dtype=bool), row=row, column=column)
        power = track.power.copy()
        power[shape.window][:, :, 12:] *= 2.0
        built = Track.of(power, track.days)
        step = object_step([built], shape, (track.days[11], track.days[12]), np.zeros(track.shape, bool), PARAMS)
        found.append(step.steps(PARAMS) == 1)
    assert np.mean(found) >= 0.8


def test_few_looks_of_each_track_tell_nothing(shared_data: Path) -> None:
    """Ten dates of one April over Flanders, at most three of one track."""
    track = quiet_track(shared_data / "flanders_s1_s2" / "cdse_sentinel1_grd.nc")
    alone = Track.of(track.power[:, :, [0, 3, 6]], [track.days[index] for index in (0, 3, 6)])
    shape = Shape(mask=np.ones((5, 5), dtype=bool), row=20, column=20)
    step = object_step([alone], shape, (track.days[3], track.days[6]), np.zeros(track.shape, bool), PARAMS)
    assert not step.is_told
    assert "3 each needed" in step.why_not


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")  # the labels have no place
def test_labelled_change_is_brighter_more_often_than_not_where_there_was_desert(shared_data: Path) -> None:
    city = read_city(shared_data, "abudhabi")
    before, after = (10 * np.log10(np.maximum(city.track.power[:, :, look, 0], 1e-4)) for look in (0, 1))
    change_db = after - before
    assert np.median(change_db[city.is_change]) > np.median(change_db[~city.is_change]) + 0.5
