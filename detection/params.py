"""Every setting of detection, in one value."""

import json
from dataclasses import asdict, dataclass, field
from hashlib import sha256

from detection.desecuritisation.verdict import DesecuritisationParams
from detection.life.lifecycle import LifecycleParams
from detection.looks.choose import LookParams
from detection.objects.events import EventParams
from detection.objects.sites import SiteParams
from detection.perimeter.result import PerimeterParams
from detection.radar.fusion import FusionParams
from detection.radar.steps import RadarParams
from detection.schema import SCHEMA_VERSION
from detection.series.beginnings import BeginningParams
from detection.series.onset import OnsetParams
from detection.series.phases import PhaseParams
from detection.series.steps import StepParams
from geo.coregister import CoregisterParams
from geo.grid import Grid

DETECTION_BANDS = ("B02", "B03", "B04", "B08")
"""What changes are found in, where it is offered: the bands with 10 m pixels. The short-wave infrared bands, at 20 m,
blur what is small: on labelled pairs they cost more than they bring (`python -m benchmarks.oscd`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceboParams:
    """How rare false alerts must be (`detection.chance.placebo`)."""

    max_false_alerts: float = 0.1
    """A claim is confirmed only if places where nothing happens raise evidence as strong less often than this, a site
    (a square kilometre) and year…"""

    doubt_factor: float = 3.0
    """… or this many times less often, if it is small, or stands apart without being large."""

    small_m2: float = 2500.0
    """What is smaller is small…"""

    large_m2: float = 8000.0
    """… and from this size on large."""

    apart_m: float = 300.0
    """A claim with no other within this distance stands apart."""

    least_looks: int = 6
    """Looks from which an earlier map can be made."""

    earlier_cuts: int = 12
    """Cuts between before and after that are tried for it: a placebo need not be dated well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectParams:
    """How changes are found. One setting serves all places: the scene's own noise sets the thresholds."""

    context_m: float = 1210.0
    """Side of the surroundings that tell what unchanged ground became, in metres."""

    patch_m: float = 70.0
    """Side of the window over which the contrast is averaged, in metres."""

    seed_z: float = 5.0
    """A change needs a pixel whose contrast is this many robust sigma above unchanged ground."""

    grow_z: float = 3.0
    """From there it reaches as far as the contrast stays above this."""

    gap_m: float = 60.0
    """Changes closer together than this are one site."""

    min_area_m2: float = 1500.0
    """Smaller changes are not reported."""

    min_observed_share: float = 0.5
    """With less of the area (0-1) seen both before and after, "nothing found" is not said."""

    looks: LookParams = field(default_factory=LookParams)
    coregister: CoregisterParams = field(default_factory=CoregisterParams)
    steps: StepParams = field(default_factory=StepParams)
    beginnings: BeginningParams = field(default_factory=BeginningParams)
    onset: OnsetParams = field(default_factory=OnsetParams)
    phases: PhaseParams = field(default_factory=PhaseParams)
    events: EventParams = field(default_factory=EventParams)
    sites: SiteParams = field(default_factory=SiteParams)
    lifecycle: LifecycleParams = field(default_factory=LifecycleParams)
    radar: RadarParams = field(default_factory=RadarParams)
    fusion: FusionParams = field(default_factory=FusionParams)
    placebo: PlaceboParams = field(default_factory=PlaceboParams)
    perimeter: PerimeterParams = field(default_factory=PerimeterParams)
    desecuritisation: DesecuritisationParams = field(default_factory=DesecuritisationParams)

    def __post_init__(self) -> None:
        if not 0 < self.grow_z <= self.seed_z:
            raise ValueError(f"grow_z must lie above 0 and not above seed_z; got {self.grow_z} and {self.seed_z}")
        if self.patch_m >= self.context_m:
            raise ValueError(f"patch_m must be smaller than context_m; got {self.patch_m} and {self.context_m}")

    @property
    def settings_hash(self) -> str:
        """Twelve hex digits that change with any setting and with the meaning of the tables."""
        text = json.dumps([SCHEMA_VERSION, asdict(self)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:12]

    def context_px(self, grid: Grid) -> int:
        """Return the side of the surroundings as a whole, odd number of pixels of `grid`."""
        return _odd(self.context_m / grid.pixel_m)

    def patch_px(self, grid: Grid) -> int:
        """Return the side of the patch as a whole, odd number of pixels of `grid`."""
        return _odd(self.patch_m / grid.pixel_m)


def _odd(size_px: float) -> int:
    return max(1, 2 * round((size_px - 1) / 2) + 1)
