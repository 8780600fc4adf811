"""The DICOM file format (PS3.10, chapter 7): the little that stands before a data set."""

import struct
from dataclasses import dataclass
from typing import BinaryIO

IMPLEMENTATION_CLASS_UID = "2.25.52224659598075327757409514404139854987"
IMPLEMENTATION_VERSION_NAME = "SPINELABEL"

_PREFIX = bytes(128) + b"DICM"


@dataclass(frozen=True)
class FileMeta:
    """What the file meta information says of the data set behind it; `source_ae` is the AE title that sent it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source_ae: str


def encode_file_meta(meta: FileMeta) -> bytes:
    """Write preamble, prefix and file meta information (Explicit VR Little Endian).

    Values are written as they come: a faulty UID must not cost an object that a person shall look at later.
    """
    elements = [
        struct.pack("<HH2sHI2s", 2, 0x0001, b"OB", 0, 2, b"\0\1"),
        _short_element(0x0002, b"UI", meta.sop_class_uid),
        _short_element(0x0003, b"UI", meta.sop_instance_uid),
        _short_element(0x0010, b"UI", meta.transfer_syntax_uid),
        _short_element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        _short_element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        _short_element(0x0016, b"AE", meta.source_ae),
    ]
    group = b"".join(elements)
    return _PREFIX + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def data_set_offset(stream: BinaryIO) -> int:
    """Give the position of the data set's first byte in a file; 0 if there is no preamble and prefix.

    The stream is left anywhere.
    """
    stream.seek(0)
    head = stream.read(len(_PREFIX) + 12)
    if head[128:132] != b"DICM" or len(head) < len(_PREFIX) + 12:
        return 0
    return len(head) + int(struct.unpack_from("<I", head, len(_PREFIX) + 8)[0])


def _short_element(element: int, vr: bytes, value: str) -> bytes:
    raw = value.encode("ascii", "replace")
    if len(raw) % 2:
        raw += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 2, element, vr, len(raw)) + raw
