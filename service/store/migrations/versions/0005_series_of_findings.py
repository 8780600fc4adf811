"""Which series a finding was read from where that is not the study's chosen one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.add_column("finding", sa.Column("series_uid", sa.String(), nullable=True))
