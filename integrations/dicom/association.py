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
* A PDU has to be whole within the network timeout, the association request within the ARTIM timer; a peer that
  announces a PDU longer than we take is hung up on.
* Threads rest until there is something for them (`resting`), and the messages of C-STORE are read and written by us
  (`store_messages`).
"""

import logging
import select
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
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
from integrations.dicom.resting import Resting, RingingQueue
from integrations.dicom.store_messages import encode_store_response, read_store_request

MAX_PDU_BYTES = 1024 * 1024

_ASSOCIATE_RQ = 0x01
_CALLED, _CALLING = slice(10, 26), slice(26, 42)  # PS3.8, table 9-11
_READABLE = b"UNREADABLE".ljust(16)
_P_DATA_TF = 0x04
_PDU_HEAD_BYTES = 6
_READ_BYTES = 65536
_LONGEST_PDU_SECONDS = 60.0
_SHORTEST_SECONDS, _WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.01, 0.1, 1.0
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
        self.resting = Resting(association)
        self.to_user_queue = RingingQueue(self.resting.ring)

    def send_pdu(self, primitive: Any) -> None:
        super().send_pdu(primitive)
        self._wake()

    def send_now(self, pdu: bytes) -> None:
        """Send a P-DATA-TF PDU at once; to be called in this thread, in an association that is established."""
        if self.socket is not None:
            self.socket.send(pdu)

    def stop_dul(self) -> bool:
        if threading.current_thread() is self:  # cannot wait for its own end
            self._kill_thread = True
            return True
        if self.state_machine.current_state != "Sta1":
            return False
        self._kill_thread = True
        self._wake()
        self.join()
        return True

    def _wake(self) -> None:
        if threading.current_thread() is not self:
            with suppress(OSError):  # closed, since this thread has ended
                self._rope.send(b"!")

    def run_reactor(self) -> None:
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001  the edge of a connection, which the other thread now closes
            cast(ReceivingServer, self.assoc._server).note_fault(error)
        finally:
            cast(_Messages, self.assoc.dimse).discard_unfinished()
            self.bell.close()
            self._rope.close()
            self.resting.ring()

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        if bytestream[0] == _ASSOCIATE_RQ and len(bytestream) >= _CALLING.stop:
            request = bytes(bytestream)
            self.titles = request[_CALLED], request[_CALLING]
            request, self.reject_reason = with_readable_titles(request)
            bytestream = bytearray(request)
        if bytestream[0] == _P_DATA_TF:
            return _Data(bytestream), "Evt10"
        return super()._decode_pdu(bytestream)


class _Data:
    """A P-DATA-TF PDU (PS3.8, 9.3.5) as far as it is needed; pynetdicom's own takes far longer to read it."""

    def __init__(self, pdu: bytearray) -> None:
        self._primitive = P_DATA()
        self._primitive.presentation_data_value_list = values = []
        place, view = 6, memoryview(pdu).toreadonly()
        while place < len(pdu):
            (length,) = struct.unpack_from(">I", pdu, place)
            end = place + 4 + length
            if length < 2 or end > len(pdu):
                raise ValueError("A presentation data value is longer than its PDU, or empty.")
            values.append([pdu[place + 4], bytes(view[place + 5 : end])])
            place = end

    def to_primitive(self) -> P_DATA:
        return self._primitive


class _Socket(AssociationSocket):
    """Reads without delaying acknowledgements, as much as there is, and not for longer than a PDU may take."""

    def __init__(self, association: Association, client_socket: socket.socket) -> None:
        super().__init__(association, client_socket=client_socket)
        self._buffer = bytearray()
        self._until = 0.0

    @property
    def ready(self) -> bool:
        """Whether the peer has sent something; waits a while for that, or for something to send."""
        if self.socket is None or not self._is_connected:
            return False
        if self._buffer or (isinstance(self.socket, ssl.SSLSocket) and self.socket.pending()):
            return True
        dul = cast(_Upper, self.assoc.dul)
        try:
            readable, _, _ = select.select([self.socket, dul.bell], [], [], self._wait_seconds(dul))
        except (OSError, ValueError):
            dul.event_queue.put("Evt17")  # transport connection closed: PS3.8, table 9-10
            return False
        if dul.bell in readable:
            dul.bell.recv(64)
        return self.socket in readable

    def recv(self, nr_bytes: int) -> bytearray:
        if nr_bytes > MAX_PDU_BYTES or self.socket is None:
            raise OSError
        if nr_bytes == _PDU_HEAD_BYTES:
            self._begin_pdu(self.socket)
        while len(self._buffer) < nr_bytes and self._read_more(nr_bytes - len(self._buffer)):
            pass
        received = self._buffer[:nr_bytes]
        del self._buffer[:nr_bytes]
        return received

    def _begin_pdu(self, connection: socket.socket) -> None:
        """Say how long the next PDU may take: the association request what ARTIM leaves to it (PS3.8, 9.1.5)."""
        seconds = float(self.assoc.network_timeout or _LONGEST_PDU_SECONDS)
        if self.assoc.dul.state_machine.current_state == "Sta2":
            seconds = max(self.assoc.dul.artim_timer.remaining, _SHORTEST_SECONDS)
        if connection.gettimeout() != seconds:
            connection.settimeout(seconds)
        self._until = time.monotonic() + seconds

    def _read_more(self, missing: int) -> bool:
        connection = cast(socket.socket, self.socket)
        if time.monotonic() > self._until:
            raise TimeoutError
        if _QUICK_ACK is not None:
            connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
        more = connection.recv(max(missing, _READ_BYTES))
        self._buffer += more
        return bool(more)

    def _wait_seconds(self, dul: _Upper) -> float:
        if not dul.event_queue.empty():
            return 0
        if dul.state_machine.current_state == "Sta13":  # the connection is closed when nothing comes
            return _WAIT_SECONDS
        return min(max(dul.artim_timer.remaining, 0.0), _LONGEST_WAIT_SECONDS)


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
        self.msg_queue = RingingQueue(cast(_Upper, association.dul).resting.ring)

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
                cast(_Upper, self.dul).send_now(encode_store_response(primitive, context_id))
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


class _Handler(RequestHandler):
    """Builds the association of one connection from the parts above."""

    server: "ReceivingServer"

    def _create_association(self) -> Association:
        association = super()._create_association()
        association.dul = _Upper(association)
        association.acse_timeout = self.ae.acse_timeout  # sets a timer of the new `dul`, as the next line does
        association.network_timeout = self.ae.network_timeout
        association.dimse = _Messages(association, self.server.incoming)
        association._reactor_checkpoint = association.dul.resting
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
