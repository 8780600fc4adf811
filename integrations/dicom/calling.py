"""Calling a peer: the association that whatever we ask of it runs on (PS3.8)."""

import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from config.settings import Peer
from integrations.dicom.association import prepare_pynetdicom
from integrations.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from integrations.dicom.resting import Checkpoint
from integrations.dicom.upper_layer import MAX_PDU_BYTES
from integrations.tls import client_context, handshake_fault

CONNECT_SECONDS = 10
ANSWER_SECONDS = 60

REJECTED = {1: "refused", 2: "tried again"}
"""What is made of the result of an A-ASSOCIATE-RJ, permanent and transient (PS3.8, table 9-21)."""
REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "application context not supported",
    (1, 3): "it does not know our AE title",
    (1, 7): "its AE title is another one",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "too many associations",
}
"""What an A-ASSOCIATE-RJ says by source and diagnostic (PS3.8, table 9-21)."""


@dataclass(frozen=True)
class Refused:
    """The peer does not take the object. `status` is None when it never came to a C-STORE."""

    status: int | None
    comment: str


@dataclass(frozen=True)
class Unreachable:
    """The peer has not taken the object yet, for the reason given."""

    reason: str


def call_peer(
    peer: Peer,
    our_ae_title: str,
    contexts: Sequence[PresentationContext],
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[Any] = (),
) -> Association | Refused | Unreachable:
    """Associate with a peer as it is reached by the settings, or say why that did not come about.

    Args:
        peer: who is called.
        our_ae_title: the calling AE title.
        contexts: what is proposed.
        roles: where we are to be SCP, as for C-GET.
        handlers: pynetdicom's event handlers, for what the peer asks of us on the association.

    Raises:
        UnusableCertificate: a file of the peer's TLS settings cannot be used.
    """
    prepare_pynetdicom()
    ae = AE(our_ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.connection_timeout = CONNECT_SECONDS
    ae.acse_timeout = ae.dimse_timeout = ANSWER_SECONDS
    ae.network_timeout = 2 * ANSWER_SECONDS  # later, else two threads abort at once, which pynetdicom does not survive
    connected: list[Event] = []
    faults: list[OSError] = []
    rejections: list[A_ASSOCIATE_RJ] = []
    on_opening = (_send_at_once, _put_checkpoint, connected.append)
    ours: list[Any] = [(evt.EVT_CONN_OPEN, each) for each in on_opening]
    ours.append((evt.EVT_PDU_RECV, partial(_keep_rejection, rejections)))
    try:
        association = ae.associate(
            peer.host,
            peer.port,
            list(contexts),
            ae_title=peer.ae_title,
            max_pdu=MAX_PDU_BYTES,
            tls_args=(_heard(client_context(peer.tls), faults), peer.host) if peer.tls else None,
            ext_neg=list(roles),
            evt_handlers=[*ours, *handlers],
        )
    except OSError as error:
        return Unreachable(f"{peer.host}:{peer.port} cannot be reached: {error.strerror}")
    if association.is_established:
        return association
    if rejections:
        return _rejection(rejections[0], peer)
    if association.rejected_contexts:
        return Refused(None, not_taken(peer.name, association.rejected_contexts[0].abstract_syntax))
    if faults:
        return Unreachable(f"{peer.name} cannot be reached by TLS: {handshake_fault(faults[0])}")
    if connected:
        return Unreachable(f"{peer.name} ended the association before it stood")
    return Unreachable(f"{peer.host}:{peer.port} does not take connections")


def _heard(context: ssl.SSLContext, faults: list[OSError]) -> ssl.SSLContext:
    """Have faults of TLS put into a list, since pynetdicom keeps them to itself.

    With TLS 1.3 a server judges our certificate after we think that the handshake is done: that comes when we read.
    """

    class Heard(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # ssl's own
            try:
                super().do_handshake(block)
            except OSError as error:
                faults.append(error)
                raise

        def read(self, len: int = 1024, buffer: Any = None) -> Any:  # noqa: A002  # ssl's own
            try:
                return super().read(len, buffer)
            except ssl.SSLError as error:
                faults.append(error)
                raise

    context.sslsocket_class = Heard
    return context


def _send_at_once(event: Event) -> None:
    """Do not let Nagle's algorithm hold back the last packet of each object."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _put_checkpoint(event: Event) -> None:
    """Have no answer lost between two threads; the second begins to look for requests only later."""
    event.assoc._reactor_checkpoint = Checkpoint(event.assoc)


def _keep_rejection(rejections: list[A_ASSOCIATE_RJ], event: Event) -> None:
    """Keep what pynetdicom overlooks where the connection is closed again before it looks whether there is one."""
    if isinstance(event.pdu, A_ASSOCIATE_RJ):
        rejections.append(event.pdu)


def _rejection(answer: A_ASSOCIATE_RJ, peer: Peer) -> Refused | Unreachable:
    place = (answer.source, answer.reason_diagnostic)
    why = next((text for key, text in REJECTIONS.items() if key == place), "other")
    text = f"{peer.name} rejected the association: {why}"
    return Unreachable(text) if REJECTED.get(answer.result or 1) == "tried again" else Refused(None, text)


def not_taken(peer: str, sop_class: UID | None) -> str:
    """Say that a peer accepted nothing in which objects of a class could go to it."""
    name = sop_class.name if sop_class is not None else "this object"
    return f"{peer} accepts no presentation context for {name} in a transfer syntax we can send"
