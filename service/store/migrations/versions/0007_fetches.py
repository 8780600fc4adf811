"""What is asked for at archives: studies to fetch, what archives say of studies, and how they answer."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "fetch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("prior_of", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("begun", TIME, nullable=True),
        sa.Column("next_attempt", TIME, nullable=False),
        sa.Column("created", TIME, nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("studies", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["prior_of"], ["study.id"], name="fk_fetch_prior_of_study"),
        sa.PrimaryKeyConstraint("id", name="pk_fetch"),
        sa.UniqueConstraint("by", "wanted", name="uq_fetch_by_wanted"),
    )
    for column in ("wanted", "origin", "prior_of", "state", "next_attempt"):
        op.create_index(f"ix_fetch_{column}", "fetch", [column])
    op.create_table(
        "asked_peer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unanswered", sa.Integer(), nullable=False),
        sa.Column("silent_since", TIME, nullable=True),
        sa.Column("next_attempt", TIME, nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_asked_peer"),
        sa.UniqueConstraint("name", name="uq_asked_peer_name"),
    )
    op.create_table(
        "archived_study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("objects", sa.Integer(), nullable=True),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("asked", TIME, nullable=True),
        sa.Column("priors_asked", TIME, nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name="fk_archived_study_study_id_study"),
        sa.PrimaryKeyConstraint("id", name="pk_archived_study"),
        sa.UniqueConstraint("study_id", name="uq_archived_study_study_id"),
    )
