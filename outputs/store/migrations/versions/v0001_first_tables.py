"""The first tables: runs, places, scenes, coverage, detections and what became of them, reviews."""

import sqlalchemy as sa
from alembic import op

from outputs.store.shape import Shape

revision = "0001"
down_revision = None

SHAPED = ("areas", "facilities", "coverage", "perimeters", "detections", "detection_versions")


def upgrade() -> None:
    """Make the tables, and in PostGIS the spatial indexes."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.String(length=64), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("detection_id", sa.String(length=200), nullable=False),
        sa.Column("base_version", sa.Integer(), nullable=True),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("reviewer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_reviews")),
    )
    op.create_index("ix_reviews_detection_id", "reviews", ["detection_id"], unique=False)
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
        sa.Column("geometry", Shape(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_detections_run_id")),
        sa.PrimaryKeyConstraint("detection_id", name=op.f("pk_detections")),
    )
    op.create_index("ix_detections_area_id", "detections", ["area_id"], unique=False)
    op.create_index("ix_detections_status_confidence", "detections", ["status", "confidence"], unique=False)
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

    if op.get_bind().dialect.name == "postgresql":
        for table in SHAPED:
            op.create_index(f"sx_{table}_geometry", table, ["geometry"], postgresql_using="gist")
