"""What is deployed keeps its promises: no root, loopback alone, everything explained."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli import app
from flows.settings.environment import PREFECT_DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "deploy"
ROOMS = ("aoi", "detection", "flows", "geo", "outputs")
_VARIABLE = re.compile(r"[\"'](SITEWATCH_[A-Z_]+|SH_CLIENT_[A-Z]+|AWS_(?:ACCESS|SECRET|ENDPOINT)[A-Z_]+)[\"']")


def test_every_variable_that_is_read_is_explained_and_no_other() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    read = {name for path in files for name in _VARIABLE.findall(path.read_text(encoding="utf-8"))}
    text = (ROOT / "docs" / "environment.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`((?:SITEWATCH|SH_CLIENT|AWS)_[A-Z_]+)`", text))
    assert read - explained == set()
    by_libraries = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"}  # by GDAL and botocore
    assert explained - read - by_libraries <= {"SITEWATCH_REQUIRE_OPTIONAL", "SITEWATCH_FUZZ"}
    assert all(name in text for name in PREFECT_DEFAULTS)


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return document


def test_compose_publishes_nothing_beyond_this_machine_and_holds_no_secret() -> None:
    services = compose()["services"]
    assert set(services) == {"postgis", "prefect", "sitewatch", "guard"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
        tag = service["image"].rpartition(":")[2]
        assert service["image"] == "localhost/sitewatch:latest" or tag not in {"latest", service["image"]}
        assert set(service.get("depends_on", ())) <= set(services)
        assert set(service["networks"]) <= set(compose()["networks"])
        for key, value in service["environment"].items():
            if re.search("PASSWORD|SECRET|URL", key):
                assert "$" in value or "://" in value or value.startswith("/run/secrets/")
                assert not re.search(r"://\w+:(?!\$)[^@/]+@", value)
    assert services["sitewatch"]["read_only"] is True
    assert services["guard"]["read_only"] is True
    assert services["prefect"]["environment"]["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert services["prefect"]["environment"]["DO_NOT_TRACK"] == "1"


def test_the_image_is_no_root_and_pins_its_base() -> None:
    text = (ROOT / "Containerfile").read_text(encoding="utf-8")
    *_, last = re.split(r"^FROM ", text, flags=re.MULTILINE)
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert all(re.search(r":\d+\.\d+\.\d+", line) for line in re.findall(r"^FROM (.+)$", text, re.MULTILINE))
    assert "--require-hashes" in text
    assert not re.search(r"build-essential|gcc|curl|wget|\bADD\b", text)
    assert all((ROOT / source).exists() for source in re.findall(r"^COPY (?!--from)(\w+) ", text, re.MULTILINE))


def commands() -> list[list[str]]:
    """Return every command line of sitewatch in what is deployed."""
    units = [path.read_text(encoding="utf-8") for path in sorted(DEPLOY.glob("*.service"))]
    lines = [line for text in units for line in re.findall(r"^ExecStart=\S+/sitewatch (.+)$", text, re.MULTILINE)]
    composed = [compose()["services"][name]["command"] for name in ("sitewatch", "guard")]
    return [*(line.split() for line in lines), *composed, ["health", "--quiet"]]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_line_that_is_deployed_is_one(words: list[str]) -> None:
    names = [word for word in words if not word.startswith(("-", "/"))][: 2 if words[0] == "schedule" else 1]
    told = CliRunner().invoke(app, [*names, "--help"])
    assert told.exit_code == 0
    assert all(word in told.stdout for word in words if word.startswith("--"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.[st]*[er]")), ids=lambda path: path.name)
def test_systemd_finds_nothing_wrong_but_that_the_program_is_not_there(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=30
    )
    said = [line for line in done.stderr.splitlines() if unit.stem in line and "is not executable" not in line]
    assert said == []


@pytest.mark.parametrize("unit", sorted(DEPLOY.glob("*.service")), ids=lambda path: path.name)
def test_services_are_hardened(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    for line in (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=",
        "UMask=0077",
    ):
        assert f"\n{line}\n" in text
    assert "ReadWritePaths=" in text


def test_an_audit_that_could_not_be_done_is_no_pass(tmp_path: Path) -> None:
    fake = tmp_path / "pip-audit"
    for said, code, ends in (
        ("No known vulnerabilities found", 0, 0),
        ("zipp Dependency not found on PyPI and could not be audited: zipp", 0, 3),
        ("Found 2 known vulnerabilities in 1 package", 1, 1),
        ("ConnectionError", 1, 3),
    ):
        fake.write_text(f"#!/bin/sh\necho '{said}'\nexit {code}\n")
        fake.chmod(0o700)
        done = subprocess.run(
            [str(ROOT / ".ci" / "audit")],
            env={"PIP_AUDIT": str(fake), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == ends, said
