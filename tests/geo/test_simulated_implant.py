"""What is drawn into a real series is what was worked out by hand, and nothing else of the series changes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from geo.grid import Grid
from geo.scene import Quantity, Scene, Stack
from geo.sources.simulated.implant import ImplantParams, implanted, truth_of
from geo.sources.simulated.implant_plans import ImplantKind, Works, plan_implant
from geo.sources.simulated.light import Light, measure_lights
from geo.sources.simulated.spectra import SHADOW_LIGHT, SPECTRA, Surface
from geo.sources.simulated.structures import Frame, SimulatedEvent, Structure
from geo.sun import sun_on

GRID = Grid(epsg=32645, left_m=600_000, top_m=4_805_000, pixel_m=10, width_px=40, height_px=40)
BANDS = ("B02", "B03", "B04", "B08")
GROUND = np.array([0.10, 0.12, 0.15, 0.20], dtype=np.float32)
FIRST = date(2022, 6, 1)
FLAT = ImplantParams(psf_sigma_px=0.0, texture=0.0)


def stack_of(values: np.ndarray, *, bands: Sequence[str] = BANDS, gap_days: int = 10) -> Stack:
    scenes = [
        Scene(
            scene_id=f"look-{index}",
            observed_at=datetime.combine(FIRST + timedelta(days=gap_days * index), time(5), tzinfo=UTC),
            platform="made-up",
            quantity=Quantity.REFLECTANCE,
            grid=replace(GRID, height_px=image.shape[1], width_px=image.shape[2]),
            bands={name: layer.astype(np.float32) for name, layer in zip(bands, image, strict=True)},
            is_clear=np.isfinite(image).all(axis=0),
        )
        for index, image in enumerate(values)
    ]
    return Stack.of(scenes)


def plain_stack(dates: int = 1, bands: Sequence[str] = BANDS) -> Stack:
    level = np.resize(GROUND, len(bands))
    return stack_of(np.broadcast_to(level[None, :, None, None], (dates, len(bands), 40, 40)).copy(), bands=bands)


def plain_lights(stack: Stack) -> list[Light]:
    return [Light.plain(len(stack.bands), stack.grid.shape) for _ in stack.days]


def roof(footprint_m: Polygon, *, surface: Surface = Surface.WHITE_ROOF, **others: object) -> SimulatedEvent:
    part = Structure(footprint_m=footprint_m, surface=surface, **others)  # type: ignore[arg-type]
    return SimulatedEvent(name="a roof", kind="construction", structures=(part,))


def at(column: float, row: float, width_px: float, height_px: float) -> Polygon:
    left, top = GRID.left_m + 10 * column, GRID.top_m - 10 * row
    return box(left, top - 10 * height_px, left + 10 * width_px, top)


def test_a_roof_over_a_quarter_of_a_pixel_changes_it_by_a_quarter_of_the_contrast() -> None:
    stack = plain_stack()
    seen = implanted(stack, [roof(at(20, 20, 0.5, 0.5))], plain_lights(stack), FLAT).values[0]
    expected = GROUND + 0.25 * (SPECTRA[Surface.WHITE_ROOF][:4] - GROUND)
    assert seen[:, 20, 20] == pytest.approx(expected, abs=1e-5)
    changed = np.abs(seen - GROUND[:, None, None]).max(axis=0) > 1e-6
    assert np.argwhere(changed).tolist() == [[20, 20]]


@pytest.mark.parametrize("psf_sigma_px", [0.0, 0.42, 0.8])
@settings(max_examples=12)
@given(column=st.floats(12, 24), row=st.floats(12, 24), width=st.floats(0.3, 6), height=st.floats(0.3, 6))
def test_blur_moves_light_but_loses_none(
    psf_sigma_px: float, column: float, row: float, width: float, height: float
) -> None:
    stack = plain_stack()
    params = replace(FLAT, psf_sigma_px=psf_sigma_px)
    seen = implanted(stack, [roof(at(column, row, width, height))], plain_lights(stack), params).values[0]
    gained = (seen - GROUND[:, None, None]).sum(axis=(1, 2))
    expected = width * height * (SPECTRA[Surface.WHITE_ROOF][:4] - GROUND)
    assert gained == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_bands_of_20_m_are_blurred_wider_and_lose_no_light_either() -> None:
    stack = plain_stack(bands=("B08", "B11"))
    seen = implanted(stack, [roof(at(20, 20, 1, 1))], plain_lights(stack), FLAT).values[0] - GROUND[:2, None, None]
    assert (np.abs(seen[0]) > 1e-5).sum() == 1
    assert (np.abs(seen[1]) > 1e-5).sum() == 9  # a pixel of 20 m, centred on each pixel of 10 m
    contrast = SPECTRA[Surface.WHITE_ROOF][[3, 4]] - GROUND[:2]
    assert seen.sum(axis=(1, 2)) == pytest.approx(contrast, rel=1e-3)
    assert seen[1, 20, 20] == pytest.approx(contrast[1] / 4, rel=1e-3)


def test_without_implants_nothing_changes() -> None:
    rng = np.random.default_rng(3)
    values = rng.uniform(0.05, 0.4, (3, 4, 40, 40))
    values[1, :, 5:20, 5:20] = np.nan
    stack = stack_of(values)
    outside = roof(box(0, 0, 10, 10))
    later = roof(at(20, 20, 3, 3), stands_from=date(2030, 1, 1))
    for events in ([], [outside], [later]):
        same = implanted(stack, events, measure_lights(stack)).values
        np.testing.assert_array_equal(same, stack.values)


def test_far_from_the_implant_nothing_changes() -> None:
    rng = np.random.default_rng(4)
    stack = stack_of(rng.uniform(0.05, 0.4, (4, 4, 40, 40)))
    seen = implanted(stack, [roof(at(10, 10, 3, 3), height_m=8.0)], measure_lights(stack)).values
    np.testing.assert_array_equal(seen[:, :, 25:], stack.values[:, :, 25:])
    assert (seen[:, :, 10:13, 10:13] != stack.values[:, :, 10:13, 10:13]).all()


def test_what_clouds_hide_stays_hidden() -> None:
    values = np.broadcast_to(GROUND[None, :, None, None], (3, 4, 40, 40)).copy()
    values[1] = np.nan
    values[2, :, :, :21] = np.nan
    stack = stack_of(values)
    seen = implanted(stack, [roof(at(18, 18, 6, 6))], measure_lights(stack))
    np.testing.assert_array_equal(seen.is_clear, stack.is_clear)
    assert np.isnan(seen.values[1]).all()


def test_it_stands_from_its_first_day_on_until_the_day_it_is_gone() -> None:
    stack = plain_stack(dates=4)
    event = roof(at(18, 18, 3, 3), stands_from=stack.days[1], stands_until=stack.days[3])
    seen = implanted(stack, [event], plain_lights(stack), FLAT).values[:, 0, 19, 19]
    white = SPECTRA[Surface.WHITE_ROOF][0]
    assert seen == pytest.approx([GROUND[0], white, white, GROUND[0]], abs=1e-5)


def test_it_lies_as_far_off_as_its_date() -> None:
    stack = plain_stack(dates=2)
    shifted = stack.with_values(
        stack.values, shifts_px=np.array([[0.0, 0.0], [-1.0, -2.0]])
    )  # moves by that to lie right
    seen = implanted(shifted, [roof(at(20, 20, 1, 1))], plain_lights(stack), FLAT).values[:, 0]
    assert np.argwhere(np.abs(seen[0] - GROUND[0]) > 1e-5).tolist() == [[20, 20]]
    assert np.argwhere(np.abs(seen[1] - GROUND[0]) > 1e-5).tolist() == [[21, 22]]


def test_its_shadow_falls_away_from_the_sun_as_long_as_the_day_has_it() -> None:
    stack = plain_stack()
    height_m = 30.0
    seen = implanted(stack, [roof(at(20, 20, 2, 2), height_m=height_m)], plain_lights(stack), FLAT).values[0]
    east_m, north_m = sun_on(FIRST, lat_deg=GRID.footprint_4326.centroid.y).shadow_m(height_m)
    assert north_m > 0 > east_m  # in the morning, north of the tropics
    dark = (seen[3] < GROUND[3] - 1e-4) & (seen[0] < GROUND[0] - 1e-4)
    rows, columns = np.nonzero(dark)
    assert rows.min() == 20 + int(np.floor(-north_m / 10))
    assert columns.min() == 20 + int(np.floor(east_m / 10))
    assert rows.max() <= 21
    part = roof(at(20, 20, 2, 2), height_m=height_m).structures[0]
    shaded_px = (part.shadow_m((east_m, north_m)).area - part.footprint_m.area) / GRID.pixel_area_m2
    lost = (GROUND[:, None, None] - seen)[:, dark].sum(axis=1)
    assert not dark[20:22, 20:22].any()
    assert lost == pytest.approx(shaded_px * GROUND * (1 - SHADOW_LIGHT[:4]), rel=0.01)


def test_it_gets_the_light_of_its_date() -> None:
    stack = plain_stack()
    plain = Light.plain(4, stack.grid.shape)
    hazy = replace(plain, gain=np.full(4, 0.8, np.float32), offset=np.array([0.05, 0.04, 0.03, 0.01], np.float32))
    seen = implanted(stack, [roof(at(20, 20, 2, 2))], [hazy], FLAT).values[0]
    assert seen[:, 20, 20] == pytest.approx(0.8 * SPECTRA[Surface.WHITE_ROOF][:4] + hazy.offset, abs=1e-5)
    veiled = replace(plain, veil=np.ones(stack.grid.shape, np.float32))
    seen = implanted(stack, [roof(at(20, 20, 2, 2), surface=Surface.WATER)], [veiled], FLAT).values[0]
    assert seen[:, 20, 20] == pytest.approx(np.full(4, 0.6), abs=1e-5)


def test_the_haze_of_a_date_is_measured_on_it() -> None:
    rng = np.random.default_rng(5)
    ground = rng.uniform(0.05, 0.30, (4, 40, 40))
    values = np.stack([ground] * 6) + rng.normal(0, 0.002, (6, 4, 40, 40))
    values[3] = 0.85 * values[3] + np.array([0.06, 0.05, 0.04, 0.02])[:, None, None]
    lights = measure_lights(stack_of(values))
    assert lights[3].gain[:3] == pytest.approx(np.full(3, 0.85), abs=0.02)
    assert lights[3].offset[:3] == pytest.approx([0.06, 0.05, 0.04], abs=0.01)
    for index in (0, 1, 2, 4, 5):
        assert lights[index].gain == pytest.approx(np.ones(4), abs=0.02)
        assert np.abs(lights[index].offset).max() < 0.01
        assert lights[index].noise.std() == pytest.approx(0.002, rel=0.3)


@pytest.mark.parametrize(("band", "rise"), [(3, 0.25), (2, 0.04)], ids=["summer", "autumn"])
def test_leaves_do_not_colour_roofs(band: int, rise: float) -> None:
    rng = np.random.default_rng(6)
    ground = rng.uniform(0.03, 0.10, (4, 40, 40))
    ground[3] += 0.15
    values = np.stack([ground] * 6)
    values[3, band] += rise  # of one band alone: that is no haze
    light = measure_lights(stack_of(values))[3]
    assert light.gain[band] == pytest.approx(1, abs=0.05)
    assert abs(light.offset[band]) < 0.01


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_mask_that_takes_roofs_for_clouds_hides_them_and_nothing_else(share: float) -> None:
    stack = plain_stack()
    params = replace(FLAT, eaten_share=share)
    events = [roof(at(10, 10, 3, 3)), roof(at(30, 30, 3, 3), surface=Surface.ASPHALT)]
    is_clear = implanted(stack, events, plain_lights(stack), params).is_clear[0]
    hidden = np.zeros((40, 40), dtype=bool)
    hidden[10:13, 10:13] = bool(share)
    np.testing.assert_array_equal(is_clear, ~hidden)


def test_a_band_without_spectra_is_refused() -> None:
    stack = plain_stack(bands=("B02", "B05"))
    with pytest.raises(ValueError, match="no simulated surface has a spectrum for B05"):
        implanted(stack, [roof(at(10, 10, 3, 3))], plain_lights(stack))


@pytest.mark.parametrize("kind", list(ImplantKind))
@pytest.mark.parametrize("area_m2", [8_500.0, 15_000.0, 30_000.0])
def test_plans_measure_what_was_asked_for_and_keep_to_their_time(kind: ImplantKind, area_m2: float) -> None:
    frame = Frame(x_m=600_200, y_m=4_804_800, angle_deg=30)
    for seed in range(5):
        works = Works(begin=date(2020, 5, 1), days=200)
        event = plan_implant(np.random.default_rng(seed), kind, frame, area_m2=area_m2, works=works)
        truth = truth_of([event], epsg=32645, first=date(2018, 1, 1), last=date(2024, 1, 1))
        (row,) = truth.to_dict("records")
        assert row["area_m2"] == pytest.approx(area_m2, rel=0.15)  # a compound has cabins outside its walls
        assert 0.1 * area_m2 < row["built_area_m2"] < 1.01 * area_m2
        assert row["started_on"].date() == works.begin
        assert works.begin + timedelta(days=100) < row["completed_on"].date() <= works.begin + timedelta(days=201)
        assert (row["event"] == "demolition") == (kind is ImplantKind.DEMOLITION)


def test_truth_has_phases_and_leaves_out_what_has_not_begun() -> None:
    frame = Frame(x_m=600_200, y_m=4_804_800, angle_deg=0)
    event = plan_implant(
        np.random.default_rng(1),
        ImplantKind.BUILDING,
        frame,
        area_m2=5_000,
        works=Works(begin=date(2020, 5, 1), days=100),
    )
    (row,) = truth_of([event], epsg=32645, first=date(2018, 1, 1), last=date(2024, 1, 1)).to_dict("records")
    assert row["started_on"].date() == date(2020, 5, 1)
    assert row["active_on"].date() == date(2020, 5, 1) + timedelta(days=65)  # the roof, at 0.65 of the time
    assert row["completed_on"].date() == row["active_on"].date()
    early = truth_of([event], epsg=32645, first=date(2018, 1, 1), last=date(2020, 5, 2))
    assert early["active_on"].isna().all()
    assert truth_of([event], epsg=32645, first=date(2018, 1, 1), last=date(2020, 4, 1)).empty


def test_too_small_a_compound_is_refused() -> None:
    frame = Frame(x_m=600_200, y_m=4_804_800, angle_deg=0)
    with pytest.raises(ValueError, match=r"at least 8,000 m2; got 5,000"):
        plan_implant(
            np.random.default_rng(1), ImplantKind.COMPOUND, frame, area_m2=5_000, works=Works(begin=FIRST, days=9)
        )
