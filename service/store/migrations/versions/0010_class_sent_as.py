"""Which SOP class a structured report went to a destination as where that is not the one it was written in."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("delivery", sa.Column("sent_as", sa.String(), nullable=True))
