"""All that a workspace knows of places, firms and people: what no release may tell more of than its policy says."""

from collections.abc import Mapping, Sequence

from shapely.geometry.base import BaseGeometry
from sqlalchemy import select

from aoi.areas import Purpose
from aoi.suppliers import Address, Supplier
from flows.area.pipeline import Job
from flows.area.product import Product
from flows.runs.publish import merged
from flows.store import opened
from outputs.redaction.forbidden import Known, More
from outputs.redaction.policy import Policy
from outputs.redaction.protected import ProtectedPlace
from outputs.store import tables

_KILO = 1_000.0


def known_of(
    job: Job, products: Mapping[str, Product], policy: Policy, protected: Sequence[ProtectedPlace] = ()
) -> Known:
    """Return every detection, confirmed or rejected or not looked at, of this run and those before; facilities, firms.

    Firms are those of the assessments that the store has. One that is known no better than a release shows places has
    no place that could be told, but a name and an address.

    Raises:
        ConfigError, StateError: The store cannot be read.

    """
    detections, _ = merged(products, job.workspace.config.monitor)
    sites = [one for one in job.areas.values() if one.purpose is Purpose.SITE]
    reviewers = {one.reviewer for reviews in job.reviews.values() for one in reviews}
    before = _before(job)
    return Known(
        detections=detections,
        facilities=tuple(job.facilities),
        suppliers=_suppliers(job, policy),
        more=More(
            protected=protected,
            names=(*(one.name for one in job.areas.values()), *sorted(reviewers)),
            places=(
                *((f"the middle of area {one.area_id}", one.polygon_4326.centroid) for one in sites),
                *((f"detection {name}", shape) for name, shape in before),
            ),
            ids=tuple(dict.fromkeys(name for name, _ in before)),
        ),
    )


def _before(job: Job) -> list[tuple[str, BaseGeometry]]:
    """Return name and outline of all detections that the store ever had, each outline once."""
    versions = tables.detection_versions.c
    with opened(job.workspace, is_written=False) as store:
        if store is None:
            return []
        with store.reading() as connection:
            rows = connection.execute(select(versions.detection_id, versions.geometry)).all()
    return list({(str(name), shape.wkb): (str(name), shape) for name, shape in rows}.values())


def _suppliers(job: Job, policy: Policy) -> tuple[Supplier, ...]:
    """Return the firms of all assessments, each once as each of them had it."""
    with opened(job.workspace, is_written=False) as store:
        if store is None:
            return ()
        with store.reading() as connection:
            rows = connection.execute(select(tables.suppliers)).mappings().all()
    found: dict[Supplier, None] = {}
    for row in rows:
        is_placed = row["geometry"] is not None and _KILO * (row["radius_km"] or 0.0) <= policy.shown_to_m
        names = [row["name"] or row["supplier_id"], *(row["other_names"] or "").split(";")]
        found.setdefault(
            Supplier(
                supplier_id=row["supplier_id"],
                names=tuple(name.strip() for name in names if name.strip()),
                addresses=(Address(lines=row["address"]),) if row["address"] else (),
                lon_lat=(row["geometry"].x, row["geometry"].y) if is_placed else None,
                parent=row["parent"] or "",
            )
        )
    return tuple(found)
