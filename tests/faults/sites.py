"""The roles that take things in, on a disk that is to be tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.settings import Peer
from tests.peers.daemon import Daemon, running_daemon

RECEIVING = ("receive", "listen")
_NOBODY = Peer(name="pacs", ae_title="NOBODY", port=9)


@contextmanager
def receiving_site(folder: Path, data: Path) -> Iterator[Daemon]:
    """Run the roles that take things in, with their data where they are told; log and settings lie under `folder`."""
    settings = {"data": str(data), "storage": {"keep_free_gb": 0}}
    with running_daemon(folder / "daemon", _NOBODY, settings, only=",".join(RECEIVING)) as daemon:
        yield daemon
