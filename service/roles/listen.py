"""The HL7 listener."""

import threading

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from integrations.hl7.connection import Doors
from integrations.hl7.listener import start_listener
from service.heartbeat import Presence
from service.listening import Listening
from service.log import change_log
from service.store.database import open_database


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event, presence: Presence) -> None:
    """Receive messages until `stop` is set.

    Raises:
        ListenerUnavailable: the port is in use or not ours to take.
        UnusableHl7Setting: a setting means nothing in HL7.
    """
    listening = Listening(open_database(settings.data, change_log(log)), settings, log)
    with start_listener(settings.hl7, Doors(listening.receive, listening.keep_incomplete), log) as listener:
        presence.up(listener.port, listener.is_alive)
        stop.wait()
