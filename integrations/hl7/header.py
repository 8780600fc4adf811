"""The message header: who sent what to whom, and whether we can take it (HL7 2.x chapter 2, MSH)."""

import re
from dataclasses import dataclass

from integrations.hl7.delimiters import STANDARD, Delimiters
from integrations.hl7.escapes import plain_value
from integrations.hl7.faults import MISSING_IN_HEADER, PROCESSING_ID, PROCESSING_IDS, VERSION
from integrations.hl7.places import Fault
from integrations.hl7.segments import Parsed, Segment


@dataclass(frozen=True)
class Header:
    """MSH as sent, with the delimiters and the codec that its message is read by."""

    segment: Segment
    delimiters: Delimiters
    codec: str

    def value(self, field: int) -> str:
        """Give the first component of a field, unescaped; `""` is empty."""
        return self.component(field, 1)

    def component(self, field: int, number: int) -> str:
        """Give a component of a field's first repetition, unescaped; `""` is empty."""
        repetition = self.delimiters.repetitions(self.segment.field(field))[0]
        return plain_value(self.delimiters.component_of(repetition, number), self.delimiters, self.codec)

    @property
    def control_id(self) -> str:
        """Give MSH-10."""
        return self.value(10)

    @property
    def message_type(self) -> str:
        """Give message code and trigger event as in `ORU^R01`, whatever the message's delimiters."""
        return "^".join(part for part in (self.component(9, 1), self.component(9, 2)) if part)


NO_HEADER = Header(Segment("MSH", 1, ("MSH", "|", "^~\\&")), STANDARD, "ascii")
"""Stands in where a message has none, so that it can still be refused."""


def header_of(parsed: Parsed) -> Header:
    """Give the header of a message taken apart."""
    return Header(parsed.segments[0], parsed.delimiters, parsed.codec)


def header_fault(header: Header) -> Fault | None:
    """Tell what in MSH-9 to MSH-12 keeps us from taking the message; None where nothing does."""
    if missing := next((fault for fault in MISSING_IN_HEADER if not header.value(fault.place.field)), None):
        return missing
    if header.value(11).upper() not in PROCESSING_IDS:
        return PROCESSING_ID
    return None if re.fullmatch(r"2(\.[0-9]+)*", header.value(12)) else VERSION
