"""What every input must survive: the way of a stream of bytes from the connection to the acknowledgement."""

from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

from integrations.hl7 import reports
from integrations.hl7.acks import Stamp, acknowledge, refuse_unreadable
from integrations.hl7.batches import read_batch
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.framing import CutShort, Deframer, Frame
from integrations.hl7.oru import read_message
from integrations.hl7.segments import split_messages
from tests.integrations.hl7.cases import FOLDER, SITE

STAMP = Stamp(datetime(2026, 3, 1, tzinfo=UTC), lambda: "FUZZ")
SHORTEST = 40
LIMIT = 1024 * 1024
TOKENS = [
    *(b"\x0b", b"\x1c\r", b"\x1c", b"\r", b"\n", b"|", b"^", b"~", b"\\", b"&", b'""', b"\x00", b"\x1b$B", b"\x1b(B"),
    *(
        b"\\X0D\\",
        b"\\.br\\",
        b"\\.sp3\\",
        b"\\C2842\\",
        b"\\M2442\\",
        b"\\E\\",
        b"\\H\\",
        b"{\\E\\rtf1 ",
        b"<html><p>",
    ),
    *(b"MSH|^~\\&|", b"BHS|^~\\&|", b"BTS|2\r", b"OBX|1|ED|||^TEXT^PDF^Base64^JVBERi0xLjQK\r", b"OBX|1|TX|||x\r"),
    *(b"OBR|1||A|||||||||||||||||||||||||||P^F\r", b"NTE|1||y\r", b"ORC|RE\r", b"ZDS|1.2.3\r", b"UNICODE UTF-16"),
]
"""Pieces that a mutation puts into an input."""


@dataclass
class Reached:
    """How many inputs were tried, and how many of them had text of a report read."""

    inputs: int = 0
    text: int = 0


def seeds() -> list[bytes]:
    """Give the trouble cases, as they go over a connection."""
    return [path.read_bytes() for path in sorted(FOLDER.glob("*.hl7"))]


def spliced(data: bytes, known: list[bytes], seed: int) -> bytes:
    """Mutate an input, or one of those known: pieces cut out, put in, doubled, or taken from another."""
    chance = Random(seed)  # noqa: S311  not for secrets
    if len(data) < SHORTEST or chance.random() < 0.3:
        data = chance.choice(known)
    for _ in range(chance.randint(1, 5)):
        place = chance.randint(0, len(data))
        length = chance.choice([0, 1, 4, 40])
        other = chance.choice(known)
        cut = chance.randint(0, len(other))
        piece = chance.choice(
            [chance.choice(TOKENS), chance.randbytes(2), data[place : place + 40], other[cut : cut + 60]]
        )
        data = data[:place] + piece + data[place + length :]
    return data


def try_stream(data: bytes, reached: Reached) -> None:
    """Take a stream as the listener does. Whatever is raised but `UnreadableMessage` is a fault of ours."""
    count = 0
    deframer = Deframer(LIMIT)
    frames = [*deframer.feed(data), *deframer.finish(CutShort.CLOSED)]
    contents = [frame.content for frame in frames if isinstance(frame, Frame)] or [data]
    for content in contents:
        messages = split_messages(content)
        assert b"".join(messages) == content, "bytes of a frame are lost"
        read_batch(messages)
        for raw in messages:
            count += _try_message(raw)
    reached.inputs += 1
    reached.text += count > 0


def _try_message(raw: bytes) -> bool:
    try:
        read = read_message(raw, SITE)
    except UnreadableMessage:
        refuse_unreadable(STAMP)
        return False
    for answer in acknowledge(read.header, read.fault, STAMP).messages():
        assert b"\x0b" not in answer or read.codec == "utf-16"
    return any(isinstance(report, reports.ReportMessage) and report.blocks for report in read.reports)
