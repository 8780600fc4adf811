"""The first page: is all well, what came today, what waits, what needs a person."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from config.settings import Settings
from service.health import Check, readiness
from service.queues import Queue, queues
from service.store.database import reading
from service.store.tables import Change, Instance, Message, Report, RoleRow, Study
from service.web.open_items import OpenItem, list_open_items

ITEMS = 8


@dataclass(frozen=True)
class Overview:
    """Everything that the first page shows.

    `counts` are of the present day in the site's zone, `last_received` when the newest object and message came.
    """

    checks: list[Check]
    restarts: dict[str, int]
    counts: dict[str, int]
    queues: list[Queue]
    last_received: dict[str, datetime | None]
    open_items: list[OpenItem]


def overview(engine: Engine, settings: Settings, now: datetime) -> Overview:
    """Gather the first page."""
    with reading(engine) as session:
        return Overview(
            checks=readiness(engine, settings, now),
            restarts=_restarts(session),
            counts=_counts(session, _midnight(settings, now)),
            queues=queues(session, now),
            last_received=_last_received(session),
            open_items=list_open_items(session, ITEMS).items[:ITEMS],
        )


def _midnight(settings: Settings, now: datetime) -> datetime:
    local = now.astimezone(ZoneInfo(settings.hl7.time_zone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


def _restarts(session: Session) -> dict[str, int]:
    summed = select(RoleRow.role, func.sum(RoleRow.restarts)).group_by(col(RoleRow.role))
    return {role: int(count) for role, count in session.exec(summed) if count}


def _counts(session: Session, since: datetime) -> dict[str, int]:
    came = {
        "studies": select(func.count()).where(col(Study.first_received) >= since),
        "objects": select(func.count()).where(col(Instance.received) >= since),
        "messages": select(func.count()).where(col(Message.received) >= since),
        "reports": select(func.count()).where(col(Report.received) >= since),
    }
    # Grouped by an expression, so that SQLite goes by the time and not through all changes in the order of kinds.
    what = col(Change.kind) + " " + col(Change.state)
    happened = dict(session.exec(select(what, func.count()).where(col(Change.at) >= since).group_by(what)).all())
    return {
        **{name: session.exec(query).one() for name, query in came.items()},
        "labelled": happened.get("labels done", 0),
        "read": happened.get("images done", 0),
        "delivered": happened.get("delivery delivered", 0),
        "refused": happened.get("delivery refused", 0),
        "failed": sum(count for change, count in happened.items() if change.endswith(" failed")),
    }


def _last_received(session: Session) -> dict[str, datetime | None]:
    return {
        "object": session.exec(select(func.max(Instance.received))).one(),
        "message": session.exec(select(func.max(Message.received))).one(),
    }
