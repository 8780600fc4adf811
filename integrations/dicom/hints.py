"""What peers say of a study under way or complete: Modality Performed Procedure Step and Instance Availability.

PS3.4, Annexes F and R; the attributes are those of table F.7.2-1 and of R.3. Nothing but UIDs and the status is read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import UID

from integrations.dicom.errors import HintRefused
from integrations.dicom.header import is_uid

PROCEDURE_STEP = UID("1.2.840.10008.3.1.2.3.3")
NOTIFICATION = UID("1.2.840.10008.5.1.4.33")

IN_PROGRESS, COMPLETED, DISCONTINUED = "IN PROGRESS", "COMPLETED", "DISCONTINUED"
AVAILABLE = "AVAILABLE"
"""Ours, where the others are Performed Procedure Step Status (0040,0252)."""

INVALID_VALUE, PROCESSING_FAILURE, DUPLICATE, NO_SUCH_INSTANCE = 0x0106, 0x0110, 0x0111, 0x0112
INVALID_INSTANCE, MISSING_ATTRIBUTE, MISSING_VALUE = 0x0117, 0x0120, 0x0121
NOT_AUTHORIZED, RESOURCE_LIMITATION = 0x0124, 0x0213
REFUSALS = {
    NOT_AUTHORIZED: "the title may not tell us of studies",
    DUPLICATE: "an N-CREATE of what there is already",
    NO_SUCH_INSTANCE: "an N-SET of a procedure step that there is not",
    PROCESSING_FAILURE: "an N-SET of a step that is completed or discontinued, with Error ID A710H; it cannot be kept",
    MISSING_ATTRIBUTE: "an attribute that we need is missing",
    MISSING_VALUE: "an attribute that we need is empty",
    INVALID_VALUE: "a UID is none, a new step is not in progress, or its status is none of the three",
    INVALID_INSTANCE: "the SOP Instance UID of an N-CREATE is none",
    RESOURCE_LIMITATION: "it is longer than 32 MiB",
}
"""What a hint is answered instead of success (PS3.7, annex C)."""

_SHORT = {
    "PerformedProcedureStepStatus": "Performed Procedure Step Status (0040,0252)",
    "ScheduledStepAttributesSequence": "Scheduled Step Attributes Sequence (0040,0270)",
    "StudyInstanceUID": "Study Instance UID (0020,000D)",
    "ReferencedSOPInstanceUID": "Referenced SOP Instance UID (0008,1155)",
    "ReferencedSeriesSequence": "Referenced Series Sequence (0008,1115)",
}
_OF_SERIES = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")


@dataclass(frozen=True)
class Hint:
    """One such message, about the SOP instance `uid`.

    Attributes:
        status: how the step stands, or AVAILABLE; empty where an N-SET does not say.
        study_uids: the studies that it is of; none where an N-SET leaves them as they are.
        named: the objects that make them; None where nothing is said of these.
        gone: objects that are said to be unavailable.
    """

    uid: str
    status: str
    study_uids: tuple[str, ...] = ()
    named: tuple[str, ...] | None = None
    gone: tuple[str, ...] = ()


def read_new_step(uid: str, step: Dataset) -> Hint:
    """Read the Attribute List of an N-CREATE of a procedure step.

    Raises:
        HintRefused: an attribute that we need is missing or wrong, or the step is not in progress.
    """
    _check_instance(uid)
    if _text(step, "PerformedProcedureStepStatus") != IN_PROGRESS:
        raise HintRefused(INVALID_VALUE, f"{_SHORT['PerformedProcedureStepStatus']} is not IN PROGRESS")
    _text(step, "ScheduledStepAttributesSequence")
    studies = [_uid(item, "StudyInstanceUID") for item in step.ScheduledStepAttributesSequence]
    return Hint(uid, IN_PROGRESS, tuple(dict.fromkeys(studies)), _performed(step))


def read_changed_step(uid: str, step: Dataset) -> Hint:
    """Read the Modification List of an N-SET of a procedure step.

    Raises:
        HintRefused: the status is none, or an object is named without a UID.
    """
    status = str(step.get("PerformedProcedureStepStatus") or "").strip()
    if status not in {"", IN_PROGRESS, COMPLETED, DISCONTINUED}:
        raise HintRefused(INVALID_VALUE, f"{_SHORT['PerformedProcedureStepStatus']} is none of the three")
    return Hint(uid, status, named=_performed(step))


def read_notification(uid: str, notification: Dataset) -> Hint:
    """Read the Attribute List of an N-CREATE of a notification of instance availability.

    Raises:
        HintRefused: an attribute that we need is missing or wrong.
    """
    _check_instance(uid)
    study = _uid(notification, "StudyInstanceUID")
    _text(notification, "ReferencedSeriesSequence")
    items = [
        item for series in notification.ReferencedSeriesSequence for item in series.get("ReferencedSOPSequence") or ()
    ]
    gone = _named(item for item in items if str(item.get("InstanceAvailability")) == "UNAVAILABLE")
    named = _named(item for item in items if str(item.get("InstanceAvailability")) != "UNAVAILABLE")
    return Hint(uid, AVAILABLE, (study,), named, gone)


def _performed(step: Dataset) -> tuple[str, ...] | None:
    """Give the objects of the Performed Series Sequence, which an N-SET always sends as a whole (PS3.4, F.7.2.2.2)."""
    if "PerformedSeriesSequence" not in step:
        return None
    series = step.PerformedSeriesSequence or ()
    return _named(item for each in series for sequence in _OF_SERIES for item in each.get(sequence) or ())


def _named(items: Iterable[Dataset]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_uid(item, "ReferencedSOPInstanceUID") for item in items))


def _check_instance(uid: str) -> None:
    if not is_uid(uid):
        raise HintRefused(INVALID_INSTANCE, "Affected SOP Instance UID (0000,1000) is no UID")


def _uid(data_set: Dataset, keyword: str) -> str:
    value = _text(data_set, keyword)
    if not is_uid(value):
        raise HintRefused(INVALID_VALUE, f"{_SHORT[keyword]} is no UID")
    return value


def _text(data_set: Dataset, keyword: str) -> str:
    """Give a value that has to be there."""
    if keyword not in data_set:
        raise HintRefused(MISSING_ATTRIBUTE, f"{_SHORT[keyword]} is missing")
    value = data_set.get(keyword)
    if not value:
        raise HintRefused(MISSING_VALUE, f"{_SHORT[keyword]} is empty")
    return "" if not isinstance(value, str) else value.strip(" \0")
