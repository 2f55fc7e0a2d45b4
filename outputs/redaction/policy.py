"""What each audience may know: how exact places are, which fields, dates and pictures go out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from math import hypot
from types import MappingProxyType
from typing import Any

from detection.schema import DETECTION_COLUMNS
from geo.errors import ConfigError


class Snap(StrEnum):
    """What a place is shown as."""

    EXACT = "exact"
    """The outline as it was found."""
    GRID = "grid"
    """The cell of an equal-area grid that it lies in."""
    UNIT = "unit"
    """What is nearest to the seat of one administrative unit of the gazetteer."""


class UnitLevel(StrEnum):
    """Which administrative unit is the finest that is shown."""

    COUNTY = "county"
    PREFECTURE = "prefecture"
    PROVINCE = "province"


class Dates(StrEnum):
    """How exact days are."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class Pictures(StrEnum):
    """Of which places pictures go out: before and after, series, time-lapses and rasters show where a place is."""

    ALL = "all"
    NOT_SENSITIVE = "not_sensitive"
    NONE = "none"


class Lonely(StrEnum):
    """What becomes of a site that shares even the widest cell or unit with too few others."""

    WIDEST = "widest"
    """It is shown in the widest."""
    COUNTED = "counted"
    """It is only counted."""


FIELDS = frozenset(DETECTION_COLUMNS) | {"evidence.note", "evidence.growth", "evidence.features"}
"""What can be withheld; columns that the schema does not know are withheld unless a policy is exact."""
NEVER_WITHHELD = frozenset({"detection_id", "event", "status"})
"""A row needs a name (another one, where ids are replaced) and says what it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one audience may know."""

    name: str
    """The audience: public, partner, internal or another word."""
    snap: Snap = Snap.GRID
    """What a place is shown as: exact (its outline), grid (a cell), unit (an administrative unit)."""
    cell_m: float = 10_000.0
    """Side of the finest cell of the grid in metres; its area is the square of it anywhere on Earth."""
    unit_level: UnitLevel = UnitLevel.COUNTY
    """The finest unit: county, prefecture or province."""
    k: int = 1
    """So many sites of the release must share a cell or unit; where they are fewer the next wider one is shown."""
    widenings: int = 2
    """How often the side of a cell may be doubled for that."""
    lonely: Lonely = Lonely.WIDEST
    """What becomes of a site that is too lonely even then: widest (it is shown in the widest), counted (it is not)."""
    same_site_m: float = 1_000.0
    """Detections within so many metres of each other are one site: one place for all, in all releases."""
    withhold: frozenset[str] = frozenset()
    """Names of columns, or parts of the evidence as `evidence.note`, that do not go out."""
    dates: Dates = Dates.DAY
    """How exact days are: day, month, year. Intervals only ever widen."""
    digits: int = 0
    """Significant digits of areas, shares and scores; 0: as they are."""
    replaces_ids: bool = True
    """Whether detections and areas get other names, the same in all releases."""
    pictures: Pictures = Pictures.NONE
    """Of which places pictures and rasters go out: all, not_sensitive, none."""
    shows_protected: bool = False
    """Whether places on the protected list appear."""

    def __post_init__(self) -> None:
        unknown = sorted(self.withhold - FIELDS)
        if unknown:
            raise ValueError(f"withhold: no field is called {', '.join(unknown)}")
        needed = sorted(self.withhold & NEVER_WITHHELD)
        if needed:
            raise ValueError(f"withhold: every release needs {', '.join(needed)}")
        if not 100 <= self.cell_m <= 1_000_000:  # noqa: PLR2004 - as the message says
            raise ValueError(f"cell_m must lie between 100 and 1,000,000; got {self.cell_m:g}")
        if self.k < 1 or not 0 <= self.widenings <= 8 or not 0 <= self.digits <= 15:  # noqa: PLR2004 - as below
            raise ValueError("k must be at least 1, widenings 0 to 8, digits 0 to 15")
        if not 0 <= self.same_site_m <= self.cell_m:
            raise ValueError(f"same_site_m must lie between 0 and cell_m; got {self.same_site_m:g}")

    @property
    def is_exact(self) -> bool:
        """Whether places are shown as they were found."""
        return self.snap is Snap.EXACT

    @property
    def shown_to_m(self) -> float:
        """How far the truth may lie from the middle of the finest cell, in metres of the grid; 0 where it is exact."""
        return 0.0 if self.is_exact else hypot(self.cell_m, self.cell_m) / 2


_NARROWING = frozenset(
    {"facility_id", "facility_relation", "facility_distance_m", "scene_ids", "settings_hash", "evidence.note"}
)
"""What tells more of where a place is than its cell does."""
PUBLIC = Policy(
    name="public",
    cell_m=10_000.0,
    k=3,
    withhold=_NARROWING | {"area_id", "evidence"},
    dates=Dates.MONTH,
    digits=2,
)
PARTNER = Policy(
    name="partner",
    cell_m=2_000.0,
    same_site_m=500.0,
    withhold=_NARROWING,
    dates=Dates.DAY,
    digits=3,
    pictures=Pictures.NONE,
)
INTERNAL = Policy(name="internal", snap=Snap.EXACT, replaces_ids=False, pictures=Pictures.ALL, shows_protected=True)
PRESETS: Mapping[str, Policy] = MappingProxyType({one.name: one for one in (PUBLIC, PARTNER, INTERNAL)})
_KINDS: Mapping[str, type[StrEnum]] = MappingProxyType(
    {"snap": Snap, "unit_level": UnitLevel, "dates": Dates, "pictures": Pictures, "lonely": Lonely}
)


def policy_of(name: str, tables: Mapping[str, Any] | None = None, *, where: str = "policies") -> Policy:
    """Return the policy called `name`: a preset, changed by what the TOML table of that name in `tables` says.

    A name that is no preset begins as the public one, so that what a table forgets is the strictest.

    Raises:
        ConfigError: There is no such policy, or a key is unknown or out of range; says where.

    """
    changes = (tables or {}).get(name)
    if changes is None and name not in PRESETS:
        known = ", ".join(sorted({*PRESETS, *(tables or {})}))
        raise ConfigError(f"{where}: there is no policy {name!r}; known are {known}")
    if not isinstance(changes, Mapping | None):
        raise ConfigError(f"{where}.{name}: expected a table; got {changes!r}")
    start = PRESETS.get(name, replace(PUBLIC, name=name))
    said: dict[str, Any] = {key: _value(key, value, f"{where}.{name}") for key, value in (changes or {}).items()}
    try:
        return replace(start, **said)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}.{name}: {error}") from error


def _value(key: str, value: Any, where: str) -> object:  # noqa: ANN401  # as TOML has it
    if key not in {field.name for field in fields(Policy)} - {"name"}:
        raise ConfigError(f"{where}.{key}: there is no such setting")
    if key in _KINDS:
        try:
            return _KINDS[key](value)
        except ValueError as error:
            raise ConfigError(f"{where}.{key}: expected one of {', '.join(_KINDS[key])}; got {value!r}") from error
    if key == "withhold":
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ConfigError(f"{where}.{key}: expected a list of names of fields; got {value!r}")
        return frozenset(value)
    expected: tuple[type, ...] = (bool,) if key in {"replaces_ids", "shows_protected"} else (int, float)
    is_number_for_switch = isinstance(value, bool) != (expected == (bool,))
    if not isinstance(value, expected) or is_number_for_switch:
        wanted = "true or false" if expected == (bool,) else "a number"
        raise ConfigError(f"{where}.{key}: expected {wanted}; got {value!r}")
    return value
