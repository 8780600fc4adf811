"""pynetdicom's association acceptor with what a receiver on a hospital network needs besides.

What is changed, and why:

* Data sets go to a file as they come (`IncomingDataSet`), in the folder of the store and not the system's for
  temporary files.
* AE titles that are blank, not ASCII or filled up with NUL are rejected by the table (PS3.8, 9.3.4) or read as meant;
  pynetdicom would abort.
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
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseServer
from typing import Any, cast

from pynetdicom import AE, _config
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE, N_ACTION, N_EVENT_REPORT
from pynetdicom.dul import DULServiceProvider
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import (
    AssociationSocket,
    RequestHandler,
    ThreadedAssociationServer,
)

from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import FileMeta

MAX_PDU_BYTES = 1024 * 1024

_ASSOCIATE_RQ = 0x01
_CALLED, _CALLING = slice(10, 26), slice(26, 42)  # PS3.8, table 9-11
_READABLE = b"UNREADABLE".ljust(16)
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


def with_readable_titles(request: bytes) -> tuple[bytes, int | None]:
    """Give an A-ASSOCIATE-RQ PDU that pynetdicom can read, and the reason to reject it for its titles.

    Spaces and NULs at the ends of a title are padding. The reason is a diagnostic of PS3.8, table 9-21: 7 called, 3
    calling AE title not recognized, None if both can be read.
    """
    called, calling = (request[place].strip(b" \0") for place in (_CALLED, _CALLING))
    reason = 7 if not _is_title(called) else 3 if not _is_title(calling) else None
    titles = [title.ljust(16) if _is_title(title) else _READABLE for title in (called, calling)]
    return request[: _CALLED.start] + b"".join(titles) + request[_CALLING.stop :], reason


def _is_title(title: bytes) -> bool:
    return bool(title) and all(0x20 <= byte < 0x7F and byte != ord("\\") for byte in title)


class _Upper(DULServiceProvider):
    """Reads and writes PDUs as soon as there are any, where pynetdicom looks once in a millisecond.

    Keeps the titles of the request as they were sent, and why they are to be rejected.
    """

    titles: tuple[bytes, bytes] = (b"", b"")  # called, calling
    reject_reason: int | None = None

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
        if bytestream[0] == _ASSOCIATE_RQ and len(bytestream) >= _CALLING.stop:
            request = bytes(bytestream)
            self.titles = request[_CALLED], request[_CALLING]
            request, self.reject_reason = with_readable_titles(request)
            bytestream = bytearray(request)
        return super()._decode_pdu(bytestream)


class _Socket(AssociationSocket):
    """Reads without delaying acknowledgements, and no more than a PDU."""

    @property
    def ready(self) -> bool:
        """Whether the peer has sent something; waits a little for that, or for something to send."""
        if self.socket is None or not self._is_connected:
            return False
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
        self._sending = threading.Lock()

    def send_msg(self, primitive: Any, context_id: int) -> None:
        with self._sending:  # the parts of two messages must not mix, now that answers come from several threads
            super().send_msg(primitive, context_id)

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


class _Handler(RequestHandler):
    """Builds the association of one connection from the parts above."""

    server: "ReceivingServer"

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dul = _Upper(association)
        association.acse_timeout = self.ae.acse_timeout  # sets a timer of the new `dul`, as the next line does
        association.network_timeout = self.ae.network_timeout
        association.dimse = _Messages(association, self.server.incoming)
        self.request.settimeout(self.ae.network_timeout)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        association.set_socket(_Socket(association, client_socket=self.request))
        return association


class ReceivingServer(ThreadedAssociationServer):
    """Listens, gives each association its folder of incoming files, and hears of connections that made no sense."""

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
        incoming: Path,
        note_fault: Callable[[Exception], None],
    ) -> None:
        self.incoming = incoming
        self.note_fault = note_fault
        super().__init__(ae, address, ae_title, contexts, ssl_context, evt_handlers, _Handler)

    def shutdown(self) -> None:
        """Stop listening and abort the associations that are left."""
        BaseServer.shutdown(self)
        self.server_close()
        for association in self.active_associations:
            association.abort()


def requested_titles(event: Event) -> tuple[bytes, bytes]:
    """Give the called and the calling title of an association as they were sent."""
    dul = event.assoc.dul
    return dul.titles if isinstance(dul, _Upper) else (b"", b"")


def reject_unreadable_titles(event: Event) -> bool:
    """Reject a requested association one of whose titles cannot be read, and say whether that was so."""
    dul = event.assoc.dul
    if not isinstance(dul, _Upper) or dul.reject_reason is None:
        return False
    event.assoc.acse.send_reject(1, 1, dul.reject_reason)
    event.assoc.kill()  # waits until the answer is out
    return True


def store_request(event: Event) -> tuple[C_STORE, IncomingDataSet]:
    """Give the request of an EVT_C_STORE with its data set, as `_Messages` has put it together."""
    request = cast(C_STORE, event.request)
    return request, cast(IncomingDataSet, request.DataSet)


@contextmanager
def sent_data_set(event: Event) -> Iterator[IncomingDataSet]:
    """Give the data set that came with an N-ACTION or N-EVENT-REPORT, as a file that is there no longer afterwards.

    Raises:
        OSError: it could not be written down.
    """
    request = cast(N_ACTION | N_EVENT_REPORT, event.request)
    sent = request.ActionInformation if isinstance(request, N_ACTION) else request.EventInformation
    data_set = cast(IncomingDataSet, sent)
    try:
        data_set.finish()
        yield data_set
    finally:
        data_set.discard()
