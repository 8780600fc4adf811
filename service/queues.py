"""The queues of work: how long each is, and since when its oldest item waits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from service.store.fetch_tables import Fetch
from service.store.states import DeliveryState, FetchOrigin, FetchState, WorkState
from service.store.tables import Delivery, Document, Report, Study

ASKED = (WorkState.WAITING, WorkState.QUEUED)


@dataclass(frozen=True)
class Queue:
    """What waits for one kind of work. `oldest` is since when its oldest item waits, None where nothing does."""

    name: str
    length: int
    oldest: datetime | None


def queues(session: Session, now: datetime) -> list[Queue]:
    """Give each queue, in the order in which a study goes through them.

    A study that waits for its report or its images, or for a person, is in none: nothing can be done about it yet. Nor
    is what a campaign fetches, which waits on purpose.
    """
    due = col(Study.document_not_before).is_(None) | (col(Study.document_not_before) <= now)
    to_write = (col(Study.document) == WorkState.QUEUED) | ((col(Study.document) == WorkState.WAITING) & due)
    to_label = col(Report.labels).in_(ASKED) & col(Report.superseded_by).is_(None)
    is_due = (col(Fetch.state) == FetchState.WAITING) & (col(Fetch.next_attempt) <= now)
    to_fetch = (col(Fetch.state) == FetchState.QUEUED) | is_due
    to_deliver = col(Delivery.state).in_((DeliveryState.WAITING, DeliveryState.QUEUED))
    return [
        _queue(session, "images to read", Study.last_image, col(Study.images).in_(ASKED)),
        _queue(session, "reports to label", Report.received, to_label),
        # Nothing says since when it could be written; the last that it was written from is the best there is.
        _queue(session, "structured reports to write", Study.last_image, to_write),
        _deliveries(session, to_deliver),
        _queue(session, "studies to fetch", Fetch.next_attempt, to_fetch & (col(Fetch.origin) != FetchOrigin.CAMPAIGN)),
    ]


def _queue(session: Session, name: str, since: Any, waits: ColumnElement[bool]) -> Queue:
    length, oldest = session.exec(select(func.count(), func.min(since)).where(waits)).one()
    return Queue(name, length, oldest)


def _deliveries(session: Session, waits: ColumnElement[bool]) -> Queue:
    found = select(func.count(), func.min(Document.created)).select_from(Delivery).join(Document).where(waits)
    length, oldest = session.exec(found).one()
    return Queue("deliveries", length, oldest)
