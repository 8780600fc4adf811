"""What happened to a study or a message, in order, in sentences."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from integrations.dicom.hints import AVAILABLE
from service.fetches import fetches_of, fetches_of_study
from service.store.commitment_tables import Commitment, CommitmentReference
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.pairing_tables import KeptApart
from service.store.states import CommitmentState, ObjectState
from service.store.tables import (
    Change,
    Delivery,
    Document,
    Instance,
    Message,
    OrderNumber,
    Pairing,
    Report,
    Series,
    Study,
    row_id,
)


@dataclass(frozen=True)
class Event:
    """One thing that happened. `word` is as in `lines.Standing`; `address` leads to what it is about, if anywhere."""

    at: datetime
    what: str
    detail: str = ""
    word: str = "quiet"
    address: str | None = None


_SAID = {
    ("images", "queued"): ("The images are complete; reading them is asked for", "quiet"),
    ("images", "done"): ("The images were read", "done"),
    ("images", "failed"): ("The images could not be read", "person"),
    ("labels", "held"): ("The report is not labelled", "quiet"),
    ("labels", "queued"): ("Labelling the report is asked for", "quiet"),
    ("labels", "done"): ("The report was labelled", "done"),
    ("labels", "failed"): ("The report could not be labelled", "person"),
    ("pairing", "unpaired"): ("The report found no study", "waits"),
    ("pairing", "review"): ("A person has to say which study the report is about", "person"),
    ("document", "failed"): ("The structured report could not be written", "person"),
    ("object", "stored"): ("A person took another version of an object into use", "done"),
    ("object", "header"): ("A person took another version of an object into use", "done"),
    ("object", "refused"): ("A refused object waits for a person again", "person"),
    ("object", "conflict"): ("Another version of an object waits for a person", "person"),
    ("object", "dismissed"): ("A person dismissed a version of an object", "quiet"),
    ("object", "known already"): ("A refused object was found to be there already", "done"),
    ("delivery", "waiting"): ("It did not reach {destination}", "waits"),
    ("delivery", "delivered"): ("It was delivered to {destination}", "done"),
    ("delivery", "kept"): ("{destination} says that it keeps it", "done"),
    ("delivery", "not confirmed"): ("{destination} has it, but that it keeps it is not confirmed", "waits"),
    ("delivery", "not kept"): ("{destination} does not keep it", "person"),
    ("delivery", "refused"): ("{destination} refused it", "person"),
    ("delivery", "replaced"): ("It is sent to {destination} no more", "quiet"),
    ("fetch", "waiting"): ("The study is asked for at the archive", "waits"),
    ("fetch", "done"): ("The study was fetched from the archive", "done"),
    ("fetch", "given up"): ("The study could not be fetched", "person"),
    ("pixels", "removed"): ("The pixels of the images were removed", "quiet"),
    ("delivery", "cancelled"): ("It is sent to {destination} no more", "quiet"),
}
"""What the changes that people want to know of are called; the others are steps on the way to one of these."""


def study_timeline(session: Session, study_id: int) -> list[Event]:
    """Give what happened to a study, to the reports paired with it, and to what was written about it."""
    paired = session.exec(select(Pairing).where(Pairing.study_id == study_id)).all()
    parted = session.exec(select(KeptApart).where(KeptApart.study_id == study_id)).all()
    current = session.exec(select(Report).where(col(Report.id).in_([each.report_id for each in paired]))).all()
    versions = _versions(session, current)
    documents = session.exec(select(Document).where(Document.study_id == study_id).order_by(col(Document.id))).all()
    return _in_order(
        [
            *_objects(session, study_id),
            *_reports(session, versions),
            *_pairings(paired, parted),
            *_changes(session, ("images", "document", "pixels"), [study_id]),
            *_changes(session, ("fetch",), [row_id(fetch) for fetch in fetches_of_study(session, study_id)]),
            *_changes(session, ("object",), _object_numbers(session, study_id)),
            *_changes(session, ("labels", "pairing"), [row_id(report) for report in versions]),
            *_written(documents),
            *_deliveries(session, documents),
            *_commitments(session, study_id),
            *_hints(session, study_id),
        ]
    )


def message_timeline(session: Session, message: Message) -> list[Event]:
    """Give what happened to a message and its reports."""
    acknowledged = f"Acknowledged {message.ack_code}" if message.ack_code else "Not acknowledged"
    received = Event(message.received, f"Received from {message.peer}", f"{acknowledged}. {message.reason}".strip())
    reports = session.exec(select(Report).where(Report.message_id == message.id)).all()
    numbers = [row_id(report) for report in reports]
    paired = session.exec(select(Pairing).where(col(Pairing.report_id).in_(numbers))).all()
    parted = session.exec(select(KeptApart).where(col(KeptApart.report_id).in_(numbers))).all()
    return _in_order(
        [
            received,
            *_pairings(paired, parted),
            *_changes(session, ("labels", "pairing"), numbers),
            *_changes(session, ("fetch",), _fetches(session, reports)),
        ]
    )


def _pairings(paired: Sequence[Pairing], parted: Sequence[KeptApart]) -> Iterator[Event]:
    yield from (Event(each.created, f"Paired by {each.how}", each.evidence, "done") for each in paired)
    yield from (
        Event(each.created, f"Report {each.report_id} is kept apart from the study, as a person said")
        for each in parted
    )


def _fetches(session: Session, reports: Sequence[Report]) -> list[int]:
    carried = select(OrderNumber.number).where(
        col(OrderNumber.report_id).in_([row_id(report) for report in reports]), col(OrderNumber.is_accession)
    )
    found = fetches_of(session, session.exec(carried).all(), [report.study_uid for report in reports])
    return [row_id(fetch) for fetch in found]


def _in_order(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda event: event.at)


def _versions(session: Session, current: Sequence[Report]) -> list[Report]:
    """Give every version of reports, of which only the current ones are paired."""
    keys = [report.order_key for report in current]
    return list(session.exec(select(Report).where(col(Report.order_key).in_(keys)).order_by(col(Report.id))))


def _objects(session: Session, study_id: int) -> Iterator[Event]:
    kept = (ObjectState.STORED, ObjectState.HEADER)
    series = session.exec(select(Series.id).where(Series.study_id == study_id)).all()
    ours = (col(Instance.series_id).in_(series), col(Instance.state).in_(kept))
    first = session.exec(
        select(Instance).where(*ours).order_by(col(Instance.received), col(Instance.id)).limit(1)
    ).first()
    count, last = session.exec(select(func.count(), func.max(Instance.received)).where(*ours)).one()
    if first is not None:
        yield Event(first.received, f"The first object came from {first.calling_ae}")
        yield Event(last, "The last object came", "1 object in all" if count == 1 else f"{count} objects in all")
    back = (col(Instance.series_id).in_(series), col(Instance.state) == ObjectState.RETURNED)
    for returned in session.exec(select(Instance).where(*back).order_by(col(Instance.id).desc()).limit(1)):
        yield Event(returned.received, f"A structured report came back from {returned.calling_ae}", returned.reason)


def _object_numbers(session: Session, study_id: int) -> Sequence[int]:
    """Give the numbers of the objects about which a person decided something."""
    decided = select(Change.subject).where(Change.kind == "object")
    ours = select(Instance.id).join(Series).where(Series.study_id == study_id, col(Instance.id).in_(decided))
    return [number for number in session.exec(ours) if number is not None]


def _reports(session: Session, versions: Sequence[Report]) -> Iterator[Event]:
    messages = {
        row_id(message): message
        for message in session.exec(select(Message).where(col(Message.id).in_([each.message_id for each in versions])))
    }
    for report in versions:
        message = messages[report.message_id]
        acknowledged = f"acknowledged {message.ack_code}" if message.ack_code else ""
        detail = ", ".join(filter(None, (message.message_type, acknowledged, f"version {report.version}")))
        yield Event(report.received, f"A {report.status} report came", detail, address=f"/messages/{message.link}")


def _changes(session: Session, kinds: Collection[str], subjects: Collection[int]) -> Iterator[Event]:
    found = select(Change).where(col(Change.kind).in_(kinds), col(Change.subject).in_(subjects))
    for change in session.exec(found.order_by(col(Change.id))):
        what, word = _SAID.get((change.kind, change.state), ("", "quiet"))
        if change.kind == "pairing" and not change.reason:
            continue  # so it stands until it has been looked for a study
        if what:
            yield Event(change.at, what, change.reason, word)
        elif (change.kind, change.state) == ("document", "done") and change.reason:
            yield Event(change.at, "No structured report was written", change.reason)


def _written(documents: Sequence[Document]) -> Iterator[Event]:
    for document in documents:
        what = "A structured report was written" if document.predecessor is None else "A corrected one was written"
        yield Event(document.created, what, f"SOP Instance UID {document.sop_instance_uid}", "done")


def _deliveries(session: Session, documents: Sequence[Document]) -> Iterator[Event]:
    numbers = [row_id(document) for document in documents]
    deliveries = {
        row_id(row): row for row in session.exec(select(Delivery).where(col(Delivery.document_id).in_(numbers)))
    }
    found = select(Change).where(Change.kind == "delivery", col(Change.subject).in_(deliveries))
    for change in session.exec(found.order_by(col(Change.id))):
        what, word = _SAID.get((change.kind, change.state), ("", "quiet"))
        if what and (change.state != "waiting" or change.reason):  # at first it just waits for its turn
            yield Event(change.at, what.format(destination=deliveries[change.subject].destination), change.reason, word)


def _commitments(session: Session, study_id: int) -> Iterator[Event]:
    """Tell of peers that asked us to keep objects of a study; the objects that they asked for may be of others too."""
    ours = select(Instance.sop_instance_uid).join(Series).where(Series.study_id == study_id)
    named = select(CommitmentReference.commitment_id).where(col(CommitmentReference.sop_instance_uid).in_(ours))
    counted = (
        select(Commitment, func.count())
        .join(CommitmentReference)
        .where(col(Commitment.id).in_(named))
        .group_by(col(Commitment.id))
    )
    for row, count in session.exec(counted):
        objects = "1 object" if count == 1 else f"{count} objects"
        yield Event(row.asked, f"{row.peer} asked us to commit to {objects}")
        if row.state == CommitmentState.ENDED:
            yield Event(row.ended or row.asked, f"{row.peer} was told what we keep of them", row.answer, "done")
        elif row.answer:
            at = row.ended or row.next_attempt
            yield Event(at, f"{row.peer} has not been told what we keep of them", row.answer, "waits")


def _hints(session: Session, study_id: int) -> Iterator[Event]:
    """Tell of peers that said that a study is under way or complete; of each step what was last said."""
    told = (
        select(StudyHint, func.count(col(NamedInstance.id)))
        .join(Study, col(Study.study_uid) == StudyHint.study_uid)
        .outerjoin(NamedInstance)
        .where(Study.id == study_id)
        .group_by(col(StudyHint.id))
    )
    for hint, count in session.exec(told):
        what = "which objects are available"
        if hint.status != AVAILABLE:
            what = f"that a procedure step is {hint.status.lower()}"
        yield Event(hint.heard, f"{hint.peer} says {what}", "1 object" if count == 1 else f"{count} objects")
