"""Faults of the disk and of database files as sentences that name the file and what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from service.errors import UnusableStore

_SENTENCES = {
    "SQLITE_FULL": "its disk is full. Free some space, then start again.",
    "SQLITE_READONLY": "it cannot be written. Give it to the service's user, on a disk that is mounted for writing.",
    "SQLITE_CANTOPEN": "it cannot be opened. Give its folder to the service's user, and look whether its disk is full.",
    "SQLITE_NOTADB": "it is no database. Restore a backup, or move it away to begin with an empty one.",
    "SQLITE_CORRUPT": "it is damaged. Restore a backup.",
    "SQLITE_IOERR": "its disk cannot be read or written. Look at the disk; it may be full.",
    "SQLITE_BUSY": "another program holds it. Stop that program, then start again.",
}


@contextmanager
def named_faults(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into a sentence.

    Raises:
        UnusableStore: the file or its disk cannot be used.
    """
    try:
        yield
    except DBAPIError as error:
        raise UnusableStore(f"{path}: {_sentence(error.orig)}") from None
    except sqlite3.Error as error:
        raise UnusableStore(f"{path}: {_sentence(error)}") from None
    except OSError as error:
        place = error.filename or path
        raise UnusableStore(
            f"{place}: {error.strerror or error}. Give it to the service's user on a disk with space."
        ) from None


def _sentence(error: BaseException | None) -> str:
    name = getattr(error, "sqlite_errorname", "")
    known = next((sentence for code, sentence in _SENTENCES.items() if name.startswith(code)), None)
    return known or f"the database cannot be used ({name or type(error).__name__}). Restore a backup."
