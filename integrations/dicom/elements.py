"""Raw values of a data set's first attributes, read without judging them.

pydicom checks and converts values, and its warnings quote them, which would put patients' names into the log of a
process that only needs a dozen identifiers. Here bytes are found and nothing more (PS3.5, chapter 7).
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})

MAX_DEPTH = 32  # sequences within sequences; the standard's own objects stay below 12
MAX_ELEMENTS = 200_000  # elements stepped over in one data set
MAX_VALUE_BYTES = 65_536  # what is read of one value; the rest is stepped over
MAX_INFLATED_BYTES = 4 * 1024 * 1024  # what is inflated of a deflated data set to find its identifiers

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG_LENGTH = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})


class Unreadable(Exception):
    """The data set ends or goes beyond a limit here; what was found before still counts."""


@dataclass(frozen=True)
class Head:
    """What stands before a value; `vr` is empty in Implicit VR and of items, `length` may be `UNDEFINED`."""

    tag: int
    vr: bytes
    length: int


def read_elements(stream: BinaryIO, transfer_syntax_uid: str, wanted: frozenset[int]) -> dict[int, bytes]:
    """Collect the values of `wanted` tags, as (group << 16 | element), at the top of a data set.

    Reading ends behind the highest wanted tag. A sequence gives the bytes of its items, for `first_item`. A data set
    that is cut short, nests too deeply or makes no sense from some byte on gives what stood before that.

    Args:
        stream: seekable, at the first byte of the data set.
        transfer_syntax_uid: of the presentation context; whatever is unknown is read as Explicit VR Little Endian.
        wanted: tags to collect.
    """
    if transfer_syntax_uid in DEFLATED:
        stream = _inflated(stream)
    walk = Walk(stream, explicit=transfer_syntax_uid != IMPLICIT_LITTLE, big=transfer_syntax_uid == EXPLICIT_BIG)
    return walk.collect(wanted)


def first_item(sequence: bytes, transfer_syntax_uid: str, wanted: frozenset[int]) -> dict[int, bytes]:
    """Collect the values of `wanted` tags in the first item of a sequence that `read_elements` found."""
    explicit, big = transfer_syntax_uid != IMPLICIT_LITTLE, transfer_syntax_uid == EXPLICIT_BIG
    walk = Walk(BytesIO(sequence), explicit=explicit, big=big)
    try:
        head = walk.next_head()
    except Unreadable:
        return {}
    return walk.collect(wanted) if head.tag == ITEM else {}


def _inflated(stream: BinaryIO) -> BytesIO:
    try:
        return BytesIO(
            zlib.decompressobj(-zlib.MAX_WBITS).decompress(stream.read(MAX_INFLATED_BYTES), MAX_INFLATED_BYTES)
        )
    except zlib.error:
        return BytesIO()


class Walk:
    """A way through a stream of elements; `explicit` may be changed on the way, where a value is encoded otherwise."""

    def __init__(self, stream: BinaryIO, *, explicit: bool, big: bool, most: int = MAX_ELEMENTS) -> None:
        self._stream = stream
        self.explicit = explicit
        order = ">" if big else "<"
        self._tag = struct.Struct(f"{order}HH")
        self._short = struct.Struct(f"{order}H")
        self._long = struct.Struct(f"{order}I")
        self._left = most

    def collect(self, wanted: frozenset[int]) -> dict[int, bytes]:
        """Give the values of `wanted` tags, up to where the stream makes no sense any more."""
        found: dict[int, bytes] = {}
        last = max(wanted)
        try:
            while (head := self.next_head()).tag <= last:
                start = self._stream.tell()
                self.step_over(head, depth=0)
                if head.tag in wanted:
                    found[head.tag] = self._value(start, self._stream.tell())
        except Unreadable:
            pass
        return found

    def _value(self, start: int, end: int) -> bytes:
        size = min(end - start, MAX_VALUE_BYTES)
        self._stream.seek(start)
        value = self._stream.read(size)
        if len(value) < size:
            raise Unreadable  # a part of an identifier would be another identifier
        self._stream.seek(end)
        return value

    def next_head(self) -> Head:
        """Read what stands before the next value.

        Raises:
            Unreadable: the stream ends, or too many elements came.
        """
        self._left -= 1
        raw = self._stream.read(8)
        if len(raw) < 8 or self._left < 0:
            raise Unreadable
        group, element = self._tag.unpack_from(raw)
        tag = group << 16 | element
        vr = raw[4:6]
        # Items have no VR; and where no VR stands, the element was written in Implicit VR whatever was agreed.
        if not self.explicit or group == 0xFFFE or not (vr.isalpha() and vr.isupper()):
            return Head(tag, b"", self._long.unpack_from(raw, 4)[0])
        if vr not in _LONG_LENGTH:
            return Head(tag, vr, self._short.unpack_from(raw, 6)[0])
        length = self._stream.read(4)
        if len(length) < 4:
            raise Unreadable
        return Head(tag, vr, self._long.unpack(length)[0])

    def step_over(self, head: Head, depth: int) -> None:
        """Go behind the value of an element, which may lie behind the end of the stream.

        Raises:
            Unreadable: its items make no sense, or nest too deeply.
        """
        if head.length != UNDEFINED:
            self._stream.seek(head.length, 1)
            return
        if depth >= MAX_DEPTH:
            raise Unreadable
        agreed = self.explicit
        if head.vr == b"UN":
            self.explicit = False  # PS3.5, 6.2.2 note 5: its items are in Implicit VR
        self._step_over_items(depth)
        self.explicit = agreed

    def _step_over_items(self, depth: int) -> None:
        while (item := self.next_head()).tag != SEQUENCE_END:
            if item.tag != ITEM:
                raise Unreadable
            if item.length != UNDEFINED:
                self._stream.seek(item.length, 1)
                continue
            while (inner := self.next_head()).tag != ITEM_END:
                self.step_over(inner, depth + 1)
