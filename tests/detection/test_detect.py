"""Whatever imagery comes in, the outcome is defined, and silence says what could have been seen."""

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from geopandas.testing import assert_geodataframe_equal
from numpy.typing import NDArray
from scipy import ndimage
from shapely.geometry import box

from detection.changes import map_changes
from detection.detect import Findings, find_changes, no_imagery
from detection.params import DetectParams
from detection.schema import Outcome, check_detections

if TYPE_CHECKING:
    from tests.detection.conftest import MakeStack

SIDE = 96
EVERYWHERE = np.ones((SIDE, SIDE), dtype=bool)
PARAMS = DetectParams()
ROOFS = np.s_[36:60, 38:62]


def desert(dates: int, *, bands: int = 4, seed: int = 0, sigma: float = 0.004) -> NDArray[np.float32]:
    """Return textured ground that does not change, shape (time, band, y, x)."""
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.standard_normal((bands, SIDE, SIDE)), (0, 1.2, 1.2))
    base = 0.22 + 0.02 * texture / texture.std()
    return np.asarray(base + sigma * rng.standard_normal((dates, bands, SIDE, SIDE)), dtype=np.float32)


def built(dates: int, onset: int, *, bands: int = 4, seed: int = 0) -> NDArray[np.float32]:
    """Return the same ground with rows of bright roofs in `ROOFS` from date `onset` on."""
    values = desert(dates, bands=bands, seed=seed)
    roofs = np.zeros((24, 24), dtype=np.float32)
    for row in range(0, 24, 6):
        roofs[row : row + 3] = 0.2
    roofs[:, ::8] = -0.08
    values[onset:, :, *ROOFS] += roofs
    return values


def found_in(make_stack: "MakeStack", values: NDArray[np.float32], params: DetectParams = PARAMS) -> Findings:
    return find_changes(make_stack(values), "a", EVERYWHERE, params)


def coverage(findings: Findings) -> dict[str, Any]:
    assert len(findings.coverage) == 1
    return dict(findings.coverage.iloc[0])


def test_roofs_that_appear_are_a_confirmed_construction(make_stack: "MakeStack") -> None:
    stack = make_stack(built(20, 10))
    findings = find_changes(stack, "a", EVERYWHERE, PARAMS)
    (row,) = findings.detections.to_dict("records")
    assert (row["event"], row["status"]) == ("construction", "confirmed")
    assert (row["onset_after"].date(), row["onset_by"].date()) == (stack.days[9], stack.days[10])
    assert (row["looks_before"], row["looks_after"]) == (10, 10)
    rows, columns = ROOFS
    left, top = stack.grid.left_m, stack.grid.top_m
    truth = box(left + 10 * columns.start, top - 10 * rows.stop, left + 10 * columns.stop, top - 10 * rows.start)
    outline = row["geometry"]
    assert outline.intersection(truth).area > 0.85 * truth.area
    assert outline.area < 1.4 * truth.area
    assert row["area_m2"] == outline.area
    evidence = json.loads(row["evidence"])
    grown = [area for _, area in evidence["growth"]]
    assert grown == sorted(grown)
    assert grown[-1] == pytest.approx(row["area_m2"], abs=1)
    assert len(json.loads(row["scene_ids"])) == 20
    assert findings.outcome is Outcome.FOUND


def test_roofs_that_vanish_are_a_demolition(make_stack: "MakeStack") -> None:
    findings = found_in(make_stack, np.ascontiguousarray(built(20, 10)[::-1]))
    assert list(findings.detections["event"]) == ["demolition"]


@pytest.mark.parametrize("dates", [2, 3, 5], ids=["pair", "three", "five"])
def test_a_few_dates_find_it_but_never_confirm_from_a_pair(make_stack: "MakeStack", dates: int) -> None:
    findings = found_in(make_stack, built(dates, dates // 2))
    assert list(findings.detections["event"]) == ["construction"]
    if dates == 2:
        assert list(findings.detections["status"]) == ["candidate"]


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_any_number_of_bands_finds_it(make_stack: "MakeStack", bands: int) -> None:
    findings = found_in(make_stack, built(12, 6, bands=bands))
    assert list(findings.detections["event"]) == ["construction"]


def as_it_is(values: NDArray[np.float32]) -> None:
    """Change nothing."""


def never_seen(values: NDArray[np.float32]) -> None:
    values[:] = np.nan


def seen_once(values: NDArray[np.float32]) -> None:
    values[1:] = np.nan


def constant(values: NDArray[np.float32]) -> None:
    values[:] = 0.3


def dark(values: NDArray[np.float32]) -> None:
    values[:] = 0


def seam(values: NDArray[np.float32]) -> None:
    values[5, :, :, 48:] *= np.float32(1.15)


def never_the_same_ground(values: NDArray[np.float32]) -> None:
    values[0, :, :, 40:] = np.nan
    values[1, :, :, :56] = np.nan


def more_than_half(values: NDArray[np.float32]) -> None:
    values[:, :, :, 56:] = np.nan


def a_third(values: NDArray[np.float32]) -> None:
    values[:, :, :, 32:] = np.nan


def moving_gaps(values: NDArray[np.float32]) -> None:
    for index, image in enumerate(values):
        image[:, (8 * index) % SIDE : (8 * index) % SIDE + 12] = np.nan


@pytest.mark.parametrize(
    ("dates", "happens", "outcome"),
    [
        pytest.param(6, never_seen, Outcome.NOT_OBSERVED, id="all-cloud"),
        pytest.param(1, as_it_is, Outcome.NOT_OBSERVED, id="one-date"),
        pytest.param(6, seen_once, Outcome.NOT_OBSERVED, id="one-clear-date"),
        pytest.param(2, as_it_is, Outcome.NOTHING_FOUND, id="two-dates"),
        pytest.param(20, as_it_is, Outcome.NOTHING_FOUND, id="desert"),
        pytest.param(20, constant, Outcome.NOTHING_FOUND, id="constant"),
        pytest.param(20, dark, Outcome.NOTHING_FOUND, id="all-zero"),
        pytest.param(2, constant, Outcome.NOTHING_FOUND, id="constant-pair"),
        pytest.param(12, seam, Outcome.NOTHING_FOUND, id="a-seam-on-one-date"),
        pytest.param(2, never_the_same_ground, Outcome.NOT_OBSERVED, id="dates-that-never-show-the-same-ground"),
        pytest.param(12, more_than_half, Outcome.NOTHING_FOUND, id="the-rest-never-seen"),
        pytest.param(12, a_third, Outcome.NOT_OBSERVED, id="a-third-ever-seen"),
        pytest.param(12, moving_gaps, Outcome.NOTHING_FOUND, id="gaps-at-other-places-each-date"),
    ],
)
@pytest.mark.parametrize("bands", [1, 4])
def test_every_input_has_its_outcome(
    make_stack: "MakeStack", dates: int, happens: Callable[[NDArray[np.float32]], None], outcome: Outcome, bands: int
) -> None:
    values = desert(dates, bands=bands)
    happens(values)
    findings = found_in(make_stack, values)
    assert findings.outcome is outcome
    assert findings.detections.empty
    check_detections(findings.detections)
    row = coverage(findings)
    assert row["looks"] == dates
    assert 0 <= row["observed_share"] <= 1
    if outcome is Outcome.NOTHING_FOUND:
        assert np.isfinite(row["detectable_contrast"])
        assert row["detectable_contrast"] > 0
        assert (100 <= row["detectable_area_m2"] < 20_000) == (row["observed_share"] > 0.8)
        assert findings.registered is not None


def test_dates_that_did_not_count_are_named_with_their_reason(make_stack: "MakeStack") -> None:
    values = desert(6)
    values[2] = np.nan
    stack = make_stack(values)
    row = coverage(find_changes(stack, "a", EVERYWHERE, PARAMS))
    assert json.loads(row["not_seen"]) == [
        {"date": stack.days[2].isoformat(), "reason": "0% of the area clearly seen, 20% needed"}
    ]
    assert (row["looks"], row["clear_looks"], row["median_clear_looks"]) == (6, 5, 5)
    assert row["last_clear_look"].date() == stack.days[5]


@pytest.mark.parametrize(
    "odd",
    [0, 1, 6, 10, 11],
)
def test_one_odd_look_confirms_nothing(make_stack: "MakeStack", odd: int) -> None:
    values = desert(12)
    values[odd, :, *ROOFS] += np.random.default_rng(5).uniform(0, 0.3, (24, 24)).astype(np.float32)
    detections = found_in(make_stack, values).detections
    assert "confirmed" not in set(detections["status"])


def test_what_changed_outside_the_area_is_context_only(make_stack: "MakeStack") -> None:
    stack = make_stack(built(12, 6))
    inside = np.zeros((SIDE, SIDE), dtype=bool)
    inside[:, :25] = True
    findings = find_changes(stack, "a", inside, PARAMS)
    assert findings.detections.empty
    assert findings.outcome is Outcome.NOTHING_FOUND
    inside[:, :40] = True
    assert len(find_changes(stack, "a", inside, PARAMS).detections) == 1


def test_an_area_without_pixels_is_not_observed(make_stack: "MakeStack") -> None:
    findings = find_changes(make_stack(built(12, 6)), "a", ~EVERYWHERE, PARAMS)
    assert findings.outcome is Outcome.NOT_OBSERVED


def test_small_sites_side_by_side_have_an_id_each(make_stack: "MakeStack") -> None:
    values = desert(12)
    rng = np.random.default_rng(3)
    for column in range(6, 90, 7):
        for row in range(6, 84, 14):
            values[6:, :, row : row + 8, column : column + 2] += rng.uniform(0.2, 0.4, (8, 2)).astype(np.float32)
    apart = replace(PARAMS.sites, least_confidence=1.0)
    params = replace(PARAMS, patch_m=30.0, gap_m=20.0, min_area_m2=400.0, context_m=810.0, sites=apart)
    detections = found_in(make_stack, values, params).detections
    assert len(detections) > 20
    assert not detections["detection_id"].duplicated().any()


def test_the_same_imagery_gives_the_same_tables(make_stack: "MakeStack") -> None:
    one, other = (found_in(make_stack, built(12, 6)) for _ in range(2))
    assert_geodataframe_equal(one.detections, other.detections)
    assert_geodataframe_equal(one.coverage, other.coverage)


def test_the_given_stack_is_not_touched(make_stack: "MakeStack") -> None:
    stack = make_stack(built(8, 4))
    kept = stack.values.copy()
    find_changes(stack, "a", EVERYWHERE, PARAMS)
    np.testing.assert_array_equal(stack.values, kept)


def test_what_is_not_seen_is_never_changed(make_stack: "MakeStack") -> None:
    values = built(12, 6)
    values[:, :, 40:50] = np.nan
    changes = map_changes(make_stack(values), PARAMS)
    assert not changes.is_changed[40:50].any()
    assert changes.is_changed[52:58, 42:58].mean() > 0.5


def test_a_higher_threshold_never_finds_more(make_stack: "MakeStack") -> None:
    stack = make_stack(built(6, 3, bands=1))
    counts = [
        int(map_changes(stack, replace(PARAMS, seed_z=seed_z)).is_changed.sum()) for seed_z in (3.0, 5.0, 20.0, 500.0)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[1] > 0 == counts[-1]


def another(value: Any) -> Any:  # noqa: ANN401 - any setting
    """Return a value of the same kind."""
    if isinstance(value, tuple):
        return (*value[:-1], "other")
    return value + 1 if isinstance(value, int) else value * 1.01


def all_settings(params: Any) -> list[Any]:  # noqa: ANN401 - any of the nested settings
    """Return `params` once for each of its settings, with that one changed a little."""
    changed = []
    for field in fields(params):
        value = getattr(params, field.name)
        others = all_settings(value) if is_dataclass(value) else [another(value)]
        changed += [replace(params, **{field.name: other}) for other in others]
    return changed


def test_every_setting_changes_the_hash() -> None:
    variants = all_settings(PARAMS)
    assert len(variants) > 25
    assert len({PARAMS.settings_hash, *(params.settings_hash for params in variants)}) == len(variants) + 1
    assert DetectParams().settings_hash == PARAMS.settings_hash
    assert len(PARAMS.settings_hash) == 12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"grow_z": 6.0}, "grow_z must lie above 0 and not above seed_z; got 6.0 and 5.0"),
        ({"grow_z": 0.0}, "grow_z must lie above 0"),
        ({"patch_m": 1210.0}, "patch_m must be smaller than context_m"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DetectParams(**settings)  # type: ignore[arg-type]  # fields by name


@pytest.mark.parametrize(("pixel_m", "patch_px", "context_px"), [(10, 7, 121), (20, 3, 61), (2000, 1, 1)])
def test_windows_are_an_odd_number_of_pixels(
    make_stack: "MakeStack", pixel_m: float, patch_px: int, context_px: int
) -> None:
    grid = replace(make_stack(desert(2)).grid, pixel_m=pixel_m)
    assert (PARAMS.patch_px(grid), PARAMS.context_px(grid)) == (patch_px, context_px)


def test_no_imagery_says_so(make_stack: "MakeStack") -> None:
    findings = no_imagery("a", make_stack(desert(2)).grid, PARAMS, period=(date(2022, 1, 1), None))
    row = coverage(findings)
    assert findings.outcome is Outcome.NO_IMAGERY
    assert findings.detections.empty
    assert findings.registered is None
    assert (row["looks"], row["observed_share"]) == (0, 0)
    assert np.isnan(row["detectable_contrast"])
