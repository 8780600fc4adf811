"""What Storage Commitment says: requests and reports as values, and as data sets (PS3.4, Annex J).

Whoever asks sends an N-ACTION that names objects; whoever is asked answers at once that it will look, and says later in
an N-EVENT-REPORT which of them it keeps. Both name the exchange by its Transaction UID.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from integrations.dicom.commitment_answers import INVALID_ARGUMENT, NOT_ASKED, WRITTEN_DOWN, Answer
from integrations.dicom.errors import UnusableReference
from integrations.dicom.header import is_uid

PUSH_MODEL = StorageCommitmentPushModel
PUSH_MODEL_INSTANCE = StorageCommitmentPushModelInstance
TRANSFER_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
REQUEST, ALL_KEPT, SOME_FAILED = 1, 1, 2  # action type, event types: PS3.4, J.3.2 and J.3.3

PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
CLASS_CONFLICT = 0x0119
FAILURES = {
    PROCESSING_FAILURE: "processing failure",
    NO_SUCH_INSTANCE: "no such object instance",
    0x0213: "resource limitation",
    0x0122: "SOP class not supported",
    CLASS_CONFLICT: "it has the object under another SOP class",
    0x0131: "the Transaction UID is in use",
}  # PS3.3, C.14.1.1
GIVEN_FAILURES = {
    PROCESSING_FAILURE: "its pixels were removed, its file is damaged, or its content differs from what came first",
    NO_SUCH_INSTANCE: "it is not here",
    CLASS_CONFLICT: "it is here under another SOP class",
}
"""When we report one of an object that we were asked to commit to."""


@dataclass(frozen=True)
class Reference:
    """An object by its UIDs."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True)
class CommitmentRequest:
    """What a peer asks us to commit to: its AE title, ours that it called, and the objects, each once."""

    calling_ae: str
    called_ae: str
    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Failed:
    """An object that is not committed to, with the failure reason (0008,1197)."""

    reference: Reference
    reason: int


@dataclass(frozen=True)
class CommitmentReport:
    """What became of a request: the objects that are kept, and those that are not."""

    transaction_uid: str
    kept: tuple[Reference, ...]
    failed: tuple[Failed, ...]


def in_words(reason: int) -> str:
    """Name a failure reason, as in `0112H no such object instance`."""
    return f"{reason:04X}H {FAILURES.get(reason, 'a reason of its own')}"


def write_request(transaction_uid: str, references: Sequence[Reference]) -> Dataset:
    """Write the Action Information of an N-ACTION (PS3.4, table J.3-1)."""
    action = Dataset()
    action.TransactionUID = transaction_uid
    action.ReferencedSOPSequence = [_item(reference) for reference in references]
    return action


def write_report(report: CommitmentReport) -> tuple[int, Dataset]:
    """Give the Event Type ID and write the Event Information of an N-EVENT-REPORT (PS3.4, table J.3-2)."""
    event = Dataset()
    event.TransactionUID = report.transaction_uid
    if report.kept:
        event.ReferencedSOPSequence = [_item(reference) for reference in report.kept]
    if not report.failed:
        return ALL_KEPT, event
    event.FailedSOPSequence = [_item(failed.reference) for failed in report.failed]
    for item, failed in zip(event.FailedSOPSequence, report.failed, strict=True):
        item.FailureReason = failed.reason
    return SOME_FAILED, event


def read_request(action: Dataset) -> tuple[str, tuple[Reference, ...]]:
    """Give the Transaction UID and the objects of an Action Information, each object once.

    Raises:
        UnusableReference: an attribute is missing or is no UID.
    """
    references = tuple(dict.fromkeys(_references(action.get("ReferencedSOPSequence"))))
    if not references:
        raise UnusableReference("Referenced SOP Sequence (0008,1199) is missing or empty")
    return _transaction(action), references


def read_report(event: Dataset) -> CommitmentReport:
    """Read an Event Information; whether there are failures is told by the lists, whatever the event type says.

    Raises:
        UnusableReference: an attribute is missing or is no UID.
    """
    items = event.get("FailedSOPSequence") or ()
    reasons = [int(item.get("FailureReason") or PROCESSING_FAILURE) for item in items]
    failed = tuple(map(Failed, _references(items), reasons))
    return CommitmentReport(_transaction(event), tuple(_references(event.get("ReferencedSOPSequence"))), failed)


def answer_to_report(event: Dataset, hear: Callable[[CommitmentReport], bool]) -> tuple[Answer, str]:
    """Give what an N-EVENT-REPORT is answered with, and what is wrong with it.

    Args:
        event: its Event Information.
        hear: notes a report; tells whether it is about something that the peer was asked.
    """
    try:
        report = read_report(event)
    except UnusableReference as error:
        return INVALID_ARGUMENT, str(error)
    if not hear(report):
        return NOT_ASKED, "Transaction UID (0008,1195) is none that we asked this peer with"
    return WRITTEN_DOWN, ""


def _transaction(data_set: Dataset) -> str:
    return _uid(data_set, "TransactionUID", "Transaction UID (0008,1195)")


def _references(items: Iterable[Dataset] | None) -> Iterable[Reference]:
    for item in items or ():
        yield Reference(
            _uid(item, "ReferencedSOPClassUID", "Referenced SOP Class UID (0008,1150)"),
            _uid(item, "ReferencedSOPInstanceUID", "Referenced SOP Instance UID (0008,1155)"),
        )


def _uid(data_set: Dataset, keyword: str, name: str) -> str:
    value = str(data_set.get(keyword) or "").strip(" \0")
    if not is_uid(value):
        raise UnusableReference(f"{name} is {'no UID' if value else 'missing'}")
    return value


def _item(reference: Reference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = reference.sop_class_uid
    item.ReferencedSOPInstanceUID = reference.sop_instance_uid
    return item
