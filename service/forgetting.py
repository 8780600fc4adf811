"""Removing records of what is over and that nobody waits for, long after: storage commitments, and hints on studies."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, exists
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from service.store.commitment_tables import Commitment, CommitmentReference
from service.store.database import writing
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.tables import Change

KEEP_COMMITMENTS = timedelta(days=90)
"""After so long what a peer still says of a request of ours finds nothing that it was asked with."""
KEEP_HINTS = timedelta(days=30)
_AT_A_TIME = 100
"""Each may be about many thousand objects, and others want to write too."""


def forget(engine: Engine, now: datetime) -> int:
    """Remove all whose time is over, and say how many commitments and hints that were."""
    return _in_parts(engine, _forget_commitments, now) + _in_parts(engine, _forget_hints, now)


def _in_parts(engine: Engine, forget_some: Callable[[Session, datetime], int], now: datetime) -> int:
    total, last = 0, _AT_A_TIME
    while last == _AT_A_TIME:
        with writing(engine) as session:
            last = forget_some(session, now)
        total += last
    return total


def _forget_commitments(session: Session, now: datetime) -> int:
    """Remove commitments whose results are known, but none of a delivery that is still asked about."""
    another = aliased(Commitment)
    is_asked_about = exists().where(
        col(another.delivery_id) == col(Commitment.delivery_id), col(another.ended).is_(None)
    )
    over = select(Commitment.id).where(col(Commitment.ended) < now - KEEP_COMMITMENTS, ~is_asked_about)
    numbers = session.exec(over.limit(_AT_A_TIME)).all()
    # With their history, since a later row may get the number of one that is gone.
    session.execute(delete(Change).where(col(Change.kind) == "commitment", col(Change.subject).in_(numbers)))
    session.execute(delete(CommitmentReference).where(col(CommitmentReference.commitment_id).in_(numbers)))
    session.execute(delete(Commitment).where(col(Commitment.id).in_(numbers)))
    return len(numbers)


def _forget_hints(session: Session, now: datetime) -> int:
    over = select(StudyHint.id).where(StudyHint.heard < now - KEEP_HINTS).limit(_AT_A_TIME)
    numbers = session.exec(over).all()
    session.execute(delete(NamedInstance).where(col(NamedInstance.study_hint_id).in_(numbers)))
    session.execute(delete(StudyHint).where(col(StudyHint.id).in_(numbers)))
    return len(numbers)
