"""The tables of what peers say of studies under way or complete."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from service.store import tables  # noqa: F401  # it sets how constraints are named
from service.store.columns import time_column


class StudyHint(SQLModel, table=True):
    """A procedure step, or a notification of instance availability, in a row for each study that it is of.

    `status` is one of those of `integrations.dicom.hints`, `peer` the name of the entry of `peers` that said so last,
    at `heard`. The study need not be here.
    """

    __tablename__ = "study_hint"
    __table_args__ = (UniqueConstraint("sop_instance_uid", "study_uid"),)

    id: int | None = Field(default=None, primary_key=True)
    sop_instance_uid: str
    study_uid: str = Field(index=True)
    status: str
    peer: str
    heard: datetime = time_column(index=True)


class NamedInstance(SQLModel, table=True):
    """An object that a hint names."""

    __tablename__ = "named_instance"
    __table_args__ = (UniqueConstraint("study_hint_id", "sop_instance_uid"),)

    id: int | None = Field(default=None, primary_key=True)
    study_hint_id: int = Field(foreign_key="study_hint.id")
    sop_instance_uid: str = Field(index=True)
