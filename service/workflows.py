"""Durable work, on DBOS, which is touched here only.

A piece of work is a kind, the number of a row and an id. The id is built from what goes in, so that asking twice does
it once. Only these three go through DBOS, never a report or a name. A step that was under way when the process was
killed runs again, so every performer must write once however often it runs.
"""

import sqlite3
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

WORK_VERSION = "1"
"""Changes only with a migration of pending work: DBOS leaves work of another version alone."""

EXECUTOR_ID = "work-1"
"""One per `work` process; on SQLite there is one."""

Perform = Callable[[int, str], None]


class Work(StrEnum):
    """The kinds of work, each with a queue of its own."""

    LABEL = "label"
    READ = "read"
    WRITE = "write"
    DELIVER = "deliver"


AT_ONCE: Mapping[Work, int] = {Work.LABEL: 8, Work.READ: 1, Work.WRITE: 1, Work.DELIVER: 2}
"""How many of a kind run at one time; several labels meet in one batch."""


def prepare_workflows(data: Path) -> None:
    """Make the database of pending work, or bring it to this release's schema."""
    with sqlite3.connect(_database(data)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    DBOS.migrate(system_database_url=f"sqlite:///{_database(data)}")


class Enqueuer:
    """Asks for work from any process."""

    def __init__(self, data: Path) -> None:
        self._client = DBOSClient(
            system_database_url=f"sqlite:///{_database(data)}",
            serializer=DBOSPortableJSONSerializer(),
            application_name="spinelabel",
        )

    def enqueue(self, kind: Work, subject: int, work_id: str) -> None:
        """Ask for a piece of work; asking again with the same id changes nothing."""
        self._client.enqueue(
            {
                "workflow_name": kind.value,
                "queue_name": kind.value,
                "workflow_id": work_id,
                "app_version": WORK_VERSION,
            },
            subject,
            work_id,
        )


def start_workflows(data: Path, performers: Mapping[Work, Perform]) -> Callable[[], None]:
    """Begin to do what is asked for, and what was under way when this process was last killed.

    Returns:
        A function that stops: what is under way is finished by the next start.
    """
    config: DBOSConfig = {
        "name": "spinelabel",
        "system_database_url": f"sqlite:///{_database(data)}",
        "application_version": WORK_VERSION,
        "executor_id": EXECUTOR_ID,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "ERROR",
    }
    DBOS(config=config)
    for kind, perform in performers.items():
        _register(kind, perform)
    DBOS.launch()
    for kind in performers:
        DBOS.register_queue(
            kind.value, worker_concurrency=AT_ONCE[kind], polling_interval_sec=0.05, on_conflict="always_update"
        )
    return lambda: DBOS.destroy(workflow_completion_timeout_sec=0)


def _register(kind: Work, perform: Perform) -> None:
    # What fails is noted on its row; a step fails only where not even that can be written, which takes patience.
    step = DBOS.step(
        name=f"{kind.value}-step", retries_allowed=True, interval_seconds=2.0, max_attempts=12, backoff_rate=2.0
    )(perform)

    def workflow(subject: int, work_id: str) -> None:
        step(subject, work_id)

    DBOS.workflow(name=kind.value)(workflow)


def _database(data: Path) -> Path:
    return data / "workflows.sqlite"
