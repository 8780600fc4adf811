"""Modality Performed Procedure Step and Instance Availability Notification as provider (PS3.4, Annexes F and R).

What is refused, and how, is `hints.REFUSALS`; the comment names the attribute, never its value. 0000H is given only
after the door has come back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_CREATE, N_SET
from pynetdicom.events import Event

from integrations.dicom.answers import EventLog, refuse, status_answer
from integrations.dicom.association import sent_data_set
from integrations.dicom.errors import HintRefused
from integrations.dicom.hints import (
    NOT_AUTHORIZED,
    NOTIFICATION,
    PROCEDURE_STEP,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
    Hint,
    read_changed_step,
    read_new_step,
    read_notification,
)
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.receiver import FurtherService

MOST_BYTES = 32 * 1024 * 1024
"""Some 200,000 objects: what a message may be long."""

TRANSFER_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)


@dataclass(frozen=True)
class HintDoor:
    """Where hints go; all are called from several threads at a time.

    Attributes:
        peer_of: names the peer of a calling AE title, or None where that may not tell us of studies.
        create: writes down what a peer says that is new, safely on the disk; raises `HintRefused`.
        change: the same for a step that changes.
    """

    peer_of: Callable[[str], str | None]
    create: Callable[[str, Hint], None]
    change: Callable[[str, Hint], None]


def hint_services(door: HintDoor, log: EventLog) -> list[FurtherService]:
    """Give the services for a receiver."""
    desk = _Desk(door, log)
    # One handler of each kind for both, since pynetdicom has room for no more.
    handlers = ((evt.EVT_N_CREATE, desk.answer_create), (evt.EVT_N_SET, desk.answer_set))
    return [
        FurtherService(PROCEDURE_STEP, TRANSFER_SYNTAXES, handlers),
        FurtherService(NOTIFICATION, TRANSFER_SYNTAXES, ()),
    ]


class _Desk:
    """Answers for one receiver."""

    def __init__(self, door: HintDoor, log: EventLog) -> None:
        self._door, self._log = door, log

    def answer_create(self, event: Event) -> tuple[Dataset, Dataset | None]:
        request = cast(N_CREATE, event.request)
        uid = request.AffectedSOPInstanceUID or generate_uid(prefix=None)  # PS3.7, 10.1.5.1.4
        read = read_notification if request.AffectedSOPClassUID == NOTIFICATION else read_new_step
        status = self._answer(event, str(uid), read, self._door.create)
        given = Dataset()
        if request.AffectedSOPInstanceUID is None:
            given.AffectedSOPInstanceUID = uid
        return status, given

    def answer_set(self, event: Event) -> tuple[Dataset, None]:
        uid = str(cast(N_SET, event.request).RequestedSOPInstanceUID)
        return self._answer(event, uid, read_changed_step, self._door.change), None

    def _answer(
        self, event: Event, uid: str, read: Callable[[str, Dataset], Hint], keep: Callable[[str, Hint], None]
    ) -> Dataset:
        try:
            with sent_data_set(event) as sent:
                peer = self._admit(event, sent)
                keep(peer, read(uid, dcmread(sent.path)))
        except HintRefused as refusal:
            answer = refuse(self._log, event, "hint", refusal.status, refusal.comment)
            if refusal.error_id:
                answer.ErrorID = refusal.error_id
            return answer
        except Exception as error:  # noqa: BLE001  the edge of an association: the peer gets its answer
            comment = f"It cannot be read or kept ({type(error).__name__})"
            return refuse(self._log, event, "hint", PROCESSING_FAILURE, comment)
        return status_answer(0x0000)

    def _admit(self, event: Event, sent: IncomingDataSet) -> str:
        peer = self._door.peer_of(event.assoc.requestor.ae_title.strip())
        if peer is None:
            raise HintRefused(NOT_AUTHORIZED, "This calling AE title may not tell us of studies")
        if sent.size_bytes > MOST_BYTES:
            raise HintRefused(RESOURCE_LIMITATION, "The message is too long")
        return peer
