"""Stored messages through again with the present settings: what was refused and can now be read, and what now differs.

The bytes and the acknowledgement of a message stay; its log says what it was before. A message that is processed
again without anything having changed makes nothing new.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.oru import read_message
from service.errors import UnknownItem
from service.listening import file_message
from service.report_versions import Filing, file_again
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.states import MessageState
from service.store.tables import Message, row_id


@dataclass(frozen=True)
class Reprocessed:
    """What came, or would come, of a message: its state before and after, and why, or what changed."""

    message: int
    before: str
    after: str
    what: str


@dataclass(frozen=True)
class Chosen:
    """Which messages: these numbers, or all of a state, or all received from one time to before another."""

    numbers: tuple[int, ...] = ()
    state: MessageState | None = None
    since: datetime | None = None
    until: datetime | None = None


def choose(engine: Engine, chosen: Chosen) -> list[int]:
    """Give the numbers of the messages chosen, in the order of their arrival.

    Raises:
        UnknownItem: there is no message of a number that was named.
    """
    query = select(Message.id).order_by(col(Message.id))
    if chosen.numbers:
        query = query.where(col(Message.id).in_(chosen.numbers))
    if chosen.state is not None:
        query = query.where(Message.state == chosen.state)
    if chosen.since is not None:
        query = query.where(Message.received >= chosen.since)
    if chosen.until is not None:
        query = query.where(Message.received < chosen.until)
    with reading(engine) as session:
        found = [number for number in session.exec(query) if number is not None]
    if unknown := sorted(set(chosen.numbers) - set(found)):
        raise UnknownItem(f"There is no message {unknown[0]} among them. The page of a message names its number.")
    return found


def reprocess_messages(
    engine: Engine, settings: Settings, numbers: Sequence[int], *, dry_run: bool
) -> Iterator[Reprocessed]:
    """Process messages again, each in a transaction of its own; a dry run says what would come of it and undoes it."""
    for number in numbers:
        with writing(engine) as session:
            outcome = _again(session, settings, session.get_one(Message, number))
            if dry_run:
                session.rollback()
        yield outcome


def _again(session: Session, settings: Settings, row: Message) -> Reprocessed:
    number, before, why = row_id(row), row.state, row.reason
    if before == MessageState.REPEATED:
        return Reprocessed(number, before, before, f"It repeats message {row.repeat_of}, which counts.")
    if before == MessageState.INCOMPLETE and not row.raw.rstrip(b"\n").endswith(b"\r"):
        return Reprocessed(number, before, before, "It is cut inside a segment; only its sender has the rest.")
    filing = Filing(session, settings, utc_now())
    try:
        message = read_message(row.raw, settings.hl7)
    except UnreadableMessage as error:
        return Reprocessed(number, before, before, str(error))
    earlier_notes = [note for note in row.notes if note.startswith(("batch:", "reprocessed"))]
    if before == MessageState.REPORT and message.fault is None:
        changes = file_again(filing, row, message.reports)
        what = "; ".join(changes)
    else:
        file_message(filing, row, message, earlier_notes)
        changes = [] if row.state == before else [f"was {before}{f': {why}' if why else ''}"]
        what = row.reason or ("; ".join(str(note) for note in row.notes if note.startswith("version:")))
    if changes:
        row.notes = [*row.notes, f"reprocessed {filing.now:%Y-%m-%d %H:%M} UTC: {'; '.join(changes)}"]
        session.add(row)
    return Reprocessed(number, before, row.state, what or ("taken" if changes else "nothing changes"))
