"""What waits by times that lie too far ahead, since the system's clock was set back after they were written.

Pauses and quiet times are written as times of the day, so that they outlast a restart. A clock that was wrong by a day
and is set right again would make what waits wait for a day more. What lies further ahead than any pause lasts is
therefore due now, and a last image or a beginning that lies ahead is taken to be of now.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, Update, and_, case, false, or_, update
from sqlmodel import col, select

from service.pauses import LONGEST_PAUSE
from service.store.commitment_tables import Commitment
from service.store.database import writing
from service.store.fetch_tables import AskedPeer, Fetch
from service.store.hint_tables import StudyHint
from service.store.states import CommitmentState, DeliveryState, FetchState, WorkState
from service.store.tables import Delivery, DestinationRow, Schedule, Study

SLACK = timedelta(minutes=1)
"""By so much the clocks of two machines may differ."""


def put_right(engine: Engine, now: datetime) -> int:
    """Let nothing wait by a clock that was set back; gives how many rows that touched."""
    with writing(engine) as session:
        return sum(int(session.connection().execute(change).rowcount) for change in _changes(now))


def lies_ahead(time: Any, now: datetime) -> ColumnElement[bool]:
    """Give what is true of a column's time that has not come, though it is of something that has happened."""
    return col(time) > now + SLACK


def _changes(now: datetime) -> Iterator[Update]:
    for peer in (DestinationRow, AskedPeer):
        yield update(peer).where(_is_too_far(peer.next_attempt, now)).values(next_attempt=now)
    silent = select(DestinationRow.name).where(col(DestinationRow.unanswered) > 0)  # with one of those others wait
    untried = (col(Delivery.attempts) == 0, col(Delivery.destination).not_in(silent))
    for table, waits, should_have_come in (
        (Delivery, col(Delivery.state) == DeliveryState.WAITING, and_(*untried)),
        (Fetch, col(Fetch.state) == FetchState.WAITING, col(Fetch.attempts) == 0),
        (Commitment, col(Commitment.state) == CommitmentState.WAITING, false()),
    ):
        is_wrong = or_(
            _is_too_far(table.next_attempt, now), and_(should_have_come, lies_ahead(table.next_attempt, now))
        )
        yield update(table).where(waits, is_wrong).values(next_attempt=now)
    yield _quiet_times(now)
    yield update(StudyHint).where(lies_ahead(StudyHint.heard, now)).values(heard=now)
    yield update(Schedule).where(lies_ahead(Schedule.since, now)).values(since=now)


def _is_too_far(time: Any, now: datetime) -> ColumnElement[bool]:
    return col(time) > now + LONGEST_PAUSE + SLACK


def _quiet_times(now: datetime) -> Update:
    """Begin the quiet time anew; the time of the last image is left alone while the images are read, which compares it.

    What waits for the other half of a study until a time that was reckoned from it is thought of again.
    """
    complete = case((col(Study.complete_since) > now, now), else_=col(Study.complete_since))
    return (
        update(Study)
        .where(lies_ahead(Study.last_image, now), col(Study.images) != WorkState.QUEUED)
        .values(last_image=now, complete_since=complete, document_not_before=None)
    )
