"""Whether stored data is still what it was when it was stored."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text
from sqlmodel import select

from service.store.database import reading
from service.store.objects import ObjectStore
from service.store.tables import Document, Instance

GROUP_LENGTH_AT = 140
"""Where a Part 10 file says how long its meta information is (PS3.10, 7.1): behind preamble, prefix and tag."""


@dataclass(frozen=True)
class Integrity:
    """What a look at everything found: how many objects there are, and which are not there or not as they were."""

    database_is_whole: bool
    objects: int
    missing: tuple[str, ...]
    damaged: tuple[str, ...]


def check_integrity(engine: Engine, store: ObjectStore) -> Integrity:
    """Read every page of the database and every stored object."""
    with reading(engine) as session:
        whole = session.connection().execute(text("pragma integrity_check(1)")).scalar() == "ok"
        files = sorted({*session.exec(select(Instance.file)), *session.exec(select(Document.file))})
    missing = tuple(file for file in files if not store.path(file).exists())
    damaged = tuple(file for file in files if file not in missing and not _is_as_named(store.path(file)))
    return Integrity(whole, len(files), missing, damaged)


def _is_as_named(path: Path) -> bool:
    """Tell whether a file is named by its content: by all of it, or by the data set alone where it was received."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() == path.name:
            return True
        file.seek(GROUP_LENGTH_AT)
        length = int.from_bytes(file.read(4), "little")
        file.seek(GROUP_LENGTH_AT + 4 + length)
        return hashlib.file_digest(file, "sha256").hexdigest() == path.name
