"""Which reports and studies a person has parted."""

import sqlalchemy as sa
from alembic import op

from service.store.columns import UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "kept_apart",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_kept_apart_report_id_report")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_kept_apart_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_apart")),
        sa.UniqueConstraint("report_id", "study_id", name=op.f("uq_kept_apart_report_id_study_id")),
    )
    op.create_index(op.f("ix_kept_apart_study_id"), "kept_apart", ["study_id"])
