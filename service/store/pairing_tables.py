"""What a person has said against a pairing."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from service.store import tables as tables  # the reports and studies that these refer to
from service.store.columns import time_column


class KeptApart(SQLModel, table=True):
    """A person took back the pairing of a report with a study: no rule pairs the two again, until a person does."""

    __tablename__ = "kept_apart"
    __table_args__ = (UniqueConstraint("report_id", "study_id"),)

    id: int | None = Field(default=None, primary_key=True)
    report_id: int = Field(foreign_key="report.id")
    study_id: int = Field(foreign_key="study.id", index=True)
    created: datetime = time_column()
