"""Batch envelopes: FHS, BHS, messages, BTS, FTS (HL7 2.x chapter 2, 2.10.3), each message of which is answered.

An envelope's segments stay with the message beside them; its counts are checked and noted, and cost no message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from config.settings import Hl7Settings
from integrations.hl7.acks import Answer, Stamp
from integrations.hl7.delimiters import Delimiters, read_delimiters
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.senders import rules_for

_LINE = re.compile(rb"(?:\A|(?<=[\r\n\x0b]))((?:FHS|BHS|BTS|FTS|MSH)[^A-Za-z0-9\s][^\r\n]*)")
_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Batch:
    """What encloses the messages of one frame. `header` is BHS, else FHS, as sent; None where there is no envelope.

    `notes` are those for the message log, by the place of the message that they are about.
    """

    header: str | None
    notes: dict[int, tuple[str, ...]]

    def notes_on(self, place: int) -> tuple[str, ...]:
        """Give what the log of the message at that place (from 0) says of its batch."""
        return self.notes.get(place, ())


def read_batch(messages: Sequence[bytes]) -> Batch:
    """Read the envelope around the messages that a frame was cut into, and check what it counts."""
    header: str | None = None
    notes: dict[int, tuple[str, ...]] = {}
    in_batch = batches = 0
    for place, raw in enumerate(messages):
        for line in (found.decode("latin-1") for found in _LINE.findall(raw)):
            said = line[4:].split(line[3], 1)[0].strip()
            match line[:3]:
                case "MSH":
                    in_batch += 1
                case "FHS" | "BHS":
                    header = line if header is None or line[:3] == "BHS" else header
                    batches += line[:3] == "BHS"
                    in_batch = 0 if line[:3] == "BHS" else in_batch
                case "BTS":
                    notes[place] = (*notes.get(place, ()), _compared("BTS-1", said, in_batch, "messages"))
                case "FTS":
                    notes[place] = (*notes.get(place, ()), _compared("FTS-1", said, batches, "batches"))
    return Batch(header, notes)


def wants_batch(batch: Batch, settings: Hl7Settings) -> bool:
    """Tell whether the sender of a batch (BHS-3, BHS-4) wants one batch of acknowledgements."""
    if batch.header is None:
        return False
    marks = _marks(batch.header)
    fields = batch.header.split(marks.field)
    application, facility = (
        marks.component_of(fields[number - 1], 1).strip() if len(fields) >= number else "" for number in (3, 4)
    )
    return rules_for(application, facility, settings).answers_in_batches


def answered_batch(batch: Batch, answers: Sequence[Answer], stamp: Stamp) -> bytes:
    """Write the acknowledgements of a batch as one batch, which may hold none, without framing."""
    header = batch.header or "BHS|^~\\&"
    marks = _marks(header)
    fields = header.split(marks.field) + [""] * 12
    written = [raw for answer in answers for raw in answer.messages()]
    top = ["BHS", fields[1], fields[4], fields[5], fields[2], fields[3], stamp.now.strftime("%Y%m%d%H%M%S%z")]
    top += ["", "", "", stamp.new_control_id(), fields[10]]
    lines = [marks.field.join(top).rstrip(marks.field), marks.field.join(["BTS", str(len(written))])]
    first, last = (f"{line}\r".encode("latin-1") for line in lines)
    return first + b"".join(written) + last


def _compared(field: str, said: str, found: int, of: str) -> str:
    if not said:
        return f"batch: {field} counts nothing; {found} {of} were received"
    if _COUNT.fullmatch(said) is None:
        return f"batch: {field} is no number; {found} {of} were received"
    if int(said) == found:
        return f"batch: {field} counts the {found} {of} that were received"
    return f"batch: {field} counts {int(said)} {of}, and {found} were received. Ask the sender for the rest"


def _marks(header: str) -> Delimiters:
    try:
        return read_delimiters(f"MSH{header[3:]}")
    except UnreadableMessage:
        return replace(Delimiters(), field=header[3:4] or "|")
