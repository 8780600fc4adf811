"""What the page lists: each study with its state, and everything that waits for a person, each with a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from config.settings import Settings
from service.completion import NotYet, document_due
from service.progress import study_progress
from service.store.states import UNDELIVERED, MessageState, ObjectState, PairingState, WorkState
from service.store.tables import Delivery, Document, Instance, Message, Pairing, Patient, Report, Series, Study

NEWEST = 200


@dataclass(frozen=True)
class StudyLine:
    """One study on the page. `state` is a sentence: what happened, or what it waits for and until when."""

    accession: str
    patient: str
    description: str
    received: datetime
    objects: int
    images: str
    report: str
    state: str


@dataclass(frozen=True)
class OpenItem:
    """Something that a person has to look at: what it is, when it came, and what to do."""

    what: str
    when: datetime
    reason: str


def list_studies(session: Session, settings: Settings, now: datetime) -> list[StudyLine]:
    """Give the newest studies, the newest first."""
    found = session.exec(
        select(Study, Patient).join(Patient).order_by(col(Study.first_received).desc()).limit(NEWEST)
    ).all()
    return [_study_line(session, settings, study, patient, now) for study, patient in found]


def list_open_items(session: Session) -> list[OpenItem]:
    """Give what was refused, could not be paired, read, labelled or delivered; the newest of each kind first."""
    return [*_studies(session), *_objects(session), *_messages(session), *_reports(session), *_deliveries(session)]


def _studies(session: Session) -> Iterator[OpenItem]:
    stopped = or_(
        col(Study.review_reason) != "",
        col(Study.images) == WorkState.FAILED,
        col(Study.document) == WorkState.FAILED,
        col(Study.document_reason).contains("by hand"),
    )
    for row in session.exec(select(Study).where(stopped).order_by(col(Study.id).desc()).limit(NEWEST)):
        failed = row.images_reason if row.images == WorkState.FAILED else ""
        what = f"study {row.accession or row.study_uid}"
        yield OpenItem(
            what, row.first_received, " ".join(filter(None, (row.review_reason, failed, row.document_reason)))
        )


def _objects(session: Session) -> Iterator[OpenItem]:
    kept = (ObjectState.REFUSED, ObjectState.CONFLICT)
    for row in session.exec(
        select(Instance).where(col(Instance.state).in_(kept)).order_by(col(Instance.id).desc()).limit(NEWEST)
    ):
        yield OpenItem(f"object {row.id} ({row.state})", row.received, row.reason)


def _messages(session: Session) -> Iterator[OpenItem]:
    kept = (MessageState.REFUSED, MessageState.INCOMPLETE)
    for row in session.exec(
        select(Message).where(col(Message.state).in_(kept)).order_by(col(Message.id).desc()).limit(NEWEST)
    ):
        yield OpenItem(f"message {row.id} ({row.state})", row.received, row.reason)


def _reports(session: Session) -> Iterator[OpenItem]:
    stopped = (col(Report.labels) == WorkState.FAILED) | (
        (col(Report.labels) == WorkState.HELD) & col(Report.status).not_in(("preliminary", "none", "cancelled"))
    )
    open_ones = (col(Report.pairing) != PairingState.PAIRED) | stopped
    for row in session.exec(
        select(Report)
        .where(col(Report.superseded_by).is_(None), open_ones)
        .order_by(col(Report.id).desc())
        .limit(NEWEST)
    ):
        reasons = (row.pairing_reason if row.pairing != PairingState.PAIRED else "", row.labels_reason)
        yield OpenItem(f"report {row.id}", row.received, " ".join(filter(None, reasons)))


def _deliveries(session: Session) -> Iterator[OpenItem]:
    for row in session.exec(
        select(Delivery)
        .where(col(Delivery.state).in_(UNDELIVERED), Delivery.attempts > 0)
        .order_by(col(Delivery.id).desc())
        .limit(NEWEST)
    ):
        yield OpenItem(f"delivery {row.id} to {row.destination}", row.next_attempt, row.answer)


def _study_line(session: Session, settings: Settings, study: Study, patient: Patient, now: datetime) -> StudyLine:
    objects = session.exec(
        select(func.count()).select_from(Instance).join(Series).where(Series.study_id == study.id)
    ).one()
    reports = session.exec(
        select(Report.labels).join(Pairing).where(Pairing.study_id == study.id, col(Report.superseded_by).is_(None))
    ).all()
    return StudyLine(
        accession=study.accession,
        patient=patient.name,
        description=study.description,
        received=study.first_received,
        objects=objects,
        images=f"{study.images}: {study.images_reason}" if study.images_reason else str(study.images),
        report=", ".join(f"labels {state}" for state in reports) or "none",
        state=" ".join(filter(None, (_state(session, settings, study, now), study.notes))),
    )


def _state(session: Session, settings: Settings, study: Study, now: datetime) -> str:
    if study.document == WorkState.WAITING:
        decision = document_due(study_progress(session, study), settings.pairing, now)
        if isinstance(decision, NotYet):
            return decision.reason + (f" until {decision.until:%Y-%m-%d %H:%M} UTC" if decision.until else "")
        return "its structured report is about to be written"
    if study.document_reason:
        return study.document_reason
    deliveries = session.exec(
        select(Delivery).join(Document).where(Document.study_id == study.id).order_by(col(Delivery.id))
    ).all()
    if not deliveries:
        return "waits for its images to be complete" if study.images == WorkState.WAITING else "no structured report"
    newest = {delivery.destination: delivery for delivery in deliveries}
    lines = (f"structured report to {name}: {d.state} {d.answer}" for name, d in newest.items())
    return "; ".join(line.strip() for line in lines)
