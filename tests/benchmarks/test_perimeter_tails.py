"""Probabilities that are uniform are said to be, and ones that are too small are caught in the tail."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.perimeter_tails import by_run, main, rows_of, tail_share


def measured(power: float, *, runs: int = 400) -> dict[str, object]:
    rng = np.random.default_rng(3)
    arcs = [3] * runs
    p = rng.uniform(size=runs) ** power
    return {
        "ground": "simulated",
        "wall": "none",
        "loss_p": p.tolist(),
        "gain_p": [float("nan"), *p[1:].tolist()],
        "change_p": (rng.uniform(size=sum(arcs)) ** power).tolist(),
        "arcs_a_run": arcs,
    }


def test_the_tail_of_uniform_probabilities_is_one_in_a_thousand_and_of_too_small_ones_more() -> None:
    p = np.random.default_rng(1).uniform(size=20_000)
    assert tail_share(p, 0.001) == pytest.approx(0.001, rel=0.15)
    assert tail_share(p**1.5, 0.001) == pytest.approx(0.01, rel=0.15)  # P(u ** 1.5 <= .001) = .001 ** (2/3)
    assert tail_share(np.array([0.7, 0.9]), 0.001) == 0


def test_arcs_stay_with_their_run_and_what_was_not_told_is_left_out() -> None:
    one = {"change_p": [0.1, 0.2, float("nan"), 0.4], "arcs_a_run": [3, 1], "loss_p": [0.5, float("nan")]}
    assert [part.tolist() for part in by_run(one, "change_p")] == [[0.1, 0.2], [0.4]]
    assert [part.tolist() for part in by_run(one, "loss_p")] == [[0.5], []]


@pytest.mark.parametrize(("power", "holds"), [(1.0, True), (2.0, False)])
def test_the_interval_of_the_tail_holds_a_thousandth_only_where_probabilities_are_uniform(
    power: float, *, holds: bool
) -> None:
    rows = rows_of([measured(power)], ground="all", wall="none")
    assert [(row["of"], row["runs"], row["count"]) for row in rows] == [
        ("loss_p", 400, 400),
        ("gain_p", 399, 399),
        ("change_p", 400, 1200),
    ]
    for row in rows:
        low, high = row["tail<=0.001"].split("(")[1].rstrip(")").split("-")
        assert (float(low) <= 0.001 <= float(high)) is holds


def test_files_are_pooled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file in files:
        file.write_text(json.dumps([measured(1.0, runs=30)]), encoding="utf-8")
    assert main([*map(str, files), "--json", str(tmp_path / "out.json")]) == 0
    assert "all" in capsys.readouterr().out
    rows = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert {row["count"] for row in rows if row["of"] == "loss_p"} == {60}
