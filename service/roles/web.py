"""The page's server."""

import socket
import threading

import uvicorn
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from integrations.tls import server_context
from service.errors import RoleFailed
from service.heartbeat import Presence
from service.store.database import open_database
from service.web.pages import make_pages

MOST_CONNECTIONS = 100
"""At one time; further ones are answered with 503."""


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event, presence: Presence) -> None:
    """Serve the page until `stop` is set.

    Raises:
        RoleFailed: the port is in use or not ours to take.
        UnusableCertificate: a file of `web.tls` is not what it should be.
    """
    tls = None if settings.web.tls is None else server_context(settings.web.tls)
    listener = socket.socket(socket.AF_INET6 if ":" in settings.web.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.web.host, settings.web.port))
    except OSError as error:
        raise RoleFailed(f"web.port {settings.web.port}: {error.strerror}. Choose another port.") from error
    app = make_pages(settings, open_database(settings.data))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    presence.up(port, thread.is_alive)
    log.info("listening", host=settings.web.host, port=port, tls=tls is not None)
    stop.wait()
    server.should_exit = True
    thread.join(5)
