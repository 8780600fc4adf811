"""A bad link: a TCP proxy in front of a server, which cuts, stalls or loses answers where it is told to."""

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

BYTES_AT_ONCE = 4096


class Fault(StrEnum):
    """What befalls a connection."""

    CUT = "cut"
    STALL = "stalled"
    LOSS = "answer lost"
    """What the server answers goes nowhere; the connection is cut once it has answered."""


@dataclass(frozen=True)
class Break:
    """A fault after so many bytes that the client has sent, or that the server has answered where answers are lost.

    `seconds` is how long a connection that stalls stays open.
    """

    fault: Fault
    after: int
    seconds: float = 2.0


@dataclass
class BadLink:
    """A running proxy. `breaks` are what befalls the next connections, one each, where None is nothing.

    `happened` lists what came about, since a connection may end before its fault; `connections` counts all.
    """

    port: int
    breaks: deque[Break | None] = field(default_factory=deque)
    happened: list[Break] = field(default_factory=list)
    connections: int = 0


@contextmanager
def running_bad_link(port: int) -> Iterator[BadLink]:
    """Stand between a client and the server that listens on `port` of this machine."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    link = BadLink(listening.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:  # closed, at the end
                return
            threading.Thread(target=_serve, args=(link, client, port), daemon=True).start()

    threading.Thread(target=accept, name="bad link", daemon=True).start()
    try:
        yield link
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _serve(link: BadLink, client: socket.socket, port: int) -> None:
    link.connections += 1
    breaks = link.breaks.popleft() if link.breaks else None
    with closing(client), suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
        broken = threading.Event()
        answers = threading.Thread(target=_carry, args=(link, server, client, breaks, broken), daemon=True)
        answers.start()
        _carry(link, client, server, breaks, broken, asks=True)
        answers.join(60)


def _carry(
    link: BadLink,
    source: socket.socket,
    target: socket.socket,
    breaks: Break | None,
    broken: threading.Event,
    *,
    asks: bool = False,
) -> None:
    """Carry bytes one way until either end closes, or a fault befalls this way."""
    left = breaks.after if breaks and asks == (breaks.fault is not Fault.LOSS) else None
    with suppress(OSError):
        while (part := source.recv(BYTES_AT_ONCE)) and not broken.is_set():
            if left is not None and breaks is not None and len(part) > left:
                target.sendall(part[:left])
                broken.set()
                link.happened.append(breaks)
                time.sleep(breaks.seconds if breaks.fault is Fault.STALL else 0)
                break
            left = None if left is None else left - len(part)
            target.sendall(part)
        if broken.is_set():
            _hang_up(source, target)
            return
        target.shutdown(socket.SHUT_WR)  # a half-closed connection stays one


def _hang_up(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
