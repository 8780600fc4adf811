"""How large a picture a compressed frame holds by its own word, which decoders make room for before they read on."""

from pathlib import Path
from struct import unpack_from
from typing import BinaryIO

from pydicom import dcmread
from pydicom.encaps import get_frame

_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f\xff\x51"
_SIZES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
"""Markers of segments with rows and columns (ISO 10918-1, B.1.1.3; JPEG-LS, ISO 14495-1, C.1.1)."""
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""
_PIXEL_DATA_HEAD = 12
_READ = ("NumberOfFrames", "ExtendedOffsetTable", "ExtendedOffsetTableLengths")


def coded_size(frame: bytes) -> tuple[int, int] | None:
    """Give rows and columns as a JPEG, JPEG-LS or JPEG 2000 frame states them; None where it is none of these."""
    if frame.startswith(_JPEG):
        return _jpeg_size(frame)
    place = frame.find(_JPEG_2000)
    if place < 0 or len(frame) < place + 24:
        return None
    right, bottom, left, top = unpack_from(">IIII", frame, place + 8)  # ISO 15444-1, A.5.1
    return bottom - top, right - left


def _jpeg_size(frame: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 9 <= len(frame) and frame[place] == 0xFF:
        marker = frame[place + 1]
        if marker in _SIZES:
            rows, columns = unpack_from(">HH", frame, place + 5)
            return rows, columns
        if marker == 0xFF:  # a byte that fills
            place += 1
        elif marker in _ALONE:
            place += 2
        else:
            place += 2 + int(unpack_from(">H", frame, place + 2)[0])
    return None


def coded_size_in(path: Path, index: int) -> tuple[int, int] | None:
    """Give rows and columns as one frame of a file, counted from 0, states them; None where none is compressed so.

    Raises:
        what pydicom raises for Pixel Data that it cannot take apart.
    """
    with path.open("rb") as file:
        ds = dcmread(file, stop_before_pixels=True, specific_tags=list(_READ))
        if not ds.file_meta.TransferSyntaxUID.is_encapsulated:
            return None
        file.seek(_PIXEL_DATA_HEAD, 1)
        table = (ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths) if "ExtendedOffsetTable" in ds else None
        return coded_size(_frame(file, index, int(ds.get("NumberOfFrames") or 1), table))


def _frame(file: BinaryIO, index: int, count: int, table: tuple[bytes, bytes] | None) -> bytes:
    return get_frame(file, index, number_of_frames=count, extended_offsets=table)
