"""The tables of patients' identities: what was said of them, and which numbers became others."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from service.store import tables as tables  # the patients, studies and messages that these refer to
from service.store.columns import time_column


class PatientMerge(SQLModel, table=True):
    """One step: the number `old_id` became `new_id`, or was parted from it again (`is_parted`).

    `at` is when that happened, as far as its message tells, and never after it came; the steps are taken in that order.
    Without a message a person did it.
    """

    __tablename__ = "patient_merge"

    id: int | None = Field(default=None, primary_key=True)
    old_id: int = Field(foreign_key="patient.id", index=True)
    new_id: int = Field(foreign_key="patient.id", index=True)
    is_parted: bool = False
    at: datetime = time_column()
    message_id: int | None = Field(default=None, foreign_key="message.id")


class KnownAs(SQLModel, table=True):
    """Name, birth date and sex that ADT has told of a patient, now or before; empty where it did not say."""

    __tablename__ = "known_as"
    __table_args__ = (UniqueConstraint("patient_id", "name", "birth_date", "sex"),)

    id: int | None = Field(default=None, primary_key=True)
    patient_id: int = Field(foreign_key="patient.id")
    name: str = ""
    birth_date: str = ""
    sex: str = ""
    message_id: int | None = Field(default=None, foreign_key="message.id")


class FurtherPatient(SQLModel, table=True):
    """A patient that some objects of a study name beside the study's own; `is_accepted` once a person said it may."""

    __tablename__ = "further_patient"
    __table_args__ = (UniqueConstraint("study_id", "patient_id"),)

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id")
    patient_id: int = Field(foreign_key="patient.id", index=True)
    is_accepted: bool = False


class AppliedRules(SQLModel, table=True):
    """With which of the settings' rules the rows were written, as JSON."""

    __tablename__ = "applied_rules"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    rules: str
