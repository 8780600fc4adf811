"""What happens to an HL7 message before it is acknowledged: its bytes and its reports into the database."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Engine, true
from sqlmodel import Session, col, select
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from integrations.hl7.acks import Answer, Stamp, acknowledge, refuse_unreadable
from integrations.hl7.connection import IncompleteMessage, ReceivedMessage
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.faults import UNFILED
from integrations.hl7.framing import CutShort
from integrations.hl7.oru import ReadMessage, read_message
from service.identity_changes import Telling, apply_adt
from service.report_versions import Filing, file_reports
from service.store.commits import Commits
from service.store.database import writing
from service.store.faults import is_store_fault
from service.store.states import MessageState
from service.store.tables import Message, row_id
from service.usual_messages import file_usual_messages


@dataclass(frozen=True)
class Arrived:
    """A message that was read, and how it is to be answered."""

    received: ReceivedMessage
    message: ReadMessage
    answer: Answer


@dataclass(frozen=True)
class Listening:
    """Where received messages go. What several connections bring at one time is written in one transaction."""

    engine: Engine
    settings: Settings
    log: FilteringBoundLogger
    commits: Commits[Arrived, dict[str, object]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "commits", Commits(self.engine, partial(file_together, self.settings)))

    def receive(self, received: ReceivedMessage) -> Answer:
        """Keep a message and what it carries, then say how to acknowledge it; both are on disk when this returns.

        Raises:
            DBAPIError: the database cannot be written now. The message is not kept, and is to be sent again.
        """
        stamp = Stamp(received.received_at, lambda: uuid.uuid4().hex[:20])
        try:
            message = read_message(received.raw, self.settings.hl7)
        except UnreadableMessage as error:
            answer = refuse_unreadable(stamp)
            self._keep(received, answer, MessageState.REFUSED, str(error))
            return answer
        except Exception as error:
            self._keep(received, None, MessageState.REFUSED, f"It could not be read ({type(error).__name__}).")
            raise
        originally = message.rules.answers_originally
        answer = acknowledge(message.header, message.fault, stamp, originally=originally)
        try:
            kept = self.commits.write(Arrived(received, message, answer))
        except Exception as error:  # the message is kept whatever its report does to us
            if is_store_fault(error):
                raise
            self.log.error("report not filed", error=type(error).__name__)
            answer = acknowledge(message.header, UNFILED, stamp, originally=originally)
            self._keep(
                received, answer, MessageState.REFUSED, f"Its report could not be filed ({type(error).__name__})."
            )
        else:
            self.log.info("message kept", **kept)
        return answer

    def keep_incomplete(self, incomplete: IncompleteMessage) -> None:
        """Keep what came of a message that was cut off; none is accepted, and one that is too long is refused."""
        then = "It was not acknowledged; its sender repeats it."
        if incomplete.reason == CutShort.TOO_LONG:
            then = "It was refused (AE); have its sender send it shorter."
        reason = f"{incomplete.reason[:1].upper()}{incomplete.reason[1:]}. {then}"
        self._keep(incomplete, None, MessageState.INCOMPLETE, reason)

    def _keep(
        self, received: ReceivedMessage | IncompleteMessage, answer: Answer | None, state: MessageState, reason: str
    ) -> None:
        with writing(self.engine) as session:
            # Without sender and control id, so that the same message sent again is processed, not taken for a repeat.
            row = Message(**_received_values(received, answer))
            row.state, row.reason = state, reason
            session.add(row)


def file_together(settings: Settings, session: Session, arrived: Sequence[Arrived]) -> list[dict[str, object]]:
    """File messages that came at one time, all that are usual first; gives what the log says of each."""
    values = [
        _received_values(each.received, each.answer) | _read_values(each.message, each.received.notes)
        for each in arrived
    ]
    usual = file_usual_messages(session, settings, values, [each.message for each in arrived])
    said: list[dict[str, object]] = []
    for place, each in enumerate(arrived):
        number, state = usual.get(place), MessageState.REPORT
        if number is None:
            row = Message(**values[place])
            filing = Filing(session, settings, each.received.received_at)
            file_message(filing, row, each.message, each.received.notes)
            number, state = row_id(row), row.state
        said.append({"message": number, "state": state, "ack": values[place]["ack_code"]})
    return said


def file_message(filing: Filing, row: Message, message: ReadMessage, batch_notes: Sequence[str]) -> None:
    """Write a message's row, decide what it is, and file its reports; a row that is there already is decided anew."""
    session = filing.session
    for name, value in _read_values(message, batch_notes).items():
        setattr(row, name, value)
    earlier = session.exec(
        select(Message.id, Message.sha256)
        .where(Message.sender == row.sender, Message.control_id == row.control_id)
        .where(Message.state != MessageState.REFUSED)  # what was refused is taken when it can be
        .where(true() if row.id is None else col(Message.id) != row.id)
        .order_by(col(Message.id))
    ).all()
    row.reason = ""
    same = next((number for number, sha256 in earlier if sha256 == row.sha256), None)
    if same is not None:
        row.state, row.repeat_of = MessageState.REPEATED, same
    elif message.fault is not None:
        row.state = MessageState.REFUSED
        row.reason = f"{message.fault.place}: {message.fault.problem} Correct it at the sender and send it again."
    else:
        row.state = MessageState.REPORT if message.reports else MessageState.KEPT
    if earlier and same is None:
        row.notes = [*row.notes, "control id: used before for another message"]
    session.add(row)
    session.flush()
    if row.state == MessageState.REPORT:
        notes = file_reports(filing, row, message.reports)
        row.notes = [*row.notes, *notes]
        session.add(row)
    elif row.state == MessageState.KEPT:
        telling = Telling(session, filing.settings, filing.now, row_id(row))
        row.notes = [*row.notes, *apply_adt(telling, message.adt)]
        session.add(row)


def _read_values(message: ReadMessage, batch_notes: Sequence[str]) -> dict[str, Any]:
    return {
        "sender": f"{message.sender}|{message.sending_facility}",
        "control_id": message.control_id,
        "message_type": message.message_type,
        "notes": [*batch_notes, *message.notes],
    }


def _received_values(received: ReceivedMessage | IncompleteMessage, answer: Answer | None) -> dict[str, Any]:
    given = (answer.commit or answer.application) if answer else None
    return {
        "received": received.received_at,
        "peer": received.peer,
        "sha256": hashlib.sha256(received.raw).hexdigest(),
        "raw": received.raw,
        "ack_code": given.code if given else None,
        "ack": b"".join(answer.messages()) if answer else None,
        "state": MessageState.KEPT,
    }
