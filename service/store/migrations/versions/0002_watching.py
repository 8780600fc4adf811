"""What it takes to be left alone: history of states, roles, schedules, attempts, and addresses of pages."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
POOR_INDEXES = ("finding_superseded", "report_superseded_by", "instance_series_id")
"""On columns that are empty in nearly every row, where a planner without statistics takes them for good ones."""

INDEXES = (
    ("cohort_run", ("state",)),
    ("delivery", ("delivered",)),
    ("delivery", ("document_id", "state")),
    ("document", ("created",)),
    ("document", ("study_id",)),
    ("instance", ("received",)),
    ("instance", ("series_id", "state")),
    ("message", ("control_id",)),
    ("report", ("received",)),
    ("study", ("first_received",)),
)


def upgrade() -> None:
    """Bring the schema forward."""
    _create_tables()
    op.add_column("cohort_run", sa.Column("slot", TIME, nullable=True))
    op.add_column("cohort_run", sa.Column("state", sa.String(), nullable=False, server_default="done"))
    op.add_column("cohort_run", sa.Column("reason", sa.String(), nullable=False, server_default=""))
    op.add_column("cohort_run", sa.Column("attempts", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("report", sa.Column("labels_starts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("study", sa.Column("images_starts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("study", sa.Column("document_starts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("study", sa.Column("complete_since", TIME, nullable=True))
    for table in ("message", "study"):
        _add_link(table)
    for name in POOR_INDEXES:
        op.drop_index(f"ix_{name}", name.split("_")[0])
    for table, columns in INDEXES:
        op.create_index(f"ix_{table}_{'_'.join(columns)}", table, list(columns))
    op.create_index("ix_cohort_run_cohort_slot", "cohort_run", ["cohort", "slot"], unique=True)


def _create_tables() -> None:
    op.create_table(
        "change",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_change"),
    )
    op.create_index("ix_change_at_kind_state", "change", ["at", "kind", "state"])
    op.create_index("ix_change_kind_subject", "change", ["kind", "subject"])
    op.create_table(
        "destination",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unanswered", sa.Integer(), nullable=False),
        sa.Column("silent_since", TIME, nullable=True),
        sa.Column("next_attempt", TIME, nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_destination"),
        sa.UniqueConstraint("name", name="uq_destination_name"),
    )
    op.create_table(
        "role",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("beat", TIME, nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_role"),
        sa.UniqueConstraint("role", "host", name="uq_role_role_host"),
    )
    op.create_index("ix_role_state", "role", ["state"])
    op.create_table(
        "schedule",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cohort", sa.String(), nullable=False),
        sa.Column("cron", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schedule"),
        sa.UniqueConstraint("cohort", name="uq_schedule_cohort"),
    )


def _add_link(table: str) -> None:
    """Give each row there is an address of its own."""
    op.add_column(table, sa.Column("link", sa.String(), nullable=False, server_default=""))
    rows = sa.table(table, sa.column("id", sa.Integer()), sa.column("link", sa.String()))
    connection = op.get_bind()
    for (number,) in connection.execute(sa.select(rows.c.id)).all():
        connection.execute(sa.update(rows).where(rows.c.id == number).values(link=secrets.token_hex(12)))
    op.create_index(f"ix_{table}_link", table, ["link"], unique=True)
