"""The benchmark of spatial joins: its command, and that its rules mean what they say."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.joins import WORLDS, Size, main, simulate


def test_the_command_prints_and_writes_all_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--suppliers", "300", "--plots", "600", "--sites", "60", "--seeds", "3"]
    assert main([*sizes, "--worlds", "as presumed", "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert {row["rule"] for row in found["rules"]} == {
        "point in polygon",
        "buffer 1 km",
        "buffer 5 km",
        "posterior >= 0.5",
    }
    assert 0 <= found["worlds"][0]["ece"] <= 1
    assert found["worlds"][0]["coarse_named"] == 0
    assert "are the probabilities true?" in capsys.readouterr().out


@pytest.mark.parametrize("name", list(WORLDS))
def test_each_world_has_the_shares_that_it_names(name: str) -> None:
    world = simulate(WORLDS[name], Size(suppliers=3_000, plots=600, sites=60), 1)
    assert (world.site >= 0).mean() == pytest.approx(WORLDS[name].on_flagged, abs=0.03)
    assert np.bincount(world.classes) / 3_000 == pytest.approx([0.15, 0.30, 0.35, 0.20], abs=0.03)
