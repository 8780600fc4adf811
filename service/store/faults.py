"""Faults of the disk and of database files as sentences that name the file and what to do."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from service.errors import UnusableStore

_FULL = "its disk is full. Free some space; it starts again by itself, or start it again."
_READONLY = "it cannot be written. Give it to the service's user, on a disk that is mounted for writing."
_DATABASE = {
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _READONLY,
    "SQLITE_CANTOPEN": "it cannot be opened. Give its folder to the service's user, and look whether its disk is full "
    "or has become read-only.",
    "SQLITE_NOTADB": "it is no database. Restore a backup, or move it away to begin with an empty one.",
    "SQLITE_CORRUPT": "it is damaged. Restore a backup.",
    "SQLITE_IOERR": "its disk cannot be read or written. Look at the disk; it may be full.",
    "SQLITE_BUSY": "another program holds it. Stop that program, then start again.",
}
_SYSTEM = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the quota of its user is used up. Free some space, or raise the quota.",
    errno.EROFS: f"Read-only file system; {_READONLY}",
    errno.EACCES: "Permission denied; give it to the service's user.",
    errno.EPERM: "Operation not permitted; give it to the service's user.",
    errno.EIO: "its disk cannot be read or written. Look at the disk.",
}


@contextmanager
def named_faults(path: Path) -> Iterator[None]:
    """Turn what the system says of a file or folder of ours into a sentence; other faults stay what they are.

    Args:
        path: what is in use, for where a fault does not name it itself.

    Raises:
        UnusableStore: the file or its disk cannot be used.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError) as error:
        fault = _store_fault(error, path)
        if fault is None:
            raise
        raise fault from None


def is_store_fault(error: Exception) -> bool:
    """Tell whether an error lies with the database's file, disk or lock, and not with what was to be written.

    Then the same may succeed later, and something smaller need not fail now.
    """
    return isinstance(error, DBAPIError) and _known(error.orig) is not None


def is_held(error: Exception) -> bool:
    """Tell whether a database was held by another for longer than is waited for it, so that waiting again is no use."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorname", "").startswith("SQLITE_BUSY")


def _store_fault(error: BaseException, path: Path) -> UnusableStore | None:
    if isinstance(error, DBAPIError):
        return UnusableStore(f"{path}: {_said_by_database(error.orig)}")
    if isinstance(error, sqlite3.Error):
        return UnusableStore(f"{path}: {_said_by_database(error)}")
    # One with a number and without a file is about something else, such as a connection.
    if isinstance(error, OSError) and (error.filename or error.errno is None or error.errno in _SYSTEM):
        said = f"{error.strerror or error}. Look at it; move it away if it is not ours."
        return UnusableStore(f"{error.filename or path}: {_SYSTEM.get(error.errno or 0, said)}")
    return None


def _said_by_database(error: BaseException | None) -> str:
    name = getattr(error, "sqlite_errorname", "")
    return _known(error) or f"the database cannot be used ({name or type(error).__name__}). Restore a backup."


def _known(error: BaseException | None) -> str | None:
    name = getattr(error, "sqlite_errorname", "")
    return next((sentence for code, sentence in _DATABASE.items() if name.startswith(code)), None)
