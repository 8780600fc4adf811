"""Every fault that a sender is told of in ERR: the place, the code of HL7 table 0357 and the problem in words."""

from collections.abc import Sequence
from dataclasses import replace

from integrations.hl7.places import Fault, FieldPlace, read_place

CODE_TEXT = {
    "100": "Segment sequence error",
    "101": "Required field missing",
    "202": "Unsupported processing id",
    "203": "Unsupported version id",
    "205": "Duplicate key identifier",
    "207": "Application internal error",
}
"""HL7 table 0357, as far as it is used."""

PROCESSING_IDS = ("P", "D", "T")

NO_MSH = Fault(FieldPlace("MSH", 0), "100", "The message has no MSH segment.", rejects=True, originally=True)
# AR, since it is our trouble and not the message's: chapter 2 has AR for "reasons unrelated to its content or format",
# after which the same message will probably be accepted later, and AE for faults of the message. Engines act on that:
# InterSystems' default is to send again after AR and to suspend after AE; others can be set so for AR alone.
NOT_STORED = Fault(
    FieldPlace("MSH", 0),
    "207",
    "The message could not be stored. Send it again later.",
    rejects=True,
    originally=True,
)
TOO_LONG = Fault(FieldPlace("MSH", 0), "207", "The message is longer than this receiver takes.", originally=True)
UNFILED = Fault(FieldPlace("MSH", 0), "207", "The message is kept, but its report could not be filed.")

MISSING_IN_HEADER = tuple(
    Fault(FieldPlace("MSH", field), "101", f"The {name} is missing.", rejects=True)
    for field, name in ((9, "message type"), (10, "control id"), (11, "processing id"), (12, "version"))
)
PROCESSING_ID = Fault(FieldPlace("MSH", 11), "202", "The processing id is none of P, D and T.", rejects=True)
VERSION = Fault(FieldPlace("MSH", 12), "203", "The version is no version 2 of HL7.", rejects=True)

NO_ORDER = Fault(FieldPlace("OBR", 0), "100", "The message has neither an order nor a result.")
_UNIDENTIFIED = Fault(
    FieldPlace("PID", 3), "101", "There is no accession number, no Study Instance UID and no patient id."
)
NO_PATIENT = Fault(FieldPlace("PID", 3), "101", "There is no number of a patient.")
NOT_TWO_NUMBERS = Fault(FieldPlace("PID", 3, 2), "101", "There are no two numbers to unlink.")
NO_SURVIVOR = Fault(FieldPlace("PID", 3), "101", "There is no number to merge into.")
NO_MERGED = Fault(FieldPlace("MRG", 1), "101", "There is no number to merge.")
MERGED_INTO_ITSELF = Fault(FieldPlace("MRG", 1), "205", "The number would be merged into itself.")
NO_MRG = Fault(FieldPlace("MRG", 0), "100", "There is no MRG segment.")


def unidentified(accession_from: Sequence[str]) -> Fault:
    """Give the fault of a report that nothing identifies, at the field where a site looks first (`accession_from`)."""
    return replace(_UNIDENTIFIED, place=read_place(accession_from[0])) if accession_from else _UNIDENTIFIED


def faults(accession_from: Sequence[str]) -> tuple[Fault, ...]:
    """Give all faults; those of one segment among several name the first."""
    return (
        NO_MSH,
        NOT_STORED,
        TOO_LONG,
        *MISSING_IN_HEADER,
        PROCESSING_ID,
        VERSION,
        UNFILED,
        NO_ORDER,
        unidentified(accession_from),
        NO_PATIENT,
        NOT_TWO_NUMBERS,
        NO_MRG,
        NO_SURVIVOR,
        NO_MERGED,
        MERGED_INTO_ITSELF,
    )
