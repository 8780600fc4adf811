"""Studies out of an archive, as Move and Get SCU of the Study Root (PS3.4, Annex C).

What the peer's final status means (PS3.4, tables C.4-2 and C.4-3):

| status | meaning | here |
|---|---|---|
| 0000H, no sub-operation failed | all was sent | `Retrieved` |
| 0000H or B000H, some failed | a part was sent | `Incomplete` |
| A702H | it could not send to us | `Incomplete` |
| A801H | it does not know our title as a destination | `UnknownDestination` |
| A701H, no answer, abort | not now | `Unreachable` |
| A900H, CxxxH, FE00H and others | it does not do this | `Refused` |
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import cast

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

RETRIEVE_SECONDS = 600
"""How long a peer may say nothing in the middle: some recall a study from tape before they send a first object."""

_PENDING = (0xFF00, 0xFF01)


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
    code = int(last.get("Status", -1))
    if code < 0 or code in _PENDING:
        return Unreachable(f"{peer} ended the association, or its time ran out, before it had sent all")
    sent, failed = (int(last.get(f"NumberOf{kind}Suboperations", 0) or 0) for kind in ("Completed", "Failed"))
    sent += int(last.get("NumberOfWarningSuboperations", 0) or 0)
    comment = str(last.get("ErrorComment", "") or "")
    if code == 0x0000 and not failed:
        return Retrieved(sent)
    if code in {0x0000, 0xB000, 0xA702}:
        return Incomplete(sent, failed, code, comment)
    if code == 0xA801:
        return UnknownDestination()
    if code == 0xA701:
        return Unreachable(f"{code:04X}H {comment}".strip())
    return Refused(code, comment or "it does not send the study")
