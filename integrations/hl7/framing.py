"""MLLP framing without a connection: bytes in as they come, frames out (HL7 Implementation Guide, appendix C).

A frame is VT, content, FS, CR. Feeds also send FS without CR, noise between frames, VT as a soft line break inside
text, and frames that stop when their sender does; `Deframer` tells these apart whatever way the bytes are cut.
"""

from dataclasses import dataclass
from enum import StrEnum

from hl7.mllp.streams import CARRIAGE_RETURN, END_BLOCK, START_BLOCK

_AFTER_END = frozenset(b"\r\n\x00\x0b")
_WIDE_STARTS = tuple(
    mark + "MSH".encode(codec)
    for codec, marks in (("utf-16-le", (b"", b"\xff\xfe")), ("utf-16-be", (b"", b"\xfe\xff")))
    for mark in marks
)
_NEW_START = START_BLOCK + b"MSH"


class CutShort(StrEnum):
    """Why a frame has no end."""

    CLOSED = "the connection ended inside the frame"
    RESTARTED = "the sender began another frame inside it"
    TOO_LONG = "the frame is longer than the limit"
    TOO_SLOW = "the frame took longer than the limit"


@dataclass(frozen=True)
class Frame:
    """The content of a complete frame."""

    content: bytes


@dataclass(frozen=True)
class IncompleteFrame:
    """The content of a frame up to where it was cut."""

    content: bytes
    reason: CutShort


class Deframer:
    """Takes a connection's bytes apart. `skipped` counts the bytes outside frames, in all."""

    def __init__(self, limit: int) -> None:
        self.skipped = 0
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._inside = False
        self._too_long = False
        self._ended = False

    @property
    def inside(self) -> bool:
        """Tell whether a frame has begun and not ended."""
        return self._inside

    @property
    def may_have_ended(self) -> bool:
        """Tell whether FS came last: the frame has ended unless more of it follows."""
        return self._inside and self._buffer.endswith(END_BLOCK)

    def feed(self, data: bytes) -> list[Frame | IncompleteFrame]:
        """Take the next bytes and give the frames that they complete, in order."""
        self._buffer += data
        found: list[Frame | IncompleteFrame] = []
        while self._buffer and (self._inside or self._start()):
            end = self._end()
            if end is None:
                found += self._over_limit()
                break
            found += self._take(end)
        return found

    def pause(self) -> list[Frame | IncompleteFrame]:
        """Say that nothing followed for a while: an FS without CR ends its frame."""
        return self._take(len(self._buffer) - 1) if self.may_have_ended else []

    def finish(self, reason: CutShort) -> list[Frame | IncompleteFrame]:
        """Say that nothing more will come; a frame that has not ended is given up for that reason."""
        if self.may_have_ended or not self._inside:
            return self.pause()
        cut = [] if self._too_long else [IncompleteFrame(bytes(self._buffer), reason)]
        self._leave(len(self._buffer))
        return [*cut]

    def _start(self) -> bool:
        """Drop what stands before the next VT; the CR that belongs to the frame before is not noise."""
        if self._ended and self._buffer.startswith(CARRIAGE_RETURN):
            del self._buffer[:1]
        self._ended = False
        start = self._buffer.find(START_BLOCK)
        noise = len(self._buffer) if start < 0 else start
        self.skipped += noise
        del self._buffer[: noise + 1]
        self._inside = start >= 0
        self._searched = 0
        return self._inside

    def _end(self) -> int | None:
        """Find the FS that ends the frame; one before other text is a character that a sender left in."""
        while (place := self._buffer.find(END_BLOCK, self._searched)) >= 0:
            self._searched = place
            if place + 1 == len(self._buffer):
                return None
            if self._buffer[place + 1] in _AFTER_END and not self._is_half_a_character(place):
                return place
            self._searched = place + 1
        self._searched = len(self._buffer)
        return None

    def _is_half_a_character(self, place: int) -> bool:
        """Tell whether FS is a byte of a wide character (UTF-16), as in a curly quotation mark."""
        return self._buffer[place + 1] == 0 and self._buffer.startswith(_WIDE_STARTS)

    def _take(self, end: int) -> list[Frame | IncompleteFrame]:
        content = bytes(self._buffer[:end])
        told = self._too_long
        self._leave(end + 1)
        if told:
            return []
        if len(content) > self._limit:
            return [IncompleteFrame(content[: self._limit], CutShort.TOO_LONG)]
        *cut, whole = content.split(_NEW_START)
        whole = b"MSH" + whole if cut else whole
        pieces = [cut[0], *(b"MSH" + piece for piece in cut[1:])] if cut else []
        return [*(IncompleteFrame(piece, CutShort.RESTARTED) for piece in pieces), Frame(whole)]

    def _over_limit(self) -> list[Frame | IncompleteFrame]:
        """Keep no more of a frame than the limit; what comes after it is dropped until the frame ends."""
        if len(self._buffer) <= self._limit + 1:
            return []
        cut = [] if self._too_long else [IncompleteFrame(bytes(self._buffer[: self._limit]), CutShort.TOO_LONG)]
        self._too_long = True
        del self._buffer[:-1]
        self._searched = 0
        return [*cut]

    def _leave(self, consumed: int) -> None:
        del self._buffer[:consumed]
        self._inside = self._too_long = False
        self._ended = True
        self._searched = 0
