"""Whatever is wrong, a person gets one line that names it and a program the documented exit code."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from shapely.geometry import Polygon
from typer.testing import CliRunner

from flows.cli import app

if TYPE_CHECKING:
    from tests.flows.conftest import Site

Damage = Callable[["Site"], str]


def call(*arguments: object) -> tuple[int, str]:
    """Run a command in this process; return its exit code and the only line on stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    (line,) = result.stderr.splitlines()
    return result.exit_code, line


def all_truncated(site: "Site") -> str:
    for path in site.imagery.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    return "none of 14 scenes could be read"


def none_with_a_place(site: "Site") -> str:
    for path in site.imagery.iterdir():
        path.unlink()
    for day in site.days():
        site.write_scene("west", day, epsg=None)
    return "it has no coordinate reference system"


def none_of_the_bands(site: "Site") -> str:
    for path in site.imagery.iterdir():
        path.unlink()
    for day in site.days():
        site.write_scene("west", day, bands=("B05", "B06"))
    return "expected bands such as B02, B03, B04, B08; the scenes have B05, B06"


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("damage", [all_truncated, none_with_a_place, none_of_the_bands])
def test_imagery_of_which_nothing_can_be_used_fails_the_areas(site: "Site", damage: Damage) -> None:
    said = damage(site)
    code, line = call("run", "-w", site.root, "-q", "--area", "west")
    assert code == 1
    assert said in line
    assert not (site.root / "runs").exists()


def beyond_the_poles(site: "Site") -> str:
    site.write_areas(pole=Polygon([(1, 89), (2, 89), (2, 89.5)]))
    return "area pole: no UTM zone covers"


def key_of_another_section(site: "Site") -> str:
    site.configure(source={"max_cloud_share": 0.2})
    return "unknown key 'max_cloud_share' in [source]; it belongs in [scenes]"


def no_toml(site: "Site") -> str:
    (site.root / "sitewatch.toml").write_bytes(b"\xff\xfe[[[")
    return "expected TOML"


def impossible_day(site: "Site") -> str:
    site.configure(period={"first": "soon"})
    return "period.first: should be a valid date"


@pytest.mark.parametrize("damage", [beyond_the_poles, key_of_another_section, no_toml, impossible_day])
@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_is_wrong_in_the_workspace_is_said_before_anything_is_begun(
    site: "Site", damage: Damage, command: str
) -> None:
    said = damage(site)
    code, line = call(command, "-w", site.root)
    assert code == 2
    assert said in line


def test_copies_that_cannot_be_kept_end_a_run_before_anything_is_read(site: "Site") -> None:
    (site.root / "kept").write_text("a file where a folder should be")
    site.configure(cache={"enabled": True, "path": "kept"})
    code, line = call("run", "-w", site.root)
    assert code == 3
    assert line == f"sitewatch: error: cannot write {site.root / 'kept'}: File exists"
    findings = json.loads(CliRunner().invoke(app, ["doctor", "-w", str(site.root), "--json"]).stdout)["findings"]
    assert {one["level"] for one in findings if one["topic"] == "imagery folder"} == {"problem"}


def test_a_period_that_runs_backward_is_refused(site: "Site") -> None:
    code, line = call("imagery", "pull", "-w", site.root, "--since", "2021-01-01", "--until", "2020-01-01")
    assert code == 2
    assert "--since (2021-01-01) must not be later than --until (2020-01-01)" in line


@pytest.mark.parametrize(
    ("arguments", "url", "said"),
    [
        pytest.param(["flow", "run"], "http://127.0.0.1:9/api", "no Prefect server answers", id="run-no-server"),
        pytest.param(["flow", "run"], "nonsense", "no Prefect server answers", id="no-address"),
        pytest.param(["serve"], "http://127.0.0.1:9/api", "no Prefect server answers", id="serve-gone"),
        pytest.param(["schedule", "apply", "--pool", "p"], "", "names no Prefect server", id="apply-no-server"),
    ],
)
@pytest.mark.slow
def test_without_the_prefect_server_that_is_asked_for_nothing_begins(
    site: "Site", tmp_path: Path, arguments: list[str], url: str, said: str
) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments, "-w", str(site.root)],
        env={**environ, "PREFECT_HOME": str(tmp_path / "prefect"), **({"PREFECT_API_URL": url} if url else {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line
