"""The outbox: one attempt to deliver a document, and what its answer means for the next one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from config.settings import Settings
from integrations.dicom.sender import Delivered, DeliveryAnswer, Refused, send_objects
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import UNDELIVERED, DeliveryState
from service.store.tables import Delivery, Document, row_id

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)


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
    if delivery.state not in {DeliveryState.WAITING, DeliveryState.QUEUED}:
        return
    peer = outbox.settings.peer(delivery.destination)
    (answer,) = send_objects([outbox.store.path(document.file)], peer, outbox.settings.dicom.ae_title)
    with writing(outbox.engine) as session:
        current = session.get_one(Delivery, row_id(delivery))
        if current.state in UNDELIVERED or isinstance(answer, Delivered):  # else it was replaced meanwhile
            _note(current, answer, now)
            session.add(current)


def pause(attempts: int) -> timedelta:
    """Give how long to wait after so many attempts that did not get through; it doubles up to an hour."""
    return min(LONGEST_PAUSE, timedelta(seconds=FIRST_PAUSE.total_seconds() * 2.0 ** min(attempts - 1, 20)))


def _note(delivery: Delivery, answer: DeliveryAnswer, now: datetime) -> None:
    delivery.attempts += 1
    if isinstance(answer, Delivered):
        delivery.state, delivery.delivered, delivery.answer = DeliveryState.DELIVERED, now, answer.warning
    elif isinstance(answer, Refused):
        delivery.state = DeliveryState.REFUSED
        delivery.answer = f"{answer.comment}. It is not sent again by itself; use `spinelabel outbox retry`."
    else:
        delivery.state, delivery.next_attempt = DeliveryState.WAITING, now + pause(delivery.attempts)
        delivery.answer = f"{answer.reason}. It is tried again from {delivery.next_attempt:%H:%M:%S} UTC."
