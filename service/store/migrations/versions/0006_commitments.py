"""Storage commitments, asked of us and by us."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
INDEXES = (
    ("commitment", ("delivery_id",)),
    ("commitment", ("peer", "state", "next_attempt")),
    ("commitment", ("state",)),
    ("commitment", ("transaction_uid",)),
    ("commitment_reference", ("commitment_id",)),
    ("commitment_reference", ("sop_instance_uid",)),
)


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "commitment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("transaction_uid", sa.String(), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("our_title", sa.String(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked", TIME, nullable=False),
        sa.Column("next_attempt", TIME, nullable=False),
        sa.Column("expires", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("ended", TIME, nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name="fk_commitment_delivery_id_delivery"),
        sa.PrimaryKeyConstraint("id", name="pk_commitment"),
    )
    op.create_table(
        "commitment_reference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("commitment_id", sa.Integer(), nullable=False),
        sa.Column("sop_class_uid", sa.String(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["commitment_id"], ["commitment.id"], name="fk_commitment_reference_commitment_id_commitment"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_commitment_reference"),
    )
    for table, columns in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
