"""The tables of storage commitments, asked of us and by us."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from service.store import tables  # noqa: F401  # what is referred to, and the names of constraints
from service.store.columns import state_column, time_column
from service.store.states import CommitmentState


class Commitment(SQLModel, table=True):
    """A storage commitment (DICOM PS3.4, Annex J) that a peer asked of us, or that we ask for a delivery.

    `peer` is the name of the entry of `peers`, `our_title` the title that was called, or that we call with. Without a
    delivery it was asked of us, and is about its `CommitmentReference`s. Deliveries that are asked about together share
    the Transaction UID, which is empty before they are. `expires` is until when it is tried.
    """

    __table_args__ = (Index(None, "peer", "state", "next_attempt"),)

    id: int | None = Field(default=None, primary_key=True)
    transaction_uid: str = Field(default="", index=True)
    peer: str
    our_title: str
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)
    state: CommitmentState = state_column(CommitmentState.WAITING, CommitmentState)
    asked: datetime = time_column()
    next_attempt: datetime = time_column()
    expires: datetime = time_column()
    attempts: int = 0
    answer: str = ""
    ended: datetime | None = time_column(nullable=True)


class CommitmentReference(SQLModel, table=True):
    """An object that a peer asked us to commit to."""

    __tablename__ = "commitment_reference"

    id: int | None = Field(default=None, primary_key=True)
    commitment_id: int = Field(foreign_key="commitment.id", index=True)
    sop_class_uid: str
    sop_instance_uid: str = Field(index=True)
