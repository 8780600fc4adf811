"""That a role is up and where it listens, as files under the data folder, since a port of 0 is picked at start."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.errors import RoleFailed


def publish_endpoint(data: Path, role: str, port: int) -> None:
    """Say that a role is up, and where it listens (0: nowhere); the file appears at once and whole."""
    folder = data / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    written = folder / f"{role}.{os.getpid()}"
    written.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    written.replace(folder / f"{role}.json")


@contextmanager
def only_one(data: Path, role: str) -> Iterator[None]:
    """Hold a role of a data folder, since two of one kind would do each other's work.

    Raises:
        RoleFailed: another process holds it.
    """
    folder = data / "run"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / f"{role}.lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system lets go of it however the process ends
        except BlockingIOError as error:
            raise RoleFailed(f"Another {role} role works on {data}. Stop it, or name another `data` folder.") from error
        yield


def endpoint(data: Path, role: str) -> int | None:
    """Give the port of a role, or None while it is not up."""
    try:
        published = json.loads((data / "run" / f"{role}.json").read_text(encoding="utf-8"))
        os.kill(int(published["pid"]), 0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(published["port"])
