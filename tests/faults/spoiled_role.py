"""A role that leaves out one step of putting things on disk: `python -m tests.faults.spoiled_role SPOIL ROLE ...`."""

import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from service.store import database, objects


def _replace(owner: object, name: str, by: Callable[..., object]) -> None:
    """Put something in the place of a function of the product, which must have it."""
    assert hasattr(owner, name), name
    setattr(owner, name, by)


def _nothing(folder: Path) -> None:
    pass


def _leave_out_file() -> None:
    _replace(objects, "sync_file", _nothing)


def _leave_out_folder() -> None:
    _replace(objects, "sync_folder", _nothing)


def _leave_out_rename() -> None:
    _replace(Path, "replace", lambda self, target: Path(shutil.copyfile(self, target)))


def _leave_out_database() -> None:
    opened = database.open_database

    def open_carelessly(*arguments: Any, **options: Any) -> Engine:
        engine = opened(*arguments, **options)
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
        return engine

    _replace(database, "open_database", open_carelessly)


SPOILS: dict[str, Callable[[], None]] = {
    "the file's synchronisation": _leave_out_file,
    "the rename": _leave_out_rename,
    "the folder's synchronisation": _leave_out_folder,
    "the database's synchronisation": _leave_out_database,
}


def main() -> None:
    """Spoil, then run the role."""
    SPOILS[sys.argv.pop(1)]()
    runpy.run_module("service.roles", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
