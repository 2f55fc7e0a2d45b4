"""What the store holds: tables and columns, the same in SQLite and in PostGIS.

``detections`` shows each detection as the newest run left it; ``detection_versions`` keeps every state it ever had.
``moves`` and ``reviews`` are only added to. A geometry is in longitude and latitude.
"""

from collections.abc import Mapping

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

from detection.schema import COVERAGE_COLUMNS, DETECTION_COLUMNS, PERIMETER_COLUMNS
from outputs.store.shape import Shape

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)

_TYPES: Mapping[str, type[TypeEngine]] = {  # type: ignore[type-arg]  # a type of any values
    "str": Text,
    "float": Double,
    "int": Integer,
    "date": Date,
    "json": Text,
}


def _columns(kinds: Mapping[str, str], *keys: str) -> list[Column]:  # type: ignore[type-arg]  # columns of any values
    """Return the columns of a table of `detection.schema`, those named in `keys` left out."""
    return [
        Column(name, _TYPES[kind.rstrip("?")](), nullable=kind.endswith("?"))
        for name, kind in kinds.items()
        if name not in keys
    ]


runs = Table(
    "runs",
    metadata,
    Column("run_id", String(80), primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("code_version", Text, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("settings", JSON, nullable=False),
    Column("report", JSON, nullable=False),
)
areas = Table(
    "areas",
    metadata,
    Column("area_id", String(200), primary_key=True),
    Column("name", Text, nullable=False),
    Column("run_id", ForeignKey(runs.c.run_id), nullable=False),
    Column("geometry", Shape, nullable=False),
)
facilities = Table(
    "facilities",
    metadata,
    Column("facility_id", String(200), primary_key=True),
    Column("name", Text),
    Column("names", Text),
    Column("kind", Text, nullable=False),
    Column("status", Text),
    Column("source", Text),
    Column("position_error_m", Double),
    Column("run_id", ForeignKey(runs.c.run_id), nullable=False),
    Column("geometry", Shape, nullable=False),
)
scenes = Table(
    "scenes",
    metadata,
    Column("area_id", String(200), primary_key=True),
    Column("scene_id", String(400), primary_key=True),
    Column("observed_at", DateTime(timezone=True), nullable=False),
    Column("platform", Text, nullable=False),
    Column("is_used", Boolean, nullable=False),
    Column("fate", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("clear_share", Double),
    Column("run_id", ForeignKey(runs.c.run_id), nullable=False),
)
coverage = Table(
    "coverage",
    metadata,
    Column("run_id", ForeignKey(runs.c.run_id), primary_key=True),
    Column("area_id", String(200), primary_key=True),
    *_columns(COVERAGE_COLUMNS, "area_id"),
    Column("geometry", Shape, nullable=False),
)
perimeters = Table(
    "perimeters",
    metadata,
    Column("run_id", ForeignKey(runs.c.run_id), primary_key=True),
    Column("area_id", String(200), primary_key=True),
    Column("facility_id", String(200), primary_key=True),
    Column("arc", Integer, primary_key=True, autoincrement=False),
    *_columns(PERIMETER_COLUMNS, "area_id", "facility_id", "arc"),
    Column("geometry", Shape),
)
detections = Table(
    "detections",
    metadata,
    Column("detection_id", String(200), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("run_id", ForeignKey(runs.c.run_id), nullable=False),
    *_columns(DETECTION_COLUMNS, "detection_id"),
    Column("geometry", Shape, nullable=False),
    Index("ix_detections_area_id", "area_id"),
    Index("ix_detections_status_confidence", "status", "confidence"),
)
detection_versions = Table(
    "detection_versions",
    metadata,
    Column("detection_id", String(200), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("run_id", ForeignKey(runs.c.run_id), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("document", JSON, nullable=False),
    Column("geometry", Shape, nullable=False),
)
moves = Table(
    "moves",
    metadata,
    Column("detection_id", String(200), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("area_id", String(200), nullable=False),
    Column("on", Date, nullable=False),
    Column("status_from", Text),
    Column("status_to", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("run_id", ForeignKey(runs.c.run_id), nullable=False),
)
reviews = Table(
    "reviews",
    metadata,
    Column("review_id", String(64), primary_key=True),
    Column("area_id", String(200), nullable=False),
    Column("detection_id", String(200), nullable=False),
    Column("base_version", Integer),
    Column("verdict", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("note", Text, nullable=False),
    Index("ix_reviews_detection_id", "detection_id"),
)

SHAPED = (areas, facilities, coverage, perimeters, detections, detection_versions)
for table in SHAPED:
    Index(f"sx_{table.name}_geometry", table.c.geometry, postgresql_using="gist").ddl_if(dialect="postgresql")
