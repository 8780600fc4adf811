"""pynetdicom's association acceptor with what a receiver on a hospital network needs besides.

What is changed, and why:

* Data sets go to a file as they come (`IncomingDataSet`), in the folder of the store and not the system's for
  temporary files.
* Requests that pynetdicom would abort on, as for AE titles that are blank, not ASCII or filled up with NUL, are made
  readable; what was sent is kept, and decides (`admission`).
* Contexts of classes that the site leaves out are rejected one by one.
* A TLS handshake is made in the thread of its connection, where pynetdicom lets it hold up all others.
* TCP acknowledgements are not delayed. DCMTK's clients leave Nagle's algorithm on, so that each object waits some 40 ms
  for ours.
* Requests are served in the thread that reads them, and that thread waits for the network instead of asking again and
  again: less work and two waits of a millisecond less for each object.
* A peer that falls silent within a PDU is given up after the network timeout; one that announces a PDU longer than we
  take is hung up on.
"""

import logging
import select
import socket
import ssl
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import BaseServer
from typing import Any, cast

from pynetdicom import AE, _config
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dul import DULServiceProvider
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import (
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

from integrations.dicom.admission import ABSTRACT_SYNTAX_NOT_SUPPORTED, Rejection
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import FileMeta
from integrations.dicom.request_pdu import ASSOCIATE_RQ, RequestedAssociation, read_request, readable_request

MAX_PDU_BYTES = 1024 * 1024
"""The ceiling of what is read as one PDU, whatever was agreed."""

_P_DATA = 0x04
_WAIT_SECONDS = 0.1
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux


def prepare_pynetdicom() -> None:
    """Set what pynetdicom and pydicom keep for the whole process.

    Storage classes that nobody has heard of are taken. UIDs are not judged by pynetdicom, which would drop the
    association without an answer; `read_header` judges them. Neither says anything in log or warnings, since they quote
    what they read, and that may be a patient's name.
    """
    _config.UNRESTRICTED_STORAGE_SERVICE = True
    _config.STORE_SEND_CHUNKED_DATASET = True
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.VALIDATORS["UI"] = lambda _: (True, "")
    for package in ("pynetdicom", "pydicom"):
        logging.getLogger(package).setLevel(logging.CRITICAL + 1)
        warnings.filterwarnings("ignore", module=rf"{package}\.")


class _Upper(DULServiceProvider):
    """Reads and writes PDUs as soon as there are any, where pynetdicom looks once in a millisecond.

    Keeps the request as it was sent.
    """

    requested = RequestedAssociation()

    def __init__(self, association: Association) -> None:
        super().__init__(association)
        self._run_loop_delay = 0  # `_Socket.ready` waits instead
        self.bell, self._rope = socket.socketpair()

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        if threading.current_thread() is not self:
            with suppress(OSError):  # closed, since this thread has ended
                self._rope.send(b"!")

    def stop_dul(self) -> bool:
        if threading.current_thread() is self:  # cannot wait for its own end
            self._kill_thread = True
            return True
        return super().stop_dul()

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001  the edge of a connection, which the other thread now closes
            cast(ReceivingServer, self.assoc._server).note_fault(error)
        finally:
            cast(_Messages, self.assoc.dimse).discard_unfinished()
            self.bell.close()
            self._rope.close()

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        if bytestream[0] == ASSOCIATE_RQ:
            self.requested = read_request(bytes(bytestream))
            bytestream = bytearray(readable_request(bytes(bytestream)))
        if bytestream[0] == _P_DATA and len(bytestream) - 6 > (self.assoc.acceptor.maximum_length or MAX_PDU_BYTES):
            raise ValueError  # which pynetdicom answers as an invalid PDU
        return super()._decode_pdu(bytestream)


class _Socket(AssociationSocket):
    """Reads without delaying acknowledgements, and no more than a PDU."""

    @property
    def ready(self) -> bool:
        """Whether the peer has sent something; waits a little for that, or for something to send."""
        if self.socket is None or not self._is_connected:
            return False
        if isinstance(self.socket, ssl.SSLSocket) and self.socket.pending():
            return True
        dul = cast(_Upper, self.assoc.dul)
        wait = _WAIT_SECONDS if dul.event_queue.empty() else 0
        try:
            readable, _, _ = select.select([self.socket, dul.bell], [], [], wait)
        except (OSError, ValueError):
            dul.event_queue.put("Evt17")  # transport connection closed: PS3.8, table 9-10
            return False
        if dul.bell in readable:
            dul.bell.recv(64)
        return self.socket in readable

    def recv(self, nr_bytes: int) -> bytearray:
        if nr_bytes > MAX_PDU_BYTES or self.socket is None:
            raise OSError
        received, missing = bytearray(nr_bytes), nr_bytes
        with memoryview(received) as view:
            while missing:
                if _QUICK_ACK is not None:
                    self.socket.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
                count = self.socket.recv_into(view[nr_bytes - missing :])
                if not count:
                    break
                missing -= count
        return received[: nr_bytes - missing] if missing else received


class _Messages(DIMSEServiceProvider):
    """Puts data sets together in files of a folder, and serves each request at once.

    pynetdicom would hand the request to the association's other thread, which looks for it once in a millisecond.
    """

    def __init__(self, association: Association, folder: Path) -> None:
        super().__init__(association)
        self._folder = folder
        self._latest: IncomingDataSet | None = None

    def receive_primitive(self, primitive: P_DATA) -> None:
        if self.message is None:
            message = DIMSEMessage()
            self._latest = IncomingDataSet(self._folder, lambda: _file_meta(message, self.assoc))
            message.data_set = self._latest
            self.message = message
        super().receive_primitive(primitive)
        context_id, _ = self.peek_msg()
        # What arrives before the other thread has noted the acceptance, or in a wrong context, is left to that thread.
        if self.assoc.is_established and context_id in self.assoc._accepted_cx:
            context_id, request = self.get_msg()
            if request is not None and context_id is not None:
                self.assoc._serve_request(request, context_id)

    def discard_unfinished(self) -> None:
        """Remove what has come of a data set whose end will not come."""
        if self._latest is not None:
            self._latest.discard()


def _file_meta(message: DIMSEMessage, association: Association) -> FileMeta:
    contexts = {context.context_id: context for context in association.accepted_contexts}
    context = contexts.get(message.context_id)
    command = message.command_set
    return FileMeta(
        sop_class_uid=str(command.get("AffectedSOPClassUID", "")),
        sop_instance_uid=str(command.get("AffectedSOPInstanceUID", "")),
        transfer_syntax_uid=str(context.transfer_syntax[0]) if context else "",
        source_ae=association.requestor.ae_title.strip(),
    )


class _Negotiation(ACSE):
    """Answers contexts of classes that the site leaves out with result 3, whatever else is accepted."""

    def send_accept(self) -> None:
        takes_class = cast(ReceivingServer, self.assoc._server).takes_class
        for number, context in list(self.assoc._accepted_cx.items()):
            if not takes_class(str(context.abstract_syntax)):
                context.result = ABSTRACT_SYNTAX_NOT_SUPPORTED
                self.assoc._rejected_cx.append(self.assoc._accepted_cx.pop(number))
        super().send_accept()


class _Handler(RequestHandler):
    """Builds the association of one connection from the parts above."""

    server: "ReceivingServer"

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dul = _Upper(association)
        association.acse_timeout = self.ae.acse_timeout  # sets a timer of the new `dul`, as the next line does
        association.network_timeout = self.ae.network_timeout
        association.dimse = _Messages(association, self.server.incoming)
        association.acse = _Negotiation(association)
        self.request.settimeout(self.ae.network_timeout)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        association.set_socket(_Socket(association, client_socket=self.request))
        return association


@dataclass(frozen=True)
class Surroundings:
    """What a server is given besides pynetdicom's arguments.

    `incoming` is the folder of incoming files, `takes_class` judges storage classes, `tls` is None for connections
    without. `note_fault` hears of connections that made no sense, `note_handshake` of those that came to no TLS, with
    the peer's address.
    """

    incoming: Path
    takes_class: Callable[[str], bool]
    tls: ssl.SSLContext | None
    note_fault: Callable[[Exception], None]
    note_handshake: Callable[[OSError, str], None]


class ReceivingServer(ThreadedAssociationServer):
    """Listens, and gives each association what stands around it."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(  # the arguments are pynetdicom's
        self,
        ae: AE,
        address: tuple[str, int],
        ae_title: str,
        contexts: list[PresentationContext],
        ssl_context: ssl.SSLContext | None = None,
        evt_handlers: list[Any] | None = None,
        *,
        surroundings: Surroundings,
    ) -> None:
        self.incoming = surroundings.incoming
        self.takes_class = surroundings.takes_class
        self.note_fault = surroundings.note_fault
        self._note_handshake = surroundings.note_handshake
        self._tls = surroundings.tls
        super().__init__(ae, address, ae_title, contexts, ssl_context, evt_handlers, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Make the TLS handshake where there is one to be made; runs in the connection's own thread."""
        if self._tls is not None:
            request.settimeout(self.ae.network_timeout)
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except OSError as error:
                self._note_handshake(error, str(client_address[0]))
                self.shutdown_request(request)
                return
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # socketserver's arguments
        """Note a fault where socketserver would print a traceback."""
        error = sys.exception()
        if isinstance(error, Exception):
            self.note_fault(error)

    def shutdown(self) -> None:
        """Stop listening and abort the associations that are left."""
        BaseServer.shutdown(self)
        self.server_close()
        for association in self.active_associations:
            association.abort()


def requested_association(event: Event) -> RequestedAssociation:
    """Give the request of an association as it was sent."""
    return cast(_Upper, event.assoc.dul).requested


def reject(event: Event, rejection: Rejection) -> None:
    """Answer a requested association with a rejection; the answer is out when this returns."""
    event.assoc.acse.send_reject(*rejection.answer)
    event.assoc.kill()


def store_request(event: Event) -> tuple[C_STORE, IncomingDataSet]:
    """Give the request of an EVT_C_STORE with its data set, as `_Messages` has put it together."""
    request = cast(C_STORE, event.request)
    return request, cast(IncomingDataSet, request.DataSet)
