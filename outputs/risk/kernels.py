"""With which probability does a position that is known to ± r lie in an outline?

The error of a geocode is a mixture of circular components around the stated position: Gaussians of several widths, a
bivariate Student t of two degrees of freedom for the far misses, and a uniform disc. Automated geocodes are described
by such mixtures and not by one Gaussian (Zimmerman et al. 2007, 10.1186/1476-072X-6-1); the point with a radius is
that of Wieczorek et al. (2004, 10.1080/13658810412331280211).

Each component is integrated over a polygon exactly. A circular density has a cumulative radial share F(r); seen from
its centre, the triangle that an edge spans holds the signed share 1/2π ∫ F(h / cos φ) dφ, with h the distance of the
edge's line and φ the direction from its foot. For a Gaussian that is an angle less two values of Owen's T (1956), for
the t an arc tangent, for a disc a tangent and an angle. The sum over all edges is the share of the polygon.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.special import owens_t

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIGMAS_AT_95 = float(np.sqrt(-2.0 * np.log(0.05)))
"""Radius that holds 95 % of a circular Gaussian, in standard deviations: 2.448."""
_EQUATOR_M = 6_378_137.0
_ECCENTRICITY2 = 0.006_694_379_990_14
"""WGS 84."""


class Form(StrEnum):
    """How a component falls off with distance."""

    GAUSSIAN = "gaussian"
    STUDENT = "student"
    """Bivariate t of two degrees of freedom; its width is the scale."""
    DISC = "disc"
    """Uniform up to its width."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlines:
    """The edges of many polygons, one after the other."""

    lon_lat: Floats
    """Shape (vertex, 2), each ring closed, the ground on the left of each edge."""
    edges: Ints
    """Vertex at which each edge begins; it ends at the next one."""
    first: Ints
    """Shape (polygon + 1,): the edges of polygon j are ``edges[first[j]:first[j + 1]]``."""

    @classmethod
    def of(cls, shapes_4326: "NDArray[np.object_]") -> "Outlines":
        """Return the edges of polygons in longitude and latitude; what lies in a hole is not their ground."""
        turned = shapely.orient_polygons(shapely.force_2d(shapes_4326), exterior_cw=False)
        parts, owner = shapely.get_parts(turned, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        lon_lat, ring = shapely.get_coordinates(rings, return_index=True)
        edges = np.flatnonzero(ring[:-1] == ring[1:]) if len(ring) else np.zeros(0, dtype=np.int64)
        of_polygon = owner[part[ring[edges]]]
        first = np.searchsorted(of_polygon, np.arange(len(shapes_4326) + 1))
        return cls(lon_lat=lon_lat, edges=edges.astype(np.int64), first=first.astype(np.int64))


def metres_a_degree(lat: Floats) -> tuple[Floats, Floats]:
    """Return how many metres a degree of longitude and one of latitude have at `lat`, on the ellipsoid of WGS 84."""
    sine2 = np.square(np.sin(np.radians(lat)))
    normal = _EQUATOR_M / np.sqrt(1 - _ECCENTRICITY2 * sine2)
    meridian = _EQUATOR_M * (1 - _ECCENTRICITY2) / np.power(1 - _ECCENTRICITY2 * sine2, 1.5)
    return np.radians(normal * np.cos(np.radians(lat))), np.radians(meridian)


def offsets_m(from_lon_lat: Floats, to_lon_lat: Floats) -> Floats:
    """Return the way east and north in metres, shape (…, 2), in the plane that touches between both points.

    Exact to a thousandth within some tens of kilometres; the shorter way around the globe is taken.
    """
    east, north = metres_a_degree((from_lon_lat[..., 1] + to_lon_lat[..., 1]) / 2)
    turn = to_lon_lat[..., 0] - from_lon_lat[..., 0]
    turn = (turn + 180.0) % 360.0 - 180.0
    return np.stack([turn * east, (to_lon_lat[..., 1] - from_lon_lat[..., 1]) * north], axis=-1)


def density(distance_m: Floats, width_m: Floats, form: Form) -> Floats:
    """Return the density of a component per square metre at a distance from its centre."""
    if form is Form.GAUSSIAN:
        near: Floats = np.exp(-0.5 * np.square(distance_m / width_m)) / (2 * np.pi * np.square(width_m))
        return near
    if form is Form.STUDENT:
        far: Floats = np.power(1 + 0.5 * np.square(distance_m / width_m), -2) / (2 * np.pi * np.square(width_m))
        return far
    return np.where(distance_m <= width_m, 1 / (np.pi * np.square(width_m)), 0.0)


def mass(centres: Floats, widths_m: Floats, outlines: Outlines, chosen: Ints, form: Form) -> Floats:
    """Return which share of each component lies in its outline, 0 to 1, shape (pair,).

    Args:
        centres: Longitude and latitude of the stated position, shape (pair, 2).
        widths_m: Standard deviation, scale or radius, shape (pair,).
        outlines: The outlines.
        chosen: Which outline belongs to each pair.
        form: Of the component.

    """
    counts = outlines.first[chosen + 1] - outlines.first[chosen]
    pair = np.repeat(np.arange(len(chosen)), counts)
    step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    starts = outlines.edges[np.repeat(outlines.first[chosen], counts) + step]
    width = widths_m[pair][:, None]
    begin = offsets_m(centres[pair], outlines.lon_lat[starts]) / width
    end = offsets_m(centres[pair], outlines.lon_lat[starts + 1]) / width
    shares = _edge_shares(begin, end, form)
    return np.clip(np.bincount(pair, weights=shares, minlength=len(chosen)), 0.0, 1.0)


def _edge_shares(begin: Floats, end: Floats, form: Form) -> Floats:
    """Return the signed share of each triangle (centre, begin, end), in units of the component's width."""
    along = end - begin
    length = np.hypot(along[:, 0], along[:, 1])
    is_edge = length > 0
    unit = along / np.where(is_edge, length, 1.0)[:, None]
    height = begin[:, 0] * unit[:, 1] - begin[:, 1] * unit[:, 0]
    """Of the edge's line over the centre, positive where the centre lies on its left."""
    is_edge &= np.abs(height) > 1e-12  # noqa: PLR2004 - a line through the centre spans no triangle
    h = np.where(is_edge, np.abs(height), 1.0)
    tangents = [(point * unit).sum(axis=1) / h for point in (begin, end)]
    shares = _primitive(h, tangents[1], form) - _primitive(h, tangents[0], form)
    return np.where(is_edge, np.sign(height) * shares, 0.0)


def _primitive(h: Floats, tangent: Floats, form: Form) -> Floats:
    """Return 1/2π ∫ F(h / cos φ) dφ from the foot of the line to the direction of `tangent`."""
    angle = np.arctan(tangent) / (2 * np.pi)
    if form is Form.GAUSSIAN:
        return np.asarray(angle - owens_t(h, tangent))
    if form is Form.STUDENT:
        lean = h / np.sqrt(2 + np.square(h))
        return np.asarray(lean * np.arctan(lean * tangent) / (2 * np.pi))
    # Up to the circle the triangle itself counts, from there on the sector.
    rim = np.sqrt(np.maximum(np.square(1 / h) - 1, 0.0))
    inner = np.clip(tangent, -rim, rim)
    return np.asarray(np.square(h) * inner / (2 * np.pi) + angle - np.arctan(inner) / (2 * np.pi))


def areas_m2(shapes_4326: "NDArray[np.object_]") -> Floats:
    """Return the areas in square metres, in the plane that touches the middle of each shape."""
    east, north = metres_a_degree(shapely.get_coordinates(shapely.centroid(shapes_4326)).reshape(-1, 2)[:, 1])
    return np.asarray(shapely.area(shapes_4326) * east * north)
