"""Did the radar backscatter of an object step up or down when the object changed, and how surely?

Each relative orbit is a series of its own: another track sees other walls from another side, so looks are compared
only with looks of the same track. For each track the mean power over the object, in decibel, before and after the
onset is compared by Welch's t; looks count for fewer than they are, as looks that follow each other are alike. The
same shape on other places of the same looks tells what such a statistic does where nothing happened: scores are
brought to that scale, and ranked among it.

Welch's t of backscatter before and after, its thresholds (3.3 and 5) and the separation of tracks follow Ballinger
(2024), "Open access battle damage detection via pixel-wise T-test on Sentinel-1 imagery".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detection.looks.context import mean_of_seen
from detection.radar.joint import as_normal, joint_z
from detection.radar.shapes import Places, Shape, free_places, mean_power
from detection.radar.welch import Floats, Mask, Prior, shared_course, welch
from geo.scene import Quantity, Stack

_REPEAT_S = 6 * 86_400
_SAME_PASS_S = 1_800
"""Satellites of the constellation repeat a track every 12 days, one half a cycle after the other, to the minute."""
_SPECKLE_DB2 = (10 / np.log(10)) ** 2
"""Variance in decibel of the mean of n independent looks, times n."""
_LEAST_TO_RANK = 10
_MAD_TO_SIGMA = 1.4826
_POWER_Z = 0.84
"""A step that is so many sigma above the threshold is found four times in five."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarParams:
    """When the backscatter of an object has stepped."""

    low_t: float = 3.3
    """A step is likely from this on, in sigma of the same shape where nothing changed."""

    high_t: float = 5.0
    """A step is sure from this on."""

    max_p: float = 0.02
    """No step counts if more than this share (0-1) of the shape's copies on unchanged ground step as much."""

    least_looks: int = 3
    """Looks on each side of the onset, of one track, without which that track tells nothing."""

    placebos: int = 400
    """Copies of the object's shape that are laid elsewhere, at most."""

    prior_looks: float = 6.0
    """How many looks' worth the unrest of the copies counts beside the object's own."""

    sigma_floor_db: float = 0.1
    """The least unrest that is believed, in decibel."""

    @property
    def prior(self) -> Prior:
        """What is believed of the noise."""
        return Prior(looks=self.prior_looks, sigma_floor=self.sigma_floor_db)

    def __post_init__(self) -> None:
        if not 0 < self.low_t <= self.high_t:
            raise ValueError(f"low_t must lie above 0 and not above high_t; got {self.low_t} and {self.high_t}")
        if self.least_looks < 1 or self.placebos < 1 or not 0 < self.max_p <= 1:
            raise ValueError(
                "expected one look, one copy and a max_p in (0, 1] at least; "
                f"got {self.least_looks}, {self.placebos} and {self.max_p}"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Track:
    """The looks of one relative orbit, ascending in time."""

    relative_orbit: int | None
    """None where nothing tells: then looks belong together that came at one time of the satellites' cycle."""
    days: tuple[date, ...]
    power: Floats
    """Linear, shape (y, x, look, band); 0 where it was not seen. What is asked is all looks of few pixels."""
    seen: Floats | None
    """The same shape, 1 where it was seen and 0 where not; None where everything was."""

    @classmethod
    def of(
        cls, values: NDArray[np.floating[Any]], days: Sequence[date], *, relative_orbit: int | None = None
    ) -> "Track":
        """Return the track whose looks show `values`: linear power, shape (y, x, look, band), NaN where not seen."""
        is_seen = np.isfinite(values) & (values > 0)
        return cls(
            relative_orbit=relative_orbit,
            days=tuple(days),
            power=np.ascontiguousarray(np.where(is_seen, values, 0.0), dtype=np.float64),
            seen=None if is_seen.all() else np.ascontiguousarray(is_seen, dtype=np.float64),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return (self.power.shape[0], self.power.shape[1])

    def sides(self, onset: tuple[date, date]) -> tuple[Mask, Mask]:
        """Return which looks lie before and which after an onset between two days, each of shape (look,)."""
        before = np.array([day <= onset[0] for day in self.days], dtype=bool)
        after = np.array([day >= onset[1] for day in self.days], dtype=bool)
        return before, after & ~before


def tracks_of(stack: Stack) -> tuple[Track, ...]:
    """Cut a stack of radar looks into its tracks, those with most looks first.

    Raises:
        ValueError: The stack holds no radar.

    """
    if stack.quantity is not Quantity.GAMMA0:
        raise ValueError(f"expected radar ({Quantity.GAMMA0}); got {stack.quantity}")
    keys = _track_keys(stack)
    values = np.ascontiguousarray(np.moveaxis(stack.values, (0, 1), (2, 3)))
    tracks = []
    for key in dict.fromkeys(keys):
        here = [index for index, other in enumerate(keys) if other == key]
        days = tuple(stack.days[index] for index in here)
        tracks.append(Track.of(values[:, :, here], days, relative_orbit=stack.relative_orbits[here[0]]))
    return tuple(sorted(tracks, key=lambda track: -len(track.days)))


def _track_keys(stack: Stack) -> list[tuple[str, int]]:
    """Return what names the track of each look: its orbit, or when in the cycle of the satellites it came."""
    seconds = stack.dataset["time"].to_numpy().astype("datetime64[s]").astype(np.int64) % _REPEAT_S
    orbits = stack.relative_orbits
    untold = np.unique([second for second, orbit in zip(seconds, orbits, strict=True) if orbit is None])
    passes = np.concatenate([[0], np.cumsum(np.diff(untold) > _SAME_PASS_S)])
    return [
        ("pass", int(passes[np.searchsorted(untold, second)])) if orbit is None else ("orbit", orbit)
        for second, orbit in zip(seconds, orbits, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackStep:
    """What one track tells of one object."""

    relative_orbit: int | None
    looks_before: int
    looks_after: int
    step_db: tuple[float, ...] = ()
    """After less before, by band; empty where it tells nothing."""
    t: float = np.nan
    """Signed, up above 0: the bands together, in sigma of the same shape on unchanged ground; NaN: it tells nothing."""
    sigma_db: float = np.nan
    """One such sigma of the mean step of the bands, in decibel."""
    likeness: float = np.nan
    """Correlation of one look with the next on unchanged ground, 0 to 0.9."""
    equivalent_looks: float = np.nan
    """So many independent looks would be as calm as one look at the object's shape is, with the scene's own unrest."""
    why_not: str = ""
    """Why it tells nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadarStep:
    """What radar tells of one object, all tracks together."""

    tracks: tuple[TrackStep, ...]
    t: float = np.nan
    """Signed, up above 0, in sigma of the same shape on unchanged ground; NaN where no track tells anything."""
    p: float = np.nan
    """Share (0-1) of the shape's copies on unchanged ground that step as much, up or down; never below what the room
    for copies allows."""
    step_db: float = np.nan
    """Mean of tracks and bands."""
    sigma_db: float = np.nan
    """One sigma of it."""
    copies: float = 0.0
    """Copies of the shape for which there was room side by side."""

    @property
    def is_told(self) -> bool:
        """Whether radar tells anything of the object."""
        return bool(np.isfinite(self.t))

    @property
    def why_not(self) -> str:
        """Why it tells nothing; empty where it does."""
        if self.is_told:
            return ""
        return "; ".join(dict.fromkeys(track.why_not for track in self.tracks)) or "no radar looks"

    def steps(self, params: RadarParams) -> int:
        """Return 1 where backscatter stepped up (something was built), -1 where down, 0 where it may not have."""
        if not self.is_told or abs(self.t) < params.low_t or self.p > params.max_p:
            return 0
        return 1 if self.t > 0 else -1

    def is_sure(self, params: RadarParams) -> bool:
        """Whether it stepped beyond doubt."""
        return self.steps(params) != 0 and abs(self.t) >= params.high_t

    def detectable_db(self, params: RadarParams) -> float:
        """Return the step that would have been found four times in five; NaN where radar tells nothing."""
        return (params.low_t + _POWER_Z) * self.sigma_db


def object_step(
    tracks: Sequence[Track], shape: Shape, onset: tuple[date, date], is_taken: Mask, params: RadarParams
) -> RadarStep:
    """Test whether the backscatter of an object stepped at its onset.

    Args:
        tracks: Of `tracks_of`.
        shape: The object.
        onset: The last day certainly without the change and the first certainly with it; looks between do not count.
        is_taken: Shape (y, x): other ground that changed, where no copy of the shape is laid.
        params: When a step counts.

    """
    places = free_places(shape, is_taken, most=params.placebos)
    results = [_track_step(track, shape, places, onset, params) for track in tracks]
    told = [(step, scores) for step, scores in results if np.isfinite(step.t)]
    steps = tuple(step for step, _ in results)
    if not told:
        return RadarStep(tracks=steps, copies=places.independent)
    # Tracks are independent looks at one event: their scores add up as Stouffer's do.
    scores, scale = _on_own_scale(np.sum([scores for _, scores in told], axis=0) / np.sqrt(len(told)))
    sigmas = [step.sigma_db for step, _ in told]
    return RadarStep(
        tracks=steps,
        t=float(scores[0]),
        p=_rank(scores, places.independent),
        step_db=float(np.mean([step.step_db for step, _ in told])),
        sigma_db=float(scale * np.sqrt(np.sum(np.square(sigmas))) / len(sigmas)),
        copies=places.independent,
    )


def _track_step(
    track: Track, shape: Shape, places: Places, onset: tuple[date, date], params: RadarParams
) -> tuple[TrackStep, Floats]:
    """Return what one track tells, and the scores of the object and of its copies, shape (1 + place,)."""
    before, after = track.sides(onset)
    blank = TrackStep(relative_orbit=track.relative_orbit, looks_before=int(before.sum()), looks_after=int(after.sum()))
    name = "radar" if track.relative_orbit is None else f"track {track.relative_orbit}"
    nothing = np.empty(0)
    if min(blank.looks_before, blank.looks_after) < params.least_looks:
        why_not = (
            f"{name}: {blank.looks_before} looks before and {blank.looks_after} after the onset, "
            f"{params.least_looks} each needed"
        )
        return replace(blank, why_not=why_not), nothing
    if len(places.rows) < _LEAST_TO_RANK:
        return replace(blank, why_not="too little unchanged ground around to compare with"), nothing
    decibels = as_decibel(mean_power(track.power, track.seen, shape, places))
    decibels -= shared_course(decibels[1:], before)
    found = welch(decibels, before, after, params.prior)
    scores, scale = _on_own_scale(found.t)
    if not np.isfinite(scores[0]):
        return replace(blank, why_not=f"{name}: the object is hidden from it, by layover, shadow or gaps"), nothing
    step = replace(
        blank,
        step_db=tuple(round(float(one), 3) for one in found.step[0]),
        t=float(scores[0]),
        sigma_db=float(scale * found.sigma[0]),
        likeness=round(found.likeness, 3),
        equivalent_looks=float(_SPECKLE_DB2 / found.unrest.mean()),
    )
    return step, scores


def as_decibel(power: Floats) -> Floats:
    """Return linear power in decibel; NaN where there is none."""
    return np.asarray(10 * np.log10(np.where(power > 0, power, np.nan)))


def pixel_steps(
    tracks: Sequence[Track], onset: tuple[date, date], *, patch_px: int, params: RadarParams
) -> NDArray[np.float32]:
    """Return the signed step of every pixel at one onset, all tracks and bands together, as a normal deviate.

    Each pixel shows the mean power of a patch. Most of the scene must be unchanged: it sets the scale, and tells how
    tracks and bands hang together (`detection.radar.joint`, which also gives the p of a deviate).

    Args:
        tracks: Of `tracks_of`.
        onset: The last day certainly without the change and the first certainly with it.
        patch_px: Side of the patch, odd.
        params: Which tracks count.

    Returns:
        Shape (y, x); NaN where no track has enough looks.

    """
    scores = []
    for track in tracks:
        before, after = track.sides(onset)
        if min(before.sum(), after.sum()) < params.least_looks:
            continue
        looks = decibel_looks(track, patch_px=patch_px).astype(np.float64)
        places = np.moveaxis(looks.reshape(*looks.shape[:2], -1), 2, 0)
        found = welch(places - shared_course(places, before), before, after, params.prior)
        scores.append(as_normal(found.band_t, found.freedom))
    if not scores:
        return np.full(tracks[0].shape if tracks else (0, 0), np.nan, dtype=np.float32)
    return joint_z(np.concatenate(scores, axis=1)).reshape(tracks[0].shape).astype(np.float32)


def decibel_looks(track: Track, *, patch_px: int) -> NDArray[np.float32]:
    """Return each look's mean power over a patch around every pixel, in decibel, shape (look, band, y, x).

    This is also what `detection.monitoring.baseline` and `detection.monitoring.monitor` take to watch a track date by
    date; NaN where nothing of the patch was seen.
    """
    power = track.power if track.seen is None else np.where(track.seen > 0, track.power, np.nan)
    layers = np.moveaxis(power, (2, 3), (0, 1)).astype(np.float32)
    patches = [[mean_of_seen(layer, patch_px) for layer in look] for look in layers]
    return as_decibel(np.asarray(patches, dtype=np.float64)).astype(np.float32)


def _on_own_scale(scores: Floats) -> tuple[Floats, float]:
    """Return scores around the middle of all, in sigma of all if that is above 1, and that sigma."""
    seen = scores[np.isfinite(scores)]
    if not seen.size:
        return scores, 1.0
    middle = float(np.median(seen))
    scale = max(1.0, _MAD_TO_SIGMA * float(np.median(np.abs(seen - middle))))
    return (scores - middle) / scale, scale


def _rank(scores: Floats, independent: float) -> float:
    """Return the share of copies, `scores[1:]`, that step as much as the object, `scores[0]`, counting itself."""
    copies = np.abs(scores[1:][np.isfinite(scores[1:])])
    share = float((copies >= abs(scores[0])).mean()) if copies.size else 1.0
    return (1 + share * independent) / (1 + independent)
