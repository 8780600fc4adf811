"""That roles live: each says so every few seconds, in its row for everybody and by its file for its supervisor.

The row is what the page, the metrics and the takeover of work read. The file (`endpoints`) tells the supervisor even
while the disk is full and no row can be written.
"""

import os
import socket
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, delete
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from service.endpoints import is_running, publish_endpoint, touch_endpoint
from service.memory import MemoryWatch
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.states import RoleState
from service.store.tables import RoleRow

BEAT_SECONDS = 5.0
SILENT_AFTER = timedelta(seconds=30)
"""A role that has said nothing for so long does not answer."""


class Presence:
    """How this process tells that its role lives, from `starting` on until it ends.

    Beats stop when `alive`, given once the role is up, says that what the role does has ended.
    """

    def __init__(self, engine: Engine, data: Path, role: str) -> None:
        self.host = socket.gethostname()
        self._engine, self._data, self._role = engine, data, role
        self._alive: Callable[[], bool] = lambda: True
        self._ended = threading.Event()
        self._memory = MemoryWatch(role)
        self.say(RoleState.STARTING, started=True)
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()

    def up(self, port: int, alive: Callable[[], bool]) -> None:
        """Say that the role does its work, and where it listens (0: nowhere)."""
        self._alive = alive
        publish_endpoint(self._data, self._role, port)
        self.say(RoleState.UP)

    def say(self, state: RoleState, reason: str = "", *, started: bool = False) -> None:
        """Write how the role is; where the database cannot be written, only its file goes on telling."""
        try:
            with writing(self._engine) as session:
                if started:
                    _remove_silent(session, self._role, self.host, utc_now())
                row = _row(session, self._role, self.host)
                row.pid, row.state, row.reason, row.beat = os.getpid(), state, reason, utc_now()
                row.started = row.beat if started else row.started
                session.add(row)
        except SQLAlchemyError:
            return

    def end(self, state: RoleState, reason: str = "") -> None:
        """Say for the last time how the role is."""
        self._ended.set()
        self.say(state, reason)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._memory.look()
            if self._alive():
                touch_endpoint(self._data, self._role)
                self._write_beat()

    def _write_beat(self) -> None:
        try:
            with writing(self._engine) as session:
                row = _row(session, self._role, self.host)
                row.beat = utc_now()
                session.add(row)
        except SQLAlchemyError:
            return


def note_death(engine: Engine, role: str, pid: int, reason: str) -> None:
    """Write that the process of a role died and is started again, and why, unless it has said so itself.

    Nothing is written where another daemon's process holds the role.
    """
    with writing(engine) as session:
        row = _row(session, role, socket.gethostname())
        if row.pid != pid and row.pid and is_running(row.pid):
            return
        row.restarts += 1
        if row.state != RoleState.DOWN:
            row.state, row.reason = RoleState.DOWN, reason
        session.add(row)


def is_silent(row: RoleRow, now: datetime) -> bool:
    """Tell whether a role that should answer does not; a sign from later than now is one from before a set-back."""
    return row.state != RoleState.STOPPED and abs(now - row.beat) > SILENT_AFTER


def living_hosts(engine: Engine, role: str, now: datetime) -> set[str]:
    """Give the machines on which a role lives."""
    with reading(engine) as session:
        rows = session.exec(select(RoleRow).where(RoleRow.role == role)).all()
    ended = (RoleState.STOPPED, RoleState.DOWN)
    return {row.host for row in rows if row.state not in ended and not is_silent(row, now)}


def _row(session: Session, role: str, host: str) -> RoleRow:
    found = session.exec(select(RoleRow).where(RoleRow.role == role, RoleRow.host == host)).one_or_none()
    now = utc_now()
    return found or RoleRow(role=role, host=host, pid=0, state=RoleState.STARTING, started=now, beat=now)


def _remove_silent(session: Session, role: str, host: str, now: datetime) -> None:
    """Take the place of the same role on machines that answer no more, as after a move to another."""
    gone = delete(RoleRow).where(col(RoleRow.role) == role, col(RoleRow.host) != host)
    session.exec(gone.where(~col(RoleRow.beat).between(now - SILENT_AFTER, now + SILENT_AFTER)))
