"""Whether two objects show the same pixels, whatever they are compressed with; one frame of each is held at a time."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import UID

from integrations.dicom.content import Pixels, read_chunks
from integrations.dicom.elements import ITEM, Unreadable, Walk
from pipeline.images.codestreams import coded_size
from pipeline.images.headers import MOST_FRAME_BYTES

_FRAME = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "NumberOfFrames")
_DAMAGE = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    OverflowError,
    RuntimeError,
    NotImplementedError,
    struct.error,
)
"""What pydicom and its decoders raise for pixels that they cannot read."""


class Undecodable(Exception):
    """The pixels of one of the objects cannot be decoded here; says why, in words."""


@dataclass(frozen=True)
class PixelFile:
    """A Part 10 file, not deflated, and where its pixels are."""

    path: Path
    transfer_syntax_uid: str
    pixels: Pixels


def are_same_pixels(one: PixelFile, other: PixelFile) -> bool:
    """Compare Pixel Data: as bytes where both are native or compressed alike, else frame by decoded frame.

    Raises:
        Undecodable: a frame is too large, cut short, or of a compression that nothing here decodes.
    """
    if not one.pixels.is_encapsulated and not other.pixels.is_encapsulated:
        return _are_same_bytes(one, other)
    if one.transfer_syntax_uid == other.transfer_syntax_uid and _are_same_bytes(one, other):
        return True
    pairs: Iterator[tuple[Any, Any]] = zip_longest(_frames(one), _frames(other))
    return all(
        left is not None and right is not None and left.dtype == right.dtype and np.array_equal(left, right)
        for left, right in pairs
    )


def _are_same_bytes(one: PixelFile, other: PixelFile) -> bool:
    with one.path.open("rb") as left, other.path.open("rb") as right:
        pairs = zip_longest(_native(left, one.pixels), _native(right, other.pixels), fillvalue=b"")
        try:
            return all(_are_same(a, b) for a, b in pairs)
        except Unreadable as error:
            raise Undecodable("Pixel Data is cut short") from error


def _are_same(one: bytes, other: bytes) -> bool:
    """Compare two pieces; one may have a byte more, which pads an odd length."""
    short, long = sorted((one, other), key=len)
    return long[: len(short)] == short and long[len(short) :] in {b"", b"\0"}


def _native(stream: BinaryIO, pixels: Pixels) -> Iterator[bytes]:
    if not pixels.is_encapsulated:
        yield from read_chunks(stream, pixels.start, pixels.end, pixels.word)
        return
    stream.seek(pixels.start)
    walk = Walk(stream, explicit=True, big=False)
    is_table = True  # the first item, the Basic Offset Table, may be empty in one copy and full in another
    while (head := walk.next_head()).tag == ITEM:
        start = stream.tell()
        if not is_table:
            yield from read_chunks(stream, start, start + head.length, None)
        is_table = False
        stream.seek(start + head.length)


def _frames(of: PixelFile) -> Iterator[Any]:
    name = UID(of.transfer_syntax_uid).name
    try:
        header = dcmread(of.path, stop_before_pixels=True, specific_tags=list(_FRAME))
        rows, columns, samples, bits, count = (int(header.get(keyword) or 1) for keyword in _FRAME)
        if rows * columns * samples * bits > 8 * MOST_FRAME_BYTES:
            raise Undecodable(f"a frame is larger than {MOST_FRAME_BYTES >> 20} MiB")
        if of.pixels.is_encapsulated:
            _check_sizes(of, (rows, columns), count)
        yield from iter_pixels(of.path, raw=True)
    except _DAMAGE as error:
        raise Undecodable(f"its pixels in {name} cannot be decoded here") from error


def _check_sizes(of: PixelFile, size: tuple[int, int], count: int) -> None:
    """Hold what each frame says of itself against the header, since a decoder makes room for what the frame says."""
    with of.path.open("rb") as stream:
        stream.seek(of.pixels.start)
        for frame in generate_frames(stream, number_of_frames=count):
            if coded_size(frame) not in {None, size}:
                raise Undecodable("a frame does not have the size that its header gives")
