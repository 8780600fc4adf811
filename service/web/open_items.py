"""Everything that waits for a person: what was refused, failed or could not be decided, each with what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, or_
from sqlmodel import Session, col, select

from service.asked_peers import silent_peers
from service.destinations import silence, silent_destinations
from service.fetches import fetches_of_reports
from service.store.states import (
    FOR_A_PERSON,
    UNDELIVERED,
    DeliveryState,
    MessageState,
    ObjectState,
    PairingState,
    RunState,
    WorkState,
)
from service.store.tables import (
    CohortRun,
    Delivery,
    DestinationRow,
    Document,
    Instance,
    Message,
    Report,
    Series,
    Study,
    row_id,
)

NEWEST = 50


@dataclass(frozen=True)
class OpenItem:
    """Something that a person has to look at: what it is, when it came, why, what to do, and its page, if any."""

    what: str
    when: datetime
    reason: str
    address: str | None = None


@dataclass(frozen=True)
class OpenItems:
    """What waits for a person, the newest first; `more` says that there is more of some kind."""

    items: list[OpenItem]
    more: bool


def list_open_items(session: Session, most: int = NEWEST) -> OpenItems:
    """Give what waits for a person, no more than so many of each kind."""
    kinds = (
        _destinations,
        _unconfirmed,
        _peers,
        _studies,
        _conflicts,
        _refused_objects,
        _messages,
        _reports,
        _deliveries,
        _exports,
    )
    found = [list(kind(session, most + 1)) for kind in kinds]
    items = [item for kind in found for item in kind[:most]]
    ordered = sorted(items, key=lambda item: item.when, reverse=True)
    return OpenItems(ordered, any(len(kind) > most for kind in found))


def needs_person() -> ColumnElement[bool]:
    """Give the condition of the studies that go no further, or leave something to do, without a person."""
    return or_(
        col(Study.review_reason) != "",
        col(Study.images) == WorkState.FAILED,
        col(Study.document) == WorkState.FAILED,
        col(Study.document_reason).contains("by hand"),
    )


def count_refused(session: Session) -> int:
    """Give how many deliveries a destination refused, failed, or does not keep."""
    refused = select(func.count()).select_from(Delivery).where(col(Delivery.state).in_(FOR_A_PERSON))
    return session.exec(refused).one()


def _destinations(session: Session, most: int) -> Iterator[OpenItem]:
    for row in [*silent_destinations(session).values()][:most]:
        since = row.silent_since or row.next_attempt
        if since is not None:
            yield OpenItem(f"destination {row.name}", since, f"{silence(row)} All that is for it waits.")


def _peers(session: Session, most: int) -> Iterator[OpenItem]:
    for row in [*silent_peers(session).values()][:most]:
        if row.silent_since is not None and row.next_attempt is not None:
            reason = (
                f"It does not answer: {row.answer}. It is asked again from {row.next_attempt:%Y-%m-%d %H:%M:%S} UTC."
            )
            yield OpenItem(f"peer {row.name}, asked for studies", row.silent_since, reason)


def _unconfirmed(session: Session, most: int) -> Iterator[OpenItem]:
    """Give the destinations that did not confirm what they took, each once, with what the newest of it met with."""
    newest = select(func.max(Delivery.id)).where(Delivery.state == DeliveryState.NOT_CONFIRMED)
    found = select(Delivery).where(col(Delivery.id).in_(newest.group_by(col(Delivery.destination)))).limit(most)
    for row in session.exec(found):
        reason = f"Not confirmed as kept. The newest: {row.answer} `spinelabel outbox list --all` lists them."
        yield OpenItem(f"destination {row.destination}", row.delivered or row.next_attempt, reason)


def _studies(session: Session, most: int) -> Iterator[OpenItem]:
    for row in session.exec(select(Study).where(needs_person()).order_by(col(Study.id).desc()).limit(most)):
        failed = row.images_reason if row.images == WorkState.FAILED else ""
        reasons = " ".join(filter(None, (row.review_reason, failed, row.document_reason)))
        yield OpenItem(f"study {row.accession or row.study_uid}", row.first_received, reasons, f"/studies/{row.link}")


def _conflicts(session: Session, most: int) -> Iterator[OpenItem]:
    """Give the studies of which objects came again with other content, each once."""
    counted = (
        select(Study, func.count(), func.max(Instance.received), func.max(Instance.reason))
        .join(Series, col(Series.study_id) == Study.id)
        .join(Instance, col(Instance.series_id) == Series.id)
        .where(Instance.state == ObjectState.CONFLICT)
        .group_by(col(Study.id))
        .order_by(col(Study.id).desc())
        .limit(most)
    )
    for study, count, newest, reason in session.exec(counted):
        what = f"{count} objects in conflict of study {study.accession or study.study_uid}"
        yield OpenItem(what, newest, f"{reason} {conflict_remedy(study)}", f"/studies/{study.link}")


def conflict_remedy(study: Study) -> str:
    """Say what a person can do about objects of a study that came again with other content."""
    name = study.accession or study.study_uid
    return (
        f"`spinelabel object use --study {name}` takes the newer ones into use, "
        f"`spinelabel object dismiss --study {name}` leaves it so."
    )


def _refused_objects(session: Session, most: int) -> Iterator[OpenItem]:
    refused = select(Instance).where(Instance.state == ObjectState.REFUSED)
    for row in session.exec(refused.order_by(col(Instance.id).desc()).limit(most)):
        yield OpenItem(f"object {row.id} (refused) from {row.calling_ae}", row.received, row.reason)


def _messages(session: Session, most: int) -> Iterator[OpenItem]:
    kept = (MessageState.REFUSED, MessageState.INCOMPLETE)
    found = select(Message).where(col(Message.state).in_(kept)).order_by(col(Message.id).desc()).limit(most)
    for row in session.exec(found):
        yield OpenItem(f"message {row.id} ({row.state})", row.received, row.reason, f"/messages/{row.link}")


def _reports(session: Session, most: int) -> Iterator[OpenItem]:
    stopped = (col(Report.labels) == WorkState.FAILED) | (
        (col(Report.labels) == WorkState.HELD) & col(Report.status).not_in(("preliminary", "none", "cancelled"))
    )
    open_ones = (col(Report.pairing) != PairingState.PAIRED) | stopped
    found = (
        select(Report, Message.link)
        .join(Message, col(Message.id) == Report.message_id)
        .where(col(Report.superseded_by).is_(None), open_ones)
        .order_by(col(Report.id).desc())
        .limit(most)
    )
    rows = session.exec(found).all()
    fetching = fetches_of_reports(session, [row for row, _ in rows if row.pairing == PairingState.UNPAIRED])
    for row, link in rows:
        unpaired = row.pairing_reason if row.pairing != PairingState.PAIRED else ""
        reasons = (unpaired, fetching.get(row_id(row)), row.labels_reason)
        yield OpenItem(f"report {row.id}", row.received, " ".join(filter(None, reasons)), f"/messages/{link}")


def _deliveries(session: Session, most: int) -> Iterator[OpenItem]:
    """Give what was refused or is not kept, and what was tried in vain at a destination that answers others."""
    refused = col(Delivery.state).in_(FOR_A_PERSON)
    away = exists().where(col(DestinationRow.name) == Delivery.destination, col(DestinationRow.unanswered) > 0)
    found = (
        select(Delivery, Study)
        .join(Document, col(Document.id) == Delivery.document_id)
        .join(Study)
        .where(col(Delivery.state).in_(UNDELIVERED), Delivery.attempts > 0, or_(refused, ~away))
        .order_by(col(Delivery.id).desc())
        .limit(most)
    )
    for row, study in session.exec(found):
        what = f"delivery {row.id} of study {study.accession or study.study_uid} to {row.destination}"
        yield OpenItem(what, row.next_attempt, row.answer, f"/studies/{study.link}")


def _exports(session: Session, most: int) -> Iterator[OpenItem]:
    last = select(func.max(CohortRun.id)).group_by(col(CohortRun.cohort))
    found = select(CohortRun).where(col(CohortRun.id).in_(last), CohortRun.state == RunState.FAILED).limit(most)
    for row in session.exec(found):
        yield OpenItem(f"export of {row.cohort}", row.started, row.reason, "/exports")
