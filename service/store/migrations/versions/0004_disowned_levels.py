"""Which disc a person named, and whether the levels that were read are disowned."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("study", sa.Column("disc_by_hand", sa.JSON(), nullable=True))
    op.add_column("study", sa.Column("is_disowned", sa.Boolean(), nullable=False, server_default="0"))
