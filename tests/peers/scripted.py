"""A DICOM client that sends exactly the bytes it is told to, and can stop in the middle of them."""

import socket
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import decode
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ, P_DATA_TF
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import build_context

APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
ACCEPTED, REJECTED, DATA, RELEASED, ABORTED = 2, 3, 4, 6, 7  # PDU types, PS3.8, 9.3
RELEASE_RQ = bytes([5, 0, 0, 0, 0, 4, 0, 0, 0, 0])
ABORT = bytes([7, 0, 0, 0, 0, 4, 0, 0, 0, 0])


@dataclass(frozen=True)
class Pdu:
    """One PDU as it came."""

    kind: int
    body: bytes

    @property
    def rejection(self) -> tuple[int, int, int]:
        """Result, source and reason of an A-ASSOCIATE-RJ."""
        return self.body[1], self.body[2], self.body[3]

    @property
    def contexts(self) -> dict[int, int]:
        """Result of each presentation context of an A-ASSOCIATE-AC, by its number."""
        pdu = A_ASSOCIATE_AC()
        pdu.decode(bytes([self.kind, 0]) + len(self.body).to_bytes(4, "big") + self.body)
        return {int(item.context_id or 0): int(item.result or 0) for item in pdu.presentation_context}


class ScriptedClient:
    """A connection to an SCP on this machine. A closed one reads as None."""

    def __init__(self, port: int, source: str = "127.0.0.1", patience_seconds: float = 20) -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", port), timeout=patience_seconds, source_address=(source, 0)
        )

    def __enter__(self) -> "ScriptedClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def close(self) -> None:
        self._socket.close()

    def receive(self) -> Pdu | None:
        """Wait for the next PDU."""
        head = self._read(6)
        if len(head) < 6:
            return None
        return Pdu(head[0], self._read(int.from_bytes(head[2:], "big")))

    def store(self, pdus: list[bytes]) -> Dataset:
        """Send the PDUs of a C-STORE and give the command set of the answer."""
        self.send(b"".join(pdus))
        answer = self.receive()
        assert answer is not None
        assert answer.kind == DATA
        return decode(BytesIO(answer.body[6:]), is_implicit_vr=True, is_little_endian=True)

    def _read(self, count: int) -> bytes:
        data = b""
        try:
            while len(data) < count and (more := self._socket.recv(count - len(data))):
                data += more
        except ConnectionResetError:
            pass
        return data


def associate_request(
    contexts: list[tuple[str, str]],
    called: bytes = b"SPINELABEL",
    calling: bytes = b"SCRIPTED",
    *,
    protocol_version: int = 1,
    application_context: bytes = APPLICATION_CONTEXT,
) -> bytes:
    """Make an A-ASSOCIATE-RQ for pairs of SOP class and transfer syntax, contexts 1, 3, 5 …

    Titles are put in as they are, filled up with spaces to 16 bytes.
    """
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = UID("2.25.1")
    request = A_ASSOCIATE()
    request.application_context_name = UID("1.2.840.10008.3.1.1.1")
    request.calling_ae_title = request.called_ae_title = "PLACE"
    request.user_information = [length, implementation]
    proposed = [build_context(sop_class, syntax) for sop_class, syntax in contexts]
    for number, context in enumerate(proposed):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = proposed
    pdu = A_ASSOCIATE_RQ(request).encode()
    items = pdu[74:].replace(_name_item(APPLICATION_CONTEXT), _name_item(application_context), 1)
    head = protocol_version.to_bytes(2, "big") + pdu[8:10] + called.ljust(16) + calling.ljust(16) + pdu[42:74]
    return pdu[:2] + len(head + items).to_bytes(4, "big") + head + items


def _name_item(name: bytes) -> bytes:
    return bytes([0x10, 0]) + len(name).to_bytes(2, "big") + name


def store_request(data_set: bytes, sop_class: str, sop_instance: str, context: int = 1) -> list[bytes]:
    """Make the P-DATA-TF PDUs of a C-STORE-RQ: the command first, then the data set in parts of 16 kB."""
    request = C_STORE()
    request.MessageID = 1
    request.Priority = 0
    request.AffectedSOPClassUID = UID(sop_class)
    request.AffectedSOPInstanceUID = UID(sop_instance)
    request.DataSet = BytesIO(data_set)
    message: DIMSEMessage = C_STORE_RQ()
    message.primitive_to_message(request)
    return [P_DATA_TF(primitive).encode() for primitive in message.encode_msg(context, 16384)]
