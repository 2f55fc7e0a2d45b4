"""Which run's results another run stands in the place of, area by area."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table; of earlier runs nothing is known."""
    op.create_table(
        "supersessions",
        sa.Column("run_id", sa.String(length=80), nullable=False),
        sa.Column("area_id", sa.String(length=200), nullable=False),
        sa.Column("superseded_run_id", sa.String(length=80), nullable=False),
        sa.Column("product_was", sa.Text(), nullable=False),
        sa.Column("product_is", sa.Text(), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_supersessions_run_id")),
        sa.PrimaryKeyConstraint("run_id", "area_id", name=op.f("pk_supersessions")),
    )
    op.create_index("ix_supersessions_superseded_run_id", "supersessions", ["superseded_run_id"], unique=False)
