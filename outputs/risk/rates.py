"""How often suppliers of a list lie on known places, and how wrong its geocodes are: learnt from the list itself.

A supplier's true position is on a flagged place, on another known place, or on ground that nobody has registered. A
flagged place counts as many firms, an unregistered square kilometre as others; the mixture of the three explains where
the geocodes lie. It is the likelihood ratio of astronomical cross-identification (Sutherland & Saunders 1992,
1992MNRAS.259..413S), made a posterior over all counterparts and none (Budavari & Szalay 2008, 10.1086/587156), with
several sources to one counterpart and the shares found by maximum likelihood (Fioc 2014, 10.1051/0004-6361/201424048),
here by expectation and maximisation (Dempster, Laird & Rubin 1977) with weak priors, so that a short list keeps what
is presumed and a long one says how it is.

The error model is a ladder of widths. How much weight each width has is learnt, too, for each class of precision:
where the stated radii are too small, or a part of the list is shifted, the wider steps take over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from outputs.risk.ground import Ground, on_globe
from outputs.risk.kernels import Floats, Ints

STEPS = (0.5, 1.0, 2.0, 4.0, 8.0, 20.0)
"""Widths of the Gaussian components, in units of the stated one, up to `WIDEST_M`."""
WIDEST_M = 2_000.0
"""Beyond this, or the stated width where that is more, the far misses take over."""
_NOMINAL = (0.02, 0.90, 0.02, 0.01, 0.005, 0.005)
STEADY_COUNT = 5.0
"""Added to counts of which a ratio is made: in a short list one supplier more or less says nothing."""
_LEAST_COUNT = 20
"""Suppliers that tell how dense the list is around a place."""
_WINDOWS_M = (5_000.0, 10_000.0, 20_000.0, 40_000.0, 80_000.0, 160_000.0, 320_000.0)
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceParams:
    """What is presumed before a list is seen."""

    near_m: float = 500.0
    """A supplier this close to a site's edge, or closer, lies near it."""
    tail_share: float = 0.05
    tail_scale_m: float = 15_000.0
    """Far misses: a bivariate t of two degrees of freedom (`outputs.risk.kernels`)."""
    firms_per_km2: float = 2.0
    """Firms that nobody has registered, where firms are, for each firm of a known place."""
    place_strength: float = 2.0
    """How many suppliers' worth the presumed shares are."""
    ladder_strength: float = 10.0
    """How many suppliers' worth the presumed widths are, for each class of precision."""
    least_reported: float = 0.005
    """Links less probable than this are not listed."""

    def __post_init__(self) -> None:
        if not (self.near_m >= 0 and 0 < self.tail_share < 1 and self.tail_scale_m > 0 and self.firms_per_km2 > 0):
            raise ValueError(f"distances and densities must be positive, tail_share within 0 to 1; got {self}")

    @property
    def ladder(self) -> Floats:
        """The presumed weights of the components, the tail last."""
        core = np.array(_NOMINAL) / sum(_NOMINAL)
        return np.append((1 - self.tail_share) * core, self.tail_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRates:
    """What was learnt of a list."""

    suppliers: float
    """That are known finely enough and have a flagged site within reach."""
    flagged_share: float
    known_share: float
    unknown_share: float
    """Of those; together 1."""
    firms_flagged: float
    """That a flagged place counts as, in firms…"""
    firms_known: float
    firms_per_km2: float
    """… of which so many are unregistered on a square kilometre."""
    ladder: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Class of precision to the weights of `STEPS` and, last, of the far misses."""
    rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """What the positions say before any weighing: sums over the places of each kind."""

    sums: Floats
    """Densities per square metre that each component would give the position, shape (fix, 2, component);
    the first kind is flagged."""
    weights: Floats
    """How much each position counts, shape (fix,)."""
    classes: Ints
    """Its class of precision."""
    exposure: Floats
    """What one firm a place, flagged and not, would make one expect of the list, in suppliers."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Weights that explain the list best."""

    firms: Floats
    """Of a flagged and of another known place."""
    unknown: float
    """Unregistered firms, in units of the presumed density."""
    ladder: Floats
    """Shape (class, component)."""
    rounds: int
    shares: Floats
    """Of suppliers on flagged, known and unregistered ground."""


def widths_m(sigma_m: Floats, step: float) -> Floats:
    """Return the widths of one component of the ladder."""
    return np.minimum(step * sigma_m, np.maximum(sigma_m, WIDEST_M))


def fit_rates(evidence: Evidence, params: PlaceParams, *, classes: int, most_rounds: int = 1500) -> Fit:
    """Find by expectation and maximisation how often each kind of place, and each width of error, occurs."""
    firms, unknown = np.ones(2), 1.0
    ladder = np.tile(params.ladder, (classes, 1))
    dense = params.firms_per_km2 / 1e6
    rounds = 0
    for rounds in range(1, most_rounds + 1):  # noqa: B007 - told in the result
        kinds, components = _responsibilities(evidence, firms, unknown * dense, ladder)
        counts = evidence.weights @ kinds
        new_firms = (counts[:2] + params.place_strength) / (evidence.exposure + params.place_strength)
        total = evidence.weights.sum()
        new_unknown = (counts[2] + params.place_strength) / (total + params.place_strength)
        new_ladder = _ladder(components, evidence, params, classes)
        change = max(
            float(np.max(np.abs(np.log(new_firms / firms)))),
            abs(float(np.log(new_unknown / unknown))),
            float(np.max(np.abs(new_ladder - ladder))),
        )
        firms, unknown, ladder = new_firms, float(new_unknown), new_ladder
        if change < 2e-5:  # noqa: PLR2004 - far below what the shares are rounded to
            break
    kinds, _ = _responsibilities(evidence, firms, unknown * dense, ladder)
    total = max(float(evidence.weights.sum()), _SMALLEST)
    return Fit(firms=firms, unknown=unknown, ladder=ladder, rounds=rounds, shares=evidence.weights @ kinds / total)


def _responsibilities(evidence: Evidence, firms: Floats, unknown: float, ladder: Floats) -> tuple[Floats, Floats]:
    """Return for each position the probabilities of the three kinds, and of the components."""
    weighed = evidence.sums * firms[None, :, None] * ladder[evidence.classes][:, None, :]
    of_kind = weighed.sum(axis=2)
    total = of_kind.sum(axis=1) + unknown
    kinds = np.column_stack([of_kind, np.full(len(of_kind), unknown)]) / total[:, None]
    # On unregistered ground a position tells nothing of its error.
    components = (weighed.sum(axis=1) + unknown * ladder[evidence.classes]) / total[:, None]
    return kinds, components


def _ladder(components: Floats, evidence: Evidence, params: PlaceParams, classes: int) -> Floats:
    learnt = np.tile(params.ladder_strength * params.ladder, (classes, 1))
    np.add.at(learnt, evidence.classes, components * evidence.weights[:, None])
    # The far misses keep their presumed share: a list cannot tell them from suppliers on unregistered ground.
    core = learnt[:, :-1] / learnt[:, :-1].sum(axis=1, keepdims=True)
    return np.column_stack([core * (1 - params.tail_share), np.full(classes, params.tail_share)])


def list_density(
    lon_lat: Floats, weights: Floats, at_lon_lat: Floats, *, added: float = 0.5, hole_m: float = 1_000.0
) -> Floats:
    """Return how densely the list's suppliers lie around each position, per square metre.

    Counted in a ring, as the sky around a star is: what lies within `hole_m` may be there because of the place itself.
    The ring grows until enough suppliers lie in it; `added` is added to each count.
    """
    result = np.zeros(len(at_lon_lat))
    if len(at_lon_lat) == 0 or len(lon_lat) == 0:
        return result
    tree, points = cKDTree(on_globe(lon_lat)), on_globe(at_lon_lat)
    mean = float(weights.mean())
    inner = tree.query_ball_point(points, hole_m, return_length=True)
    open_: NDArray[np.bool_] = np.ones(len(points), dtype=bool)
    for window_m in _WINDOWS_M:
        here = np.flatnonzero(open_)
        counts = tree.query_ball_point(points[here], window_m, return_length=True) - inner[here]
        result[here] = (counts + added) * mean / (np.pi * (window_m**2 - hole_m**2))
        open_[here[counts >= _LEAST_COUNT]] = False
    return result


def tail_sums(lon_lat: Floats, ground: Ground, counts: Floats, scale_m: float, *, cell_deg: float = 0.02) -> Floats:
    """Return the sums of the far component over all places, each times its count, shape (fix, 2): flagged first.

    Places are gathered in cells of about two kilometres, small against the component's width.
    """
    result = np.zeros((len(lon_lat), 2))
    for kind, chosen in enumerate((ground.is_flagged, ~ground.is_flagged)):
        if not chosen.any():
            continue
        cells, cell = np.unique(np.round(ground.centres[chosen] / cell_deg), axis=0, return_inverse=True)
        summed: Floats = np.bincount(cell.ravel(), weights=counts[chosen], minlength=len(cells)).astype(np.float64)
        result[:, kind] = _tails(lon_lat, cells * cell_deg, summed, scale_m)
    return result


def _tails(lon_lat: Floats, cells: Floats, counts: Floats, scale_m: float) -> Floats:
    """Return Σ counts · t2 over the cells within ten scales."""
    tree = cKDTree(on_globe(cells))
    sums = np.zeros(len(lon_lat))
    points = on_globe(lon_lat)
    for start in range(0, len(points), 512):
        part = slice(start, start + 512)
        near = tree.query_ball_point(points[part].mean(axis=0), 10 * scale_m + _spread(points[part]))
        if not near:
            continue
        square = np.square(points[part][:, None, :] - tree.data[near][None, :, :]).sum(axis=2)
        sums[part] = (counts[near] / np.square(1 + square / (2 * scale_m**2))).sum(axis=1)
    return sums / (2 * np.pi * scale_m**2)


def _spread(points: Floats) -> float:
    return float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1)).max())
