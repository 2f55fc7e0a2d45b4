"""A table of detections as one audience may know it, and the record of what was withheld."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import pandas as pd
from shapely.geometry.base import BaseGeometry

from outputs.redaction.fields import COARSENED, redacted_fields, rounded
from outputs.redaction.memory import Memory, Site
from outputs.redaction.places import Scheme, scheme_of, shared_places, shown_to_m
from outputs.redaction.policy import Lonely, Pictures, Policy
from outputs.redaction.protected import ProtectedPlace, Protection, is_touched
from outputs.redaction.secret import alias
from outputs.redaction.sites import Placed, sites_of
from outputs.tables import in_lon_lat

PLACE_FIELD = "geometry"
PICTURES_FIELD = "pictures"
DETECTION_FIELD = "detection"
_NOT_FOR_AUDIENCE = "not shown to this audience"
_COVERAGE_PUBLISHED = (
    "area_id",
    "outcome",
    "period_start",
    "period_end",
    "looks",
    "clear_looks",
    "last_clear_look",
    "observed_share",
    "median_clear_looks",
    "detectable_area_m2",
    "detectable_contrast",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """What was withheld of one field: how often and why, never what."""

    field: str
    """A column, ``evidence.`` and a part of it, or ``geometry``, ``pictures``, ``detection`` (all of a row)."""
    count: int
    reason: str
    policy: str
    is_told: bool = True
    """Whether the release may say it: how many places are on a protected list is no reader's business."""

    def sentence(self) -> str:
        """Return it in words."""
        return f"{self.field}: {self.count} {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Redacted:
    """What goes out, and what the caller must know of it."""

    policy: Policy
    table: gpd.GeoDataFrame
    """EPSG:4326; what is withheld is missing (None or NaN); the rows in the order of their published ids."""
    withheld: tuple[Withheld, ...]
    shown_to_m: tuple[float, ...]
    """A row: within how many metres of the middle of the published place the truth lies; 0: as it was found."""
    places: tuple[str, ...]
    """A row: what its geometry is, in words; empty where it is the outline."""
    ids: Mapping[str, str]
    """Own id of each published detection to the published one."""
    pictures: frozenset[str]
    """Own ids of the detections whose pictures and rasters may go out."""
    memory: Memory
    """To keep for the next release (`Memory.save`), outside any release."""

    def sentences(self) -> list[str]:
        """Return what the release may say of what was withheld, one sentence each."""
        return [f"{one.sentence()}." for one in self.withheld if one.is_told]


def redact(
    detections: gpd.GeoDataFrame,
    policy: Policy,
    *,
    secret: bytes,
    protected: Sequence[ProtectedPlace] = (),
    memory: Memory | None = None,
) -> Redacted:
    """Return `detections` as the audience of `policy` may know them.

    The same site has the same place in each release that is made with the `memory` of the one before, however often and
    with whatever outlines: the first place stands. Without a memory the place follows from the outline's middle alone.

    Args:
        detections: As in `detection.schema`, in any CRS; other columns go out under an exact policy alone.
        policy: What the audience may know.
        secret: The user's, from which other names are made (`outputs.redaction.secret`).
        protected: Places that must not appear, or whose pictures must not.
        memory: What was published before; None: nothing.

    """
    before = memory or Memory()
    table = in_lon_lat(detections).reset_index(drop=True)
    table, log = _without_protected(table, policy, protected)
    hidden = _sensitive(table, protected)
    own_ids = [str(one) for one in table["detection_id"]]
    shape_of: dict[str, tuple[BaseGeometry, str]] = {}
    after = before
    if not policy.is_exact:
        shape_of, after = _places(table, policy, before)
        lonely = ~table["detection_id"].isin(shape_of)
        log += _log(DETECTION_FIELD, int(lonely.sum()), "only counted: too few sites share a place", policy)
        log += _log(PLACE_FIELD, int((~lonely).sum()), "shown as a wider place", policy)
        table = table[~lonely].reset_index(drop=True)
        own_ids = [str(one) for one in table["detection_id"]]
        table = table.set_geometry([shape_of[one][0] for one in own_ids], crs=table.crs)
    fields, touched = redacted_fields(table, policy, secret)
    log += [entry for name, count in touched.items() for entry in _log(name, count, _why(name, policy), policy)]
    shown = _with_pictures(own_ids, policy, hidden)
    log += _log(PICTURES_FIELD, len(own_ids) - len(shown), "not shown: they would show where the place is", policy)
    order = sorted(range(len(fields)), key=lambda position: str(fields["detection_id"].iloc[position]))
    shapes = fields.geometry
    return Redacted(
        policy=policy,
        table=fields.iloc[order].reset_index(drop=True),
        withheld=tuple(log),
        shown_to_m=tuple(0.0 if policy.is_exact else shown_to_m(shapes.iloc[position]) for position in order),
        places=tuple(shape_of[own_ids[position]][1] if shape_of else "" for position in order),
        ids=dict(zip(own_ids, (str(one) for one in fields["detection_id"]), strict=True)),
        pictures=shown,
        memory=after,
    )


def redact_coverage(coverage: gpd.GeoDataFrame, policy: Policy, *, secret: bytes) -> gpd.GeoDataFrame:
    """Return what was watched as the audience may know it.

    Under a policy that is not exact without outlines (an area may be drawn closely around one place), without dates of
    single looks, with other names; the rows in the order of these.
    """
    if policy.is_exact:
        return in_lon_lat(coverage)
    plain = pd.DataFrame(coverage)[[name for name in _COVERAGE_PUBLISHED if name in coverage.columns]].copy()
    plain["area_id"] = [alias(secret, "area", str(one)) for one in plain["area_id"]]
    for name in plain.columns:
        if pd.api.types.is_datetime64_any_dtype(plain[name]):
            plain[name] = plain[name].dt.to_period("M").dt.start_time.astype(coverage[name].dtype)
        elif pd.api.types.is_float_dtype(plain[name]):
            plain[name] = plain[name].map(lambda value: rounded(float(value), policy.digits))
    plain = plain.sort_values("area_id").reset_index(drop=True)
    return gpd.GeoDataFrame(plain, geometry=gpd.GeoSeries([None] * len(plain), crs=4326))


def withheld_json(redacted: Redacted, *, is_complete: bool = False, more: Mapping[str, object] | None = None) -> str:
    """Return the record of what was withheld as JSON, without the values.

    Args:
        redacted: What goes out.
        is_complete: With what the release itself must not say; for the user's own files.
        more: Members to put beside it.

    """
    rows = [one for one in redacted.withheld if one.is_told or is_complete]
    document = {
        "policy": redacted.policy.name,
        **(more or {}),
        "withheld": [
            {"field": one.field, "count": one.count, "reason": one.reason, "policy": one.policy} for one in rows
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _without_protected(
    table: gpd.GeoDataFrame, policy: Policy, protected: Sequence[ProtectedPlace]
) -> tuple[gpd.GeoDataFrame, list[Withheld]]:
    if policy.shows_protected:
        return table, []
    is_kept = [not is_touched(shape, protected, Protection.PROTECTED) for shape in table.geometry]
    kept = table[pd.Series(is_kept, index=table.index, dtype=bool)].reset_index(drop=True)
    log = _log(DETECTION_FIELD, len(table) - len(kept), _NOT_FOR_AUDIENCE, policy)
    return kept, [replace(entry, is_told=False) for entry in log]


def _sensitive(table: gpd.GeoDataFrame, protected: Sequence[ProtectedPlace]) -> frozenset[str]:
    rows = zip(table["detection_id"], table.geometry, strict=True)
    kinds = (Protection.SENSITIVE, Protection.PROTECTED)
    return frozenset(str(name) for name, shape in rows if any(is_touched(shape, protected, kind) for kind in kinds))


def _with_pictures(own_ids: Sequence[str], policy: Policy, sensitive: frozenset[str]) -> frozenset[str]:
    if policy.pictures is Pictures.NONE:
        return frozenset()
    return frozenset(own_ids) - (sensitive if policy.pictures is Pictures.NOT_SENSITIVE else frozenset())


def _places(
    table: gpd.GeoDataFrame, policy: Policy, memory: Memory
) -> tuple[dict[str, tuple[BaseGeometry, str]], Memory]:
    """Return outline and words of the published place of each detection that has one, and what to remember."""
    scheme = scheme_of(policy)
    remembered = memory.of(scheme.name)
    of_detection, sites = sites_of(table, remembered, same_site_m=policy.same_site_m)
    found = _chosen(scheme, sites, policy)
    fresh = {
        site.key: Site(key=site.key, lon=site.lon, lat=site.lat, place=found[site.key])
        for site in sites
        if site.key in found
    }
    kept = tuple({**{site.key: site for site in remembered}, **fresh}.values())
    drawn = {place: (scheme.shape_4326(place), scheme.words(place)) for place in set(found.values())}
    shown = {name: drawn[found[key]] for name, key in of_detection.items() if key in found}
    return shown, memory.with_sites(scheme.name, kept)


def _chosen(scheme: Scheme, sites: Sequence[Placed], policy: Policy) -> dict[str, str]:
    """Return the place of each site that has one: the remembered one, else the narrowest that enough sites share."""
    ladders = {site.key: scheme.ladder(site.lon, site.lat) for site in sites}
    there = {key: ladder for key, ladder in ladders.items() if ladder}
    found = shared_places(there, policy.k)
    places = {site.key: site.place or found.get(site.key) for site in sites}
    if policy.lonely is Lonely.WIDEST:
        places |= {key: there[key][0] for key, place in places.items() if place is None and key in there}
    return {key: place for key, place in places.items() if place}


def _why(name: str, policy: Policy) -> str:
    if name.endswith("_id") and name not in policy.withhold:
        return "under another name"
    return "made coarser" if name in COARSENED and name not in policy.withhold else "withheld"


def _log(field: str, count: int, reason: str, policy: Policy) -> list[Withheld]:
    return [Withheld(field=field, count=count, reason=reason, policy=policy.name)] if count else []
