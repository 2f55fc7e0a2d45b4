from dataclasses import replace

import numpy as np
import pytest

from benchmarks.monitor_cube import Cube, CubeParams, make_cube
from benchmarks.monitors import at_equal_recall, errors_of, main, measure, methods
from detection.monitoring.baseline import fit_baseline

SMALL = CubeParams(size_px=64)


def curve(*points: tuple[float, float]) -> list[dict[str, float | None]]:
    return [{"recall": recall, "false_alarms": rate} for recall, rate in points]


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        (curve((0.8, 0.0), (1.0, 0.2)), 0.1),
        (curve((0.5, 0.9), (0.95, 0.3), (0.85, 0.01), (0.2, 0.0)), 0.155),
        (curve((0.95, 0.02), (0.9, 0.01)), 0.01),
        (curve((0.3, 0.0), (0.7, 0.5)), None),
    ],
    ids=["between two", "past a turning point", "at a threshold", "never reached"],
)
def test_false_alarms_at_equal_recall_are_the_fewest(
    points: list[dict[str, float | None]], wanted: float | None
) -> None:
    assert at_equal_recall(points, 0.9) == (None if wanted is None else pytest.approx(wanted))


def test_errors_are_counted_by_hand() -> None:
    values = np.zeros((6, 1, 4), dtype=np.float32)
    values[4, 0, 0] = np.nan
    cube = Cube(
        values=values,
        days=(),
        history=3,
        step_at=np.array([[3, 4, -1, -1]]),
        step=np.array([[0.1, 0.1, 0, 0]], dtype=np.float32),
    )
    assert errors_of(np.array([[5, 3, 4, -1]]), cube) == {"recall": 0.5, "false_alarms": 0.5, "delay_looks": 2.0}


def test_the_cube_is_what_it_says() -> None:
    cube = make_cube(3, SMALL)
    assert cube.values.shape == (60, 64, 64)
    assert 0.1 < np.isnan(cube.values).mean() < 0.45
    changed = cube.step_at >= 0
    assert 0.02 < changed.mean() < 0.3
    assert cube.step_at[changed].min() >= cube.history
    np.testing.assert_array_equal(changed, cube.step != 0)
    np.testing.assert_array_equal(cube.values, make_cube(3, SMALL).values)
    assert not np.array_equal(cube.values, make_cube(4, SMALL).values, equal_nan=True)


def test_noise_of_near_dates_is_alike_only_where_it_is_meant_to_be() -> None:
    measured = []
    for memory_days in (0.0, 60.0):
        cube = make_cube(5, replace(SMALL, memory_days=memory_days))
        measured.append(fit_baseline(cube.values[:40, None], cube.days[:40]).autocorrelation)
    assert measured[0] < 0.2
    assert measured[1] > 0.4


def test_our_monitor_is_measured_and_finds_most() -> None:
    figures = measure(methods(8)["sitewatch"], 6, SMALL)
    assert figures["recall"] > 0.5
    assert figures["false_alarms"] < 0.02
    assert figures["fitted_px_per_s"] > 0
    assert at_equal_recall(figures["curve"], 0.8) is not None


def test_a_peer_that_is_missing_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr("benchmarks.monitors.importlib.import_module", missing)
    with pytest.raises(SystemExit, match=r"nrt IQR: .*pip install nrt pyxccd"):
        main(["--one", "nrt IQR", "white", "1", "--size", "64"])
