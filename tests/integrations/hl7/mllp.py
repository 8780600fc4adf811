"""A scripted MLLP sender, and a service that stores in memory or on disk, for tests of the listener."""

import codecs
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

import structlog

from config.settings import Hl7Settings
from integrations.hl7.acks import Answer, Stamp, acknowledge, refuse_unreadable
from integrations.hl7.connection import Doors, IncompleteMessage, ListenerLimits, ReceivedMessage
from integrations.hl7.errors import UnreadableMessage
from integrations.hl7.listener import Listener, start_listener
from integrations.hl7.oru import read_message

PATIENCE_SECONDS = 10.0


def stamp() -> Stamp:
    return Stamp(datetime.now(UTC), lambda: uuid4().hex[:20])


@dataclass
class Service:
    """Stores what it is handed, as the daemon does: first the bytes, then the answer."""

    settings: Hl7Settings
    folder: Path | None = None
    stored: list[bytes] = field(default_factory=list)
    incomplete: list[IncompleteMessage] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    def __post_init__(self) -> None:
        self.gate.set()

    def receive(self, message: ReceivedMessage) -> Answer:
        gate = self.gate
        self.entered.set()
        gate.wait(PATIENCE_SECONDS)
        if self.fails:
            raise OSError(28, "No space left on device")
        self._keep(message.raw)
        try:
            read = read_message(message.raw, self.settings)
        except UnreadableMessage:
            return refuse_unreadable(stamp())
        return acknowledge(read.header, read.fault, stamp(), originally=read.rules.answers_originally)

    def keep_incomplete(self, message: IncompleteMessage) -> None:
        self.incomplete.append(message)

    def _keep(self, raw: bytes) -> None:
        self.stored.append(raw)
        if self.folder is not None:
            with (self.folder / uuid4().hex).open("wb") as file:
                file.write(raw)
                file.flush()
                os.fsync(file.fileno())


@contextmanager
def listening(service: Service, limits: ListenerLimits | None = None) -> Iterator[Listener]:
    log = structlog.get_logger()
    doors = Doors(service.receive, service.keep_incomplete)
    with start_listener(service.settings, doors, log, limits) as listener:
        yield listener


class Sender:
    """A sender that writes exact bytes and reads one acknowledgement at a time."""

    def __init__(
        self, port: int, tls: ssl.SSLContext | None = None, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=patience_seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._read = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> bytes:
        """The next acknowledgement without framing; empty when the other side has closed."""
        while b"\x1c\r" not in self._read:
            data = self._socket.recv(65536)
            if not data:
                assert not self._read, "half an acknowledgement"
                return b""
            self._read += data
        frame, _, self._read = self._read.partition(b"\x1c\r")
        assert frame.startswith(b"\x0b")
        return frame[1:]

    def silent_for(self, seconds: float) -> bool:
        """Tell whether nothing comes back for that long."""
        self._socket.settimeout(seconds)
        try:
            return not self._read and not self._socket.recv(1)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)


def fields_of(acknowledgement: bytes) -> dict[str, list[str]]:
    """The segments of an acknowledgement as lists of fields, by name, read with its own separator."""
    text = acknowledgement.decode("utf-16" if acknowledgement.startswith(codecs.BOM_UTF16) else "latin-1")
    return {line[:3]: line.split(text[3]) for line in text.split("\r") if line}
