"""Which catalogue, which collection, and how patient to be with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from geo.masks import MaskParams


@dataclass(frozen=True, slots=True, kw_only=True)
class StacOptions:
    """Where the catalogue is, and what of it is wanted. Either `url` or `path` is given."""

    url: str = ""
    """The root of a STAC API, or a ``catalog.json`` on the web."""
    path: Path | None = None
    """On disk: a ``catalog.json``, an item, an ItemCollection, or a folder with any of them anywhere below."""
    collection: str = ""
    """The collection to search; an API needs it, a static catalogue is searched whole without it."""
    credit: str = "Contains modified Copernicus Sentinel data {years}"
    mask: MaskParams = field(default_factory=MaskParams)
    timeout_s: float = 30.0
    """How long to wait for a connection, an answer of the catalogue, or the next bytes of a file."""
    retries: int = 4
    """How often to ask again after an answer that may be better next time."""
    backoff_s: float = 1.0
    """The first pause before asking again; it doubles each time, with some chance in it."""
    max_wait_s: float = 120.0
    """The longest pause, also where the provider asks for a longer one."""
    connections: int = 4
    """How many bands are read at the same time, of whichever scenes."""
    token_url: str = ""
    """Where files in Azure Blob Storage get their signature, as at the Planetary Computer; empty: they need none."""
    blob_host: str = ".blob.core.windows.net"
    """The end of the names of the hosts whose files are signed."""
    is_s3_public: bool = True
    """Whether ``s3://`` files are open to everybody; if not, GDAL takes the keys from the environment
    (``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``)."""
    gdal: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Further settings of GDAL, such as ``AWS_S3_ENDPOINT``."""

    def __post_init__(self) -> None:
        if bool(self.url) == (self.path is not None):
            raise ValueError(f"expected either a url or a path; got url {self.url!r} and path {self.path}")
        if self.timeout_s <= 0 or self.retries < 0 or self.connections < 1:
            raise ValueError("timeout_s must be above 0, retries not below 0, and connections at least 1")
        object.__setattr__(self, "gdal", dict(self.gdal))

    @property
    def place(self) -> str:
        """Where the catalogue is, for messages."""
        return self.url or str(self.path)


PRESETS: Mapping[str, StacOptions] = MappingProxyType(
    {
        "earth-search": StacOptions(
            url="https://earth-search.aws.element84.com/v1",
            collection="sentinel-2-c1-l2a",  # not sentinel-2-l2a: some of its items are wrong, see geo.reflectance
        ),
        "planetary-computer": StacOptions(
            url="https://planetarycomputer.microsoft.com/api/stac/v1",
            collection="sentinel-2-l2a",
            token_url="https://planetarycomputer.microsoft.com/api/sas/v1/token",  # noqa: S106 - an address, no token
        ),
        "copernicus": StacOptions(
            url="https://stac.dataspace.copernicus.eu/v1",
            collection="sentinel-2-l2a",
            is_s3_public=False,
            gdal={"AWS_S3_ENDPOINT": "eodata.dataspace.copernicus.eu", "AWS_VIRTUAL_HOSTING": "FALSE"},
        ),
    }
)
"""Catalogues that are known: the search is open to everybody at all of them, and so are the files but those of
``copernicus``, which need the S3 keys of a (free) account."""
