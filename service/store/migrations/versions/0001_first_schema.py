"""First schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema forward."""
    op.create_table(
        "cohort_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cohort", sa.String(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort_run")),
    )
    with op.batch_alter_table("cohort_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cohort_run_cohort"), ["cohort"], unique=False)

    op.create_table(
        "message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("peer", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("control_id", sa.String(), nullable=False),
        sa.Column("message_type", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("ack_code", sa.String(), nullable=True),
        sa.Column("ack", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("repeat_of", sa.Integer(), nullable=True),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["repeat_of"], ["message.id"], name=op.f("fk_message_repeat_of_message")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    with op.batch_alter_table("message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_message_received"), ["received"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_message_sender_control_id_sha256"), ["sender", "control_id", "sha256"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_message_sha256"), ["sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_message_state"), ["state"], unique=False)

    op.create_table(
        "patient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=True),
        sa.Column("authority", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("birth_date", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("merged_into", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["merged_into"], ["patient.id"], name=op.f("fk_patient_merged_into_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("identifier", "authority", name=op.f("uq_patient_identifier_authority")),
    )
    with op.batch_alter_table("patient", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patient_identifier"), ["identifier"], unique=False)

    op.create_table(
        "provenance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("adapter", sa.String(), nullable=True),
        sa.Column("prompt", sa.String(), nullable=True),
        sa.Column("definition_version", sa.String(), nullable=True),
        sa.Column("calibration", sa.String(), nullable=True),
        sa.Column("input_sha256", sa.String(), nullable=False),
        sa.Column("software", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provenance")),
        sa.UniqueConstraint("digest", name=op.f("uq_provenance_digest")),
    )
    op.create_table(
        "report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("order_key", sa.String(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("accession_issuer", sa.String(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("patient_identifier", sa.String(), nullable=False),
        sa.Column("patient_authority", sa.String(), nullable=False),
        sa.Column("patient_name", sa.String(), nullable=False),
        sa.Column("birth_date", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("procedure", sa.String(), nullable=False),
        sa.Column("observed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("filler_number", sa.String(), nullable=False),
        sa.Column("placer_number", sa.String(), nullable=False),
        sa.Column("superseded_by", sa.Integer(), nullable=True),
        sa.Column("labels", sa.String(), nullable=False),
        sa.Column("labels_attempt", sa.Integer(), nullable=False),
        sa.Column("labels_reason", sa.String(), nullable=False),
        sa.Column("pairing", sa.String(), nullable=False),
        sa.Column("pairing_reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_report_message_id_message")),
        sa.ForeignKeyConstraint(["superseded_by"], ["report.id"], name=op.f("fk_report_superseded_by_report")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
    )
    with op.batch_alter_table("report", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_report_accession"), ["accession"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_labels"), ["labels"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_message_id"), ["message_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_order_key"), ["order_key"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_pairing"), ["pairing"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_patient_identifier"), ["patient_identifier"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_study_uid"), ["study_uid"], unique=False)
        batch_op.create_index(batch_op.f("ix_report_superseded_by"), ["superseded_by"], unique=False)

    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("accession", sa.String(), nullable=False),
        sa.Column("accession_issuer", sa.String(), nullable=False),
        sa.Column("study_id", sa.String(), nullable=False),
        sa.Column("study_date", sa.String(), nullable=False),
        sa.Column("study_time", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("first_received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_image", sa.DateTime(timezone=True), nullable=True),
        sa.Column("images", sa.String(), nullable=False),
        sa.Column("images_digest", sa.String(), nullable=True),
        sa.Column("images_attempt", sa.Integer(), nullable=False),
        sa.Column("images_reason", sa.String(), nullable=False),
        sa.Column("series_read", sa.String(), nullable=True),
        sa.Column("discs", sa.JSON(), nullable=False),
        sa.Column("results", sa.Integer(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("document_reason", sa.String(), nullable=False),
        sa.Column("review_reason", sa.String(), nullable=False),
        sa.Column("notes", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_study_patient_id_patient")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("study_uid", name=op.f("uq_study_study_uid")),
    )
    with op.batch_alter_table("study", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_study_accession"), ["accession"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_document"), ["document"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_document_not_before"), ["document_not_before"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_images"), ["images"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_last_image"), ["last_image"], unique=False)
        batch_op.create_index(batch_op.f("ix_study_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("accepts", sa.String(), nullable=False),
        sa.Column("inputs", sa.String(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("predecessor", sa.Integer(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["predecessor"], ["document.id"], name=op.f("fk_document_predecessor_document")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_document_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_document_sop_instance_uid")),
        sa.UniqueConstraint("study_id", "accepts", "inputs", name=op.f("uq_document_study_id_accepts_inputs")),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("work", sa.String(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=True),
        sa.Column("study_id", sa.Integer(), nullable=True),
        sa.Column("condition", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("answer", sa.Boolean(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("log_odds", sa.Float(), nullable=True),
        sa.Column("logit_yes", sa.Float(), nullable=True),
        sa.Column("logit_no", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("disc", sa.JSON(), nullable=True),
        sa.Column("provenance_id", sa.Integer(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["provenance_id"], ["provenance.id"], name=op.f("fk_finding_provenance_id_provenance")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_finding_report_id_report")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_finding_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("work", "ordinal", name=op.f("uq_finding_work_ordinal")),
    )
    with op.batch_alter_table("finding", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_finding_report_id"), ["report_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_finding_study_id"), ["study_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_finding_superseded"), ["superseded"], unique=False)

    op.create_table(
        "order_number",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("is_accession", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_order_number_report_id_report")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_number")),
        sa.UniqueConstraint("report_id", "number", name=op.f("uq_order_number_report_id_number")),
    )
    with op.batch_alter_table("order_number", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_number_number"), ["number"], unique=False)

    op.create_table(
        "pairing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("report_id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_pairing_report_id_report")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_pairing_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pairing")),
        sa.UniqueConstraint("report_id", "study_id", name=op.f("uq_pairing_report_id_study_id")),
    )
    with op.batch_alter_table("pairing", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pairing_study_id"), ["study_id"], unique=False)

    op.create_table(
        "series",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("series_uid", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_series_study_id_study")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("study_id", "series_uid", name=op.f("uq_series_study_id_series_uid")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("delivered", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["document_id"], ["document.id"], name=op.f("fk_delivery_document_id_document")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("document_id", "destination", name=op.f("uq_delivery_document_id_destination")),
    )
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_delivery_next_attempt"), ["next_attempt"], unique=False)
        batch_op.create_index(batch_op.f("ix_delivery_state"), ["state"], unique=False)

    op.create_table(
        "instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(), nullable=True),
        sa.Column("sop_class_uid", sa.String(), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(), nullable=False),
        sa.Column("series_id", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("received", sa.DateTime(timezone=True), nullable=False),
        sa.Column("calling_ae", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("conflict_of", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["conflict_of"], ["instance.id"], name=op.f("fk_instance_conflict_of_instance")),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_instance_series_id_series")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
        sa.UniqueConstraint("sop_instance_uid", "sha256", name=op.f("uq_instance_sop_instance_uid_sha256")),
    )
    with op.batch_alter_table("instance", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_instance_series_id"), ["series_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_instance_sha256"), ["sha256"], unique=False)
        batch_op.create_index(batch_op.f("ix_instance_state"), ["state"], unique=False)
