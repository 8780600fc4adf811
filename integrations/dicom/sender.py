"""Objects and echoes out to a peer, as Storage and Verification SCU (PS3.4, Annexes A and B).

What the peer answered decides who acts next:

| answer | meaning | examples |
|---|---|---|
| `Delivered` | the peer has it; a warning is for a person to read | 0000H, B000H, B006H, B007H, 0111H |
| `Refused` | sending the same again will not help; a person decides | A9xxH, CxxxH, no context, rejected for good |
| `Unreachable` | try again later, with the same object | A7xxH, no connection, abort, no answer |
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import Peer
from integrations.dicom.calling import Refused, Unreachable, call_peer, not_taken
from integrations.dicom.sr_classes import other_class, put_into_class
from integrations.dicom.treatments import Treatment, outcome_of

_LITTLE_ENDIAN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)


TREATMENTS: tuple[Treatment[Literal["delivered", "delivered with a warning", "tried again", "refused"]], ...] = (
    Treatment(0x0000, 0x0000, "delivered"),
    Treatment(0x0111, 0x0111, "delivered with a warning"),  # PS3.7, C.5: what a retry gets whose answer was lost
    Treatment(0xB000, 0xBFFF, "delivered with a warning"),
    Treatment(0xA700, 0xA7FF, "tried again"),
    Treatment(0x0001, 0xFFFF, "refused"),
)
"""PS3.4, table B.2-1 and PS3.7, C; the first that fits counts."""


@dataclass(frozen=True)
class Delivered:
    """The peer has the object; `warning` is empty or what it said about it.

    `sent_as` is the SOP class that it went as where that is not its own.
    """

    status: int
    warning: str
    sent_as: str = ""


DeliveryAnswer = Delivered | Refused | Unreachable

_NO_ANSWER = Unreachable("the association ended, or the time ran out, before an answer came")


def send_objects(paths: Sequence[Path], peer: Peer, our_ae_title: str) -> list[DeliveryAnswer]:
    """Send Part 10 files to a peer on one association, and give its answer to each, in order.

    The bytes of the data set go out as they are where the peer accepts the file's transfer syntax. A data set in
    Explicit or Implicit VR Little Endian is written anew in the other one if that is all the peer accepts, and a
    structured report goes under another of its classes (`sr_classes`) if the peer does not take its own.

    Raises:
        OSError: a file cannot be read.
        pydicom.errors.InvalidDicomError: a file has no file meta information.
        ValueError: the files need more than 128 presentation contexts.
    """
    metas = [read_file_meta_info(path) for path in paths]
    association = call_peer(peer, our_ae_title, [build_context(*pair) for pair in _proposed(metas)])
    if not isinstance(association, Association):
        return [association] * len(paths)
    answers: list[DeliveryAnswer] = []
    for path, meta in zip(paths, metas, strict=True):
        answer = _store(association, path, meta)
        if answer is _NO_ANSWER:
            return answers + [_NO_ANSWER] * (len(paths) - len(answers))
        answers.append(answer)
    association.release()
    return answers


def verify(peer: Peer, our_ae_title: str) -> DeliveryAnswer:
    """Ask a peer whether it is there (C-ECHO)."""
    association = call_peer(peer, our_ae_title, [build_context(Verification, ImplicitVRLittleEndian)])
    if not isinstance(association, Association):
        return association
    answer = _answer(association.send_c_echo())
    association.release()
    return answer


def _proposed(metas: Sequence[FileMetaDataset]) -> list[tuple[UID, UID]]:
    """Pairs of SOP class and transfer syntax, one context each, so that the peer chooses no syntax we need not send."""
    pairs: dict[tuple[UID, UID], None] = {}
    for meta in metas:
        own, other = meta.TransferSyntaxUID, other_class(meta.MediaStorageSOPClassUID)
        pairs[meta.MediaStorageSOPClassUID, own] = None
        if own in _LITTLE_ENDIAN:
            classes = [meta.MediaStorageSOPClassUID, *([other] if other else [])]
            pairs.update(dict.fromkeys((each, syntax) for each in classes for syntax in _LITTLE_ENDIAN))
    return list(pairs)


def _store(association: Association, path: Path, meta: FileMetaDataset) -> DeliveryAnswer:
    if not association.is_established:
        return _NO_ANSWER
    sop_class, own = meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
    accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts}
    if (sop_class, own) in accepted:
        return _answer(association.send_c_store(path))
    if own in _LITTLE_ENDIAN and any((sop_class, syntax) in accepted for syntax in _LITTLE_ENDIAN):
        return _answer(association.send_c_store(dcmread(path)))
    other = other_class(sop_class)
    if other is not None and any((other, syntax) in accepted for syntax in _LITTLE_ENDIAN):
        report = dcmread(path)
        if put_into_class(report, other):
            answer = _answer(association.send_c_store(report))
            return replace(answer, sent_as=str(other)) if isinstance(answer, Delivered) else answer
    return Refused(None, not_taken(association.acceptor.ae_title, sop_class))


def _answer(response: Dataset) -> DeliveryAnswer:
    if "Status" not in response:
        return _NO_ANSWER
    status = int(response.Status)
    comment = str(response.get("ErrorComment", "") or "")
    said = f"{status:04X}H {comment}".strip()
    match outcome_of(TREATMENTS, status):
        case "delivered":
            return Delivered(status, "")
        case "delivered with a warning":
            return Delivered(status, said)
        case "tried again":
            return Unreachable(said)
        case "refused":
            return Refused(status, comment)
