"""Dates that lie a part of a pixel apart are brought onto one ground, with the right sign."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from geo.coregister import CoregisterParams, coregister, estimate_shift, moved, structure_images
from geo.grid import Grid
from geo.kernels.fourier import real_at
from geo.kernels.structure import fading
from geo.scene import Quantity, Scene, Stack
from geo.sources.simulated import SimulatedSource, scenario

FINE = 10
"""Fine samples in a pixel: shifts by whole samples need no resampling."""
SIDE = 72
BANDS = 3


def world(seed: int = 0) -> NDArray[np.float64]:
    """Return fields and roofs, finely sampled, shape (band, y, x), with a margin of four pixels."""
    rng = np.random.default_rng(seed)
    side = (SIDE + 8) * FINE
    ground = ndimage.gaussian_filter(rng.standard_normal((BANDS, side, side)), (0, 25, 25))
    image = 0.2 + 0.03 * ground / ground.std()
    for _ in range(60):
        y, x = rng.integers(0, side - 100, 2)
        height, width = rng.integers(25, 140, 2)
        image[:, y : y + height, x : x + width] += rng.uniform(-0.06, 0.12) * rng.uniform(0.7, 1.3, (BANDS, 1, 1))
    return np.asarray(np.clip(image, 0.02, None))


WORLD = world()


def look(down_px: float = 0.0, right_px: float = 0.0, *, seed: int = 1, haze: float = 0.0) -> NDArray[np.float32]:
    """Average the fine world over pixels; the picture lies `down_px`, `right_px` (in tenths) off its place."""
    top, left = (round((4 - shift) * FINE) for shift in (down_px, right_px))
    part = WORLD[:, top : top + SIDE * FINE, left : left + SIDE * FINE]
    coarse = part.reshape(BANDS, SIDE, FINE, SIDE, FINE).mean(axis=(2, 4))
    noise = np.random.default_rng(seed).normal(0, 0.001, coarse.shape)
    return np.asarray((1 - haze) * coarse + haze * 0.4 + noise, dtype=np.float32)


def stack_of(*looks: NDArray[np.float32]) -> Stack:
    height, width = looks[0].shape[1:]
    grid = Grid(epsg=32645, left_m=0, top_m=0, pixel_m=10, width_px=width, height_px=height)
    return Stack.of(
        [
            Scene(
                scene_id=f"look-{index}",
                observed_at=datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=10 * index),
                platform="made-up",
                quantity=Quantity.REFLECTANCE,
                grid=grid,
                bands={f"B0{band + 2}": layer for band, layer in enumerate(image)},
                is_clear=np.asarray(np.isfinite(image).all(axis=0)),
            )
            for index, image in enumerate(looks)
        ]
    )


@pytest.mark.parametrize(
    ("down_px", "right_px"),
    [(0.0, 0.0), (0.3, 0.0), (0.0, -0.3), (0.5, 0.5), (-0.4, 0.7), (1.2, -1.3), (-2.0, 0.9)],
)
def test_a_known_shift_is_measured_with_the_sign_that_undoes_it(down_px: float, right_px: float) -> None:
    found = estimate_shift(structure_images(look()), structure_images(look(down_px, right_px, seed=2)))
    assert found == pytest.approx((-down_px, -right_px), abs=0.1)


@pytest.mark.parametrize("haze", [0.2, 0.5])
@pytest.mark.parametrize("light", [0.6, 1.5])
def test_light_and_haze_do_not_matter(haze: float, light: float) -> None:
    other = look(0.4, -0.6, seed=2, haze=haze) * np.float32(light)
    found = estimate_shift(structure_images(look()), structure_images(other))
    assert found == pytest.approx((-0.4, 0.6), abs=0.1)


def test_a_new_building_does_not_move_the_ground() -> None:
    other = look(0.4, -0.6, seed=2)
    other[:, 30:42, 30:42] += np.float32(0.3)
    found = estimate_shift(structure_images(look()), structure_images(other))
    assert found == pytest.approx((-0.4, 0.6), abs=0.1)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.full((3, SIDE, SIDE), 0.3, dtype=np.float32), id="featureless"),
        pytest.param(np.random.default_rng(3).uniform(0.1, 0.3, (3, SIDE, SIDE)).astype(np.float32), id="only-noise"),
        pytest.param(np.full((3, SIDE, SIDE), np.nan, dtype=np.float32), id="never-seen"),
    ],
)
def test_what_shows_no_ground_has_no_shift(image: NDArray[np.float32]) -> None:
    assert estimate_shift(structure_images(look()), structure_images(image)) is None


def test_a_tiny_image_has_no_shift() -> None:
    tiny = structure_images(look()[:, :31, :])
    assert estimate_shift(tiny, tiny) is None
    least = structure_images(look()[:, :32, :])
    assert estimate_shift(least, least) == pytest.approx((0, 0), abs=0.02)


def test_too_little_in_common_has_no_shift() -> None:
    upper, lower = look(), look()
    upper[:, 45:] = np.nan
    lower[:, :30] = np.nan
    assert estimate_shift(structure_images(upper), structure_images(lower)) is None


def test_a_shift_beyond_belief_is_not_believed() -> None:
    params = CoregisterParams(max_shift_px=1.0)
    target, moving = structure_images(look()), structure_images(look(2.0, 0.0))
    assert estimate_shift(target, moving, params) is None
    assert estimate_shift(target, moving) == pytest.approx((-2, 0), abs=0.1)


def test_a_stack_is_brought_onto_its_clearest_date() -> None:
    cloudy = look(0.5, 0.5, seed=4)
    cloudy[:, :20, :20] = np.nan
    stack = stack_of(cloudy, look(seed=5), look(-0.4, 0.3, seed=6))
    aligned = coregister(stack)
    assert aligned.shifts_px is not None
    np.testing.assert_allclose(aligned.shifts_px[1] - aligned.shifts_px[2], [-0.4, 0.3], atol=0.1)
    np.testing.assert_allclose(aligned.shifts_px[0] - aligned.shifts_px[1], [-0.5, -0.5], atol=0.1)
    inner = np.s_[:, 25:60, 25:60]

    def rms(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
        return float(np.sqrt(np.square(one[inner] - other[inner]).mean()))

    for other in (0, 2):
        reference = int(np.flatnonzero((aligned.shifts_px == 0).all(axis=1))[0])
        if other != reference:
            before = rms(stack.values[other], stack.values[reference])
            assert rms(aligned.values[other], aligned.values[reference]) < 0.45 * before


def test_a_date_without_a_believable_shift_takes_the_usual_one() -> None:
    flat = np.full((BANDS, SIDE, SIDE), 0.3, dtype=np.float32)
    flat[:, 30:50, 30:50] = np.nan  # seen least, so never the reference
    flat[0, 60, 60] = 0.9
    looks = [
        look(-0.6, 0.2, seed=2),
        look(-0.6, 0.2, seed=3),
        look(seed=4),
        look(-0.6, 0.2, seed=5),
        look(-0.6, 0.2, seed=6),
    ]
    aligned = coregister(stack_of(*looks, flat))
    shifts = aligned.shifts_px
    assert shifts is not None
    assert np.isnan(shifts[5]).all()
    usual = np.median(shifts[:5], axis=0)
    np.testing.assert_allclose(usual, [0.6, -0.2], atol=0.1)
    expected = moved(flat, (float(usual[0]), float(usual[1])))
    np.testing.assert_allclose(aligned.values[5], expected, atol=1e-5)


def test_dates_that_show_nothing_stay_where_they_are() -> None:
    flat = np.full((BANDS, SIDE, SIDE), 0.3, dtype=np.float32)
    aligned = coregister(stack_of(flat, flat, flat))
    np.testing.assert_array_equal(aligned.values, np.stack([flat] * 3))
    assert aligned.shifts_px is not None
    assert np.isnan(aligned.shifts_px).all(axis=1).sum() == 2


def test_one_band_is_enough() -> None:
    aligned = coregister(stack_of(look()[:1], look(0.5, 0.0, seed=2)[:1], look(seed=3)[:1]))
    assert aligned.shifts_px is not None
    assert aligned.shifts_px[1] - aligned.shifts_px[0] == pytest.approx([-0.5, 0], abs=0.1)


@given(
    down_px=st.floats(-2.5, 2.5),
    right_px=st.floats(-2.5, 2.5),
    gaps=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=6),
)
@settings(max_examples=30)
def test_moving_never_invents_a_seen_pixel(down_px: float, right_px: float, gaps: list[tuple[int, int]]) -> None:
    values = np.random.default_rng(0).uniform(0.1, 0.4, (2, 20, 20)).astype(np.float32)
    for y, x in gaps:
        values[:, y, x] = np.nan
    found = moved(values, (down_px, right_px))
    for y, x in np.ndindex(20, 20):
        from_y, from_x = y - down_px, x - right_px
        rows = {int(np.floor(from_y)), int(np.ceil(from_y))}
        columns = {int(np.floor(from_x)), int(np.ceil(from_x))}
        is_clear_of_gaps = all(
            0 <= row < 20 and 0 <= column < 20 and np.isfinite(values[0, row, column])
            for row in rows
            for column in columns
        )
        parts = [abs(part - round(part)) for part in (from_y, from_x)]
        if min(*parts, 10 * parts[0] * parts[1]) > 0.011:  # a weight below a thousandth does not count
            assert np.isfinite(found[0, y, x]) == is_clear_of_gaps
    np.testing.assert_array_equal(np.isnan(found[0]), np.isnan(found[1]))


def test_a_whole_pixel_moves_down_and_right_exactly() -> None:
    values = np.arange(30, dtype=np.float32).reshape(1, 5, 6)
    found = moved(values, (1.0, 2.0))
    np.testing.assert_allclose(found[0, 1:, 2:], values[0, :-1, :-2], atol=1e-4)
    assert np.isnan(found[0, 0]).all()
    assert np.isnan(found[0, :, :2]).all()
    assert moved(values, (0.0, 0.0)) is values


@given(down_px=st.floats(-3, 3), right_px=st.floats(-3, 3))
@settings(max_examples=25)
def test_moving_agrees_with_an_independent_cubic_spline(down_px: float, right_px: float) -> None:
    values = look()[:1, :40, :50]
    expected = ndimage.shift(values[0].astype(np.float64), (down_px, right_px), order=3, mode="nearest")
    found = moved(values, (down_px, right_px))[0]
    is_seen = np.isfinite(found)
    np.testing.assert_allclose(found[is_seen], expected[is_seen], atol=2e-6)


def test_a_noisy_clearest_date_does_not_spoil_the_others() -> None:
    """The second pass measures against the median of many dates, so errors do not hang on one date's noise."""
    rng = np.random.default_rng(0)
    true_px = np.round(rng.uniform(-0.6, 0.6, (9, 2)), 1)
    looks = [look(down, right, seed=10 + index) for index, (down, right) in enumerate(true_px)]
    for image in looks:
        image[:, :6, :6] = np.nan
    looks[4] = look(*true_px[4], seed=3) + rng.normal(0, 0.006, looks[4].shape).astype(np.float32)
    aligned = coregister(stack_of(*looks))
    assert aligned.shifts_px is not None
    assert (aligned.shifts_px[4] == 0).all()
    others = np.delete(aligned.shifts_px + true_px, 4, axis=0)
    error_px = np.hypot(*(others - np.median(others, axis=0)).T)
    assert np.median(error_px) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("compound", 1), ("park", 2)])
def test_simulated_dates_are_brought_together_to_a_tenth_of_a_pixel(name: str, seed: int) -> None:
    world = scenario(name, seed=seed)
    source = SimulatedSource(world)
    grid = replace(world.grid, width_px=160, height_px=160)
    refs = source.search(grid.footprint_4326, first=world.first, last=world.last)
    stack = Stack.of([source.read(ref, grid, bands=("B02", "B03", "B04", "B08")) for ref in refs])
    aligned = coregister(stack)
    assert aligned.shifts_px is not None
    is_measured = np.isfinite(aligned.shifts_px).all(axis=1)
    assert is_measured.sum() > len(refs) / 2
    left_px = (aligned.shifts_px + [world.shift_px(day) for day in stack.days])[is_measured]
    error_px = np.hypot(*(left_px - left_px.mean(axis=0)).T)
    assert np.median(error_px) <= 0.1
    assert error_px.max() <= 0.35


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (32, 17)])
def test_fourier_sums_at_places_are_matrix_products(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    spectrum, rows, columns = (
        rng.standard_normal(size) + 1j * rng.standard_normal(size) for size in (shape, (4, shape[0]), (shape[1], 6))
    )
    found = np.empty((4, 6))
    real_at(np.ascontiguousarray(spectrum).view(np.float64), rows, columns, found)
    np.testing.assert_allclose(found, (rows @ spectrum @ columns).real, atol=1e-10)


def test_what_fades_is_capped_and_has_no_mean() -> None:
    rng = np.random.default_rng(4)
    image = rng.gamma(1.0, 1.0, (30, 40)).astype(np.float32)
    is_seen = rng.random(image.shape) > 0.2
    image[~is_seen] = np.nan
    window = np.outer(np.hanning(30), np.hanning(40))
    edges = image[is_seen].astype(float) - image[is_seen].mean(dtype=float)
    expected = np.zeros(image.shape)
    expected[is_seen] = np.minimum(edges, 1.5 * edges.std())
    found = np.empty(image.shape)
    fading(image, is_seen, window, 1.5, found)
    np.testing.assert_allclose(found, expected * window, atol=1e-6)
