"""The section of the settings that says where a run is worked off: on this machine, or on many."""

from typing import Literal

from pydantic import Field, field_validator

from flows.settings.section import Section


class ScaleSettings(Section):
    """Where a run is worked off: in this machine's processes, or by the workers of a Dask cluster."""

    on: Literal["here", "dask"] = "here"
    """The one switch: `dask` hands areas, and the blocks of large ones, to the workers of a Dask cluster. The results
    are those of a run here."""
    scheduler: str = ""
    """The cluster's scheduler, as `tcp://10.0.0.1:8786`; empty: `limits.workers` processes of this machine, which end
    with the run."""
    shared: str = ""
    """What all workers can reach: a folder, or `s3://bucket/prefix` (keys and AWS_ENDPOINT_URL from the environment).
    Empty: the workers see this workspace's folder under the same path."""
    scratch: str = ""
    """A folder on each worker's own disk for what it fetches from `shared`; empty: the system's temporary folder."""
    scratch_mb: int = Field(default=20_000, ge=100, le=10_000_000)
    """How much a worker keeps there, in MB; what was used longest ago goes first."""
    deaths: int = Field(default=2, ge=0, le=20)
    """How often a task is tried again that took its worker with it; then it is its area's failure. A scheduler of
    your own goes by its own setting, `distributed.scheduler.allowed-failures`."""

    @field_validator("scheduler")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if address and "://" not in address:
            raise ValueError("expected an address such as tcp://10.0.0.1:8786, or nothing")
        return address

    @field_validator("shared")
    @classmethod
    def _without_keys(cls, place: str) -> str:
        kind, mark, rest = place.partition("://")
        if mark and kind != "s3":
            raise ValueError("expected a folder or s3://bucket/prefix")
        if mark and "@" in rest.partition("/")[0]:
            raise ValueError("keys belong into the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        return place.rstrip("/") if mark else place
