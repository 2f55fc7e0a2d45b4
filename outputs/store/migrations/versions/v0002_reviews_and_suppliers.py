"""Suppliers, links, risk, the ledger; corrections in reviews and what they come to; places found through an index."""

import sqlalchemy as sa
from alembic import op

from outputs.store.shape import Shape

revision = "0002"
down_revision = "0001"

SHAPED = (("reviews", "outline_corrected"), ("suppliers", "geometry"), ("risk", "geometry"))
"""Tables and their columns of geometries."""
BOXED = ("facilities", "detections")
"""Tables beside which SQLite gets an R*Tree."""
TREE = "CREATE VIRTUAL TABLE sx_{} USING rtree(number, west, east, south, north, +name TEXT)"
LONG_AGO = "1970-01-01 00:00:00+00:00"


def upgrade() -> None:
    """Add the tables, columns and indexes; what is derived from the rows is filled in by `Store.upgrade`."""
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
    op.add_column("detections", sa.Column("worth", sa.Double(), nullable=False, server_default="0"))
    op.create_index("ix_detections_worth", "detections", ["worth", "detection_id", "status"], unique=False)
    op.add_column("reviews", sa.Column("event_corrected", sa.Text(), nullable=True))
    op.add_column("reviews", sa.Column("outline_corrected", Shape(), nullable=True))
    op.add_column("reviews", sa.Column("settles", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("reviews", sa.Column("origin", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "reviews", sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False, server_default=LONG_AGO)
    )
    op.execute("UPDATE reviews SET recorded_at = at")
    op.create_index("ix_reviews_reviewer_detection_id", "reviews", ["reviewer", "detection_id"], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        for table, column in SHAPED:
            op.create_index(f"sx_{table}_{column}", table, [column], postgresql_using="gist")
    else:
        for table in BOXED:
            op.execute(TREE.format(table))
