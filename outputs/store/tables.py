"""What the store holds: tables and columns, the same in SQLite and in PostGIS.

``detections`` shows each detection as the newest run left it; ``detection_versions`` keeps every state it ever had.
``moves``, ``reviews`` and ``ledger`` are only added to; ``standings`` is what the reviews of a detection come to.
``supersessions`` says which run stands in the place of an earlier one, by area: what the earlier ones told of that area
was made with other settings, code or scenes. The earlier run is named, even if this store never saw it.
An assessment of a supplier list is kept whole beside earlier ones. A geometry is in longitude and latitude.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import (
    JSON,
    BigInteger,
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
supersessions = Table(
    "supersessions",
    metadata,
    Column("run_id", ForeignKey(runs.c.run_id), primary_key=True),
    Column("area_id", String(200), primary_key=True),
    Column("superseded_run_id", String(80), nullable=False),
    Column("product_was", Text, nullable=False),
    Column("product_is", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("changes", JSON, nullable=False),
    Index("ix_supersessions_superseded_run_id", "superseded_run_id"),
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
    Column("worth", Double, nullable=False),
    Column("geometry", Shape, nullable=False),
    Index("ix_detections_area_id", "area_id"),
    Index("ix_detections_worth", "worth", "detection_id", "status"),
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
    Column("event_corrected", Text),
    Column("outline_corrected", Shape),
    Column("note", Text, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("settles", Boolean, nullable=False),
    Column("origin", Text, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("ix_reviews_detection_id", "detection_id"),
    Index("ix_reviews_reviewer_detection_id", "reviewer", "detection_id"),
)
standings = Table(
    "standings",
    metadata,
    Column("detection_id", String(200), primary_key=True),
    Column("area_id", String(200), nullable=False),
    Column("state", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("readers", Integer, nullable=False),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Column("words", Text, nullable=False),
    Index("ix_standings_state", "state"),
    Index("ix_standings_verdict", "verdict"),
)
assessments = Table(
    "assessments",
    metadata,
    Column("assessment_id", String(80), primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("code_version", Text, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("site_kind", Text, nullable=False),
    Column("about", JSON, nullable=False),
)


def _of_assessment() -> ForeignKey:
    return ForeignKey(assessments.c.assessment_id)


suppliers = Table(
    "suppliers",
    metadata,
    Column("assessment_id", _of_assessment(), primary_key=True),
    Column("supplier_id", String(200), primary_key=True),
    *(
        Column(name, Text)
        for name in (
            "name", "other_names", "address", "parent", "products", "inputs", "registration_number", "source",
            "remarks", "place", "place_id", "country", "precision",
        )
    ),
    Column("tier", Integer),
    Column("spend", Double),
    Column("radius_km", Double),
    Column("place_probability", Double),
    Column("geometry", Shape),
)  # fmt: skip
risk = Table(
    "risk",
    metadata,
    Column("assessment_id", _of_assessment(), primary_key=True),
    Column("subject", String(20), primary_key=True),
    Column("subject_id", String(200), primary_key=True),
    Column("name", Text),
    Column("level", Text),
    *(Column(name, Double) for name in ("score", "likelihood", "likelihood_low", "likelihood_high", "severity")),
    *(Column(name, Double) for name in ("completeness", "in_region", "in_flagged_site", "near_flagged_site")),
    *(Column(name, Double) for name in ("expected_suppliers", "unplaced_suppliers")),
    *(Column(name, Text) for name in ("categories", "missing", "would_change", "verify", "weights")),
    Column("geometry", Shape),
)
risk_factors = Table(
    "risk_factors",
    metadata,
    Column("assessment_id", _of_assessment(), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("supplier_id", String(200), nullable=False),
    *(Column(name, Double) for name in ("value", "value_low", "value_high", "weight", "contribution", "points")),
    *(Column(name, Double) for name in ("score_without", "severity")),
    *(
        Column(name, Text)
        for name in (
            "category", "what", "counts", "level_without", "confidence", "source", "reference", "date",
            "list_version", "would_clear", "path", "object_id", "key",
        )
    ),
    Index("ix_risk_factors_supplier_id", "supplier_id"),
)  # fmt: skip
links = Table(
    "links",
    metadata,
    Column("assessment_id", _of_assessment(), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("from_id", String(200), nullable=False),
    Column("from_name", Text),
    Column("to_id", String(200), nullable=False),
    Column("to_name", Text),
    *(Column(name, Double) for name in ("probability", "near", "distance_m", "radius_m", "share")),
    *(Column(name, Text) for name in ("relation", "zone", "explanation", "source")),
    Index("ix_links_kind_to_id", "kind", "to_id"),
    Index("ix_links_from_id", "from_id"),
)
ledger = Table(
    "ledger",
    metadata,
    Column("entry_id", String(64), primary_key=True),
    Column("account", String(80), nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("kind", Text, nullable=False),
    Column("area_id", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("units", Double, nullable=False),
    Column("is_stated", Boolean, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("is_accepted", Boolean, nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Index("ix_ledger_account_at", "account", "at"),
)

SHAPED = (areas, facilities, coverage, perimeters, detections, detection_versions, reviews, suppliers, risk)
"""Tables with a geometry."""
BOXED = (facilities, detections)
"""Those whose places are asked for: in SQLite an R*Tree of their boxes stands beside each."""


def spatial_indexes() -> Iterator[tuple[str, str, str]]:
    """Yield name, table and column of each spatial index of PostGIS."""
    for one in SHAPED:
        for column in one.columns:
            if isinstance(column.type, Shape):
                yield f"sx_{one.name}_{column.name}", one.name, column.name


for _name, _table, _column in spatial_indexes():
    Index(_name, metadata.tables[_table].c[_column], postgresql_using="gist").ddl_if(dialect="postgresql")
