"""The cluster of a run: the user's own, or one of processes of this machine that ends with the run."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from detection.kernels.threads import THREADS_VARIABLE
from flows.settings.config import Config
from geo.errors import ConfigError, OutputError

OVERHEAD_MB = 1_200
"""What a worker needs beside `limits.memory_mb`: the program with all its libraries and compiled loops (750 MB were
measured for the smallest areas), drawing, and Dask."""
_ANSWER_S = 20
_WORKERS_S = 60
_SETTINGS: Mapping[str, Any] = {
    # Data lie on shared storage, not with Dask: there is nothing to spill, and who takes too much is ended.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 0.98,
    "distributed.admin.large-graph-warning-threshold": "1GiB",
    "distributed.diagnostics.nvml": False,
    "distributed.comm.timeouts.connect": "120s",  # a busy machine takes its time to start processes
}


@contextmanager
def connected(config: Config) -> Iterator[Any]:
    """Give a client of the cluster that the settings name.

    Raises:
        ConfigError: Dask is not installed, no scheduler answers, or it has no workers.

    """
    try:
        import dask  # noqa: PLC0415 - only where it is wanted
        import distributed  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "[scale] on = 'dask' needs the package distributed: pip install 'sitewatch[scale]'"
        ) from error
    for name in ("distributed", "tornado"):  # what matters is said by the run itself
        logging.getLogger(name).setLevel(logging.CRITICAL)
    settings = {**_SETTINGS, "distributed.scheduler.allowed-failures": config.scale.deaths}
    with dask.config.set(settings):
        address = config.scale.scheduler
        if not address:
            with (
                TemporaryDirectory(prefix="sitewatch-dask-") as folder,
                _started(config, folder) as cluster,
                distributed.Client(cluster, set_as_default=False) as client,
            ):
                yield client
            return
        try:
            client = distributed.Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ConfigError(
                f"scale.scheduler {address}: no Dask scheduler answers ({type(error).__name__})"
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=_WORKERS_S)
            except TimeoutError as error:
                raise ConfigError(f"scale.scheduler {address}: it has no workers") from error
            yield client


def _started(config: Config, folder: str) -> Any:  # noqa: ANN401 - Dask's classes are not typed
    try:
        return _local(config, folder)
    except (RuntimeError, OSError, TimeoutError) as error:
        cause = " ".join(str(error.__cause__ or error).split()) or type(error).__name__
        raise OutputError(f"the worker processes of this run do not start: {cause}") from error


def _local(config: Config, folder: str) -> Any:  # noqa: ANN401 - Dask's classes are not typed
    """Return a cluster of processes of this machine, which nobody else on it can talk to."""
    import distributed  # noqa: PLC0415

    workers = config.limits.workers
    threads = os.environ.get(THREADS_VARIABLE) or str(max(1, len(os.sched_getaffinity(0)) // workers))
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        protocol="tls://",
        security=True,  # temporary keys, in memory
        dashboard_address="127.0.0.1:0",  # without one, its pages about itself would lie on a fixed port
        scheduler_kwargs={"dashboard": False},
        memory_limit=f"{config.limits.memory_mb + OVERHEAD_MB}MB",
        local_directory=folder,
        env={THREADS_VARIABLE: threads},
        silence_logs=logging.CRITICAL,
    )
