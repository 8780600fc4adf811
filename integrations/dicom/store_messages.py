"""C-STORE's messages to bytes and back (PS3.7, 9.3.1 and annex E), for a receiver that does this all day.

pynetdicom reads and writes a command set as a pydicom data set, with all its judging and converting, which takes more
than all else that is done for a small object. What is unusual here is left to it.
"""

import struct
from io import BytesIO

from pynetdicom.dimse_primitives import C_STORE

from integrations.dicom.elements import IMPLICIT_LITTLE, read_elements

_CLASS, _FIELD, _MESSAGE_ID, _ANSWERED, _PRIORITY = 0x00000002, 0x00000100, 0x00000110, 0x00000120, 0x00000700
_DATA_SET_TYPE, _STATUS, _COMMENT, _INSTANCE = 0x00000800, 0x00000900, 0x00000902, 0x00001000
_WANTED = frozenset({_CLASS, _FIELD, _MESSAGE_ID, _PRIORITY, _DATA_SET_TYPE, _INSTANCE})
_REQUEST, _RESPONSE, _NO_DATA_SET = 0x0001, 0x8001, 0x0101
_P_DATA_TF, _WHOLE_COMMAND = 0x04, 0x03
_COMMENT_BYTES = 64


def read_store_request(command: bytes) -> C_STORE | None:
    """Read a whole command set as a C-STORE-RQ, its data set left out; None where it is anything else or is faulty."""
    found = read_elements(BytesIO(command), IMPLICIT_LITTLE, _WANTED)
    if _number(found, _FIELD) != _REQUEST or _number(found, _DATA_SET_TYPE) in {None, _NO_DATA_SET}:
        return None
    message_id, priority = _number(found, _MESSAGE_ID), _number(found, _PRIORITY)
    if message_id is None or priority is None or not found.get(_CLASS) or not found.get(_INSTANCE):
        return None
    request = C_STORE()
    try:
        request.MessageID, request.Priority = message_id, priority
        request.AffectedSOPClassUID = _text(found, _CLASS)
        request.AffectedSOPInstanceUID = _text(found, _INSTANCE)
    except (ValueError, TypeError):  # pynetdicom knows what to do with it
        return None
    return request


def encode_store_response(response: C_STORE, context_id: int) -> bytes:
    """Write a C-STORE-RSP as one P-DATA-TF PDU (PS3.8, 9.3.5)."""
    elements = [
        _element(_CLASS, _uid(response.AffectedSOPClassUID)),
        _element(_FIELD, struct.pack("<H", _RESPONSE)),
        _element(_ANSWERED, struct.pack("<H", response.MessageIDBeingRespondedTo)),
        _element(_DATA_SET_TYPE, struct.pack("<H", _NO_DATA_SET)),
        _element(_STATUS, struct.pack("<H", response.Status)),
    ]
    if response.ErrorComment:
        comment = response.ErrorComment.encode("ascii", "replace")[:_COMMENT_BYTES]
        elements.append(_element(_COMMENT, comment + b" " * (len(comment) % 2)))
    elements.append(_element(_INSTANCE, _uid(response.AffectedSOPInstanceUID)))
    group = b"".join(elements)
    command = _element(0, struct.pack("<I", len(group))) + group
    value = struct.pack(">IBB", len(command) + 2, context_id, _WHOLE_COMMAND) + command
    return struct.pack(">BBI", _P_DATA_TF, 0, len(value)) + value


def _element(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def _uid(value: object) -> bytes:
    raw = str(value).encode("ascii", "replace")
    return raw + b"\0" * (len(raw) % 2)


def _number(found: dict[int, bytes], tag: int) -> int | None:
    value = found.get(tag, b"")
    return int.from_bytes(value, "little") if len(value) == 2 else None


def _text(found: dict[int, bytes], tag: int) -> str:
    return found.get(tag, b"").decode("ascii").rstrip(" \0")
