"""Messages kept a second, against servers that keep nothing: python -m benchmarks.hl7 [--json] [--messages N].

Ours is the listener on the real store: message and report are read, filed and on disk before the acknowledgement. The
peers keep nothing. One is the server of python-hl7, which parses each message and acknowledges it. The other is
hl7apy's own MLLPServer, which takes one message for each connection: with a handler that parses it, as one has to that
does anything with it, and with one that only answers. Its backlog of five connections is raised, since otherwise 16
clients measure how long TCP waits to try again. The last only shows what the disk allows: it adds each message to a
file, syncs that and answers. The client is a plain socket, and each ratio is the median of those of the rounds.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server
from hl7apy.mllp import AbstractHandler, MLLPServer
from hl7apy.parser import parse_message

from benchmarks.rows import print_rows
from config.settings import Hl7Settings, Settings
from integrations.hl7.connection import Doors
from integrations.hl7.listener import start_listener
from service.listening import Listening
from service.log import configure_log
from service.store.database import open_database
from service.store.upgrade import upgrade_database

ACK = b"MSH|^~\\&|A|B|C|D|20260101||ACK|1|P|2.5\rMSA|AA|1\r"
BACKLOG = 128
Serve = Callable[[Path, Connection], None]


def message(number: int) -> bytes:
    """Give an invented report with its frame."""
    text = "Mild disc bulge at L4-L5 without stenosis."
    return (
        f"\x0bMSH|^~\\&|RIS|HOSP|SPINELABEL|X|20260301120000||ORU^R01|M{number}|P|2.5\r"
        f"PID|1||P{number}^^^HOSP^MR||Speed^Test||19700101|F\r"
        f"OBR|1|PL{number}|A{number}|MRLS^MR lumbar spine|||20260301115500|||||||||||A{number}|||||||F\r"
        f"OBX|1|TX|GDT||{text}||||||F\r\x1c\r"
    ).encode()


class _Answer(AbstractHandler):  # type: ignore[misc]  # hl7apy ships no types
    def reply(self) -> str:
        return f"\x0b{ACK.decode()}\x1c\r"


class _Parse(_Answer):
    def reply(self) -> str:
        parse_message(self.incoming_message)
        return super().reply()


def serve_ours(folder: Path, pipe: Connection) -> None:
    """Run our listener on a store until the pipe says so."""
    upgrade_database(folder)
    log = configure_log("listen")
    listening = Listening(open_database(folder), Settings(data=folder), log)
    with start_listener(Hl7Settings(port=0), Doors(listening.receive, listening.keep_incomplete), log) as listener:
        pipe.send(listener.port)
        pipe.recv()


def serve_python_hl7(_: Path, pipe: Connection) -> None:
    """Run python-hl7's server, which acknowledges and keeps nothing."""

    async def answer(reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while True:
                writer.writemessage((await reader.readmessage()).create_ack())
                await writer.drain()

    _serve(answer, pipe)


def serve_synced(folder: Path, pipe: Connection) -> None:
    """Add each message to a file, and answer once that is on disk."""
    with (folder / "messages").open("ab", buffering=0) as kept:

        async def answer(reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError):
                while True:
                    kept.write(await reader.readblock())
                    os.fsync(kept.fileno())
                    writer.writeblock(ACK)

        _serve(answer, pipe)


def _serve(answer: Callable[[HL7StreamReader, HL7StreamWriter], Awaitable[None]], pipe: Connection) -> None:
    async def serve() -> None:
        server = await start_hl7_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)

    asyncio.run(serve())


def serve_hl7apy(_: Path, pipe: Connection) -> None:
    """Run hl7apy's server with a handler that only answers."""
    _serve_hl7apy(_Answer, pipe)


def serve_hl7apy_parsing(_: Path, pipe: Connection) -> None:
    """Run hl7apy's server with a handler that parses each message."""
    _serve_hl7apy(_Parse, pipe)


def _serve_hl7apy(handler: type[_Answer], pipe: Connection) -> None:
    MLLPServer.request_queue_size = BACKLOG
    server = MLLPServer("127.0.0.1", 0, {"ORU^R01": (handler,)})
    server.daemon_threads = True
    pipe.send(server.socket.getsockname()[1])
    server.serve_forever()


@contextmanager
def running(serve: Serve, folder: Path) -> Iterator[int]:
    """Run a side as a process of its own, and give its port."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(folder, there))
    process.start()
    yield here.recv()
    process.terminate()
    process.join(10)


def send(port: int, numbers: range, *, afresh: bool) -> None:
    """Send messages one after the other, each when the last is answered; `afresh` connects for each."""
    connection = None
    for number in numbers:
        if connection is None:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(message(number))
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            more = connection.recv(65536)
            if not more:
                raise RuntimeError(f"Port {port} hung up instead of acknowledging.")
            answer += more
        if b"|AA|" not in answer:
            raise RuntimeError(f"Port {port} did not accept a message.")
        if afresh:
            connection.close()
            connection = None
    if connection is not None:
        connection.close()


def rate(serve: Serve, messages: int, connections: int, work: Path) -> float:
    """Give messages a second, without the first few."""
    afresh = serve in {serve_hl7apy, serve_hl7apy_parsing}
    with tempfile.TemporaryDirectory(dir=work) as folder, running(serve, Path(folder)) as port:
        send(port, range(1_000_000, 1_000_020), afresh=afresh)
        shares = [range(first, messages, connections) for first in range(connections)]
        started = time.perf_counter()
        with ThreadPoolExecutor(connections) as clients:
            for done in [clients.submit(send, port, share, afresh=afresh) for share in shares]:
                done.result()
        return messages / (time.perf_counter() - started)


OURS = "ours"
SIDES: dict[str, tuple[Serve, float | None]] = {
    OURS: (serve_ours, None),
    "python-hl7, which reads and answers": (serve_python_hl7, 0.5),
    "hl7apy, which answers unread": (serve_hl7apy, None),
    "hl7apy, which reads and answers": (serve_hl7apy_parsing, 5.0),
    "a file that is synced": (serve_synced, None),
}
"""What runs, and the goal of the ratio to it."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as work:
        for connections in (1, 16):
            rounds = [
                {name: rate(serve, arguments.messages, connections, Path(work)) for name, (serve, _) in SIDES.items()}
                for _ in range(arguments.rounds)
            ]
            for name, (_, goal) in SIDES.items():
                if name == OURS:
                    continue
                ratio = median(each[OURS] / each[name] for each in rounds)
                case = f"{connections} connection{'s' if connections > 1 else ''}, against {name}"
                rates = {side: round(median(each[side] for each in rounds)) for side in (OURS, name)}
                values = {"ours": rates[OURS], "theirs": rates[name], "unit": "messages/s"}
                rows.append(
                    {"case": case, **values, "ratio": round(ratio, 2), "goal": goal, "met": goal and ratio >= goal}
                )
    if arguments.json:
        print(json.dumps({"name": "hl7", "rows": rows}))
        return
    print_rows(rows)
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
