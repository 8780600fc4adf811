"""How levels are numbered: from what, by a person, and what doubt there was when images were read."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    for name in ("levels_by_hand", "levels_reason", "numbering_doubt"):
        op.add_column("study", sa.Column(name, sa.String(), nullable=False, server_default=""))
