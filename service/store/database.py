"""Opening the database, and the two kinds of session: one that reads, one that writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlmodel import Session

from service.errors import NewerSchema

MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_SECONDS = 30


def open_database(data: Path) -> Engine:
    """Open the SQLite database under the data folder, made by `upgrade_database`.

    A commit is on disk when it returns (WAL with synchronous=FULL). Errors never show the values of a statement, which
    name patients.
    """
    engine = create_engine(
        f"sqlite:///{data / 'spinelabel.sqlite'}",
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
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
    with Session(engine.execution_options(writes=True), expire_on_commit=False) as session, session.begin():
        yield session


def upgrade_database(data: Path) -> None:
    """Make the database, or bring it to this release's schema.

    Raises:
        NewerSchema: a newer release wrote it.
    """
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = open_database(data)
    alembic = Config()
    alembic.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = {revision.revision for revision in ScriptDirectory.from_config(alembic).walk_revisions()}
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    if present is not None and present not in known:
        raise NewerSchema
    with engine.execution_options(writes=True).begin() as connection:
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")
    engine.dispose()
