"""pynetdicom's association acceptor with what a receiver on a hospital network needs besides.

What is changed, and why:

* Data sets go to a file as they come (`IncomingDataSet`), in the folder of the store and not the system's for
  temporary files.
* AE titles that are blank, not ASCII or filled up with NUL are rejected by the table (PS3.8, 9.3.4) or read as meant;
  pynetdicom would abort.
* TCP acknowledgements are not delayed. DCMTK's clients leave Nagle's algorithm on, so that each object waits some 40 ms
  for ours.
* A peer that falls silent within a PDU is given up after the network timeout; one that announces a PDU longer than we
  take is hung up on.
"""

import logging
import socket
import ssl
import warnings
from pathlib import Path
from socketserver import BaseServer
from typing import Any, cast

from pynetdicom import AE, _config
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

from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import FileMeta

MAX_PDU_BYTES = 1024 * 1024

_ASSOCIATE_RQ = 0x01
_CALLED, _CALLING = slice(10, 26), slice(26, 42)  # PS3.8, table 9-11
_READABLE = b"UNREADABLE".ljust(16)
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
    """Reads PDUs; keeps the titles of the request as they were sent."""

    titles: tuple[bytes, bytes] = (b"", b"")  # called, calling
    reject_reason: int | None = None

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        if bytestream[0] == _ASSOCIATE_RQ and len(bytestream) >= _CALLING.stop:
            request = bytes(bytestream)
            self.titles = request[_CALLED], request[_CALLING]
            request, self.reject_reason = with_readable_titles(request)
            bytestream = bytearray(request)
        return super()._decode_pdu(bytestream)


class _Socket(AssociationSocket):
    """Reads without delaying acknowledgements, and no more than a PDU."""

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
        return received[: nr_bytes - missing]


class _Messages(DIMSEServiceProvider):
    """Puts data sets together in files of a folder."""

    def __init__(self, association: Association, folder: Path) -> None:
        super().__init__(association)
        self._folder = folder

    def receive_primitive(self, primitive: P_DATA) -> None:
        if self.message is None:
            message = DIMSEMessage()
            message.data_set = IncomingDataSet(self._folder, lambda: _file_meta(message, self.assoc))
            self.message = message
        super().receive_primitive(primitive)

    def discard_unfinished(self) -> None:
        """Remove what has come of a data set whose end will not come."""
        if self.message is not None and isinstance(self.message.data_set, IncomingDataSet):
            self.message.data_set.discard()


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
    """Listens, and gives each association its folder of incoming files."""

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
    ) -> None:
        self.incoming = incoming
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


def discard_unfinished(event: Event) -> None:
    """Handle EVT_CONN_CLOSE: remove what has come of an object that was not sent to its end."""
    if isinstance(event.assoc.dimse, _Messages):
        event.assoc.dimse.discard_unfinished()
