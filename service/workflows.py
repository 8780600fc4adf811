"""Durable work, on DBOS, which is touched here only.

A piece of work is a kind, the number of a row and an id (`work_ids`). The id is built from what goes in, so that asking
twice does it once. Only these three go through DBOS, never a report or a name. A step that was under way when the
process was killed runs again, so every performer must write once however often it runs.
"""

import sqlite3
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

from config.held_folders import held
from service.store.database import WORKFLOWS
from service.store.faults import named_faults

WORK_VERSION = "1"
"""Changes only with a migration of pending work: DBOS leaves work of another version alone."""

AT_A_TIME = 500
FINISH_SECONDS = 5

Perform = Callable[[int, str], None]


class Work(StrEnum):
    """The kinds of work, each with a queue of its own."""

    LABEL = "label"
    READ = "read"
    WRITE = "write"
    DELIVER = "deliver"
    FETCH = "fetch"


AT_ONCE: Mapping[Work, int] = {Work.LABEL: 8, Work.READ: 1, Work.WRITE: 1, Work.DELIVER: 2, Work.FETCH: 2}
"""How many of a kind run at one time; several labels meet in one batch."""


def prepare_workflows(data: Path) -> None:
    """Make the database of pending work, or bring it to this release's schema.

    Raises:
        UnusableStore: the file or its disk cannot be used; the message says what to do.
    """
    with named_faults(_database(data)), held(data):
        with sqlite3.connect(_database(data)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        DBOS.migrate(system_database_url=f"sqlite:///{_database(data)}")


class PendingWork:
    """The work that is asked for, from any process: adds to it and tends to what was left behind."""

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

    def under_way(self, kind: Work) -> set[int]:
        """Give the subjects for which work of a kind is asked for and not ended."""
        active = self._client.list_workflows(status=["PENDING", "ENQUEUED", "DELAYED"], name=kind.value)
        return {int(found.input["args"][0]) for found in active if found.input}

    def take_over(self, living: Collection[str]) -> int:
        """Give the work that dead executors had begun back to its queue; gives how many pieces that were."""
        begun = self._client.list_workflows(status="PENDING", load_input=False)
        taken = 0
        for kind in Work:
            orphans = [found.workflow_id for found in begun if found.name == kind and found.executor_id not in living]
            if orphans:
                self._client.resume_workflows(orphans, queue_name=kind.value)
            taken += len(orphans)
        return taken

    def forget_ended(self, before: datetime) -> int:
        """Remove the records of work that ended before a time, some at a time; gives how many."""
        ended = self._client.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"],
            completed_before=before.isoformat(),
            limit=AT_A_TIME,
            load_input=False,
            load_output=False,
        )
        self._client.delete_workflows([found.workflow_id for found in ended])
        return len(ended)


def executor_id(host: str) -> str:
    """Name the `work` process of a machine, of which there is one; what it had begun is its own after a restart."""
    return f"work-{host}"


def start_workflows(data: Path, host: str, performers: Mapping[Work, Perform]) -> Callable[[], None]:
    """Begin to do what is asked for, and what this machine had begun when it was last killed.

    Returns:
        A function that stops: it takes nothing new, and what is not finished within some seconds is done by the next
        start.
    """
    config: DBOSConfig = {
        "name": "spinelabel",
        "system_database_url": f"sqlite:///{_database(data)}",
        "application_version": WORK_VERSION,
        "executor_id": executor_id(host),
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
    return lambda: DBOS.destroy(workflow_completion_timeout_sec=FINISH_SECONDS)


def _register(kind: Work, perform: Perform) -> None:
    # What fails is noted on its row; a step fails only where not even that can be written, which takes patience.
    step = DBOS.step(
        name=f"{kind.value}-step", retries_allowed=True, interval_seconds=2.0, max_attempts=12, backoff_rate=2.0
    )(perform)

    def workflow(subject: int, work_id: str) -> None:
        step(subject, work_id)

    DBOS.workflow(name=kind.value)(workflow)


def _database(data: Path) -> Path:
    return data / WORKFLOWS
