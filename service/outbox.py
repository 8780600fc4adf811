"""The outbox: one attempt to deliver a document, what its answer means for it, and what a person decides about it."""

from dataclasses import dataclass
from datetime import datetime

from pydicom.uid import UID
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.errors import UnusableSettings
from config.settings import Settings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.sender import Delivered, DeliveryAnswer, send_objects
from service.confirmations import ask_whether_kept
from service.destinations import note_answer, pause, silent_destinations
from service.errors import UnknownItem
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import FOR_A_PERSON, HANDED_OVER, UNDELIVERED, DeliveryState
from service.store.tables import Delivery, DestinationRow, Document, row_id


@dataclass(frozen=True)
class Outbox:
    """What it takes to deliver documents."""

    engine: Engine
    store: ObjectStore
    settings: Settings


def deliver(outbox: Outbox, delivery_id: int, now: datetime) -> None:
    """Try once to deliver; "delivered" is written only after the peer said so."""
    with reading(outbox.engine) as session:
        delivery = session.get_one(Delivery, delivery_id)
        document = session.get_one(Document, delivery.document_id)
    if delivery.state not in {DeliveryState.WAITING, DeliveryState.QUEUED} or _waits_with_others(outbox, delivery, now):
        return
    answer = _send(outbox, delivery.destination, document.file)
    with writing(outbox.engine) as session:
        destination = note_answer(session, delivery.destination, answer, now)
        current = session.get_one(Delivery, row_id(delivery))
        if current.state in UNDELIVERED or isinstance(answer, Delivered):  # else it was stopped meanwhile
            _note(current, answer, now, destination)
            session.add(current)
            if current.state == DeliveryState.DELIVERED:
                ask_whether_kept(session, current, outbox.settings, now)


def send_again(session: Session, number: int | None, now: datetime, *, destination: str | None = None) -> int:
    """Send again what was refused or is not kept, to all or one destination, or one delivery; gives how many.

    What waits for the destination named is due at once too, whatever its pause.

    Raises:
        UnknownItem: no delivery of that number waits, was refused or cancelled, or is not confirmed.
    """
    if number is not None:
        may_go = (*UNDELIVERED, DeliveryState.CANCELLED, DeliveryState.NOT_CONFIRMED)
        chosen = [_undelivered(session, number, may_go)]
    elif destination is not None:
        chosen = _all_for(session, destination)
    else:
        chosen = list(session.exec(select(Delivery).where(col(Delivery.state).in_(FOR_A_PERSON))))
    for delivery in chosen:
        delivery.state, delivery.next_attempt, delivery.answer = DeliveryState.WAITING, now, ""
        session.add(delivery)
    names = {delivery.destination for delivery in chosen}
    for row in session.exec(select(DestinationRow).where(col(DestinationRow.name).in_(names))):
        row.next_attempt = now
        session.add(row)
    return len(chosen)


def send_lost(session: Session, number: int, now: datetime) -> None:
    """Send again what its destination took and has lost since.

    Raises:
        UnknownItem: there is no delivery of that number which its destination took.
    """
    delivery = session.exec(
        select(Delivery).where(Delivery.id == number, col(Delivery.state).in_(HANDED_OVER))
    ).one_or_none()
    if delivery is None:
        raise UnknownItem(f"Delivery {number} was not taken by its destination. See `spinelabel outbox list --all`.")
    delivery.state, delivery.next_attempt, delivery.answer = DeliveryState.WAITING, now, ""
    session.add(delivery)


def cancel(session: Session, number: int) -> None:
    """Send a document no more to a destination.

    Raises:
        UnknownItem: no delivery of that number waits or was refused.
    """
    _stop(session, _undelivered(session, number, UNDELIVERED))


def cancel_all(session: Session, destination: str) -> int:
    """Send nothing of what is left to a destination, as one that was taken out of the settings; gives how many."""
    chosen = _all_for(session, destination)
    for delivery in chosen:
        _stop(session, delivery)
    return len(chosen)


def _stop(session: Session, delivery: Delivery) -> None:
    delivery.state, delivery.answer = DeliveryState.CANCELLED, "A person cancelled it."
    session.add(delivery)


def _all_for(session: Session, destination: str) -> list[Delivery]:
    undelivered = select(Delivery).where(col(Delivery.state).in_(UNDELIVERED))
    return list(session.exec(undelivered.where(Delivery.destination == destination)))


def _undelivered(session: Session, number: int, states: tuple[DeliveryState, ...]) -> Delivery:
    found = session.exec(select(Delivery).where(Delivery.id == number, col(Delivery.state).in_(states))).one_or_none()
    if found is None:
        raise UnknownItem(f"No delivery {number} waits or was refused. See `spinelabel outbox list`.")
    return found


def _waits_with_others(outbox: Outbox, delivery: Delivery, now: datetime) -> bool:
    """Tell whether the destination fell silent after this was asked for; it is then sent when another got through."""
    with reading(outbox.engine) as session:
        destination = silent_destinations(session).get(delivery.destination)
    if destination is None or destination.next_attempt is None or destination.next_attempt <= now:
        return False
    with writing(outbox.engine) as session:
        current = session.get_one(Delivery, row_id(delivery))
        if current.state == DeliveryState.QUEUED:
            current.state, current.next_attempt = DeliveryState.WAITING, destination.next_attempt
            since = destination.silent_since or now
            current.answer = f"{delivery.destination} has taken nothing since {since:%Y-%m-%d %H:%M:%S} UTC."
            session.add(current)
    return True


def _send(outbox: Outbox, destination: str, file: str) -> DeliveryAnswer:
    try:
        peer = outbox.settings.peer(destination)
    except UnusableSettings as error:  # the peer was taken out of the settings while something was on its way
        return Unreachable(str(error).rstrip("."))
    (answer,) = send_objects([outbox.store.path(file)], peer, outbox.settings.dicom.ae_title)
    return answer


def _note(delivery: Delivery, answer: DeliveryAnswer, now: datetime, destination: DestinationRow) -> None:
    delivery.attempts += 1
    if isinstance(answer, Delivered):
        was_cancelled = delivery.state == DeliveryState.CANCELLED
        said = (
            answer.warning,
            f"It went as {UID(answer.sent_as).name}, since its own class is not taken there." if answer.sent_as else "",
            "It was cancelled while it was being sent." if was_cancelled else "",
        )
        delivery.state, delivery.delivered, delivery.sent_as = DeliveryState.DELIVERED, now, answer.sent_as or None
        delivery.answer = " ".join(filter(None, said))
    elif isinstance(answer, Refused):
        delivery.state = DeliveryState.REFUSED
        status = "" if answer.status is None else f"{answer.status:04X}H "
        delivery.answer = f"{status}{answer.comment}. It is not sent again by itself; use `spinelabel outbox retry`."
    else:
        # Its own pause may be the longer one, so that a document which its peer chokes on stays out of others' way.
        delivery.state = DeliveryState.WAITING
        delivery.next_attempt = max(destination.next_attempt or now, now + pause(delivery.attempts))
        delivery.answer = f"{answer.reason}. It is tried again from {delivery.next_attempt:%Y-%m-%d %H:%M:%S} UTC."
