"""Which service is asked, for what, and how patiently."""

from dataclasses import dataclass, field
from typing import Literal

from geo.masks import MaskParams
from geo.sources.limits import Patience, Rates
from geo.sources.sentinelhub.memory import Freshness

CollectionId = Literal["sentinel-2-l2a", "sentinel-1-grd"]
MAX_SIDE_PX = 2500
"""The longest side that the Process API answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A Sentinel Hub service."""

    name: str
    base_url: str
    token_url: str
    cloud_layer: str = ""
    """Under which name it offers a cloud probability for Sentinel-2 (`recipe.CLOUD_PERCENT`); empty: it has none."""


COPERNICUS = Provider(
    name="Copernicus Data Space",
    base_url="https://sh.dataspace.copernicus.eu",
    token_url="https://identity.dataspace.copernicus.eu/auth/realms/CDSE/protocol/openid-connect/token",  # noqa: S106  # an address
    cloud_layer="CLD",
)
COMMERCIAL = Provider(
    name="Sentinel Hub",
    base_url="https://services.sentinel-hub.com",
    token_url="https://services.sentinel-hub.com/auth/realms/main/protocol/openid-connect/token",  # noqa: S106  # an address
    cloud_layer="CLP",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelHubOptions:
    """What to ask of which service."""

    provider: Provider = COPERNICUS
    collection: CollectionId = "sentinel-2-l2a"
    mask: MaskParams = field(default_factory=MaskParams)
    credit: str = "Contains modified Copernicus Sentinel data {years}"
    rates: Rates = field(default_factory=Rates)
    patience: Patience = field(default_factory=Patience)
    freshness: Freshness = field(default_factory=Freshness)
    connect_timeout_s: float = 15.0
    answer_timeout_s: float = 180.0
    """From the question to the last byte, however slowly they drip in."""
    max_side_px: int = MAX_SIDE_PX

    def __post_init__(self) -> None:
        if not 1 <= self.max_side_px <= MAX_SIDE_PX:
            raise ValueError(f"max_side_px must be in 1 to {MAX_SIDE_PX}; got {self.max_side_px}")
        if self.connect_timeout_s <= 0 or self.answer_timeout_s <= 0:
            raise ValueError("time-outs must be above 0")
