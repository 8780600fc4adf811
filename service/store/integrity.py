"""Whether stored data is still what it was when it was stored."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, text

from integrations.dicom.part10 import data_set_offset
from service.errors import UnusableStore
from service.store.database import look_at_database
from service.store.faults import named_faults
from service.store.survey import survey


@dataclass(frozen=True)
class Integrity:
    """What a look at all files found: how many objects there are, and what of them is not as it was stored.

    `unnamed` are files of the store that no row names, `foreign` what lies in its folder and is none of its files.
    """

    objects: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]
    unnamed: tuple[str, ...]
    foreign: tuple[str, ...]


def check_integrity(engine: Engine, root: Path, before: datetime) -> Integrity:
    """Read every stored object that a row names; `root` is the folder that they lie in.

    Files without a row are told of if they were written before `before`.
    """
    objects = 0
    missing, damaged, unnamed, foreign = [], [], [], []
    for found in survey(engine, root, before):
        if found.is_foreign:
            foreign.append(found.file)
        elif not found.is_named:
            unnamed.append(found.file)
        else:
            objects += 1
            if not found.is_there:
                missing.append(found.file)
            elif not _is_as_named(root / found.file):
                damaged.append(found.file)
    return Integrity(objects, tuple(missing), tuple(damaged), tuple(unnamed), tuple(foreign))


def holds(path: Path, sha256: str, size: int) -> bool:
    """Tell whether a file holds a data set of that digest and size in bytes; the whole file is read for it."""
    try:
        with path.open("rb") as file:
            offset = data_set_offset(file)
            if path.stat().st_size - offset != size:
                return False
            file.seek(offset)
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return False


def check_pages(path: Path) -> None:
    """Read every page of a database file, leaving no trace.

    Raises:
        UnusableStore: it is damaged, or cannot be read.
    """
    with named_faults(path), look_at_database(path).connect() as connection:
        found = connection.execute(text("pragma integrity_check(1)")).scalar()
    if found != "ok":
        raise UnusableStore(f"{path}: it is damaged. Restore a backup.")


def data_set_digest(path: Path) -> str:
    """Give the sha256, in hexadecimal, of a file's data set alone, as objects that were received are named."""
    with path.open("rb") as file:
        file.seek(data_set_offset(file))
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_as_named(path: Path) -> bool:
    """Tell whether a file is named by its content: by all of it, or by the data set alone where it was received."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == path.name:
            return True
    return data_set_digest(path) == path.name
