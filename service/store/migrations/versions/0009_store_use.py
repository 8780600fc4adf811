"""How many bytes the object store holds."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward; what is there is counted from its rows, which know the size of each data set."""
    op.create_table(
        "store_use",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_store_use"),
    )
    op.execute(
        "insert into store_use (id, bytes) select 1, coalesce(sum(bytes), 0) from instance where state <> 'header'"
    )
