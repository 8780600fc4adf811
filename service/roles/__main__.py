"""Run one role in this process: `python -m service.roles ROLE [--config FILE] [--supervised]`."""

import argparse
import importlib
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.errors import SpinelabelError
from config.settings import Settings, load_settings
from service.endpoints import only_one
from service.heartbeat import Presence
from service.log import configure_log
from service.memory import MemoryWatch
from service.roles import ROLES
from service.store.database import open_database
from service.store.faults import named_faults
from service.store.rights import keep_private
from service.store.states import RoleState
from service.unexpected import unexpected


def main() -> None:
    """Run the role until it is told to stop; the process ends here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=ROLES)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--supervised", action="store_true", help="stop when standard input ends")
    arguments = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if arguments.supervised:
        threading.Thread(target=_stop_with_supervisor, args=(stop,), daemon=True).start()
    log = configure_log(arguments.role)
    threading.excepthook = MemoryWatch(arguments.role).on_thread_end
    keep_private()
    os.environ["TQDM_DISABLE"] = "1"  # a library's progress bars have no place in a log of JSON lines
    try:
        settings = load_settings(arguments.config)
        with named_faults(settings.data), only_one(settings.data, arguments.role):
            _run(arguments.role, settings, log, stop)
            status = 0
    except Exception as error:  # noqa: BLE001  # the edge of the process: a traceback could show a patient's values
        log.error("cannot start", reason=_reason(error))
        status = 1
    with suppress(OSError):
        sys.stderr.flush()
    # What a library's thread still does would hold the process up; all that counts is on disk.
    os._exit(status)


def _run(role: str, settings: Settings, log: FilteringBoundLogger, stop: threading.Event) -> None:
    """Run the role and say how it ends."""
    presence = Presence(open_database(settings.data), settings.data, role)
    try:
        with named_faults(settings.data):
            # By name, since only `work` may load torch.
            importlib.import_module(f"service.roles.{role}").run(settings, log, stop, presence)
    except Exception as error:
        presence.end(RoleState.DOWN, _reason(error))
        raise
    presence.end(RoleState.STOPPED)


def _reason(error: Exception) -> str:
    """Say why a role ended: our own errors are sentences, of others only the class and the place are safe to show."""
    return str(error) if isinstance(error, SpinelabelError) else f"It ended unexpectedly ({unexpected(error)})."


def _stop_with_supervisor(stop: threading.Event) -> None:
    """Stop when the supervisor is gone, however it ended: its end of our standard input closes with it."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


if __name__ == "__main__":
    main()
