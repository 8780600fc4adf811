"""The lists of studies and reports: which rows a page of each holds."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_
from sqlmodel import Session, col, select

from config.settings import Settings
from service.fetches import fetches_of_reports
from service.store.states import FOR_A_PERSON, HANDED_OVER, DeliveryState, PairingState, WorkState
from service.store.tables import Delivery, Document, Message, Pairing, Patient, Report, Study, row_id
from service.web.lines import StudyLine, study_lines
from service.web.open_items import needs_person

PAGE = 50
PENDING = (WorkState.WAITING, WorkState.QUEUED)


@dataclass(frozen=True)
class StudyPage:
    """One page of the list of studies; `following` is the address part of the next, None on the last."""

    lines: list[StudyLine]
    following: str | None


@dataclass(frozen=True)
class UnpairedReport:
    """A report that has found no study."""

    number: int
    link: str
    accession: str
    procedure: str
    received: datetime
    reason: str
    needs_person: bool


def _has_delivery(*states: DeliveryState) -> ColumnElement[bool]:
    on_its_way = exists().where(col(Delivery.document_id) == Document.id, col(Document.study_id) == Study.id)
    # As an expression, so that SQLite goes from the study to its deliveries and not through all in that state.
    return on_its_way.where(func.coalesce(Delivery.state, None).in_(states))


WHICH: dict[str, Callable[[], ColumnElement[bool] | None]] = {
    "all": lambda: None,
    "waiting": lambda: or_(
        col(Study.document).in_(PENDING),
        col(Study.images).in_(PENDING),
        _has_delivery(DeliveryState.WAITING, DeliveryState.QUEUED),
    ),
    "for a person": lambda: or_(needs_person(), _has_delivery(*FOR_A_PERSON)),
    "delivered": lambda: and_(col(Study.document) == WorkState.DONE, _has_delivery(*HANDED_OVER)),
}
"""The filters of the list of studies, by the name that people read."""


def list_studies(
    session: Session, settings: Settings, now: datetime, which: str = "all", after: str | None = None
) -> StudyPage:
    """Give a page of studies, the newest first, from behind the study with the link `after` on."""
    found = select(Study, Patient).join(Patient).order_by(col(Study.first_received).desc(), col(Study.id).desc())
    condition = WHICH[which]()
    if condition is not None:
        found = found.where(condition)
    last = session.exec(select(Study).where(Study.link == after)).one_or_none() if after else None
    if last is not None:
        earlier = col(Study.first_received) < last.first_received
        same = and_(col(Study.first_received) == last.first_received, col(Study.id) < last.id)
        found = found.where(or_(earlier, same))
    rows = session.exec(found.limit(PAGE + 1)).all()
    following = rows[PAGE - 1][0].link if len(rows) > PAGE else None
    return StudyPage(study_lines(session, settings, rows[:PAGE], now), following)


def list_unpaired_reports(session: Session, settings: Settings, now: datetime) -> list[UnpairedReport]:
    """Give the current reports without a study, the oldest first, and one more than a page where there are more.

    One that has waited for longer than `pairing.wait_for_study_hours` is for a person; it stays until its study comes.
    """
    waits_since = now - timedelta(hours=settings.pairing.wait_for_study_hours)
    found = (
        select(Report, Message.link)
        .join(Message, col(Message.id) == Report.message_id)
        .where(col(Report.pairing) != PairingState.PAIRED, col(Report.superseded_by).is_(None))
        .order_by(col(Report.received), col(Report.id))
        .limit(PAGE + 1)
    )
    found_rows = session.exec(found).all()
    fetching = fetches_of_reports(session, [report for report, _ in found_rows])
    return [
        UnpairedReport(
            number=row_id(report),
            link=link,
            accession=report.accession,
            procedure=report.procedure,
            received=report.received,
            reason=" ".join(filter(None, (report.pairing_reason, fetching.get(row_id(report))))),
            needs_person=report.pairing == PairingState.REVIEW or report.received <= waits_since,
        )
        for report, link in found_rows
    ]


def list_unpaired_studies(session: Session, settings: Settings, now: datetime) -> list[StudyLine]:
    """Give the studies that wait for a report, the oldest first, and one more than a page where there are more."""
    paired = exists().where(col(Pairing.study_id) == Study.id)
    found = (
        select(Study, Patient)
        .join(Patient)
        .where(~paired, or_(col(Study.document).in_(PENDING), col(Study.images).in_(PENDING)))
        .order_by(col(Study.first_received), col(Study.id))
        .limit(PAGE + 1)
    )
    return study_lines(session, settings, session.exec(found).all(), now)
