"""The tables of what is asked for at archives: studies to fetch, what archives say of studies, and how they answer."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from service.store import tables  # noqa: F401  # it sets how constraints are named
from service.store.columns import state_column, time_column
from service.store.silence import Silence
from service.store.states import FetchOrigin, FetchState

ACCESSION, STUDY_UID = "accession number", "study UID"


class Fetch(SQLModel, table=True):
    """A study that is to be fetched, once however many ask for it; an accession number may stand for several.

    `by` says what `wanted` is, ACCESSION or STUDY_UID; `study_uid` is a second way to ask. `attempts` counts the tries
    that a peer answered, the last of which began at `begun`. `prior_of` is the study that this is an earlier one to.
    `studies` are those that a peer has, as `{"study_uid", "peer"}`.
    """

    __table_args__ = (UniqueConstraint("by", "wanted"),)

    id: int | None = Field(default=None, primary_key=True)
    by: str
    wanted: str = Field(index=True)
    study_uid: str = ""
    origin: FetchOrigin = state_column(None, FetchOrigin)
    prior_of: int | None = Field(default=None, foreign_key="study.id", index=True)
    state: FetchState = state_column(FetchState.WAITING, FetchState)
    attempts: int = 0
    begun: datetime | None = time_column(nullable=True)
    next_attempt: datetime = time_column(index=True)
    created: datetime = time_column()
    answer: str = ""
    studies: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class AskedPeer(Silence, table=True):
    """Whether a peer answers when it is asked for studies."""

    __tablename__ = "asked_peer"

    id: int | None = Field(default=None, primary_key=True)


class ArchivedStudy(SQLModel, table=True):
    """What an archive says of a study that we have: how many objects (None where it does not say), and who said so.

    `asked` is when that was last asked, `priors_asked` when earlier studies of the patient were.
    """

    __tablename__ = "archived_study"

    id: int | None = Field(default=None, primary_key=True)
    study_id: int = Field(foreign_key="study.id", unique=True)
    objects: int | None = None
    peer: str = ""
    asked: datetime | None = time_column(nullable=True)
    priors_asked: datetime | None = time_column(nullable=True)
