"""Group commit: what several threads write at one time goes into one transaction, so that one sync serves them all."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Engine
from sqlmodel import Session

from service.store.database import writing
from service.store.faults import is_held

Work = TypeVar("Work")
Written = TypeVar("Written")


@dataclass
class _Turn(Generic[Work]):
    """A thread's piece of work. It is woken when that is done, or else to do what waits, its own first."""

    work: Work
    woken: threading.Event = field(default_factory=threading.Event)
    is_done: bool = False
    result: Any = None
    error: Exception | None = None


class Commits(Generic[Work, Written]):
    """Writes to one database from many threads.

    Whoever comes while nobody writes does it at once, in its own thread. Whoever comes meanwhile waits, and goes into
    the next transaction with all who wait. `write_all` does the pieces of work of a transaction, and gives what came
    of each.
    """

    def __init__(self, engine: Engine, write_all: Callable[[Session, Sequence[Work]], Sequence[Written]]) -> None:
        self._engine = engine
        self._write_all = write_all
        self._lock = threading.Lock()
        self._waiting: list[_Turn[Work]] = []
        self._is_writing = False

    def write(self, work: Work) -> Written:
        """Have a piece of work done in a transaction, and give its result once that is on disk.

        Where one piece of a transaction fails, nothing of it is kept and each piece is done anew in its own; so it must
        leave nothing behind outside the session. Whatever it raises reaches only who brought it.
        A database that another program holds is waited for once, not once for each.
        """
        turn = _Turn(work)
        with self._lock:
            self._waiting.append(turn)
            follows, self._is_writing = self._is_writing, True
        if follows:
            turn.woken.wait()
        if not turn.is_done:
            self._write_waiting()
        if turn.error is not None:
            raise turn.error
        written: Written = turn.result
        return written

    def _write_waiting(self) -> None:
        """Write what waits, and leave what has come meanwhile to the first who brought some of it."""
        with self._lock:
            turns, self._waiting = self._waiting, []
        try:
            self._write_together(turns)
        finally:
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._is_writing = successor is not None
            if successor is not None:
                successor.woken.set()
            for turn in turns:
                turn.woken.set()

    def _write_together(self, turns: Sequence[_Turn[Work]]) -> None:
        try:
            with writing(self._engine) as session:
                results = self._write_all(session, [turn.work for turn in turns])
        except Exception as error:  # noqa: BLE001  # it belongs to whoever brought the work
            if len(turns) > 1 and not is_held(error):
                for turn in turns:
                    self._write_together([turn])
            else:
                for turn in turns:
                    turn.error, turn.is_done = error, True
        else:
            for turn, result in zip(turns, results, strict=True):
                turn.result, turn.is_done = result, True
