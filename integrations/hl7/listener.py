"""The MLLP listener: many connections, each answered only after the service has stored what it sent."""

import asyncio
import concurrent.futures
import os
import socket
import ssl
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from hl7.mllp import HL7StreamReader, HL7StreamWriter, start_hl7_server
from structlog.typing import FilteringBoundLogger

from config.settings import Hl7Settings
from integrations.dicom.addresses import KnownAddresses
from integrations.hl7.connection import CHUNK, Connection, Doors, ListenerCounts, ListenerLimits, Reception
from integrations.hl7.errors import ListenerUnavailable
from integrations.hl7.oru import check_settings
from integrations.tls import server_context

ANSWER_SECONDS = 5.0
T = TypeVar("T")


class Listener:
    """A running listener, in a thread of its own; made by `start_listener`. Leaving a `with` stops it."""

    def __init__(self, reception: Reception) -> None:
        self.port = 0
        self._reception = reception
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._server: asyncio.Server | None = None
        self._addresses = KnownAddresses()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hl7-listener", daemon=True)

    @property
    def counts(self) -> ListenerCounts:
        """Give the sums since the start."""
        return self._reception.counts

    def open(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Begin to listen, by TLS where a context is given; see `start_listener`."""
        self._thread.start()
        # A connection counts among the others only once its handshake is done, so that one that never ends
        # takes nobody's place.
        patience = None if tls is None else self._reception.limits.handshake_seconds
        try:
            self._server = self._run(
                start_hl7_server(self._connected, host, port, limit=CHUNK, ssl=tls, ssl_handshake_timeout=patience)
            )
        except OSError as error:
            self.stop()
            raise ListenerUnavailable(
                f"hl7.host {host} and hl7.port {port}: {os.strerror(error.errno or 0)}. Free the port or set another."
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        self._reception.log.info("hl7 listener started", host=host, port=self.port, tls=tls is not None)

    def is_alive(self) -> bool:
        """Tell whether connections are still taken and served."""
        if self._loop.is_closed():
            return False
        turn = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop)
        try:
            turn.result(ANSWER_SECONDS)
        except TimeoutError:
            return False
        return True

    def stop(self) -> None:
        """Stop listening. A message that is being stored is stored and answered first. Once stopped, does nothing."""
        if self._loop.is_closed():
            return
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._reception.threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _connected(self, reader: HL7StreamReader, writer: HL7StreamWriter) -> None:
        if len(self._connections) >= self._reception.limits.connections:
            self._reception.log.warning("hl7 connection refused: too many at one time")
            writer.close()
            return
        # A sender whose machine died would hold its place for ever.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection = Connection(self._reception, reader, writer)
        task = self._loop.create_task(self._serve(connection, writer))
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)
        self.counts.connections += 1

    async def _serve(self, connection: Connection, writer: HL7StreamWriter) -> None:
        address = str(writer.get_extra_info("peername")[0]).removeprefix("::ffff:")
        if await self._is_named(address):
            await connection.serve()
            return
        self._reception.log.warning("hl7 connection refused: not in hl7.hosts", address=address)
        writer.close()

    async def _is_named(self, address: str) -> bool:
        """Tell whether a machine may send, by its address or by a name that has it."""
        hosts = self._reception.settings.hosts
        if not hosts or address in hosts:
            return True
        # In a thread, since a name service that does not answer would hold up every connection.
        return address in await self._loop.run_in_executor(None, self._addresses.of, hosts)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task, connection in self._connections.items():
            connection.end()
            if not connection.busy:
                task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)


def start_listener(
    settings: Hl7Settings, doors: Doors, log: FilteringBoundLogger, limits: ListenerLimits | None = None
) -> Listener:
    """Listen in a thread of this process and return once the port is open; `Listener.port` says which it is.

    Raises:
        ListenerUnavailable: the address cannot be listened on.
        UnusableHl7Setting: the settings name a field or a character set that HL7 does not know.
        UnusableCertificate: a file of `hl7.tls` is not what it should be.
    """
    check_settings(settings)
    tls = None if settings.tls is None else server_context(settings.tls)
    limits = limits or ListenerLimits()
    threads = concurrent.futures.ThreadPoolExecutor(limits.messages, thread_name_prefix="hl7-receive")
    listener = Listener(Reception(doors, limits, ListenerCounts(), log, threads, settings))
    listener.open(settings.host, settings.port, tls)
    return listener
