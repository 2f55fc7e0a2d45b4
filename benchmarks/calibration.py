"""Fit the weights of the evidence, and measure whether what is then stated is true.

    python -m benchmarks.implants  --data DIR --seeds 0 40    --follow 0 --rows train-implants.jsonl
    python -m benchmarks.simulated            --seeds 0 20               --rows train-worlds.jsonl
    python -m benchmarks.silent    --data DIR --seeds 0 20               --rows train-silent.jsonl
    … the same with seeds from 200 on as test-….jsonl, then
    python -m benchmarks.calibration --train train-*.jsonl --test test-*.jsonl --silent train-silent.jsonl
        [--picture FILE] [--json FILE]

Without `--train` nothing is fitted: what the detections themselves stated is compared with the truth.

The confidence of a detection is a logistic sum of a few measured terms (`detection.objects.events.weigh`). Here its
weights are fitted by ridge logistic regression on claims that something was built or torn down, with known truth.
Each weight must keep the sign that the term was designed with: more looks never speak against an event. How strong
the ridge is is chosen by the loss on whole backgrounds left out, and so are the factor and the shift that make the
log-odds as large as they should be (Platt 1999): what generalises badly to a new place must promise less there. Claims
that many runs of one place raise share one weight.

The stated probability is that of these benchmarks, in which as many places hold an event as hold none. How often a
place where nothing happens raises evidence as strong is another question, answered by `detection.chance.placebo`.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from scipy.stats import beta

from benchmarks.trials import table
from detection.objects.events import BUILT_EVENTS

LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Strengths that are tried, in rows."""
RATE_LEVELS = (-4.0, -3.0, -2.0, -1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
LEAST_WEIGHT = 0.2
"""Before shrinking: every term says a little, as it was designed to, also one that told nothing beside the others."""
_DRAWS = 400
ENOUGH_ROWS = 20
"""A bin with fewer tells nothing."""
_CLAIMS = frozenset(event.value for event in BUILT_EVENTS)
_BIAS = "bias"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claims:
    """Claims that something was built or torn down, with their truth."""

    names: tuple[str, ...]
    """Of the terms, without the bias."""
    values: NDArray[np.float64]
    """Shape (claim, term)."""
    is_right: NDArray[np.bool_]
    """Whether something of that kind truly happened there."""
    group: NDArray[np.str_]
    """The background of each."""
    weight: NDArray[np.float64]
    """Claims of one place in several runs share the weight of one."""
    stated: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    """The confidence that came with each, where that is known."""

    def where(self, chosen: NDArray[np.bool_]) -> "Claims":
        """Return some of them."""
        return Claims(
            names=self.names,
            values=self.values[chosen],
            is_right=self.is_right[chosen],
            group=self.group[chosen],
            weight=self.weight[chosen],
            stated=self.stated[chosen] if self.stated.size else self.stated,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Fitted weights."""

    bias: float
    weights: NDArray[np.float64]

    def log_odds(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of the terms of each claim."""
        return np.asarray(self.bias + values @ self.weights)

    def shrunk(self, factor: float, shift: float) -> "Fit":
        """Return the fit whose log-odds are `factor` times those of this one, and `shift` more."""
        return Fit(bias=factor * self.bias + shift, weights=factor * self.weights)


def read_claims(paths: Sequence[Path]) -> Claims:
    """Read the rows that the benchmarks wrote.

    Raises:
        SystemExit: There are no claims in them.

    """
    lines = [line for path in paths for line in _lines(path) if _is_claim(line)]
    if not lines:
        raise SystemExit(f"{', '.join(map(str, paths))}: no claim that something was built or torn down")
    names = tuple(name for name in lines[0]["evidence_features"] if name != _BIAS)
    return Claims(
        names=names,
        values=np.array([[line["evidence_features"][name]["value"] for name in names] for line in lines], dtype=float),
        is_right=np.array([line["truth"] == "right" for line in lines]),
        group=np.array([_group(line) for line in lines]),
        weight=_shared_weights(lines),
        stated=np.array([line["confidence"] for line in lines], dtype=float),
    )


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _is_claim(line: Mapping[str, Any]) -> bool:
    return bool(line.get("row") == "detection" and line["event"] in _CLAIMS)


def _group(line: Mapping[str, Any]) -> str:
    """Return the background without the window's number; worlds of the simulator are one background."""
    return "simulated" if str(line["background"]).startswith("sim") else str(line["background"]).split("-")[0]


def _shared_weights(lines: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Give the claims of one true event one weight together, and those of one false object, in whatever runs."""
    keys = [_object_key(line) for line in lines]
    counts = Counter(keys)
    return np.array([1 / counts[key] for key in keys])


def _object_key(line: Mapping[str, Any]) -> tuple[object, ...]:
    if "object" in line:
        return (line["series"], line["place"], line["object"])
    if line["truth"] == "false":
        return (line["background"], line["detection_id"])
    return (line["background"], line["kind"], line["seed"])


def fit(claims: Claims, signs: NDArray[np.float64], *, ridge: float) -> Fit:
    """Fit the weights: ridge logistic regression on standardised terms, each weight of its sign."""
    middle = np.average(claims.values, axis=0, weights=claims.weight)
    spread = np.sqrt(np.average(np.square(claims.values - middle), axis=0, weights=claims.weight))
    spread = np.where(spread > 0, spread, 1.0)
    values = (claims.values - middle) / spread
    sides = np.where(claims.is_right, 1.0, -1.0)

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        score = theta[0] + values @ theta[1:]
        pull = -claims.weight * sides * expit(-sides * score)
        total = -(claims.weight * log_expit(sides * score)).sum() + ridge / 2 * np.square(theta[1:]).sum()
        return float(total), np.concatenate([[pull.sum()], values.T @ pull + ridge * theta[1:]])

    least = LEAST_WEIGHT * spread
    bounds = [
        (None, None),
        *((low, None) if sign > 0 else (None, -low) for sign, low in zip(signs, least, strict=True)),
    ]
    found = minimize(loss, np.concatenate([[0.0], signs * least]), jac=True, bounds=bounds, method="L-BFGS-B")
    weights = found.x[1:] / spread
    return Fit(bias=float(found.x[0] - weights @ middle), weights=weights)


def left_out(claims: Claims, signs: NDArray[np.float64], *, ridge: float) -> NDArray[np.float64]:
    """Return for each claim the log-odds by a fit that saw nothing of its background."""
    result = np.zeros(len(claims.is_right))
    for name in np.unique(claims.group):
        here = claims.group == name
        result[here] = fit(claims.where(~here), signs, ridge=ridge).log_odds(claims.values[here])
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What leaving out whole backgrounds chose."""

    ridge: float
    factor: float
    """All log-odds are multiplied by this…"""
    shift: float
    """… and this is added."""


def calibrated(claims: Claims, signs: NDArray[np.float64]) -> tuple[Fit, Chosen]:
    """Return the fit and what was chosen for it."""
    losses = {ridge: log_loss(left_out(claims, signs, ridge=ridge), claims) for ridge in RIDGES}
    ridge = min(losses, key=lambda strength: losses[strength])
    unseen = left_out(claims, signs, ridge=ridge)
    platt = fit(  # on the log-odds of what was left out: are they as large as they should be?
        Claims(
            names=("log_odds",),
            values=unseen[:, None],
            is_right=claims.is_right,
            group=claims.group,
            weight=claims.weight,
        ),
        np.array([1.0]),
        ridge=0.0,
    )
    factor = float(platt.weights[0])
    chosen = Chosen(ridge=ridge, factor=factor, shift=platt.bias)
    return fit(claims, signs, ridge=ridge).shrunk(chosen.factor, chosen.shift), chosen


def log_loss(log_odds: NDArray[np.float64], claims: Claims) -> float:
    """Return the mean logarithmic loss."""
    sides = np.where(claims.is_right, 1.0, -1.0)
    return float(-np.average(log_expit(sides * log_odds), weights=claims.weight))


def reliability(
    stated: NDArray[np.float64], is_right: NDArray[np.bool_], weight: NDArray[np.float64] | None = None
) -> list[dict[str, Any]]:
    """Return, by stated probability, how many claims were right, with exact 95 % intervals (Clopper, Pearson 1934).

    Claims count by their weight, by default each as one.
    """
    weight = np.ones(len(stated)) if weight is None else weight
    rows = []
    for low, high in pairwise(LEVELS):
        here = (stated >= low) & ((stated < high) | (high == LEVELS[-1]))
        count, right = float(weight[here].sum()), float(weight[here & is_right].sum())
        if count:
            rows.append(
                {
                    "stated": f"{low:g}-{high:g}",
                    "claims": round(count, 1),
                    "mean_stated": float(np.average(stated[here], weights=weight[here])),
                    "right": right / count,
                    "right_low": float(beta.ppf(0.025, right, count - right + 1)) if right else 0.0,
                    "right_high": float(beta.ppf(0.975, right + 1, count - right)) if right < count else 1.0,
                }
            )
    return rows


def errors(
    stated: NDArray[np.float64], is_right: NDArray[np.bool_], weight: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Return the expected calibration error, the worst excess of a promise in a bin with enough rows, Brier's score.

    Beside the error stands what it would be on average if all that is stated were true: few claims are never even.
    """
    weight = np.ones(len(stated)) if weight is None else weight
    rows = reliability(stated, is_right, weight)
    far = [abs(row["mean_stated"] - row["right"]) * row["claims"] for row in rows]
    too_much = [row["mean_stated"] - row["right"] for row in rows if row["claims"] >= ENOUGH_ROWS]
    return {
        "claims": round(float(weight.sum()), 1),
        "right": float(np.average(is_right, weights=weight)),
        "ece": sum(far) / sum(row["claims"] for row in rows),
        "ece_if_true": ece_if_true(stated, weight),
        "worst_excess": max(too_much, default=float("nan")),
        "brier": float(np.average(np.square(stated - is_right), weights=weight)),
    }


def ece_if_true(stated: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Return the mean expected calibration error of outcomes drawn with the stated probabilities."""
    rng = np.random.default_rng(0)
    bins = np.clip(np.searchsorted(LEVELS, stated, side="right"), 1, len(LEVELS) - 1)
    excess = (rng.random((_DRAWS, len(stated))) < stated) - stated
    sums = np.stack([(excess * weight)[:, bins == number].sum(axis=1) for number in range(1, len(LEVELS))])
    return float(np.abs(sums).sum(axis=0).mean() / weight.sum())


def false_alert_rates(paths: Sequence[Path], fitted: Fit, names: Sequence[str]) -> list[dict[str, float]]:
    """Return how often quiet places raise a claim at least as strong: what `detection.chance.placebo.POOLED` holds.

    From the rows of `benchmarks.silent`: the higher of the rates on real and on simulated places, but not less than
    that of both together with half an alert added (Jeffreys). An object counts once, with the strongest evidence that
    any run had for it.
    """
    strongest: dict[tuple[object, ...], tuple[bool, float]] = {}
    km2_years = {False: 0.0, True: 0.0}
    for line in (line for path in paths for line in _lines(path)):
        is_simulated = line.get("series") == "simulated"
        if line["row"] == "place":
            km2_years[is_simulated] += line["km2_years"]
        elif _is_claim(line):
            values = np.array([line["evidence_features"][name]["value"] for name in names], dtype=np.float64)
            key, log_odds = _object_key(line), float(fitted.log_odds(values[None])[0])
            strongest[key] = (is_simulated, max(log_odds, strongest.get(key, (False, -np.inf))[1]))
    rows = []
    for level in RATE_LEVELS:
        counts = {kind: sum(own == kind and found >= level for own, found in strongest.values()) for kind in km2_years}
        seen = {kind: counts[kind] / years if years else 0.0 for kind, years in km2_years.items()}
        floor = (sum(counts.values()) + 0.5) / sum(km2_years.values())
        rate = max(*seen.values(), floor)
        rows.append({"log_odds": level, "real": seen[False], "simulated": seen[True], "rate": rate})
    return rows


Part = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]
"""Of some claims: what was stated, what was right, and how much each counts."""


def draw(path: Path, parts: Mapping[str, Part]) -> None:
    """Draw the reliability diagram of some sets of claims."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only where a picture is wanted
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7.2, 7.6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="as stated")
    upper.fill_between([0, 1], [-0.05, 0.95], [0.05, 1.05], color="0.92", label="within 0.05")
    for number, (name, (stated, is_right, weight)) in enumerate(parts.items()):
        rows = reliability(stated, is_right, weight)
        x, y, low, high = (np.array([row[key] for row in rows]) for key in _COLUMNS)
        offset = 0.006 * (number - (len(parts) - 1) / 2)
        style = {"marker": "os^"[number % 3], "color": _COLOURS[number % 3], "linestyle": "none", "capsize": 3}
        upper.errorbar(x + offset, y, yerr=[y - low, high - y], label=f"{name} ({weight.sum():.0f} claims)", **style)
        lower.hist(
            stated, weights=weight, bins=20, range=(0, 1), histtype="step", color=_COLOURS[number % 3], linewidth=1.5
        )
    upper.set(ylabel="share that was right", ylim=(-0.02, 1.02), xlim=(0, 1))
    upper.legend(loc="lower right", frameon=False)
    lower.set(xlabel="stated confidence", ylabel="claims")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


_COLUMNS = ("mean_stated", "right", "right_low", "right_high")
_COLOURS = ("#1b5e8c", "#c4551d", "#3b7a37")


def designed_signs(names: Sequence[str]) -> NDArray[np.float64]:
    """Return +1 for each term that speaks for an event and -1 for each that speaks against it."""
    from detection.objects.events import WEIGHTS  # noqa: PLC0415 - what the fit replaces

    return np.array([1.0 if WEIGHTS[name] >= 0 else -1.0 for name in names])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=str(__doc__).splitlines()[0])
    parser.add_argument("--train", type=Path, nargs="+", help="rows that the weights are fitted to; else none are")
    parser.add_argument("--test", type=Path, nargs="+", required=True, help="rows of other seeds")
    parser.add_argument("--silent", type=Path, nargs="*", default=(), help="rows of quiet places, for the rates")
    parser.add_argument("--picture", type=Path, help="draw the reliability diagram here")
    parser.add_argument("--json", type=Path, help="write all figures here")
    options = parser.parse_args(arguments)
    test = read_claims(options.test)
    if not options.train:
        return _told({}, _compared({"as stated": (test.stated, test.is_right, test.weight)}, test), options)
    train = read_claims(options.train)
    signs = designed_signs(train.names)
    fitted, chosen = calibrated(train, signs)
    unseen = expit(chosen.factor * left_out(train, signs, ridge=chosen.ridge) + chosen.shift)
    stated = expit(fitted.log_odds(test.values))
    parts: dict[str, Part] = {
        "other seeds": (stated, test.is_right, test.weight),
        "backgrounds left out": (unseen, train.is_right, train.weight),
    }
    weights = {_BIAS: fitted.bias, **dict(zip(train.names, fitted.weights.tolist(), strict=True))}
    tables = _compared(parts, test)
    if options.silent:
        tables["false alerts a km2 and year"] = false_alert_rates(options.silent, fitted, train.names)
    print(json.dumps({name: round(weight, 3) for name, weight in weights.items()}))
    print(
        f"ridge {chosen.ridge:g}, log-odds times {chosen.factor:.2f} and {chosen.shift:+.2f}; "
        f"{len(train.is_right)} claims to fit, {train.is_right.mean():.0%} right"
    )
    if options.picture:
        draw(options.picture, parts)
    return _told(weights, tables, options)


def _compared(parts: Mapping[str, Part], test: Claims) -> dict[str, Any]:
    """Return the tables of errors; `test` are the claims of the first of `parts`."""
    name, first = next(iter(parts.items()))
    return {
        "errors": [{"set": own, **errors(*part)} for own, part in parts.items()],
        **{f"reliability, {own}": reliability(*part) for own, part in parts.items()},
        f"{name}, by background": [
            {"background": group, **errors(*(part[test.group == group] for part in first))}
            for group in np.unique(test.group).tolist()
        ],
    }


def _told(weights: Mapping[str, float], tables: Mapping[str, Any], options: argparse.Namespace) -> int:
    for name, rows in tables.items():
        print(f"\n{name}\n{table(rows)}")
    if options.json:
        options.json.write_text(json.dumps({"weights": weights, **tables}, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
