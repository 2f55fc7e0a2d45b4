"""The fit keeps its signs, promises no more than it holds, and says how sure its own figures are."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import poisson

from benchmarks.calibration import (
    LEAST_WEIGHT,
    Claims,
    Fit,
    calibrated,
    draw,
    ece_if_true,
    errors,
    false_alert_rates,
    fit,
    main,
    read_claims,
    reliability,
)
from benchmarks.silent import poisson_interval
from detection.objects.events import WEIGHTS

SIGNS = np.array([1.0, 1.0, -1.0])


def claims(count: int = 3000, *, seed: int = 0, truth: tuple[float, ...] = (1.0, 2.0, -1.5)) -> Claims:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 3))
    return Claims(
        names=("one", "two", "three"),
        values=values,
        is_right=rng.random(count) < expit(-0.5 + values @ np.array(truth)),
        group=rng.choice(["a", "b", "c", "d"], count),
        weight=np.ones(count),
    )


def test_known_weights_are_found_again() -> None:
    found = fit(claims(20_000), SIGNS, ridge=1.0)
    np.testing.assert_allclose(found.weights, [1.0, 2.0, -1.5], atol=0.12)
    assert found.bias == pytest.approx(-0.5, abs=0.08)


def test_a_weight_never_takes_the_other_sign() -> None:
    found = fit(claims(truth=(-1.0, 2.0, 1.5)), SIGNS, ridge=1.0)
    assert found.weights[0] == pytest.approx(LEAST_WEIGHT)
    assert found.weights[1] > 1
    assert found.weights[2] == pytest.approx(-LEAST_WEIGHT)


def test_a_stronger_ridge_leaves_smaller_weights() -> None:
    sizes = [np.abs(fit(claims(200), SIGNS, ridge=ridge).weights).sum() for ridge in (0.1, 10, 1000)]
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_stated_of_other_claims_is_true() -> None:
    fitted, chosen = calibrated(claims(2000), SIGNS)
    other = claims(5000, seed=1)
    stated = expit(fitted.log_odds(other.values))
    figures = errors(stated, other.is_right)
    assert 0.8 < chosen.factor < 1.2
    assert figures["ece"] < 0.03
    assert figures["worst_excess"] < 0.05


def test_where_backgrounds_disagree_less_is_promised() -> None:
    """On half of the backgrounds the first term says nothing."""
    base = claims(2000)
    rng = np.random.default_rng(3)
    is_odd = np.isin(base.group, ["a", "b"])
    muddled = np.where(is_odd, rng.random(2000) < 0.4, base.is_right).astype(bool)
    mixed = Claims(names=base.names, values=base.values, is_right=muddled, group=base.group, weight=base.weight)
    plain = fit(mixed, SIGNS, ridge=1.0)
    shrunk, chosen = calibrated(mixed, SIGNS)
    assert chosen.factor < 1
    assert np.abs(shrunk.weights).sum() < np.abs(plain.weights).sum()


def test_claims_of_one_object_weigh_as_one() -> None:
    once = claims(300)
    thrice = Claims(
        names=once.names,
        values=np.repeat(once.values, 3, axis=0),
        is_right=np.repeat(once.is_right, 3),
        group=np.repeat(once.group, 3),
        weight=np.full(900, 1 / 3),
    )
    one, other = (fit(part, SIGNS, ridge=2.0) for part in (once, thrice))
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-3)


def test_the_intervals_of_the_diagram_hold_the_share() -> None:
    rows = reliability(np.array([0.05] * 50 + [0.85] * 40), np.array([False] * 48 + [True] * 2 + [True] * 40))
    assert [row["claims"] for row in rows] == [50, 40]
    assert rows[0]["right"] == pytest.approx(0.04)
    assert rows[0]["right_low"] == pytest.approx(0.0049, abs=1e-3)  # Clopper and Pearson, 2 of 50
    assert rows[0]["right_high"] == pytest.approx(0.1371, abs=1e-3)
    assert rows[1]["right_high"] == 1.0
    assert rows[1]["right_low"] == pytest.approx(0.912, abs=1e-3)


def line(**others: Any) -> dict[str, Any]:  # noqa: ANN401 - values of JSON
    features = {name: {"value": 0.5, "weight": 1.0, "contribution": 0.5} for name in WEIGHTS}
    return {
        "row": "detection",
        "background": "romania",
        "kind": "quiet",
        "seed": 1,
        "event": "construction",
        "truth": "false",
        "detection_id": "a",
        "confidence": 0.25,
        "evidence_features": features,
    } | others


def written(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in lines), encoding="utf-8")
    return path


def test_rows_are_read_with_their_truth_and_their_weight(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rows.jsonl",
        [
            line(),
            line(seed=2),  # the same false object under another implant
            line(truth="right", kind="halls", detection_id="b"),
            line(truth="misnamed", kind="building", background="dabancheng-12", detection_id="c"),
            line(event="surface_change"),
            {"row": "event", "event": "construction"},
        ],
    )
    read = read_claims([path])
    assert read.is_right.tolist() == [False, False, True, False]
    assert read.weight.tolist() == [0.5, 0.5, 1.0, 1.0]
    assert read.group.tolist() == ["romania", "romania", "romania", "dabancheng"]
    assert read.stated.tolist() == [0.25, 0.25, 0.25, 0.25]
    assert read.where(read.is_right).stated.tolist() == [0.25]
    assert "bias" not in read.names
    with pytest.raises(SystemExit, match="no claim"):
        read_claims([written(tmp_path / "none.jsonl", [line(event="surface_change")])])


def test_without_a_fit_what_the_detections_stated_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = [line(truth="right", kind="halls", seed=seed, confidence=0.9) for seed in range(6)]
    false = [line(detection_id=str(seed), confidence=0.9) for seed in range(4)]
    assert main(["--test", str(written(tmp_path / "rows.jsonl", right + false))]) == 0
    _, told, *_ = capsys.readouterr().out.split("as stated")
    assert [float(word) for word in told.split()[:3]] == [10, 0.6, pytest.approx(0.3)]


def test_rates_count_each_object_once_and_are_never_zero(tmp_path: Path) -> None:
    place = {"row": "place", "series": "romania", "place": 0, "background": "romania", "km2_years": 5.0}
    about = {"series": "romania", "place": 0}
    path = written(
        tmp_path / "silent.jsonl",
        [place, line(**about, object=0), line(**about, object=0), line(**about, object=1)],
    )
    names = tuple(name for name in WEIGHTS if name != "bias")
    rates = false_alert_rates([path], Fit(bias=1.2, weights=np.zeros(len(names))), names)
    by_level = {row["log_odds"]: row["rate"] for row in rates}
    assert by_level[1.0] == pytest.approx(2.5 / 5)
    assert by_level[1.5] == pytest.approx(0.5 / 5)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_poisson_intervals_leave_out_two_and_a_half_per_cent_on_each_side(count: int) -> None:
    low, high = poisson_interval(count, 10.0)
    assert poisson.cdf(count, high * 10) == pytest.approx(0.025)
    if count:
        assert poisson.sf(count - 1, low * 10) == pytest.approx(0.025)
    else:
        assert low == 0


def test_the_diagram_is_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    stated = rng.random(200)
    draw(tmp_path / "a.png", {"other seeds": (stated, rng.random(200) < stated, np.ones(200))})
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_few_claims_err_by_chance_and_many_do_not() -> None:
    rng = np.random.default_rng(5)
    few, many = (ece_if_true(rng.uniform(0, 1, count), np.ones(count)) for count in (60, 6000))
    assert 0.03 < few < 0.12
    assert many < 0.012
    assert ece_if_true(np.array([0.0, 1.0]), np.ones(2)) == 0
    halves = ece_if_true(np.full(100, 0.5), np.ones(100))
    assert halves == pytest.approx(0.5 * np.sqrt(2 / np.pi) / 10, rel=0.1)  # mean distance of a coin's share from half
