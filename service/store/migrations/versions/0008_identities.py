"""Who patients are now beside what was sent, and accession numbers as they are compared."""

import sqlalchemy as sa
from alembic import op

from service.store.columns import UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SAID = ("patient_identifier", "patient_authority", "patient_name", "birth_date", "sex")


def upgrade() -> None:
    """Bring the schema forward."""
    _tables()
    # Columns are added in place, without foreign keys: SQLite would have to make tables anew that others refer to.
    for table, name in (
        ("patient", "assigner"),
        *(("study", name) for name in (*_SAID, "accession_key")),
        *(("order_number", name) for name in ("key", "issuer")),
    ):
        op.add_column(table, sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column("patient", sa.Column("as_of", UtcTime(), nullable=True))
    for table, name in (("study", "sent_patient_id"), ("report", "patient_id"), ("report", "sent_patient_id")):
        op.add_column(table, sa.Column(name, sa.Integer(), nullable=True))
    for table, names in (
        ("patient", ["merged_into"]),
        ("study", ["sent_patient_id"]),
        ("study", ["patient_identifier"]),
        ("study", ["accession_key"]),
        ("report", ["sent_patient_id"]),
        ("report", ["patient_id", "observed"]),
        ("report", ["patient_identifier", "observed"]),
        ("order_number", ["key"]),
    ):
        op.create_index(op.f(f"ix_{table}_{'_'.join(names)}"), table, names)
    _fill()


def _tables() -> None:
    op.create_table(
        "patient_merge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("old_id", sa.Integer(), nullable=False),
        sa.Column("new_id", sa.Integer(), nullable=False),
        sa.Column("is_parted", sa.Boolean(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_patient_merge_message_id_message")),
        sa.ForeignKeyConstraint(["new_id"], ["patient.id"], name=op.f("fk_patient_merge_new_id_patient")),
        sa.ForeignKeyConstraint(["old_id"], ["patient.id"], name=op.f("fk_patient_merge_old_id_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_merge")),
    )
    for name in ("old_id", "new_id"):
        op.create_index(op.f(f"ix_patient_merge_{name}"), "patient_merge", [name])
    op.create_table(
        "known_as",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("name", "birth_date", "sex")),
        sa.Column("message_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_known_as_message_id_message")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_known_as_patient_id_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_as")),
        sa.UniqueConstraint(
            "patient_id", "name", "birth_date", "sex", name=op.f("uq_known_as_patient_id_name_birth_date_sex")
        ),
    )
    op.create_table(
        "further_patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_further_patient_patient_id_patient")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_further_patient_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_further_patient")),
        sa.UniqueConstraint("study_id", "patient_id", name=op.f("uq_further_patient_study_id_patient_id")),
    )
    op.create_index(op.f("ix_further_patient_patient_id"), "further_patient", ["patient_id"])
    op.create_table(
        "applied_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("rules", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_applied_rules")),
        sa.UniqueConstraint("name", name=op.f("uq_applied_rules_name")),
    )


def _fill() -> None:
    """Give rows of an earlier release what was theirs: until now a patient's row held what the first object said."""
    # Objects seldom name who gave a number out; where all reports with it name one authority, it was that one.
    op.execute(
        "update patient set assigner = case when authority = '' and (select count(*) from patient as other "
        "where other.identifier = patient.identifier) = 1 and (select count(distinct patient_authority) from report "
        "where patient_identifier = patient.identifier and patient_authority != '') = 1 then (select "
        "max(patient_authority) from report where patient_identifier = patient.identifier) else authority end"
    )
    op.execute(
        "update study set accession_key = accession, sent_patient_id = patient_id, "
        "patient_identifier = coalesce((select identifier from patient where patient.id = study.patient_id), ''), "
        "patient_authority = (select authority from patient where patient.id = study.patient_id), "
        "patient_name = (select name from patient where patient.id = study.patient_id), "
        "birth_date = (select birth_date from patient where patient.id = study.patient_id), "
        "sex = (select sex from patient where patient.id = study.patient_id)"
    )
    # The patient of that authority, or where none is named the only one; others are found by their number all the same.
    op.execute(
        "update report set patient_id = (select min(id) from patient where identifier = report.patient_identifier "
        "and (report.patient_authority in (authority, assigner) or (report.patient_authority = '' and (select count(*) "
        "from patient as other where other.identifier = report.patient_identifier) = 1))) "
        "where patient_identifier != ''"
    )
    op.execute("update report set sent_patient_id = patient_id")
    op.execute("update order_number set key = number")
