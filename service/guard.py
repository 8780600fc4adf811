"""The edge around a piece of work: what is counted before it begins, and what becomes of it when it fails.

Our own errors are final: the reason goes onto the row, the page shows it and a person can have it tried again. Anything
else may pass, as a full memory or a language model's server that is away, and is tried again by itself a few times.
Starts are counted on the row before the work begins, so that work which ends the whole process is given up after as
many, and no row can end it for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, SQLModel, select
from structlog.typing import FilteringBoundLogger

from config.errors import SpinelabelError
from pipeline.reports.errors import ServerAway
from service.errors import EndedTheProcess, TryAgain
from service.store.database import reading, writing
from service.store.fetch_tables import Fetch
from service.store.states import WorkState
from service.store.tables import Delivery, Report, Study
from service.workflows import Perform

MOST_STARTS = 5


@dataclass(frozen=True)
class Edge:
    """Where failures are written down."""

    engine: Engine
    log: FilteringBoundLogger


@dataclass(frozen=True)
class Kept:
    """What is kept of a kind of work on its row.

    Attributes:
        table: the rows that it is about.
        version: the columns that tell whether a row is still what it was at the start; if not, newer work is on its
            way, and a failure changes nothing.
        fail: writes a failure onto the row.
        starts: the column that counts starts, where they are counted.
        counts: whether they are counted here; else the work does it itself.
        again: the command by which a person has it tried again.
    """

    table: type[Report | Study | Delivery | Fetch]
    version: tuple[str, ...]
    fail: Callable[[Session, int, str], None]
    starts: str | None = None
    counts: bool = True
    again: str = "spinelabel retry"

    def version_of(self, row: SQLModel) -> tuple[object, ...]:
        """Give what tells this state of a row from a later one."""
        return tuple(getattr(row, column) for column in self.version)


def guarded(edge: Edge, perform: Perform, kept: Kept) -> Perform:
    """Give the same work with its edge around it.

    The result raises:
        TryAgain: it failed in a way that may pass; the workflow runs it again after a pause.
    """

    def at_the_edge(subject: int, work_id: str) -> None:
        with reading(edge.engine) as session:
            seen = kept.version_of(session.get_one(kept.table, subject))
        try:
            _begin(edge.engine, kept, subject)
            perform(subject, work_id)
        except Exception as error:  # noqa: BLE001  # the edge of a workflow step: the reason goes onto the row
            edge.log.error("work failed", work=work_id, error=type(error).__name__)
            _failed(edge.engine, kept, subject, _Failure(error, seen))
        else:
            _settle(edge.engine, kept, subject)
            edge.log.info("work done", work=work_id)

    return at_the_edge


@dataclass(frozen=True)
class _Failure:
    """What was raised, and the version of the row that the work began with."""

    error: Exception
    version: tuple[object, ...]


def _failed(engine: Engine, kept: Kept, subject: int, failure: _Failure) -> None:
    error = failure.error
    known = isinstance(error, SpinelabelError)
    may_pass = not known or isinstance(error, ServerAway)
    with writing(engine) as session:
        row = session.get_one(kept.table, subject, with_for_update=True)
        if kept.version_of(row) != failure.version:
            return
        if may_pass and kept.starts is not None and getattr(row, kept.starts) < MOST_STARTS:
            raise TryAgain(type(error).__name__) from None  # its message could quote a patient
        reason = str(error) if known else f"It failed unexpectedly ({type(error).__name__})."
        kept.fail(session, subject, f"{reason} Use `{kept.again}` once its cause is mended.")


def _begin(engine: Engine, kept: Kept, subject: int) -> None:
    """Count a start.

    Raises:
        EndedTheProcess: it was begun too often and never came to an end.
    """
    if kept.starts is None:
        return
    with writing(engine) as session:
        row = session.get_one(kept.table, subject, with_for_update=True)
        starts = getattr(row, kept.starts)
        if starts >= MOST_STARTS:
            raise EndedTheProcess(starts)
        if kept.counts:
            setattr(row, kept.starts, starts + 1)
            session.add(row)


def _settle(engine: Engine, kept: Kept, subject: int) -> None:
    if kept.starts is None:
        return
    with writing(engine) as session:
        row = session.get_one(kept.table, subject, with_for_update=True)
        setattr(row, kept.starts, 0)
        session.add(row)


def forgive_stop(engine: Engine) -> None:
    """Take back the starts of what a stop cuts short, since it is no fault of the work."""
    with writing(engine) as session:
        for table, state, starts in (
            (Report, "labels", "labels_starts"),
            (Study, "images", "images_starts"),
            (Study, "document", "document_starts"),
        ):
            begun = select(table).where(getattr(table, state) == WorkState.QUEUED, getattr(table, starts) > 0)
            for row in session.exec(begun):
                setattr(row, starts, getattr(row, starts) - 1)
                session.add(row)
