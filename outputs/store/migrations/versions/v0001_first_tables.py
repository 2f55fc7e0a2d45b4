"""The first tables: runs, places, scenes, detections and their history, reviews, suppliers and risk, the ledger."""

import sqlalchemy as sa
from alembic import op

from outputs.store.shape import Shape

revision = "0001"
down_revision = None

SHAPED = (
    ("areas", "geometry"),
    ("facilities", "geometry"),
    ("coverage", "geometry"),
    ("perimeters", "geometry"),
    ("detections", "geometry"),
    ("detection_versions", "geometry"),
    ("reviews", "outline_corrected"),
    ("suppliers", "geometry"),
    ("risk", "geometry"),
)
"""Tables and their columns of geometries."""
BOXED = ("facilities", "detections")
"""Tables beside which SQLite gets an R*Tree."""
TREE = "CREATE VIRTUAL TABLE sx_{} USING rtree(number, west, east, south, north, +name TEXT)"


def upgrade() -> None:  # noqa: PLR0915 - a statement a table and index
    """Make the tables, and the spatial indexes."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "assessments",
        sa.Column("assessment_id", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("site_kind", sa.Text(), nullable=False),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("assessment_id", name=op.f("pk_assessments")),
    )
    op.create_table(
        "ledger",
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("area_id", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("units", sa.Double(), nullable=False),
        sa.Column("is_stated", sa.Boolean(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_account_at", "ledger", ["account", "at"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.String(length=64), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("detection_id", sa.String(length=200), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("event_corrected", sa.Text(), nullable=True),
        sa.Column("outline_corrected", Shape(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settles", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_detection_id", "reviews", ["detection_id"], unique=False)
    op.create_index("ix_reviews_reviewer_detection_id", "reviews", ["reviewer", "detection_id"], unique=False)
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_table(
        "standings",
        sa.Column("detection_id", sa.String(length=200), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("detection_id", name=op.f("pk_standings")),
    )
    op.create_index("ix_standings_state", "standings", ["state"], unique=False)
    op.create_index("ix_standings_verdict", "standings", ["verdict"], unique=False)
    op.create_table(
        "areas",
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("geometry", Shape(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_areas_run_id")),
        sa.PrimaryKeyConstraint("area_id", name=op.f("pk_areas")),
    )
    op.create_table(
        "coverage",
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=True),
        sa.Column("period_end", sa.Date(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("clear_looks", sa.Integer(), nullable=False),
        sa.Column("last_clear_look", sa.Date(), nullable=True),
        sa.Column("observed_share", sa.Double(), nullable=False),
        sa.Column("median_clear_looks", sa.Double(), nullable=False),
        sa.Column("detectable_area_m2", sa.Double(), nullable=True),
        sa.Column("detectable_contrast", sa.Double(), nullable=True),
        sa.Column("not_seen", sa.Text(), nullable=False),
        sa.Column("settings_hash", sa.Text(), nullable=False),
        sa.Column("screened_until", sa.Date(), nullable=True),
        sa.Column("screened_looks", sa.Double(), nullable=True),
        sa.Column("screened_contrast", sa.Double(), nullable=True),
        sa.Column("unscreened_share", sa.Double(), nullable=True),
        sa.Column("geometry", Shape(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_coverage_run_id")),
        sa.PrimaryKeyConstraint("run_id", "area_id", name=op.f("pk_coverage")),
    )
    op.create_table(
        "detection_versions",
        sa.Column("detection_id", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("geometry", Shape(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_detection_versions_run_id")),
        sa.PrimaryKeyConstraint("detection_id", "version", name=op.f("pk_detection_versions")),
    )
    op.create_table(
        "detections",
        sa.Column("detection_id", sa.String(length=200), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("area_id", sa.Text(), nullable=False),
        sa.Column("facility_id", sa.Text(), nullable=True),
        sa.Column("facility_relation", sa.Text(), nullable=False),
        sa.Column("facility_distance_m", sa.Double(), nullable=True),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("onset_after", sa.Date(), nullable=False),
        sa.Column("onset_by", sa.Date(), nullable=False),
        sa.Column("confirmed_on", sa.Date(), nullable=True),
        sa.Column("last_seen_on", sa.Date(), nullable=False),
        sa.Column("looks_before", sa.Integer(), nullable=False),
        sa.Column("looks_after", sa.Integer(), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("area_low_m2", sa.Double(), nullable=True),
        sa.Column("area_high_m2", sa.Double(), nullable=True),
        sa.Column("roofs", sa.Double(), nullable=True),
        sa.Column("phase", sa.Text(), nullable=True),
        sa.Column("active_after", sa.Date(), nullable=True),
        sa.Column("active_by", sa.Date(), nullable=True),
        sa.Column("complete_after", sa.Date(), nullable=True),
        sa.Column("complete_by", sa.Date(), nullable=True),
        sa.Column("camp_likeness", sa.Double(), nullable=True),
        sa.Column("false_alerts_per_site_year", sa.Double(), nullable=True),
        sa.Column("not_observable_since", sa.Date(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("sensors", sa.Text(), nullable=False),
        sa.Column("scene_ids", sa.Text(), nullable=False),
        sa.Column("settings_hash", sa.Text(), nullable=False),
        sa.Column("worth", sa.Double(), nullable=False),
        sa.Column("geometry", Shape(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_detections_run_id")),
        sa.PrimaryKeyConstraint("detection_id", name=op.f("pk_detections")),
    )
    op.create_index("ix_detections_area_id", "detections", ["area_id"], unique=False)
    op.create_index("ix_detections_status_confidence", "detections", ["status", "confidence"], unique=False)
    op.create_index("ix_detections_worth", "detections", ["worth", "detection_id", "status"], unique=False)
    op.create_table(
        "facilities",
        sa.Column("facility_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("names", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("position_error_m", sa.Double(), nullable=True),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("geometry", Shape(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_facilities_run_id")),
        sa.PrimaryKeyConstraint("facility_id", name=op.f("pk_facilities")),
    )
    op.create_table(
        "links",
        sa.Column("assessment_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("from_id", sa.String(length=200), nullable=False),
        sa.Column("from_name", sa.Text(), nullable=True),
        sa.Column("to_id", sa.String(length=200), nullable=False),
        sa.Column("to_name", sa.Text(), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("near", sa.Double(), nullable=True),
        sa.Column("distance_m", sa.Double(), nullable=True),
        sa.Column("radius_m", sa.Double(), nullable=True),
        sa.Column("share", sa.Double(), nullable=True),
        sa.Column("relation", sa.Text(), nullable=True),
        sa.Column("zone", sa.Text(), nullable=True),
        sa.Column("explanation", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.assessment_id"], name=op.f("fk_links_assessment_id")),
        sa.PrimaryKeyConstraint("assessment_id", "number", name=op.f("pk_links")),
    )
    op.create_index("ix_links_from_id", "links", ["from_id"], unique=False)
    op.create_index("ix_links_kind_to_id", "links", ["kind", "to_id"], unique=False)
    op.create_table(
        "moves",
        sa.Column("detection_id", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("on", sa.Date(), nullable=False),
        sa.Column("status_from", sa.Text(), nullable=True),
        sa.Column("status_to", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_moves_run_id")),
        sa.PrimaryKeyConstraint("detection_id", "number", name=op.f("pk_moves")),
    )
    op.create_table(
        "perimeters",
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("facility_id", sa.String(length=200), nullable=False),
        sa.Column("arc", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("changed_after", sa.Date(), nullable=True),
        sa.Column("changed_by", sa.Date(), nullable=True),
        sa.Column("change_p", sa.Double(), nullable=True),
        sa.Column("smallest_m", sa.Double(), nullable=True),
        sa.Column("length_m", sa.Double(), nullable=True),
        sa.Column("present_before_p", sa.Double(), nullable=True),
        sa.Column("present_after_p", sa.Double(), nullable=True),
        sa.Column("contrast_before", sa.Double(), nullable=True),
        sa.Column("contrast_after", sa.Double(), nullable=True),
        sa.Column("looks_before", sa.Integer(), nullable=False),
        sa.Column("looks_after", sa.Integer(), nullable=False),
        sa.Column("offset_m", sa.Double(), nullable=True),
        sa.Column("loss_p", sa.Double(), nullable=True),
        sa.Column("gain_p", sa.Double(), nullable=True),
        sa.Column("null_arcs", sa.Integer(), nullable=False),
        sa.Column("lost_share", sa.Double(), nullable=True),
        sa.Column("standing_share", sa.Double(), nullable=True),
        sa.Column("roofs_lost_m2", sa.Double(), nullable=True),
        sa.Column("roofs_lost_low_m2", sa.Double(), nullable=True),
        sa.Column("roofs_lost_high_m2", sa.Double(), nullable=True),
        sa.Column("ring", sa.Text(), nullable=True),
        sa.Column("ring_error_m", sa.Double(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("settings_hash", sa.Text(), nullable=False),
        sa.Column("geometry", Shape(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_perimeters_run_id")),
        sa.PrimaryKeyConstraint("run_id", "area_id", "facility_id", "arc", name=op.f("pk_perimeters")),
    )
    op.create_table(
        "risk",
        sa.Column("assessment_id", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("subject_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("likelihood", sa.Double(), nullable=True),
        sa.Column("likelihood_low", sa.Double(), nullable=True),
        sa.Column("likelihood_high", sa.Double(), nullable=True),
        sa.Column("severity", sa.Double(), nullable=True),
        sa.Column("completeness", sa.Double(), nullable=True),
        sa.Column("in_region", sa.Double(), nullable=True),
        sa.Column("in_flagged_site", sa.Double(), nullable=True),
        sa.Column("near_flagged_site", sa.Double(), nullable=True),
        sa.Column("expected_suppliers", sa.Double(), nullable=True),
        sa.Column("unplaced_suppliers", sa.Double(), nullable=True),
        sa.Column("categories", sa.Text(), nullable=True),
        sa.Column("missing", sa.Text(), nullable=True),
        sa.Column("would_change", sa.Text(), nullable=True),
        sa.Column("verify", sa.Text(), nullable=True),
        sa.Column("weights", sa.Text(), nullable=True),
        sa.Column("geometry", Shape(), nullable=True),
        sa.ForeignKeyConstraint(["assessment_id"], ["assessments.assessment_id"], name=op.f("fk_risk_assessment_id")),
        sa.PrimaryKeyConstraint("assessment_id", "subject", "subject_id", name=op.f("pk_risk")),
    )
    op.create_table(
        "risk_factors",
        sa.Column("assessment_id", sa.String(length=80), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("supplier_id", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("value_low", sa.Double(), nullable=True),
        sa.Column("value_high", sa.Double(), nullable=True),
        sa.Column("weight", sa.Double(), nullable=True),
        sa.Column("contribution", sa.Double(), nullable=True),
        sa.Column("points", sa.Double(), nullable=True),
        sa.Column("score_without", sa.Double(), nullable=True),
        sa.Column("severity", sa.Double(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("what", sa.Text(), nullable=True),
        sa.Column("counts", sa.Text(), nullable=True),
        sa.Column("level_without", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("date", sa.Text(), nullable=True),
        sa.Column("list_version", sa.Text(), nullable=True),
        sa.Column("would_clear", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("object_id", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessments.assessment_id"], name=op.f("fk_risk_factors_assessment_id")
        ),
        sa.PrimaryKeyConstraint("assessment_id", "number", name=op.f("pk_risk_factors")),
    )
    op.create_index("ix_risk_factors_supplier_id", "risk_factors", ["supplier_id"], unique=False)
    op.create_table(
        "scenes",
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("scene_id", sa.String(length=400), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("is_used", sa.Boolean(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("clear_share", sa.Double(), nullable=True),
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_scenes_run_id")),
        sa.PrimaryKeyConstraint("area_id", "scene_id", name=op.f("pk_scenes")),
    )
    op.create_table(
        "suppliers",
        sa.Column("assessment_id", sa.String(length=80), nullable=False),
        sa.Column("supplier_id", sa.String(length=200), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("other_names", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("products", sa.Text(), nullable=True),
        sa.Column("inputs", sa.Text(), nullable=True),
        sa.Column("registration_number", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("remarks", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("place_id", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=True),
        sa.Column("precision", sa.Text(), nullable=True),
        sa.Column("tier", sa.Integer(), nullable=True),
        sa.Column("spend", sa.Double(), nullable=True),
        sa.Column("radius_km", sa.Double(), nullable=True),
        sa.Column("place_probability", sa.Double(), nullable=True),
        sa.Column("geometry", Shape(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assessment_id"], ["assessments.assessment_id"], name=op.f("fk_suppliers_assessment_id")
        ),
        sa.PrimaryKeyConstraint("assessment_id", "supplier_id", name=op.f("pk_suppliers")),
    )

    if op.get_bind().dialect.name == "postgresql":
        for table, column in SHAPED:
            op.create_index(f"sx_{table}_{column}", table, [column], postgresql_using="gist")
    else:
        for table in BOXED:
            op.execute(TREE.format(table))
