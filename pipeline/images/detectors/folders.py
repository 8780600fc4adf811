"""The private folders in which volumes are handed to programs: under the installation's data, and gone afterwards.

A process that is killed leaves its folder behind. Each is therefore held by a lock, which the system lets go of however
its process ends, so that the next start can tell what was left from what another command is using.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

EXCHANGE = "exchange"


@contextmanager
def private_folder(data: Path) -> Iterator[Path]:
    """Give a folder of our user alone under the data of an installation, and remove it afterwards."""
    exchange = data.absolute() / EXCHANGE
    exchange.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as held:
        with _locked(exchange, fcntl.LOCK_EX):  # so that it is never seen without its own lock
            folder = Path(held.enter_context(TemporaryDirectory(dir=exchange)))
            held.enter_context(_locked(folder, fcntl.LOCK_EX))
        yield folder


def remove_left_behind(data: Path) -> None:
    """Remove the folders of processes that were killed; one that is in use, or not ours, stays."""
    exchange = data / EXCHANGE
    if not exchange.exists():
        return
    with _locked(exchange, fcntl.LOCK_EX):
        for folder in exchange.iterdir():
            with suppress(OSError), _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path, how: int) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)
