"""The A-ASSOCIATE-RQ PDU (PS3.8, 9.3.2) as it was sent, and one that pynetdicom can read in its place.

pynetdicom aborts on titles and names that it cannot read, where the standard has an A-ASSOCIATE-RJ.
"""

import struct
from dataclasses import dataclass

from integrations.dicom.admission import APPLICATION_CONTEXT, plain_title

ASSOCIATE_RQ = 0x01
SHORTEST = 74
"""Bytes before the first item: table 9-11."""

_VERSION, _CALLED, _CALLING = slice(6, 8), slice(10, 26), slice(26, 42)
_APPLICATION_CONTEXT_ITEM = 0x10
_UNREADABLE = b"UNREADABLE".ljust(16)


@dataclass(frozen=True)
class RequestedAssociation:
    """Who asks whom, as sent. `application_context` is empty where there is none."""

    called: bytes = b""
    calling: bytes = b""
    protocol_version: int = 0
    application_context: bytes = b""


def read_request(pdu: bytes) -> RequestedAssociation:
    """Take from a request what decides whether it is let in."""
    place = _application_context(pdu)
    return RequestedAssociation(
        called=pdu[_CALLED],
        calling=pdu[_CALLING],
        protocol_version=int.from_bytes(pdu[_VERSION], "big"),
        application_context=pdu[place] if place else b"",
    )


def readable_request(pdu: bytes) -> bytes:
    """Give the same request with padding as pynetdicom knows it, and stand-ins for what it would abort on.

    What `read_request` gives of the one that was sent decides; this one is only for the protocol machine.
    """
    titles = [_readable(pdu[place]) for place in (_CALLED, _CALLING)]
    head = pdu[: _VERSION.start] + b"\0\1" + pdu[_VERSION.stop : _CALLED.start] + b"".join(titles)
    body = pdu[_CALLING.stop : SHORTEST]
    items = pdu[SHORTEST:]
    place = _application_context(pdu)
    if place is None or pdu[place] != APPLICATION_CONTEXT.encode():
        rest = pdu[place.stop :] if place else items
        before = pdu[SHORTEST : place.start - 4] if place else b""
        items = before + _item(_APPLICATION_CONTEXT_ITEM, APPLICATION_CONTEXT.encode()) + rest
    whole = head + body + items
    return whole[:2] + struct.pack(">I", len(whole) - 6) + whole[6:]


def _readable(title: bytes) -> bytes:
    plain = plain_title(title)
    return plain.encode().ljust(16) if plain is not None else _UNREADABLE


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(value)) + value


def _application_context(pdu: bytes) -> slice | None:
    """Find the value of the application context item (9.3.2.1)."""
    at = SHORTEST
    while at + 4 <= len(pdu):
        length = int.from_bytes(pdu[at + 2 : at + 4], "big")
        if pdu[at] == _APPLICATION_CONTEXT_ITEM:
            return slice(at + 4, at + 4 + length)
        at += 4 + length
    return None
