"""What keeps pending work from being left behind: takeover from dead machines, lost requests, records of the past.

The sweep asks for work first and marks its row afterwards, and the work itself marks the row before it ends. So a row
that says `queued` while no work on it is pending has lost its request, as when the file of pending work was lost.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import select

from service.heartbeat import living_hosts
from service.store.database import reading, writing
from service.store.fetch_tables import Fetch
from service.store.states import DeliveryState, FetchState, WorkState
from service.store.tables import Delivery, Report, Study
from service.workflows import PendingWork, Work, executor_id

KEEP_ENDED = timedelta(days=7)


@dataclass(frozen=True)
class Tended:
    """What a round of upkeep did: pieces of work taken over, requests asked for again, records removed."""

    taken_over: int
    asked_again: int
    forgotten: int


@dataclass(frozen=True)
class _Kind:
    """A kind of work: the column that says that it was asked for, and the one that makes the next id another.

    A delivery and a fetch have no such count: their next id is another because they are due at another time.
    """

    work: Work
    table: type[Report | Study | Delivery | Fetch]
    state: str
    counter: str | None
    states: type[WorkState | DeliveryState | FetchState] = WorkState


_KINDS = (
    _Kind(Work.LABEL, Report, "labels", "labels_attempt"),
    _Kind(Work.READ, Study, "images", "images_attempt"),
    _Kind(Work.WRITE, Study, "document", "results"),
    _Kind(Work.DELIVER, Delivery, "state", None, DeliveryState),
    _Kind(Work.FETCH, Fetch, "state", None, FetchState),
)


def tend(engine: Engine, pending: PendingWork, now: datetime) -> Tended:
    """Do one round."""
    living = {executor_id(host) for host in living_hosts(engine, "work", now)}
    # Without any, the next one to start takes its own work up by itself, and this round would only repeat it.
    taken_over = pending.take_over(living) if living else 0
    asked_again = sum(_ask_again(engine, pending, kind, now) for kind in _KINDS)
    return Tended(taken_over, asked_again, pending.forget_ended(now - KEEP_ENDED))


def _ask_again(engine: Engine, pending: PendingWork, kind: _Kind, now: datetime) -> int:
    state = getattr(kind.table, kind.state)
    with reading(engine) as session:
        queued = set(session.scalars(select(kind.table.id).where(state == kind.states.QUEUED)))
    if not queued:
        return 0
    lost = sorted(queued - pending.under_way(kind.work))  # looked at after the rows: what ended meanwhile is no loss
    for subject in lost:
        with writing(engine) as session:
            row = session.get_one(kind.table, subject, with_for_update=True)
            if getattr(row, kind.state) == kind.states.QUEUED:
                setattr(row, kind.state, kind.states.WAITING)
                if isinstance(row, Delivery | Fetch):
                    row.next_attempt = now
                elif kind.counter is not None:
                    setattr(row, kind.counter, getattr(row, kind.counter) + 1)
                session.add(row)
    return len(lost)
