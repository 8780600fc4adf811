"""The private folders in which volumes are handed to programs: under the installation's data, and gone afterwards.

A process that is killed leaves its folder behind. Each is therefore held by a lock, which the system lets go of however
its process ends, so that the next start can tell what was left from what another command is using.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from config.held_folders import held

EXCHANGE = "exchange"


@contextmanager
def private_folder(data: Path) -> Iterator[Path]:
    """Give a folder of our user alone under the data of an installation, and remove it afterwards."""
    exchange = data.absolute() / EXCHANGE
    exchange.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as kept:
        with held(exchange):  # so that it is never seen without its own lock
            folder = Path(kept.enter_context(TemporaryDirectory(dir=exchange)))
            kept.enter_context(held(folder))
        yield folder


def remove_left_behind(data: Path) -> None:
    """Remove the folders of processes that were killed; one that is in use, or not ours, stays."""
    exchange = data / EXCHANGE
    if not exchange.exists():
        return
    with held(exchange):
        for folder in exchange.iterdir():
            with suppress(OSError), held(folder, wait=False):
                shutil.rmtree(folder)
