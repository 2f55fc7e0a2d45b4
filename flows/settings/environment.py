"""What must be right in the process's environment before a heavy library is imported."""

import os
from collections.abc import MutableMapping

GIS_VARIABLES = ("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")
"""Each GIS package here carries its own data; one of these, set for another installation, breaks them
(``DATABASE.LAYOUT.VERSION.MINOR = 2 whereas a number >= 6 is expected``)."""

PREFECT_DEFAULTS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "aoi,geo,detection,outputs,flows",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    # What is logged outside of a flow run is logged as ever, without a complaint of Prefect's about it.
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
}
"""Prefect reports its use home by default, and gives its temporary server 20 seconds, which a busy machine exceeds."""


PREFECT_AT_A_TERMINAL = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
"""The command says itself what came of a run, in one line a trouble; logs go to the server and the run's log file."""


def clean_gis_environment(environ: MutableMapping[str, str] = os.environ) -> tuple[str, ...]:
    """Unset what would point rasterio, pyproj or pyogrio to another installation's data; return the names unset."""
    found = tuple(name for name in GIS_VARIABLES if name in environ)
    for name in found:
        del environ[name]
    return found


def prepare_prefect_environment(environ: MutableMapping[str, str] = os.environ) -> None:
    """Set Prefect up to keep to itself, where the user has not decided otherwise. Call before importing it."""
    for name, value in PREFECT_DEFAULTS.items():
        environ.setdefault(name, value)


def prepare_prefect_console(environ: MutableMapping[str, str] = os.environ) -> None:
    """Keep Prefect's logs off the terminal, likewise."""
    for name, value in PREFECT_AT_A_TERMINAL.items():
        environ.setdefault(name, value)
