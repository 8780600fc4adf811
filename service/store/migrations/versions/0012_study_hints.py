"""What peers say of studies under way or complete."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "study_hint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("heard", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_study_hint"),
        sa.UniqueConstraint("sop_instance_uid", "study_uid", name="uq_study_hint_sop_instance_uid_study_uid"),
    )
    op.create_table(
        "named_instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_hint_id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_hint_id"], ["study_hint.id"], name="fk_named_instance_study_hint_id_study_hint"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_named_instance"),
        sa.UniqueConstraint(
            "study_hint_id", "sop_instance_uid", name="uq_named_instance_study_hint_id_sop_instance_uid"
        ),
    )
    for table, column in (("study_hint", "study_uid"), ("study_hint", "heard"), ("named_instance", "sop_instance_uid")):
        op.create_index(f"ix_{table}_{column}", table, [column])
