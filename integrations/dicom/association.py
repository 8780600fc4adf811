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
* A PDU has to be whole within the network timeout, the association request within the ARTIM timer; a peer that
  announces a PDU longer than we take is hung up on.
* Threads rest until there is something for them (`resting`), and the messages of C-STORE are read and written by us
  (`store_messages`).
"""

import gc
import logging
import socket
import ssl
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socketserver import BaseServer
from typing import Any, cast

from pynetdicom import AE, _config
from pynetdicom.acse import ACSE
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE, N_ACTION, N_CREATE, N_EVENT_REPORT, N_SET
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import (
    RequestHandler,
    ThreadedAssociationServer,
)

from integrations.dicom.admission import ABSTRACT_SYNTAX_NOT_SUPPORTED, Rejection
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import FileMeta
from integrations.dicom.request_pdu import RequestedAssociation
from integrations.dicom.resting import RingingQueue
from integrations.dicom.store_messages import encode_store_response, read_store_request
from integrations.dicom.upper_layer import ReceivingSocket, UpperLayer

_COLLECTED_TOGETHER = 100


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


class _Messages(DIMSEServiceProvider):
    """Puts data sets together in files of a folder, and serves each request at once.

    pynetdicom would hand the request to the association's other thread, which looks for it once in a millisecond.
    """

    def __init__(self, association: Association, folder: Path) -> None:
        super().__init__(association)
        self._folder = folder
        self._latest: IncomingDataSet | None = None
        self._sending = threading.Lock()

        self._request: C_STORE | None = None
        self.msg_queue = RingingQueue(cast(UpperLayer, association.dul).resting.ring)

    def receive_primitive(self, primitive: P_DATA) -> None:
        for context_id, value in primitive.presentation_data_value_list:
            if not self._takes(context_id, value):
                left = P_DATA()
                pair: Any = [context_id, value]  # a list at run time, whatever its type says
                left.presentation_data_value_list = [pair]
                self._leave_to_pynetdicom(left)

    def send_msg(self, primitive: Any, context_id: int) -> None:
        with self._sending:  # the parts of two messages must not mix, now that answers come from several threads
            if isinstance(primitive, C_STORE) and threading.current_thread() is self.dul:
                cast(UpperLayer, self.dul).send_now(encode_store_response(primitive, context_id))
            else:
                super().send_msg(primitive, context_id)

    def _takes(self, context_id: int, value: bytes) -> bool:
        """Take a part of a usual C-STORE, and serve that when it is whole; tells whether it was one."""
        is_command, is_last = value[0] & 1, value[0] & 2
        if self._request is not None:
            if is_command:
                raise ValueError("A command begins inside a data set.")
            data_set = cast(IncomingDataSet, self._request.DataSet)
            data_set.write(memoryview(value)[1:])
            if is_last:
                request, self._request = self._request, None
                self.assoc._serve_request(request, context_id)
            return True
        is_ours = self.assoc.is_established and context_id in self.assoc._accepted_cx
        if not (is_command and is_last and is_ours and self.message is None):
            return False
        self._request = read_store_request(value[1:])
        if self._request is not None:
            self._latest = IncomingDataSet(self._folder, partial(_described, self._request, context_id, self.assoc))
            self._request.DataSet = self._latest
        return self._request is not None

    def _leave_to_pynetdicom(self, primitive: P_DATA) -> None:
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
    return _described(message.command_set, message.context_id, association)


def _described(command: Any, context_id: int | None, association: Association) -> FileMeta:
    context = association._accepted_cx.get(context_id or 0)
    return FileMeta(
        sop_class_uid=str(getattr(command, "AffectedSOPClassUID", "")),
        sop_instance_uid=str(getattr(command, "AffectedSOPInstanceUID", "")),
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
        association.dul = UpperLayer(association)
        association.acse_timeout = self.ae.acse_timeout  # sets a timer of the new `dul`, as the next line does
        association.network_timeout = self.ae.network_timeout
        association.dimse = _Messages(association, self.server.incoming)
        association._reactor_checkpoint = association.dul.resting
        association.acse = _Negotiation(association)
        self.request.settimeout(self.ae.network_timeout)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        association.set_socket(ReceivingSocket(association, client_socket=self.request))
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
        self._uncollected = 0
        super().__init__(ae, address, ae_title, contexts, ssl_context, evt_handlers, _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Make the TLS handshake where there is one to be made; runs in the connection's own thread."""
        self._uncollected += 1
        if self._tls is not None:
            request.settimeout(self.ae.acse_timeout)
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except OSError as error:
                self._note_handshake(error, str(client_address[0]))
                self.shutdown_request(request)
                return
        super().finish_request(request, client_address)

    def service_actions(self) -> None:
        """Collect what ended associations leave behind, some together.

        pynetdicom does so every few seconds, and all associations wait while Python looks at everything it has.
        """
        if self._uncollected >= _COLLECTED_TOGETHER:
            self._uncollected = 0
            gc.collect()

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
    return cast(UpperLayer, event.assoc.dul).requested


def reject(event: Event, rejection: Rejection) -> None:
    """Answer a requested association with a rejection; the answer is out when this returns."""
    event.assoc.acse.send_reject(*rejection.answer)
    event.assoc.kill()


def store_request(event: Event) -> tuple[C_STORE, IncomingDataSet]:
    """Give the request of an EVT_C_STORE with its data set, as `_Messages` has put it together."""
    request = cast(C_STORE, event.request)
    return request, cast(IncomingDataSet, request.DataSet)


_DATA_SETS: dict[type, str] = {
    N_ACTION: "ActionInformation",
    N_CREATE: "AttributeList",
    N_EVENT_REPORT: "EventInformation",
    N_SET: "ModificationList",
}


@contextmanager
def sent_data_set(event: Event) -> Iterator[IncomingDataSet]:
    """Give the data set that came with an N- request, as a file that is there no longer afterwards.

    Raises:
        OSError: it could not be written down.
    """
    data_set = cast(IncomingDataSet, getattr(event.request, _DATA_SETS[type(event.request)]))
    try:
        data_set.finish()
        yield data_set
    finally:
        data_set.discard()
