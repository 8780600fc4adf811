"""The upper layer of an association that we accept (PS3.8): PDUs from and to the network."""

import select
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from typing import Any, cast

from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.transport import AssociationSocket

from integrations.dicom.request_pdu import ASSOCIATE_RQ, RequestedAssociation, read_request, readable_request
from integrations.dicom.resting import Resting, RingingQueue
from integrations.dicom.steady_timer import SteadyTimer

MAX_PDU_BYTES = 1024 * 1024
"""The ceiling of what is read as one PDU, whatever was agreed."""

_P_DATA_TF = 0x04
_PDU_HEAD_BYTES = 6
_READ_BYTES = 65536
_LONGEST_PDU_SECONDS = 60.0
_SHORTEST_SECONDS, _WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.01, 0.1, 1.0
_HUNG_UP: int = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere only a reset is seen
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux


class UpperLayer(DULServiceProvider):
    """Reads and writes PDUs as soon as there are any, where pynetdicom looks once in a millisecond.

    Keeps the request as it was sent.
    """

    requested = RequestedAssociation()

    def __init__(self, association: Association) -> None:
        super().__init__(association)
        self.artim_timer = SteadyTimer(self.artim_timer.timeout)
        self._idle_timer = SteadyTimer(self._idle_timer.timeout)
        self._run_loop_delay = 0  # `_Socket.ready` waits instead
        self.bell, self._rope = socket.socketpair()
        self.resting = Resting(association)
        self.to_user_queue = RingingQueue(self.resting.ring)

    def send_pdu(self, primitive: Any) -> None:
        """Have the thread of this layer send what a primitive says."""
        super().send_pdu(primitive)
        self._wake()

    def send_now(self, pdu: bytes) -> None:
        """Send a P-DATA-TF PDU at once; to be called in this thread, in an association that is established."""
        if self.socket is not None:
            self.socket.send(pdu)

    def stop_dul(self) -> bool:
        """End the thread of this layer, where the association has ended."""
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
        """Serve the connection to its end, whatever comes."""
        try:
            super().run_reactor()
        except Exception as error:  # noqa: BLE001  the edge of a connection, which the other thread now closes
            cast(Any, self.assoc._server).note_fault(error)
        finally:
            cast(Any, self.assoc.dimse).discard_unfinished()
            nothing: Any = None
            self.to_user_queue.put(nothing)  # whoever waits for a request waits no longer
            self.bell.close()
            self._rope.close()
            self.resting.ring()

    def _decode_pdu(self, bytestream: bytearray) -> tuple[Any, str]:
        if bytestream[0] == ASSOCIATE_RQ:
            self.requested = read_request(bytes(bytestream))
            bytestream = bytearray(readable_request(bytes(bytestream)))
        if bytestream[0] == _P_DATA_TF:
            if len(bytestream) - _PDU_HEAD_BYTES > (self.assoc.acceptor.maximum_length or MAX_PDU_BYTES):
                raise ValueError  # which pynetdicom answers as an invalid PDU
            return _Data(bytestream), "Evt10"
        return super()._decode_pdu(bytestream)


def has_hung_up(association: Association) -> bool:
    """Tell whether the peer has closed the connection, also where we have not come to read that."""
    connection = association.dul.socket
    poll = select.poll()
    try:
        poll.register(cast(Any, connection).socket, _HUNG_UP)
        return bool(poll.poll(0))
    except (AttributeError, OSError, TypeError, ValueError):  # closed by us
        return True


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


class ReceivingSocket(AssociationSocket):
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
        dul = cast(UpperLayer, self.assoc.dul)
        try:
            readable, _, _ = select.select([self.socket, dul.bell], [], [], self._wait_seconds(dul))
        except (OSError, ValueError):
            dul.event_queue.put("Evt17")  # transport connection closed: PS3.8, table 9-10
            return False
        if dul.bell in readable:
            dul.bell.recv(64)
        return self.socket in readable

    def recv(self, nr_bytes: int) -> bytearray:
        """Give so many bytes of a PDU; fewer where the peer has hung up."""
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
        # Still Sta1 where the request came before the new connection (Evt5) was dealt with.
        if self.assoc.dul.state_machine.current_state in {"Sta1", "Sta2"}:
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

    def _wait_seconds(self, dul: UpperLayer) -> float:
        if not dul.event_queue.empty():
            return 0
        if dul.state_machine.current_state == "Sta13":  # the connection is closed when nothing comes
            return _WAIT_SECONDS
        return min(max(dul.artim_timer.remaining, 0.0), _LONGEST_WAIT_SECONDS)
