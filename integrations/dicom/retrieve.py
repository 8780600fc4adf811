"""Studies out of an archive, as Move and Get SCU of the Study Root (PS3.4, Annex C)."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal, cast

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from config.settings import Peer
from integrations.dicom.calling import Refused, Unreachable, call_peer
from integrations.dicom.get_contexts import get_contexts
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import FileMeta
from integrations.dicom.study_root import GET, MOVE
from integrations.dicom.taking import WayIn, answer_store
from integrations.dicom.treatments import Treatment, outcome_of

RETRIEVE_SECONDS = 600
"""How long a peer may say nothing in the middle: some recall a study from tape before they send a first object."""

_Ending = Literal[
    "complete, or incomplete where a part failed",
    "going on, tried again if no more comes",
    "incomplete",
    "unknown destination",
    "tried again",
    "refused",
]

TREATMENTS: tuple[Treatment[_Ending], ...] = (
    Treatment(0x0000, 0x0000, "complete, or incomplete where a part failed"),
    Treatment(0xFF00, 0xFF01, "going on, tried again if no more comes"),
    Treatment(0xB000, 0xBFFF, "incomplete"),
    Treatment(0xA702, 0xA702, "incomplete"),
    Treatment(0xA801, 0xA801, "unknown destination"),
    Treatment(0xA700, 0xA7FF, "tried again"),
    Treatment(0x0001, 0xFFFF, "refused"),
)
"""What is made of the statuses of a C-MOVE or C-GET (PS3.4, tables C.4-2, C.4-3); the first that fits counts."""


@dataclass(frozen=True)
class Retrieved:
    """The peer says that it sent all; `sent` is how many objects it counts."""

    sent: int


@dataclass(frozen=True)
class Incomplete:
    """The peer says that it could not send all."""

    sent: int
    failed: int
    status: int
    comment: str


@dataclass(frozen=True)
class UnknownDestination:
    """The peer does not know our AE title as a place to move studies to (A801H)."""


RetrieveAnswer = Retrieved | Incomplete | UnknownDestination | Refused | Unreachable


def move_study(peer: Peer, our_ae_title: str, study_uid: str) -> RetrieveAnswer:
    """Have a peer send a study to our AE title, where our receiver takes it in (C-MOVE)."""
    contexts = [build_context(MOVE, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]
    association = call_peer(peer, our_ae_title, contexts)
    if not isinstance(association, Association):
        return association
    association.dimse_timeout = RETRIEVE_SECONDS
    answers = association.send_c_move(_identifier(study_uid), our_ae_title, MOVE)
    return _finish(association, answers, peer.name)


def get_study(peer: Peer, our_ae_title: str, study_uid: str, door: WayIn) -> RetrieveAnswer:
    """Take a study on the association that asks for it (C-GET); each object is answered as one that was sent to us is.

    Objects of classes beyond the 128 contexts of an association cannot come; the peer counts them as failed.

    Args:
        peer: who is asked.
        our_ae_title: the calling AE title.
        study_uid: the study.
        door: where objects go; nobody else may clear its folder of incoming files meanwhile.
    """
    contexts, roles = get_contexts()
    taken = _Taken(door, peer)
    association = call_peer(peer, our_ae_title, contexts, roles=roles, handlers=[(evt.EVT_C_STORE, taken.answer)])
    if not isinstance(association, Association):
        return association
    if GET not in {context.abstract_syntax for context in association.accepted_contexts}:
        association.release()
        return Refused(None, f"{peer.name} takes no C-GET")
    association.dimse_timeout = RETRIEVE_SECONDS
    return _finish(association, association.send_c_get(_identifier(study_uid), GET), peer.name)


class _Taken:
    """Takes in the objects of one C-GET."""

    def __init__(self, door: WayIn, peer: Peer) -> None:
        self._door, self._peer = door, peer

    def answer(self, event: Event) -> Dataset | int:
        """Take in one object."""
        request = cast(C_STORE, event.request)
        meta = FileMeta(
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            source_ae=self._peer.ae_title,
        )
        data_set = IncomingDataSet(Path(self._door.intake.incoming), lambda: meta)
        data_set.write(cast(BytesIO, request.DataSet).getbuffer())
        _, answer = answer_store(self._door, data_set, meta, self._peer.host)
        return answer


def _identifier(study_uid: str) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = study_uid
    return identifier


def _finish(association: Association, answers: Iterator[tuple[Dataset, Dataset | None]], peer: str) -> RetrieveAnswer:
    """Follow the answers to the last one, and say what it means."""
    last = Dataset()
    for status, _ in answers:
        last = status
    if association.is_established:
        association.release()
    code = int(last.get("Status", 0xFF00))
    outcome = outcome_of(TREATMENTS, code)
    if outcome == "going on, tried again if no more comes":
        return Unreachable(f"{peer} ended the association, or its time ran out, before it had sent all")
    sent, failed = (int(last.get(f"NumberOf{kind}Suboperations", 0) or 0) for kind in ("Completed", "Failed"))
    sent += int(last.get("NumberOfWarningSuboperations", 0) or 0)
    comment = str(last.get("ErrorComment", "") or "")
    match outcome:
        case "complete, or incomplete where a part failed" if not failed:
            return Retrieved(sent)
        case "complete, or incomplete where a part failed" | "incomplete":
            return Incomplete(sent, failed, code, comment)
        case "unknown destination":
            return UnknownDestination()
        case "tried again":
            return Unreachable(f"{code:04X}H {comment}".strip())
        case "refused":
            return Refused(code, comment or "it does not send the study")
