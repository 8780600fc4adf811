"""One MLLP connection: its frames are stored one after the other, and answered in the same order."""

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from hl7.mllp import HL7StreamReader, HL7StreamWriter
from structlog.typing import FilteringBoundLogger

from config.errors import SpinelabelError
from config.settings import Hl7Settings
from integrations.hl7.acks import Answer, Stamp, refuse_unstored
from integrations.hl7.batches import answered_batch, read_batch, wants_batch
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.faults import NOT_STORED, TOO_LONG
from integrations.hl7.framing import CutShort, Deframer, Frame, IncompleteFrame
from integrations.hl7.segments import split_messages

CHUNK = 65536


@dataclass(frozen=True)
class ReceivedMessage:
    """One message as it came, without framing; `peer` is the address it came from.

    `notes` are what the batch that it came in has to say, for the message log.
    """

    raw: bytes
    peer: str
    received_at: datetime
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class IncompleteMessage:
    """What came of a message that was never complete, and never accepted; `reason` says in words what cut it."""

    raw: bytes
    peer: str
    received_at: datetime
    reason: str


@dataclass(frozen=True)
class Doors:
    """The callables of the service. Both block, and are called in threads, once at a time for each connection.

    `receive` stores a message durably and then says what to answer; whatever it raises means that the message is not
    stored, and the sender is told so (AE). `keep_incomplete` keeps what came of a message that cannot be accepted.
    """

    receive: Callable[[ReceivedMessage], Answer]
    keep_incomplete: Callable[[IncompleteMessage], None]


@dataclass(frozen=True)
class ListenerLimits:
    """What one sender may ask of the listener.

    `frame_seconds` is from the start of a frame to its end; between frames a connection may rest for ever.
    `handshake_seconds` is what TLS may take to begin, `end_seconds` how long a frame that ends in FS waits for its CR.
    A connection costs little while it rests, so there may be many; `messages` may be stored at one time.
    """

    frame_bytes: int = 4 * 1024 * 1024
    frame_seconds: float = 60
    end_seconds: float = 0.5
    connections: int = 512
    messages: int = 32
    handshake_seconds: float = 10


@dataclass
class ListenerCounts:
    """Sums since the start, for metrics."""

    connections: int = 0
    messages: int = 0
    unstored: int = 0
    incomplete: int = 0
    skipped_bytes: int = 0


@dataclass(frozen=True)
class Reception:
    """What all connections of a listener share."""

    doors: Doors
    limits: ListenerLimits
    counts: ListenerCounts
    log: FilteringBoundLogger
    threads: concurrent.futures.Executor
    settings: Hl7Settings


class Connection:
    """Serves one connection until either side ends it. `busy` is true from a frame's end to its answer."""

    def __init__(self, reception: Reception, reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        self.busy = False
        self._reception = reception
        self._reader = reader
        self._writer = writer
        self._deframer = Deframer(reception.limits.frame_bytes)
        self._deadline: float | None = None
        self._over = False
        host, port, *_ = writer.get_extra_info("peername") or ("unknown", 0)
        self._peer = f"{host}:{port}"
        self._log = reception.log.bind(peer=self._peer)

    def end(self) -> None:
        """Take no more frames; the message at hand is stored and answered."""
        self._over = True

    async def serve(self) -> None:
        """Read, store and answer. Errors end this connection only; what is left of a frame is kept."""
        try:
            while not self._over:
                frames = await self._next_frames()
                self.busy = True
                for frame in frames:
                    await self._take(frame)
                self.busy = False
        except asyncio.CancelledError:
            self._log.info("hl7 connection ended by the listener")
        except UnreadableMessage as error:
            self._log.warning("hl7 connection closed: a message can be neither stored nor answered", reason=str(error))
        except OSError as error:
            self._log.warning("hl7 connection lost", reason=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - the edge of the process: other connections go on
            self._log.error("hl7 connection failed", reason=type(error).__name__)
        finally:
            await self._finish()

    async def _next_frames(self) -> Sequence[Frame | IncompleteFrame]:
        """Wait for bytes as long as the state of the frame allows."""
        deframer = self._deframer
        try:
            async with asyncio.timeout_at(self._latest()):
                data = await self._reader.read(CHUNK)
        except TimeoutError:
            if deframer.may_have_ended:
                return deframer.pause()
            self._over = True
            return deframer.finish(CutShort.TOO_SLOW)
        if not data:
            self._over = True
            return deframer.finish(CutShort.CLOSED)
        frames = deframer.feed(data)
        if frames:
            self._deadline = None
        return frames

    def _latest(self) -> float | None:
        now = asyncio.get_running_loop().time()
        if self._deframer.may_have_ended:
            return now + self._reception.limits.end_seconds
        if not self._deframer.inside:
            self._deadline = None
        elif self._deadline is None:
            self._deadline = now + self._reception.limits.frame_seconds
        return self._deadline

    async def _take(self, frame: Frame | IncompleteFrame) -> None:
        if isinstance(frame, IncompleteFrame):
            await self._keep(frame)
            if frame.reason is CutShort.TOO_LONG:
                await self._send(refuse_unstored(frame.content, TOO_LONG, _stamp()))
        elif frame.content.strip():
            await self._answer_all(split_messages(frame.content))

    async def _answer_all(self, messages: Sequence[bytes]) -> None:
        """Store each message of a frame and answer it at once, or all together where the sender wants a batch."""
        batch = read_batch(messages)
        if not wants_batch(batch, self._reception.settings):
            for place, raw in enumerate(messages):
                await self._send(await self._store(raw, batch.notes_on(place)))
            return
        answers = [await self._store(raw, batch.notes_on(place)) for place, raw in enumerate(messages)]
        await self._write([answered_batch(batch, answers, _stamp())])

    async def _store(self, raw: bytes, notes: tuple[str, ...]) -> Answer:
        """Have the service store a message, and give its answer or, where that fails, a refusal.

        Raises:
            UnreadableMessage: it is not stored and cannot be refused either.
        """
        self._reception.counts.messages += 1
        message = ReceivedMessage(raw, self._peer, datetime.now(UTC), notes)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._reception.threads, self._reception.doors.receive, message)
        except Exception as error:  # noqa: BLE001 - the edge of the process: the sender keeps the message and is told
            self._reception.counts.unstored += 1
            self._log.error("hl7 message not stored", reason=_reason(error))
            return refuse_unstored(raw, NOT_STORED, _stamp())

    async def _send(self, answer: Answer) -> None:
        await self._write(answer.messages())

    async def _write(self, messages: Sequence[bytes]) -> None:
        for raw in messages:
            self._writer.writeblock(raw)
        async with asyncio.timeout(self._reception.limits.frame_seconds):
            await self._writer.drain()

    async def _keep(self, frame: IncompleteFrame) -> None:
        self._reception.counts.incomplete += 1
        self._log.warning("hl7 message incomplete, not accepted", reason=frame.reason.value, bytes=len(frame.content))
        message = IncompleteMessage(frame.content, self._peer, datetime.now(UTC), frame.reason.value)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._reception.threads, self._reception.doors.keep_incomplete, message)
        except Exception as error:  # noqa: BLE001 - its sender still has the message, and no other may suffer
            self._log.error("hl7 message incomplete and not kept", reason=_reason(error))

    async def _finish(self) -> None:
        for frame in self._deframer.finish(CutShort.CLOSED):
            # A frame that is complete only now came after the last one that was answered: its sender sends it again.
            await self._keep(IncompleteFrame(frame.content, CutShort.CLOSED))
        if skipped := self._deframer.skipped:
            self._reception.counts.skipped_bytes += skipped
            self._log.info("hl7 bytes between frames skipped", bytes=skipped)
        self._writer.close()


def _stamp() -> Stamp:
    return Stamp(datetime.now(UTC), lambda: uuid4().hex[:20])


def _reason(error: Exception) -> str:
    """Say what went wrong; only our own errors are sure to hold no patient's data."""
    return f"{type(error).__name__}: {error}" if isinstance(error, SpinelabelError) else type(error).__name__
