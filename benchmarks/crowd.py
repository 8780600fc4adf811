"""The rate of busy senders beside many idle and slow ones: python -m benchmarks.crowd [--json].

Eight senders are measured alone and beside 200 connections that send nothing and 50 that send one byte of an object, or
of a message, each tenth of a second, on the receiver and the listener with the real store. DICOM is sent by `storescu`
with TCP_NODELAY, HL7 by plain sockets. Each ratio is the median of those of the rounds.
"""

import argparse
import json
import multiprocessing
import os
import platform
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from benchmarks.hl7 import message, running, send, serve_ours
from benchmarks.receive import Case, receiving, seconds_to_send, write_objects
from benchmarks.rows import print_rows
from config.settings import DicomSettings
from tests.peers.scripted import associate_request, store_request

IDLE, SLOW, BUSY = 200, 50, 8
TURN_SECONDS = 0.1
GOAL = 0.8


def _slow_object(connection: socket.socket) -> bytes:
    """Open an association; gives the bytes of an object that is to be sent on it."""
    syntaxes = [(str(MRImageStorage), str(ExplicitVRLittleEndian))]
    connection.sendall(associate_request(syntaxes))
    if connection.recv(65536)[:1] != b"\x02":
        raise RuntimeError("A slow sender was not let in.")
    return b"".join(store_request(bytes(65536), str(MRImageStorage), "1.2.3"))


def _slow_message(_: socket.socket) -> bytes:
    return message(0).replace(b"bulge", b"bulge " * 1000)


def _be_a_crowd(port: int, begin: Callable[[socket.socket], bytes], pipe: Connection) -> None:
    """Keep the connections until the pipe says so; then tell how many were left by the other side."""
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(IDLE)]
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(SLOW)]
    parts = [iter(begin(connection)) for connection in slow]
    pipe.send("there")
    while not pipe.poll(TURN_SECONDS):
        for connection, rest in zip(slow, parts, strict=True):
            connection.send(bytes([next(rest)]))
    pipe.send(sum(_is_left(connection) for connection in (*idle, *slow)))


def _is_left(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


@contextmanager
def crowd(port: int, begin: Callable[[socket.socket], bytes]) -> Iterator[None]:
    """Have a crowd on a port.

    Raises:
        RuntimeError: the other side did not keep it.
    """
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_be_a_crowd, args=(port, begin, there))
    process.start()
    here.recv()
    yield
    here.send("enough")
    left = here.recv()
    process.join(10)
    if left:
        raise RuntimeError(f"{left} of {IDLE + SLOW} connections were closed meanwhile.")


def objects_per_second(files: tuple[Path, ...], work: Path, *, crowded: bool) -> float:
    """Send objects to an empty store, in a crowd or alone."""
    settings = DicomSettings(port=0, max_associations=2 * (SLOW + BUSY), max_associations_per_peer=2 * SLOW)
    case = Case("", files, BUSY, no_delay=True, goals={})
    with (
        tempfile.TemporaryDirectory(dir=work) as folder,
        receiving(Path(folder), settings) as peer,
        crowd(peer.port, _slow_object) if crowded else nullcontext(),
    ):
        return len(files) / seconds_to_send(case, peer)


def messages_per_second(count: int, work: Path, *, crowded: bool) -> float:
    """Send messages to an empty store, in a crowd or alone."""
    with tempfile.TemporaryDirectory(dir=work) as folder, running(serve_ours, Path(folder)) as port:
        send(port, range(1_000_000, 1_000_020), afresh=False)
        with crowd(port, _slow_message) if crowded else nullcontext(), ThreadPoolExecutor(BUSY) as clients:
            started = time.perf_counter()
            shares = [clients.submit(send, port, range(first, count, BUSY), afresh=False) for first in range(BUSY)]
            for share in shares:
                share.result()
            return count / (time.perf_counter() - started)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1600)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        files = write_objects(work / "small", arguments.objects, 16)
        sides: dict[str, Callable[[bool], float]] = {
            "objects": lambda crowded: objects_per_second(files, work, crowded=crowded),
            "messages": lambda crowded: messages_per_second(arguments.messages, work, crowded=crowded),
        }
        for what, rate in sides.items():
            rounds = [(rate(True), rate(False)) for _ in range(arguments.rounds)]
            ratio = median(crowded / alone for crowded, alone in rounds)
            rows.append(
                {
                    "case": f"{BUSY} senders of {what}, beside {IDLE} idle and {SLOW} slow connections",
                    "ours": round(median(crowded for crowded, _ in rounds)),
                    "theirs": round(median(alone for _, alone in rounds)),
                    "unit": f"{what}/s",
                    "ratio": round(ratio, 2),
                    "goal": GOAL,
                    "met": ratio >= GOAL,
                }
            )
    if arguments.json:
        print(json.dumps({"name": "crowd", "rows": rows}))
        return
    print_rows(rows)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
