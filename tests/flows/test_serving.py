"""The commands that serve: what they refuse before they listen, and what they say."""

import subprocess
import sys
from pathlib import Path

import pytest

from geo.errors import ConfigError
from outputs.serving.address import Address, is_loopback, listen


def served(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "flows.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("group", ["review", "ogc"])
def test_a_workspace_without_a_run_is_told_in_one_line(tmp_path: Path, group: str) -> None:
    (tmp_path / "sitewatch.toml").write_text("", encoding="utf-8")
    done = served(group, "serve", "-w", str(tmp_path), "--port", "0")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no finished run yet" in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "*", ""])  # noqa: S104  # refused
def test_no_server_listens_on_all_addresses_at_once(host: str) -> None:
    with pytest.raises(ConfigError, match="not all of them"):
        listen(host, 0)


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_port_that_is_taken_is_named() -> None:
    first, address = listen("127.0.0.1", 0)
    with first, pytest.raises(ConfigError, match=f"port {address.port}"):
        listen("127.0.0.1", address.port)


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["192.0.2.1"])
def test_an_address_of_another_machine_cannot_be_listened_on() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1"):  # an address for documentation alone
        listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("host", False),
    ],
)
def test_what_only_this_machine_reaches_is_known(host: str, answer: object) -> None:
    assert is_loopback(host) is answer


def test_an_address_is_answered_under_its_own_names_alone() -> None:
    assert Address(host="10.0.0.1", port=80).hosts == {"10.0.0.1:80"}
    assert Address(host="::1", port=80).hosts == {"127.0.0.1:80", "localhost:80", "[::1]:80"}
    assert Address(host="::1", port=80).url == "http://[::1]:80"


def test_the_help_names_the_options() -> None:
    for group, option in (("review", "--reader"), ("ogc", "--port")):
        done = served(group, "serve", "--help")
        assert done.returncode == 0
        assert option in done.stdout
        assert "loopback" in done.stdout
