"""The tables: what was received, what was concluded from it, and what was sent.

A condition is data: no table, column or constraint lists conditions. Findings are never overwritten: a correction
supersedes. Times are UTC.
"""

from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.store.columns import key_column, link_column, state_column, time_column
from service.store.silence import Silence
from service.store.states import DeliveryState, MessageState, ObjectState, PairingState, RoleState, RunState, WorkState


class Patient(SQLModel, table=True):
    """A patient as identified by one authority. An empty identifier never matches another.

    `authority` is empty where none was said; `assigner` is the one that it turned out to be of. Name, birth date and
    sex are as now known, by ADT as of `as_of`, else as first heard. `merged_into` is who the patient is now, after all
    merges, and None for one who is current; `identity_tables` keeps the steps.
    """

    __table_args__ = (UniqueConstraint("identifier", "authority"),)

    id: int | None = Field(default=None, primary_key=True)
    identifier: str | None = Field(default=None, index=True)
    authority: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    merged_into: int | None = Field(default=None, foreign_key="patient.id", index=True)
    assigner: str = ""
    as_of: datetime | None = time_column(nullable=True)


class Study(SQLModel, table=True):
    """A study, from its first object on.

    `images` says how far its reading has come, `document` how far the structured report of its newest results has;
    `results` counts how often they changed, and before `document_not_before` the report need not be thought of again.
    `images_attempt` counts how often a person had it read again, `images_starts` and `document_starts` how often that
    work was started since. `levels_reason` says how the levels were named, `levels_by_hand` is how a person numbers
    them (see `Numbering.lowest`) and `disc_by_hand` which disc that person saw (`NamedDisc`), and `numbering_doubt`
    what the reports said against the usual numbers when the images were read. `is_disowned` tells that a person or a
    report has numbered otherwise since, so that nothing is written until they are read anew. `complete_since` is when a
    person said that nothing more is to be waited for.

    `patient_id` is the patient as now known, `sent_patient_id` the one of the number that its objects carry, and
    `patient_identifier` to `sex` what they say. `accession_key` is the accession number as it is compared.
    """

    id: int | None = Field(default=None, primary_key=True)
    link: str = link_column()
    study_uid: str = Field(unique=True)
    patient_id: int = Field(foreign_key="patient.id", index=True)
    sent_patient_id: int | None = Field(default=None, index=True)
    patient_identifier: str = Field(default="", index=True)
    patient_authority: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    accession: str = Field(default="", index=True)
    accession_key: str = key_column("accession")
    accession_issuer: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    description: str = ""
    first_received: datetime = time_column(index=True)
    last_image: datetime | None = time_column(nullable=True, index=True)
    images: WorkState = state_column(WorkState.WAITING, WorkState)
    images_digest: str | None = None
    images_attempt: int = 0
    images_starts: int = 0
    images_reason: str = ""
    series_read: str | None = None
    levels_by_hand: str = ""
    disc_by_hand: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    levels_reason: str = ""
    numbering_doubt: str = ""
    is_disowned: bool = False
    discs: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    results: int = 0
    document: WorkState = state_column(WorkState.DONE, WorkState)
    document_not_before: datetime | None = time_column(nullable=True, index=True)
    document_reason: str = ""
    document_starts: int = 0
    complete_since: datetime | None = time_column(nullable=True)
    review_reason: str = ""
    notes: str = ""


class Series(SQLModel, table=True):
    """A series of a study."""

    __table_args__ = (UniqueConstraint("study_id", "series_uid"),)

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    series_uid: str
    modality: str = ""
    description: str = ""


class Instance(SQLModel, table=True):
    """A received DICOM object. `file` is its place in the object store; no part of it comes from the sender."""

    __table_args__ = (UniqueConstraint("sop_instance_uid", "sha256"), Index(None, "series_id", "state"))

    id: int | None = Field(default=None, primary_key=True)
    sop_instance_uid: str | None = Field(default=None)
    sop_class_uid: str
    transfer_syntax_uid: str
    series_id: int | None = Field(default=None, foreign_key="series.id")
    sha256: str = Field(index=True)
    file: str
    bytes: int
    received: datetime = time_column(index=True)
    calling_ae: str
    address: str
    state: ObjectState = state_column(None, ObjectState)
    conflict_of: int | None = Field(default=None, foreign_key="instance.id")
    reason: str = ""


class StoreUse(SQLModel, table=True):
    """How many bytes the files of the object store have, in one row that each transaction with a file changes."""

    __tablename__ = "store_use"

    id: int | None = Field(default=None, primary_key=True)
    bytes: int = Field(sa_type=BigInteger)


class Message(SQLModel, table=True):
    """A received HL7 message, byte for byte, with the acknowledgement that it was given.

    `repeat_of` is the one that came before with the same bytes, or that said all that a report of this one says.
    """

    __table_args__ = (Index(None, "sender", "control_id", "sha256"),)

    id: int | None = Field(default=None, primary_key=True)
    link: str = link_column()
    received: datetime = time_column(index=True)
    peer: str
    sender: str = ""
    control_id: str = Field(default="", index=True)
    message_type: str = ""
    sha256: str = Field(index=True)
    raw: bytes = Field(sa_type=LargeBinary)
    ack_code: str | None = None
    ack: bytes | None = Field(default=None, sa_type=LargeBinary)
    state: MessageState = state_column(None, MessageState)
    repeat_of: int | None = Field(default=None, foreign_key="message.id")
    notes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    reason: str = ""


class Report(SQLModel, table=True):
    """One version of a report, from the report at place `ordinal` of a message.

    Versions of one report share the `order_key`. `superseded_by` names the version that took its place.
    `labels_attempt` counts how often a person had it labelled again, `labels_starts` how often that was started since.
    `patient_id` and `sent_patient_id` are as a study's.
    """

    __table_args__ = (Index(None, "patient_id", "observed"), Index(None, "patient_identifier", "observed"))

    id: int | None = Field(default=None, primary_key=True)
    message_id: int = Field(foreign_key="message.id", index=True)
    ordinal: int = 0
    order_key: str = Field(index=True)
    accession: str = Field(default="", index=True)
    accession_issuer: str = ""
    study_uid: str = Field(default="", index=True)
    patient_id: int | None = None
    sent_patient_id: int | None = Field(default=None, index=True)
    patient_identifier: str = Field(default="", index=True)
    patient_authority: str = ""
    patient_name: str = ""
    birth_date: str = ""
    sex: str = ""
    procedure: str = ""
    observed: datetime | None = time_column(nullable=True)
    received: datetime = time_column(index=True)
    status: str
    version: int = 1
    text: str
    filler_number: str = ""
    placer_number: str = ""
    superseded_by: int | None = Field(default=None, foreign_key="report.id")
    labels: WorkState = state_column(WorkState.WAITING, WorkState)
    labels_attempt: int = 0
    labels_starts: int = 0
    labels_reason: str = ""
    pairing: PairingState = state_column(PairingState.UNPAIRED, PairingState)
    pairing_reason: str = ""


class OrderNumber(SQLModel, table=True):
    """An order number that a report carries. `is_accession` marks those that the rules take for accession numbers.

    `key` is the number as it is compared, `issuer` who gave it out, where that was said.
    """

    __tablename__ = "order_number"
    __table_args__ = (UniqueConstraint("report_id", "number"),)

    id: int | None = Field(default=None, primary_key=True)
    report_id: int = Field(foreign_key="report.id")
    number: str = Field(index=True)
    key: str = key_column("number")
    issuer: str = ""
    is_accession: bool = False


class Pairing(SQLModel, table=True):
    """A report found to be about a study. A report may cover several studies and a study have several reports."""

    __table_args__ = (UniqueConstraint("report_id", "study_id"),)

    id: int | None = Field(default=None, primary_key=True)
    report_id: int = Field(foreign_key="report.id")
    study_id: int = Field(foreign_key="study.id", index=True)
    how: str
    evidence: str
    created: datetime = time_column()


class ProvenanceRow(SQLModel, table=True):
    """What made findings (`pipeline.values.Provenance`), once for all that share it."""

    __tablename__ = "provenance"

    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    model: str
    adapter: str | None = None
    prompt: str | None = None
    definition_version: str | None = None
    calibration: str | None = None
    input_sha256: str
    software: str


class FindingRow(SQLModel, table=True):
    """A finding (`pipeline.values.Finding`) about a report or a study.

    `work` names the piece of work that made it; with the ordinal it is unique, so that a step that runs twice writes
    once. `series_uid` is the series that it was read from where that is not the study's `series_read`.
    """

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("work", "ordinal"),)

    id: int | None = Field(default=None, primary_key=True)
    work: str
    ordinal: int
    report_id: int | None = Field(default=None, foreign_key="report.id", index=True)
    study_id: int | None = Field(default=None, foreign_key="study.id", index=True)
    condition: str
    level: str | None = None
    source: str
    state: str
    answer: bool | None = None
    probability: float | None = None
    log_odds: float | None = None
    logit_yes: float | None = None
    logit_no: float | None = None
    threshold: float | None = None
    standing: str
    reason: str = ""
    evidence: str | None = None
    disc: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    series_uid: str | None = None
    provenance_id: int = Field(foreign_key="provenance.id")
    created: datetime = time_column()
    superseded: datetime | None = time_column(nullable=True)


class Document(SQLModel, table=True):
    """A structured report that we wrote; `inputs` is the digest of its findings and of what it replaces."""

    __table_args__ = (UniqueConstraint("study_id", "accepts", "inputs"),)

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id", index=True)
    accepts: str
    inputs: str
    sop_instance_uid: str = Field(unique=True)
    file: str
    sha256: str
    predecessor: int | None = Field(default=None, foreign_key="document.id")
    created: datetime = time_column(index=True)


class Delivery(SQLModel, table=True):
    """A document on its way to one destination; `sent_as` is the SOP class that it went as, where not its own."""

    __table_args__ = (UniqueConstraint("document_id", "destination"), Index(None, "document_id", "state"))

    id: int | None = Field(default=None, primary_key=True)
    document_id: int = Field(foreign_key="document.id")
    destination: str
    state: DeliveryState = state_column(DeliveryState.WAITING, DeliveryState)
    attempts: int = 0
    next_attempt: datetime = time_column(index=True)
    answer: str = ""
    delivered: datetime | None = time_column(nullable=True, index=True)
    sent_as: str | None = None


class DestinationRow(Silence, table=True):
    """Whether a destination takes what is sent."""

    __tablename__ = "destination"

    id: int | None = Field(default=None, primary_key=True)


class CohortRun(SQLModel, table=True):
    """One run of a cohort export; `slot` is the time of its schedule that it was for, or None where a person asked.

    `attempts` counts how often it was tried, the last time at `started`.
    """

    __tablename__ = "cohort_run"
    __table_args__ = (Index(None, "cohort", "slot", unique=True),)

    id: int | None = Field(default=None, primary_key=True)
    cohort: str = Field(index=True)
    started: datetime = time_column()
    folder: str
    rows: int
    manifest_sha256: str
    slot: datetime | None = time_column(nullable=True)
    state: RunState = state_column(RunState.DONE, RunState)
    reason: str = ""
    attempts: int = 1


class Schedule(SQLModel, table=True):
    """Since when a cohort has had its present schedule; what lies before is not caught up."""

    id: int | None = Field(default=None, primary_key=True)
    cohort: str = Field(unique=True)
    cron: str
    time_zone: str
    since: datetime = time_column()


class Change(SQLModel, table=True):
    """One change of a state: `kind` names the column watched (`history.WATCHED`), `subject` the row that it is of."""

    __table_args__ = (Index(None, "kind", "subject"), Index(None, "at", "kind", "state"))

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = time_column()
    kind: str
    subject: int
    state: str
    reason: str = ""


class RoleRow(SQLModel, table=True):
    """A role of the daemon on one machine: how it is, and when it last said that it lives (`beat`).

    `restarts` counts how often its supervisor had to start it again.
    """

    __tablename__ = "role"
    __table_args__ = (UniqueConstraint("role", "host"),)

    id: int | None = Field(default=None, primary_key=True)
    role: str
    host: str
    pid: int
    state: RoleState = state_column(None, RoleState)
    reason: str = ""
    started: datetime = time_column()
    beat: datetime = time_column()
    restarts: int = 0


class _Numbered(Protocol):
    id: int | None


def row_id(row: _Numbered) -> int:
    """Give the number of a row that is in the database; before it is flushed there it has none."""
    if row.id is None:
        raise LookupError("The row has not been written yet.")
    return row.id
