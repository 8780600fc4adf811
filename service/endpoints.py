"""That a role is up and where it listens, as files under the data folder, since a port of 0 is picked at start."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.errors import RoleFailed


def publish_endpoint(data: Path, role: str, port: int) -> None:
    """Say that a role is up, and where it listens (0: nowhere); the file appears at once and whole."""
    folder = data / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    written = folder / f"{role}.{os.getpid()}"
    written.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    written.replace(folder / f"{role}.json")


def touch_endpoint(data: Path, role: str) -> None:
    """Say again that a role is up; the time of its file is what its supervisor looks at.

    A disk that cannot be written keeps it from being said, and is no reason for the role to end.
    """
    with suppress(OSError):
        os.utime(data / "run" / f"{role}.json")


def last_sign(data: Path, role: str) -> float | None:
    """Give when a role last said that it is up, as a file time in seconds, or None where it never did."""
    try:
        return (data / "run" / f"{role}.json").stat().st_mtime
    except OSError:
        return None


def could_give_sign(data: Path, role: str) -> bool:
    """Tell whether a role could say that it is up; on a disk that has become read-only it cannot."""
    path = data / "run" / f"{role}.json"
    try:
        times = path.stat()
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # they stay what they are
    except OSError:
        return False
    return True


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
    except FileNotFoundError:
        return None
    except ValueError:  # emptied by a loss of power, which its role did not survive
        return None
    return int(published["port"]) if is_running(int(published["pid"])) else None


def is_running(pid: int) -> bool:
    """Tell whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, but there
        return True
    return True
