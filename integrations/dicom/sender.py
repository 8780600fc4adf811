"""Objects and echoes out to a peer, as Storage and Verification SCU (PS3.4, Annexes A and B).

What the peer answered decides who acts next:

| answer | meaning | examples |
|---|---|---|
| `Delivered` | the peer has it; a warning is for a person to read | 0000H, B000H, B006H, B007H, 0111H |
| `Refused` | sending the same again will not help; a person decides | A9xxH, CxxxH, no context, rejected for good |
| `Unreachable` | try again later, with the same object | A7xxH, no connection, abort, no answer |
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import Peer
from integrations.dicom.association import MAX_PDU_BYTES, prepare_pynetdicom
from integrations.dicom.part10 import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)

CONNECT_SECONDS = 10
ANSWER_SECONDS = 60

_LITTLE_ENDIAN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_DUPLICATE_INSTANCE = 0x0111  # PS3.7, C.5: what a retry gets whose first answer was lost
_REJECTED_TRANSIENT = 2
_REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "application context not supported",
    (1, 3): "it does not know our AE title",
    (1, 7): "its AE title is another one",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "too many associations",
}  # source, diagnostic: PS3.8, table 9-21


@dataclass(frozen=True)
class Delivered:
    """The peer has the object; `warning` is empty or what it said about it."""

    status: int
    warning: str


@dataclass(frozen=True)
class Refused:
    """The peer does not take the object. `status` is None when it never came to a C-STORE."""

    status: int | None
    comment: str


@dataclass(frozen=True)
class Unreachable:
    """The peer has not taken the object yet, for the reason given."""

    reason: str


DeliveryAnswer = Delivered | Refused | Unreachable

_NO_ANSWER = Unreachable("the association ended, or the time ran out, before an answer came")


def send_objects(paths: Sequence[Path], peer: Peer, our_ae_title: str) -> list[DeliveryAnswer]:
    """Send Part 10 files to a peer on one association, and give its answer to each, in order.

    The bytes of the data set go out as they are where the peer accepts the file's transfer syntax. A data set in
    Explicit or Implicit VR Little Endian is written anew in the other one if that is all the peer accepts.

    Raises:
        OSError: a file cannot be read.
        pydicom.errors.InvalidDicomError: a file has no file meta information.
        ValueError: the files need more than 128 presentation contexts.
    """
    metas = [read_file_meta_info(path) for path in paths]
    association = _associate(peer, our_ae_title, _proposed(metas))
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
    association = _associate(peer, our_ae_title, [(Verification, ImplicitVRLittleEndian)])
    if not isinstance(association, Association):
        return association
    answer = _answer(association.send_c_echo())
    association.release()
    return answer


def _proposed(metas: Sequence[FileMetaDataset]) -> list[tuple[UID, UID]]:
    """Pairs of SOP class and transfer syntax, one context each, so that the peer chooses no syntax we need not send."""
    pairs: dict[tuple[UID, UID], None] = {}
    for meta in metas:
        own = meta.TransferSyntaxUID
        pairs[meta.MediaStorageSOPClassUID, own] = None
        if own in _LITTLE_ENDIAN:
            pairs.update(dict.fromkeys((meta.MediaStorageSOPClassUID, syntax) for syntax in _LITTLE_ENDIAN))
    return list(pairs)


def _associate(peer: Peer, our_ae_title: str, proposed: list[tuple[UID, UID]]) -> Association | Refused | Unreachable:
    prepare_pynetdicom()
    ae = AE(our_ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = CONNECT_SECONDS
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ANSWER_SECONDS
    for sop_class, transfer_syntax in proposed:
        ae.add_requested_context(sop_class, transfer_syntax)
    connected: list[Event] = []
    handlers: list[Any] = [(evt.EVT_CONN_OPEN, _send_at_once), (evt.EVT_CONN_OPEN, connected.append)]
    try:
        association = ae.associate(
            peer.host, peer.port, ae_title=peer.ae_title, max_pdu=MAX_PDU_BYTES, evt_handlers=handlers
        )
    except OSError as error:
        return Unreachable(f"{peer.host}:{peer.port} cannot be reached: {error.strerror}")
    if association.is_established:
        return association
    if association.is_rejected:
        return _rejection(association, peer)
    if association.rejected_contexts:
        return Refused(None, _not_taken(peer.name, association.rejected_contexts[0].abstract_syntax))
    if connected:
        return Unreachable(f"{peer.name} ended the association before it stood")
    return Unreachable(f"{peer.host}:{peer.port} does not take connections")


def _send_at_once(event: Event) -> None:
    """Do not let Nagle's algorithm hold back the last packet of each object."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _rejection(association: Association, peer: Peer) -> Refused | Unreachable:
    answer = association.acceptor.primitive
    if answer is None:
        return Unreachable(f"{peer.name} rejected the association")
    why = next((text for key, text in _REJECTIONS.items() if key == (answer.result_source, answer.diagnostic)), "other")
    text = f"{peer.name} rejected the association: {why}"
    return Unreachable(text) if answer.result == _REJECTED_TRANSIENT else Refused(None, text)


def _store(association: Association, path: Path, meta: FileMetaDataset) -> DeliveryAnswer:
    if not association.is_established:
        return _NO_ANSWER
    sop_class, own = meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID
    accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in association.accepted_contexts}
    if (sop_class, own) in accepted:
        return _answer(association.send_c_store(path))
    if own in _LITTLE_ENDIAN and any((sop_class, syntax) in accepted for syntax in _LITTLE_ENDIAN):
        return _answer(association.send_c_store(dcmread(path)))
    return Refused(None, _not_taken(association.acceptor.ae_title, sop_class))


def _not_taken(peer: str, sop_class: UID | None) -> str:
    name = sop_class.name if sop_class is not None else "this object"
    return f"{peer} accepts no presentation context for {name} in a transfer syntax we can send"


def _answer(response: Dataset) -> DeliveryAnswer:
    if "Status" not in response:
        return _NO_ANSWER
    status = int(response.Status)
    comment = str(response.get("ErrorComment", "") or "")
    if status == 0x0000:
        return Delivered(status, "")
    if status == _DUPLICATE_INSTANCE or status >> 12 == 0xB:
        return Delivered(status, f"{status:04X}H {comment}".strip())
    if status >> 8 == 0xA7:
        return Unreachable(f"{status:04X}H {comment}".strip())
    return Refused(status, comment)
