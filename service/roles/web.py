"""The page's server."""

import socket
import threading

import uvicorn
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.errors import RoleFailed
from service.heartbeat import Presence
from service.store.database import open_database
from service.web.pages import make_pages


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event, presence: Presence) -> None:
    """Serve the page until `stop` is set.

    Raises:
        RoleFailed: the port is in use or not ours to take.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in settings.web.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.web.host, settings.web.port))
    except OSError as error:
        raise RoleFailed(f"web.port {settings.web.port}: {error.strerror}. Choose another port.") from error
    app = make_pages(settings, open_database(settings.data))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    port = listener.getsockname()[1]
    presence.up(port, thread.is_alive)
    log.info("listening", host=settings.web.host, port=port)
    stop.wait()
    server.should_exit = True
    thread.join(5)
