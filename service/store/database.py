"""Opening the database, and the two kinds of session: one that reads, one that writes."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlmodel import Session

from service.store import schema as schema  # rows are read with the tables that they refer to
from service.store.history import keep_changes

DATABASE = "spinelabel.sqlite"
WORKFLOWS = "workflows.sqlite"
"""What `workflows` keeps of pending work, apart from the rows, so that neither waits for the other."""
BUSY_SECONDS = 30

Tell = Callable[[Mapping[str, Any]], None]


def open_database(data: Path, tell: Tell | None = None) -> Engine:
    """Open the SQLite database under the data folder, made by `upgrade.upgrade_database`.

    A commit is on disk when it returns (WAL with synchronous=FULL). Errors never show the values of a statement, which
    name patients. `tell` hears of each change of a state (`tables.Change`) once it is committed.
    """
    engine = create_engine(
        f"sqlite:///{data / DATABASE}",
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        execution_options={"tell": tell},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # the begin event below says how a transaction begins
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes fails as soon as another writer came between.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def look_at_database(path: Path) -> Engine:
    """Open a database file for a look that leaves no trace, not even the files that SQLite keeps beside it."""
    # Without a write-ahead log nobody has it open, and it can be read as a plain file.
    unused = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    address = f"file:{quote(str(path))}?mode=ro{unused}"
    return create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool, hide_parameters=True
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session that only reads."""
    with Session(engine) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """Give a session whose transaction takes the write lock at once and commits at the end.

    Keep it short: no model and no network inside.
    """
    with Session(engine.execution_options(writes=True), expire_on_commit=False) as session:
        event.listen(session, "after_flush", keep_changes)
        with session.begin():
            yield session
        if tell := engine.get_execution_options().get("tell"):
            for change in session.info.get("changes", ()):
                tell(change)
