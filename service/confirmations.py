"""Storage commitment that we ask of destinations: whether they keep the structured reports that they took.

Each time that a delivery is asked about has its row. One that got no answer in time is given up, and the next takes its
place under another Transaction UID and with twice the time. What is said of an earlier one counts all the same. Where
nothing more is to be waited for and the peer may be queried, `seeking` looks there for the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pydicom.filereader import read_file_meta_info
from pydicom.uid import generate_uid
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from config.errors import UnusableSettings
from config.settings import Peer, Settings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.commitment import CommitmentReport, Reference, in_words
from integrations.dicom.commitment_calls import REPORT_WAIT_SECONDS, Done, NotOffered, Taken, ask_to_commit
from service.commitments import let_go, put_off
from service.store.columns import utc_now
from service.store.commitment_tables import Commitment
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import CommitmentState, DeliveryState
from service.store.tables import Delivery, Document, row_id

AT_A_TIME = 100
_PENDING = (CommitmentState.WAITING, CommitmentState.ASKED)


@dataclass(frozen=True)
class Confirmations:
    """What it takes to ask; on an association on which we asked, so many seconds are waited for the report."""

    engine: Engine
    store: ObjectStore
    settings: Settings
    wait_seconds: float = REPORT_WAIT_SECONDS

    def hear(self, title: str, report: CommitmentReport, now: datetime | None = None) -> bool:
        """Note what a peer of that AE title says it keeps; tells whether it had been asked.

        Said twice, as when our answer was lost, it counts once.
        """
        peers = {p.name: p for p in self.settings.peers if "commit" in p.may and p.ae_title.strip() == title}
        with writing(self.engine) as session:
            asked = select(Commitment).where(Commitment.transaction_uid == report.transaction_uid)
            rows = session.exec(asked.where(col(Commitment.delivery_id).is_not(None))).all()
            ours = [row for row in rows if row.peer in peers]
            for row in ours:
                if row.state != CommitmentState.ENDED:
                    _note_report(session, peers[row.peer], row, report, now or utc_now())
        return bool(ours)


def ask_whether_kept(session: Session, delivery: Delivery, settings: Settings, now: datetime) -> None:
    """Have a destination asked whether it keeps what it just took, if that may be asked of it."""
    try:
        peer = settings.peer(delivery.destination)
    except UnusableSettings:  # it was taken out of the settings meanwhile
        return
    if "commit" not in peer.may:
        return
    before = select(func.count()).where(Commitment.delivery_id == delivery.id)
    asked = session.exec(before.where(col(Commitment.asked) >= (delivery.delivered or now))).one()
    patience = timedelta(hours=settings.dicom.commitment.answer_hours) * 2**asked
    session.add(
        Commitment(
            peer=peer.name,
            our_title=settings.dicom.ae_title,
            delivery_id=row_id(delivery),
            asked=now,
            next_attempt=now,
            expires=now + patience,
        )
    )


def ask(confirmations: Confirmations, peer: Peer, now: datetime) -> None:
    """Ask a peer about every delivery that is due, and give up or ask again what got no answer in time."""
    with writing(confirmations.engine) as session:
        _expire(session, confirmations.settings, peer, now)
        for transaction_uid, rows in _due(session, peer, now).items():
            for row in rows:
                row.transaction_uid = transaction_uid  # on disk before the peer hears of it
                session.add(row)
    with reading(confirmations.engine) as session:
        due = _due(session, peer, now)
        files = {uid: _files(session, rows) for uid, rows in due.items()}
    for transaction_uid, rows in due.items():
        answer = ask_to_commit(
            peer,
            rows[0].our_title,
            transaction_uid,
            [_reference(confirmations.store, file) for file in files[transaction_uid]],
            partial(confirmations.hear, peer.ae_title.strip(), now=now),
            wait_seconds=confirmations.wait_seconds,
        )
        with writing(confirmations.engine) as session:
            for row in rows:
                _note(session, peer, session.get_one(Commitment, row_id(row), with_for_update=True), answer, now)


def _due(session: Session, peer: Peer, now: datetime) -> dict[str, list[Commitment]]:
    """Give what is to be asked now by Transaction UID; what has none yet is asked together, under a new one."""
    waiting = (
        select(Commitment)
        .where(Commitment.peer == peer.name, Commitment.state == CommitmentState.WAITING)
        .where(col(Commitment.delivery_id).is_not(None), Commitment.next_attempt <= now)
        .order_by(col(Commitment.next_attempt), col(Commitment.id))
        .limit(AT_A_TIME)
    )
    new = str(generate_uid(prefix=None))
    due: dict[str, list[Commitment]] = {}
    for row in session.exec(waiting):
        due.setdefault(row.transaction_uid or new, []).append(row)
    return due


def _files(session: Session, rows: Sequence[Commitment]) -> list[str]:
    numbers = [row.delivery_id for row in rows]
    return list(session.exec(select(Document.file).join(Delivery).where(col(Delivery.id).in_(numbers))))


def _reference(store: ObjectStore, file: str) -> Reference:
    meta = read_file_meta_info(store.path(file))
    return Reference(str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID))


def _note(session: Session, peer: Peer, row: Commitment, answer: Taken | NotOffered, now: datetime) -> None:
    """Note how a peer took the request; its report may have come meanwhile."""
    if row.state != CommitmentState.WAITING:
        return
    row.attempts += 1
    if isinstance(answer, Done):
        row.state, row.answer = CommitmentState.ASKED, ""
        let_go(session, row, now)
    elif isinstance(answer, NotOffered):
        _give_up(session, peer, row, f"{row.peer} does not offer storage commitment: {answer.reason}.", now)
    elif isinstance(answer, Refused) and answer.status is not None:
        said = f"{answer.status:04X}H {answer.comment}".strip()
        _give_up(session, peer, row, f"{row.peer} refuses to be asked for storage commitment: {said}.", now)
    else:
        reason = answer.reason if isinstance(answer, Unreachable) else answer.comment
        until = put_off(session, row, now)
        row.answer = f"{reason}. It is asked again from {until:%Y-%m-%d %H:%M:%S} UTC."
    session.add(row)


def _note_report(session: Session, peer: Peer, row: Commitment, report: CommitmentReport, now: datetime) -> None:
    """Note what a report says of the delivery of a row. That it is not kept counts only of the newest sending."""
    delivery, uid = asked_about(session, row)
    failure = next((failed.reason for failed in report.failed if failed.reference.sop_instance_uid == uid), None)
    is_kept = any(reference.sop_instance_uid == uid for reference in report.kept)
    row.state, row.ended = CommitmentState.ENDED, now
    open_states = (DeliveryState.DELIVERED, DeliveryState.NOT_CONFIRMED)
    if failure is not None:
        row.answer = f"It is not kept: {in_words(failure)}."
        if delivery.state in open_states and row.asked >= (delivery.delivered or row.asked):
            delivery.state = DeliveryState.NOT_KEPT
            delivery.answer = (
                f"{row.peer} took it and says that it does not keep it: {in_words(failure)}. Find out why there, then "
                f"send it again with `spinelabel outbox retry {delivery.id}`."
            )
    elif is_kept:
        row.answer = "It is kept."
        if delivery.state in open_states:
            warning = delivery.answer if delivery.state == DeliveryState.DELIVERED else ""
            delivery.state, delivery.answer = DeliveryState.KEPT, warning
    else:
        _give_up(session, peer, row, f"The report of {row.peer} does not name it.", now)
    session.add(row)
    session.add(delivery)


def _expire(session: Session, settings: Settings, peer: Peer, now: datetime) -> None:
    """Give up what got no answer in time, and ask again unless that was done often enough."""
    late = (
        select(Commitment)
        .where(Commitment.peer == peer.name, col(Commitment.state).in_(_PENDING), Commitment.expires <= now)
        .where(col(Commitment.delivery_id).is_not(None))
        .limit(AT_A_TIME)
    )
    for row in session.exec(late).all():
        delivery, _ = asked_about(session, row)
        was_asked = row.state == CommitmentState.ASKED
        asked = select(func.count()).where(Commitment.delivery_id == delivery.id)
        times = session.exec(asked.where(col(Commitment.asked) >= (delivery.delivered or row.asked))).one()
        if was_asked:
            reason = (
                f"{peer.name} was asked {times} times whether it keeps it and has not said. Look there whether it "
                f"knows {row.our_title} with this machine's address and the port of `dicom.port`."
            )
        else:
            reason = f"{peer.name} could not be asked whether it keeps it: {row.answer.split('. It is asked')[0]}."
        if times < settings.dicom.commitment.requests and delivery.state == DeliveryState.DELIVERED:
            row.state, row.ended, row.answer = CommitmentState.GIVEN_UP, now, "No answer came in time."
            session.add(row)
            ask_whether_kept(session, delivery, settings, now)
        else:
            _give_up(session, peer, row, reason, now)


def _give_up(session: Session, peer: Peer, row: Commitment, reason: str, now: datetime) -> None:
    """Wait for no report any more; where the peer may be queried it is asked so whether it has the object."""
    delivery, _ = asked_about(session, row)
    if "query" in peer.may and delivery.state == DeliveryState.DELIVERED:
        row.state, row.answer, row.ended = CommitmentState.SOUGHT, reason, None
        session.add(row)
    else:
        leave_unconfirmed(session, row, reason, now)


def leave_unconfirmed(session: Session, row: Commitment, reason: str, now: datetime) -> None:
    """Say that it is not confirmed that a delivery is kept, unless it was sent again meanwhile."""
    row.state, row.ended, row.answer = CommitmentState.GIVEN_UP, now, reason
    session.add(row)
    delivery, _ = asked_about(session, row)
    if delivery.state == DeliveryState.DELIVERED and row.asked >= (delivery.delivered or row.asked):
        again = f"`spinelabel outbox retry {delivery.id}` sends it again and asks anew."
        delivery.state = DeliveryState.NOT_CONFIRMED
        delivery.answer = f"{reason} That it is kept is not confirmed. {again}"
        session.add(delivery)


def asked_about(session: Session, row: Commitment) -> tuple[Delivery, str]:
    """Give the delivery that a row is about, with the SOP Instance UID of its document."""
    found = select(Delivery, Document.sop_instance_uid).join(Document).where(Delivery.id == row.delivery_id)
    return session.exec(found).one()
