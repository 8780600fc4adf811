"""The files of the object store beside the rows that name them, in flat memory however many there are."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, select, union
from sqlmodel import col

from service.store.database import reading
from service.store.tables import Document, Instance

_NAME = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{60}")
_AT_A_TIME = 1000
_NONE = "~"
"""Behind every name."""


@dataclass(frozen=True)
class Surveyed:
    """A file of the store: whether it is there, and whether a row names it. A foreign one has no name of ours."""

    file: str
    is_there: bool = True
    is_named: bool = True
    is_foreign: bool = False


def survey(engine: Engine, root: Path, before: datetime) -> Iterator[Surveyed]:
    """Give every file that is in the store or named by a row, and tell the two apart.

    A file that no row names is left out if it was written after `before`: it may belong to what is being received now.
    """
    foreign: list[str] = []
    with reading(engine) as session:
        # By one statement, so that no row that is written meanwhile is missed: its file is too new to be looked at.
        files = union(select(col(Instance.file)), select(col(Document.file))).order_by("file")
        named = session.execute(files.execution_options(yield_per=_AT_A_TIME)).scalars()
        yield from _side_by_side(iter(named), _files(root, foreign), root, before)
    yield from (Surveyed(file, is_named=False, is_foreign=True) for file in foreign)


def _side_by_side(named: Iterator[str], there: Iterator[str], root: Path, before: datetime) -> Iterator[Surveyed]:
    """Walk two sorted sequences at one time."""
    name, file = next(named, _NONE), next(there, _NONE)
    while (name, file) != (_NONE, _NONE):
        if name < file:
            # Looked for, since it may have come after its folder was gone through.
            yield Surveyed(name, is_there=(root / name).exists())
        elif name == file:
            yield Surveyed(file)
        elif _is_older(root / file, before):
            yield Surveyed(file, is_named=False)
        name, file = (next(named, _NONE) if name <= file else name), (next(there, _NONE) if file <= name else file)


def _files(root: Path, foreign: list[str]) -> Iterator[str]:
    """Give the names of the store's files in their order; what is not ours is put aside."""
    for folder, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            name = (Path(folder) / file).relative_to(root).as_posix()
            if _NAME.fullmatch(name):
                yield name
            else:
                foreign.append(name)


def _is_older(path: Path, before: datetime) -> bool:
    try:
        return path.stat().st_mtime < before.timestamp()
    except FileNotFoundError:  # it went meanwhile
        return False
