"""Acknowledgements: which to give, and their bytes (HL7 2.x chapter 2, acknowledgment modes, MSA and ERR).

Original mode (MSH-15 and MSH-16 empty): AA, AE or AR. Enhanced mode: CA, CE or CR at once where MSH-15 wants it, and
AA, AE or AR where MSH-16 does.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from integrations.hl7.charset import WIDE, codec_of, site_codec
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.escapes import escape
from integrations.hl7.faults import CODE_TEXT, NO_MSH
from integrations.hl7.header import NO_HEADER, Header, header_of
from integrations.hl7.places import Fault
from integrations.hl7.segments import Segment, parse

OUR_NAME = "SPINELABEL"
CONDITIONS = {"AL": "always", "NE": "never", "ER": "when it is refused", "SU": "when it is taken"}
"""HL7 table 0155: when an acknowledgement is wanted."""
CODES = {
    "AA": "Original mode, or MSH-16 asks for it: the message is stored and taken.",
    "AE": "As AA, when the message is stored and not taken; ERR says why.",
    "AR": "As AA, when the header is at fault.",
    "CA": "MSH-15 asks for it: the message is stored and taken.",
    "CE": "As CA, when the message is stored and not taken; ERR says why.",
    "CR": "As CA, when the header is at fault.",
}
"""HL7 table 0008: the codes of MSA-1 that are given, and when, besides faults that are answered in any mode."""


@dataclass(frozen=True)
class Form:
    """What an acknowledgement looks like from a version of HL7 on.

    `type_parts` are those of MSH-9: the trigger came with 2.3, the structure with 2.3.1. `places` of ERR name the
    location, the code, the severity and the problem; before 2.5 all stands in ERR-1, without the last two.
    """

    since: tuple[int, ...]
    type_parts: int
    places: tuple[int, ...]


FORMS = (Form((2, 5), 3, (2, 3, 4, 8)), Form((2, 3, 1), 3, (1,)), Form((2, 3), 2, (1,)), Form((2,), 1, (1,)))
"""The first that a message is not older than counts."""
_FRAMING = re.compile(r"[\x00-\x08\x0a-\x1f]")
_LATEST_KNOWN = "2.5.1"


@dataclass(frozen=True)
class Acknowledgement:
    """One answer: `code` is MSA-1, `control_id` MSA-2; `raw` are its bytes without framing."""

    code: str
    control_id: str
    fault: Fault | None
    sender: str
    receiver: str
    raw: bytes


@dataclass(frozen=True)
class Answer:
    """What goes back for one message, the commit acknowledgement first; None where none is wanted."""

    commit: Acknowledgement | None
    application: Acknowledgement | None

    def messages(self) -> tuple[bytes, ...]:
        """Give the bytes to send, in order, without framing."""
        return tuple(each.raw for each in (self.commit, self.application) if each is not None)


@dataclass(frozen=True)
class Stamp:
    """What makes an acknowledgement a message of its own: the time, and a source of control ids (MSH-10)."""

    now: datetime
    new_control_id: Callable[[], str]


def acknowledge(header: Header, fault: Fault | None, stamp: Stamp, *, originally: bool = False) -> Answer:
    """Answer a message that has been stored: accepted where `fault` is None, else refused with the place named.

    `originally` answers in original mode whatever the message asks for.
    """
    verdict = "A" if fault is None else "R" if fault.rejects else "E"
    commit, application = (_condition(header.value(field)) for field in (15, 16))
    if originally or (fault is not None and fault.originally) or (not commit and not application):
        return Answer(None, _write(f"A{verdict}", header, fault, stamp))
    return Answer(
        _write(f"C{verdict}", header, fault, stamp) if _wants(commit, fault) else None,
        _write(f"A{verdict}", header, fault, stamp) if _wants(application, fault) else None,
    )


def refuse_unreadable(stamp: Stamp) -> Answer:
    """Answer bytes that have no MSH segment: AR with an empty MSA-2, since there is no control id to name."""
    return acknowledge(NO_HEADER, NO_MSH, stamp)


def refuse_unstored(raw: bytes, fault: Fault, stamp: Stamp) -> Answer:
    """Answer a message that is not in our hands so that its sender keeps it: AR where it is to send it again, else AE.

    Raises:
        UnreadableMessage: there is nothing to answer to; close the connection.
    """
    header = header_of(parse(raw, site_codec("8859/1")))
    if not header.control_id:
        raise UnreadableMessage("MSH-10 is missing, so the message cannot be answered.")
    return acknowledge(header, fault, stamp)


def _condition(sent: str) -> str:
    """Give MSH-15 or MSH-16; a value that table 0155 lacks asks for nothing, or its sender would wait for ever."""
    return sent.upper() if sent.upper() in CONDITIONS else ""


def _wants(condition: str, fault: Fault | None) -> bool:
    """Read MSH-15 or MSH-16 (HL7 table 0155); an empty one beside a filled one means never."""
    return condition == "AL" or condition == ("SU" if fault is None else "ER")


def _write(code: str, header: Header, fault: Fault | None, stamp: Stamp) -> Acknowledgement:
    marks = header.delimiters
    version = _sent(header.segment, 12) or _LATEST_KNOWN
    fields = [
        "MSH",
        _sent(header.segment, 2) or "^~\\&",
        _sent(header.segment, 5) or OUR_NAME,
        _sent(header.segment, 6),
        _sent(header.segment, 3),
        _sent(header.segment, 4),
        stamp.now.strftime("%Y%m%d%H%M%S%z"),
        "",
        _message_type(header),
        stamp.new_control_id(),
        _sent(header.segment, 11) or "P",
        version,
        *[""] * 5,
        _sent(header.segment, 18),
    ]
    segments = [
        marks.field.join(fields).rstrip(marks.field),
        marks.field.join(["MSA", code, _sent(header.segment, 10)]),
    ]
    if fault is not None:
        segments.append(_error(fault, header))
    raw = "".join(f"{segment}\r" for segment in segments).encode(_codec(header), "replace")
    return Acknowledgement(code, header.control_id, fault, header.value(5) or OUR_NAME, header.value(3), raw)


def _codec(header: Header) -> str:
    """Give what an acknowledgement is written in: what it says itself in MSH-18, echoed from a message that may lie."""
    declared = [codec_of(each) for each in header.delimiters.repetitions(header.segment.field(18))]
    # A message of one-byte characters that declares wide ones is not answered in wide ones.
    fitting = (codec for codec in (header.codec, *declared) if codec in declared and codec)
    return next((codec for codec in fitting if codec != WIDE or header.codec == WIDE), header.codec)


def _message_type(header: Header) -> str:
    trigger = header.component(9, 2)
    parts = ["ACK", trigger, "ACK"][: _form(header).type_parts if trigger else 1]
    return header.delimiters.component.join(parts)


def _error(fault: Fault, header: Header) -> str:
    marks, place, places = header.delimiters, fault.place, _form(header).places
    location = [place.segment, str(max(place.number, 1)), *([str(place.field)] if place.field else [])]
    coded = [fault.code, escape(CODE_TEXT[fault.code], marks), "HL70357"]
    if places == (1,):
        location += [""] * (3 - len(location))
        return marks.field.join(["ERR", marks.component.join([*location, marks.subcomponent.join(coded)])])
    said = (marks.component.join(location), marks.component.join(coded), "E", escape(fault.problem, marks))
    by_place = dict(zip(places, said, strict=True))
    return marks.field.join(["ERR", *(by_place.get(number, "") for number in range(1, max(places) + 1))])


def _form(header: Header) -> Form:
    """Give the form for the message's version; one that cannot be read counts as the latest we know."""
    version = header.value(12)
    readable = re.fullmatch(r"2(\.[0-9]{1,3})*", version)
    numbers = tuple(int(part) for part in (version if readable else _LATEST_KNOWN).split("."))
    return next(form for form in FORMS if numbers >= form.since)


def _sent(segment: Segment, field: int) -> str:
    """Give a header field back as it was sent, so that its escapes stay right in the same delimiters."""
    return _FRAMING.sub("", segment.field(field))
