"""A Prefect server of the workspace's own, on the loopback interface, for who has none: it lives and ends with us."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from flows.settings.environment import prepare_prefect_environment
from flows.settings.workspace import Workspace, writing
from geo.errors import ConfigError, OutputError
from outputs.serving.address import LOOPBACK

_STARTS_S = 300.0
"""How long a server may take on a busy machine, the tables of its database included."""
_ENDS_S = 20.0
_SAY_S = 2.0
_PR_SET_PDEATHSIG = 1


def home_of(workspace: Workspace) -> Path:
    """Return where the server's database is: in the workspace, which is what is encrypted and backed up."""
    return workspace.state_dir / "prefect"


@contextmanager
def own_server(workspace: Workspace, *, port: int) -> Iterator[str]:
    """Start a server and give the address of its API; end it with the block, and with this process, however it ends.

    Raises:
        ConfigError: The port is taken.
        OutputError: The server does not start; the file that it wrote is named.

    """
    url = f"http://{LOOPBACK}:{port}"
    if _answers(f"{url}/api/health") is not None:
        raise ConfigError(
            f"--port {port}: something answers there already; if it is Prefect, set PREFECT_API_URL={url}/api"
        )
    home = home_of(workspace)
    with writing(home):
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        log = (home / "server.log").open("wb")
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", LOOPBACK, "--port", str(port)]
    with log:
        server = subprocess.Popen(  # noqa: S603  # our own interpreter
            command,
            env=_environment(home, url),
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_us,  # noqa: PLW1509  # nothing else runs in this process yet
        )
    try:
        _wait_for(server, url, Path(log.name))
        yield f"{url}/api"
    finally:
        _end(server)


def _environment(home: Path, url: str) -> Mapping[str, str]:
    environ = dict(os.environ)
    prepare_prefect_environment(environ)
    return {
        **environ,
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",  # else its pages ask at port 4200
    }


def _end_with_us() -> None:
    """Let the kernel end the server when this process ends, be it killed."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_for(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    end = time.monotonic() + _STARTS_S
    while _answers(f"{url}/api/health") != 200:  # noqa: PLR2004  # OK
        if server.poll() is not None:
            raise OutputError(f"the Prefect server ended as it began; {log} tells why")
        if time.monotonic() > end:
            raise OutputError(f"the Prefect server does not answer after {_STARTS_S:.0f} s; {log} may tell why")
        time.sleep(0.3)


def _answers(url: str) -> int | None:
    """Return the status of what answers; None: nothing does."""
    try:
        with urlopen(url, timeout=_SAY_S) as answer:  # noqa: S310  # http, on the loopback interface
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return None


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    try:
        server.wait(_ENDS_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
