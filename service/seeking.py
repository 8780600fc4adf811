"""Structured reports that a destination took and never committed to, looked for there by C-FIND before giving up."""

from datetime import datetime

from pydicom import dcmread
from sqlmodel import Session, col, select

from config.settings import Peer
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.query import ObjectUids, has_object
from service.asked_peers import answering_peers, note_asked
from service.confirmations import Confirmations, asked_about, leave_unconfirmed
from service.store.commitment_tables import Commitment
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import CommitmentState, DeliveryState
from service.store.tables import Delivery, Document, row_id

AT_A_TIME = 20


def seek(confirmations: Confirmations, peer: Peer, now: datetime) -> None:
    """Look at a peer for what no report of it is awaited for any more, unless it rests since it did not answer."""
    with reading(confirmations.engine) as session:
        sought = (
            select(Commitment, Document.file)
            .join(Delivery, col(Delivery.id) == Commitment.delivery_id)
            .join(Document)
            .where(Commitment.peer == peer.name, Commitment.state == CommitmentState.SOUGHT)
            .order_by(col(Commitment.id))
            .limit(AT_A_TIME)
        )
        due = session.exec(sought).all()
        is_resting = peer not in answering_peers(session, confirmations.settings, now)
    if "query" not in peer.may:  # any more
        with writing(confirmations.engine) as session:
            for row, _ in due:
                leave_unconfirmed(session, session.get_one(Commitment, row_id(row)), row.answer, now)
        return
    for row, file in () if is_resting else due:
        answer = has_object(peer, row.our_title, uids_of(confirmations.store, file))
        with writing(confirmations.engine) as session:
            note_asked(session, peer.name, answer.reason if isinstance(answer, Unreachable) else None, now)
            _note(session, session.get_one(Commitment, row_id(row), with_for_update=True), answer, now)
        if isinstance(answer, Unreachable):
            return


def uids_of(store: ObjectStore, file: str) -> ObjectUids:
    """Give what names a document of ours at an archive."""
    header = dcmread(store.path(file), specific_tags=["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
    return ObjectUids(str(header.StudyInstanceUID), str(header.SeriesInstanceUID), str(header.SOPInstanceUID))


def _note(session: Session, row: Commitment, answer: bool | Refused | Unreachable, now: datetime) -> None:
    if row.state != CommitmentState.SOUGHT:  # its report came meanwhile
        return
    if answer is True:
        delivery, _ = asked_about(session, row)
        row.state, row.ended = CommitmentState.ENDED, now
        if delivery.state == DeliveryState.DELIVERED:
            found = f"{row.peer} was found by C-FIND to have it. {row.answer}"
            delivery.state, delivery.answer = DeliveryState.KEPT, f"{delivery.answer} {found}".strip()
            session.add(delivery)
        session.add(row)
    elif answer is False:
        leave_unconfirmed(session, row, f"{row.answer} A C-FIND does not find it there.", now)
    elif isinstance(answer, Refused):
        status = "" if answer.status is None else f"{answer.status:04X}H "
        leave_unconfirmed(session, row, f"{row.answer} It does not answer a C-FIND: {status}{answer.comment}.", now)
    elif now >= row.expires:
        leave_unconfirmed(session, row, f"{row.answer} It does not answer a C-FIND: {answer.reason}.", now)
