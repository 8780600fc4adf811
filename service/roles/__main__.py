"""Run one role in this process: `python -m service.roles ROLE [--config FILE] [--supervised]`."""

import argparse
import importlib
import os
import signal
import sys
import threading
from pathlib import Path

from config.errors import SpinelabelError
from config.settings import load_settings
from service.endpoints import only_one
from service.log import configure_log
from service.roles import ROLES


def main() -> int:
    """Run the role until it is told to stop; gives the process's exit status."""
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
    os.environ["TQDM_DISABLE"] = "1"  # a library's progress bars have no place in a log of JSON lines
    try:
        settings = load_settings(arguments.config)
        with only_one(settings.data, arguments.role):
            # By name, since only `work` may load torch.
            importlib.import_module(f"service.roles.{arguments.role}").run(settings, log, stop)
    except SpinelabelError as error:
        log.error("cannot start", reason=str(error))
        return 1
    return 0


def _stop_with_supervisor(stop: threading.Event) -> None:
    """Stop when the supervisor is gone, however it ended: its end of our standard input closes with it."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
