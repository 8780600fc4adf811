"""Which destinations take what is sent to them, and what that means for everything that waits for one that does not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from integrations.dicom.calling import Unreachable
from integrations.dicom.sender import DeliveryAnswer
from service.pauses import doubling_pause
from service.store.states import DeliveryState
from service.store.tables import Delivery, DestinationRow

FIRST_PAUSE = timedelta(seconds=5)


@dataclass(frozen=True)
class Outlook:
    """What is to be said of a delivery, and when it is tried next, where that is known."""

    sentence: str
    until: datetime | None


def pause(unanswered: int) -> timedelta:
    """Give how long a destination is left alone after so many attempts in vain; it doubles up to an hour."""
    return doubling_pause(FIRST_PAUSE, unanswered)


def due_deliveries(session: Session, peers: Collection[str], now: datetime, most: int) -> list[Delivery]:
    """Give what is to be sent now.

    To a destination that takes nothing one document goes once its pause is over, the one that was tried longest ago;
    all others wait with it, so that a PACS that is away is asked once for each pause, however much waits for it. What
    is for none of `peers`, since its peer was taken out of the settings, waits until it is back.
    """
    waiting = (
        select(Delivery)
        .where(Delivery.state == DeliveryState.WAITING, col(Delivery.next_attempt) <= now)
        .where(col(Delivery.destination).in_(peers))
        .order_by(col(Delivery.next_attempt), col(Delivery.id))
    )
    silent = silent_destinations(session)
    due = list(session.exec(waiting.where(col(Delivery.destination).not_in(silent)).limit(most)))
    for name, row in silent.items():
        asked = select(Delivery.id).where(Delivery.destination == name, Delivery.state == DeliveryState.QUEUED)
        if (row.next_attempt is None or row.next_attempt <= now) and session.exec(asked).first() is None:
            due += session.exec(waiting.where(Delivery.destination == name).limit(1))
    return due


def silent_destinations(session: Session) -> dict[str, DestinationRow]:
    """Give the destinations that took nothing when they were last tried, by their names."""
    found = session.exec(select(DestinationRow).where(DestinationRow.unanswered > 0)).all()
    return {row.name: row for row in found}


def note_answer(session: Session, name: str, answer: DeliveryAnswer, now: datetime) -> DestinationRow:
    """Note that a destination took nothing, or that it does again, so that what waited for it is due."""
    row = session.exec(select(DestinationRow).where(DestinationRow.name == name)).one_or_none()
    row = row or DestinationRow(name=name)
    if isinstance(answer, Unreachable):
        row.lasts(answer.reason, FIRST_PAUSE, now)
    elif row.unanswered:
        _let_go(session, row, now)
        row.ends()
    session.add(row)
    return row


def outlook(delivery: Delivery, silent: Mapping[str, DestinationRow], peers: Collection[str]) -> Outlook:
    """Say how a delivery stands, at any time: what waits for a destination is told how that one is.

    Args:
        delivery: the delivery.
        silent: what `silent_destinations` gives.
        peers: the names of the peers in the settings.
    """
    if delivery.state not in {DeliveryState.WAITING, DeliveryState.QUEUED}:
        return Outlook(delivery.answer, None)
    if delivery.destination not in peers:
        return Outlook(
            f"The peer {delivery.destination} is no longer in `peers`. Put it back, or give this up with "
            f"`spinelabel outbox cancel {delivery.id}`, or all of it with `--to {delivery.destination}`.",
            None,
        )
    row = silent.get(delivery.destination)
    if row is None or row.next_attempt is None or row.silent_since is None:
        return Outlook(delivery.answer, delivery.next_attempt if delivery.attempts else None)
    return Outlook(f"{silence(row)} This goes once it takes something.", row.next_attempt)


def silence(row: DestinationRow) -> str:
    """Say since when a destination takes nothing, in its own words, and when it is tried again."""
    since = f" since {row.silent_since:%Y-%m-%d %H:%M:%S} UTC" if row.silent_since else ""
    again = f" It is tried again from {row.next_attempt:%Y-%m-%d %H:%M:%S} UTC." if row.next_attempt else ""
    return f"{row.name} has taken nothing{since}: {row.answer}.{again}"


def _let_go(session: Session, row: DestinationRow, now: datetime) -> None:
    """Make due what waited with the destination; what has a longer pause of its own keeps that."""
    waiting = select(Delivery).where(Delivery.destination == row.name, Delivery.state == DeliveryState.WAITING)
    for delivery in session.exec(waiting.where(col(Delivery.next_attempt) <= (row.next_attempt or now))):
        delivery.next_attempt = min(delivery.next_attempt, now)
        session.add(delivery)
