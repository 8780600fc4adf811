"""Where one message begins and ends, and its segments and fields, as sent."""

import re
from dataclasses import dataclass
from itertools import pairwise

from integrations.hl7.charset import WIDE, Decoded, decode, widened
from integrations.hl7.delimiters import Delimiters, read_delimiters
from integrations.hl7.errors import UnreadableMessage

_MESSAGE_START = re.compile(rb"(?:\A[\x00\s\xef\xbb\xbf]*|(?<=[\r\n])|(?<=[\r\n]\xef\xbb\xbf))(?=MSH[^A-Za-z0-9\s])")
_WIDE_START = re.compile(rb"(?<=[\r\n]\x00)(?=M\x00S\x00H\x00)|(?<=\x00[\r\n])(?=\x00M\x00S\x00H)")


@dataclass(frozen=True)
class Segment:
    """One segment. `fields[n]` is field n as sent, escapes and all; `number` counts segments of this name from 1."""

    name: str
    number: int
    fields: tuple[str, ...]

    def field(self, number: int) -> str:
        """Give a field as sent, empty where the segment ends before it."""
        return self.fields[number] if number < len(self.fields) else ""


@dataclass(frozen=True)
class Parsed:
    """One message taken apart: `segments[0]` is MSH; `codec` is the Python codec its bytes were read with."""

    delimiters: Delimiters
    codec: str
    segments: tuple[Segment, ...]
    notes: tuple[str, ...]


def split_messages(frame: bytes) -> tuple[bytes, ...]:
    """Cut a frame or file that holds several messages before each MSH; the parts joined are the frame again.

    Batch segments (FHS, BHS, BTS, FTS) stay with the message beside them. A frame without MSH is one part.
    """
    if widened(frame) is not None:
        starts = [found.end() for found in _WIDE_START.finditer(frame)]
    else:
        starts = sorted({found.end() for found in _MESSAGE_START.finditer(frame)})[1:]
    edges = [0, *starts, len(frame)]
    return tuple(frame[begin:end] for begin, end in pairwise(edges))


def parse(raw: bytes, site: str) -> Parsed:
    """Take one message apart, whatever ends its segments: CR, LF or both.

    A line that starts with no segment name continues the value before it: senders leave line feeds in report text.
    `site` is the codec of `charset.site_codec`.

    Raises:
        UnreadableMessage: there is no MSH segment, or it declares no field separator.
    """
    wide = widened(raw)
    if wide is not None:
        raw = wide.encode()
    start = _MESSAGE_START.search(raw)
    if start is None:
        raise UnreadableMessage("The bytes hold no MSH segment. Correct the message at the sender and send it again.")
    body = raw[start.end() :]
    header = re.split(rb"[\r\n]", body, maxsplit=1)[0].decode("latin-1")
    declared = read_delimiters(header)
    charset, *more = declared.repetitions(_msh_fields(header, declared).field(18))
    decoded = Decoded(body.decode(), WIDE, ()) if wide is not None else decode(body, charset.strip(), site, more)
    delimiters = read_delimiters(decoded.text)
    return Parsed(delimiters, decoded.codec, _segments(decoded.text, delimiters), decoded.notes)


def _segments(text: str, delimiters: Delimiters) -> tuple[Segment, ...]:
    name = re.compile(rf"[A-Z][A-Z0-9]{{2}}(?={re.escape(delimiters.field)})")
    blocks: list[list[str]] = []
    for line in re.split(r"\r\n|\r|\n", text):
        if name.match(line) or not blocks:
            blocks.append([line])
        else:
            blocks[-1].append(line)
    counts: dict[str, int] = {}
    segments: list[Segment] = []
    for block in blocks:
        content = "\n".join(block).rstrip("\n")
        counts[content[:3]] = counts.get(content[:3], 0) + 1
        if segments:
            segments.append(Segment(content[:3], counts[content[:3]], tuple(content.split(delimiters.field))))
        else:
            segments.append(_msh_fields(content, delimiters))
    return tuple(segments)


def _msh_fields(content: str, delimiters: Delimiters) -> Segment:
    """MSH-1 is the field separator itself, so the fields of MSH stand one place further on."""
    name, *fields = content.split(delimiters.field)
    return Segment(name, 1, (name, delimiters.field, *fields))
