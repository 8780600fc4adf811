"""Messages kept a second, against servers that keep nothing: python -m benchmarks.hl7 [--json] [--messages N].

Ours is the listener on the real store: message and report are read, filed and on disk before the acknowledgement. One
peer is a minimal MLLP server that acknowledges and does nothing else. The other is hl7apy's own MLLPServer, which takes
one message for each connection and reads its type alone: once with a handler that only answers, and once with one that
parses the message, as a handler has to that does anything with it. Its backlog of five connections is raised, since
otherwise 16 clients measure how long TCP waits to try again. The client is a plain socket.
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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

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

ACK = b"\x0bMSH|^~\\&|A|B|C|D|20260101||ACK|1|P|2.5\rMSA|AA|1\r\x1c\r"
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


class _Acknowledge(AbstractHandler):  # type: ignore[misc]  # hl7apy ships no types
    def reply(self) -> str:
        return ACK.decode()


class _Parse(_Acknowledge):
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


def serve_acknowledgements(_: Path, pipe: Connection) -> None:
    """Acknowledge whatever ends in FS CR."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\x1c\r"):
                writer.write(ACK)
        except asyncio.IncompleteReadError:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)

    asyncio.run(serve())


def serve_hl7apy(_: Path, pipe: Connection) -> None:
    """Run hl7apy's server with a handler that only answers."""
    _serve_hl7apy(_Acknowledge, pipe)


def serve_hl7apy_parsing(_: Path, pipe: Connection) -> None:
    """Run hl7apy's server with a handler that parses each message."""
    _serve_hl7apy(_Parse, pipe)


def _serve_hl7apy(handler: type[_Acknowledge], pipe: Connection) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    MLLPServer.request_queue_size = BACKLOG
    server = MLLPServer("127.0.0.1", port, {"ORU^R01": (handler,)})
    server.daemon_threads = True
    pipe.send(port)
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side; the best counts")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    sides: dict[str, Serve] = {
        "ours": serve_ours,
        "acknowledging only": serve_acknowledgements,
        "MLLPServer that answers": serve_hl7apy,
        "MLLPServer that parses": serve_hl7apy_parsing,
    }
    goals = {"acknowledging only": 0.5, "MLLPServer that answers": None, "MLLPServer that parses": 5.0}
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as work:
        for connections in (1, 16):
            best = dict.fromkeys(sides, 0.0)
            for _ in range(arguments.rounds):
                for name, serve in sides.items():
                    best[name] = max(best[name], rate(serve, arguments.messages, connections, Path(work)))
            for name, goal in goals.items():
                ratio = best["ours"] / best[name]
                case = f"{connections} connection{'s' if connections > 1 else ''}, against {name}"
                values = {"ours": round(best["ours"]), "theirs": round(best[name]), "unit": "messages/s"}
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
