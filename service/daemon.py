"""The supervisor: prepares the store, starts each role as a process, again when it dies or hangs, and stops all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.accession_rules import apply_rules
from service.endpoints import could_give_sign, last_sign
from service.heartbeat import note_death
from service.store.columns import utc_now
from service.store.database import open_database
from service.store.rights import keep_private
from service.store.upgrade import upgrade_database
from service.workflows import prepare_workflows

STOP_SECONDS = 10
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 60.0
STEADY_SECONDS = 30.0
"""A role that ran this long starts again without delay."""
HUNG_SECONDS = 60.0
"""A role that was up and gives no sign for this long is killed, and so started again."""


@dataclass(frozen=True)
class Supervisor:
    """What it takes to run roles."""

    settings: Settings
    config: Path | None
    log: FilteringBoundLogger
    engine: Engine
    hung_seconds: float = HUNG_SECONDS


@dataclass
class _Child:
    """A role's process.

    `sign` is the last that its role gave, `seen` when this process first gave it, `due` when a dead one starts again.
    """

    role: str
    process: subprocess.Popen[bytes]
    started: float
    pause: float = 0.0
    due: float | None = field(default=None)
    sign: float | None = None
    seen: float | None = None


def serve(
    settings: Settings, config: Path | None, roles: Sequence[str], log: FilteringBoundLogger, stop: threading.Event
) -> None:
    """Run the roles until `stop` is set.

    Raises:
        NewerSchema: the database was written by a newer release.
    """
    keep_private()
    upgrade_database(settings.data)
    prepare_workflows(settings.data)
    engine = open_database(settings.data)
    if changed := apply_rules(engine, settings, utc_now()):
        log.info("accession numbers compared by other rules", numbers=changed)
    supervise(Supervisor(settings, config, log, engine), roles, stop)


def supervise(supervisor: Supervisor, roles: Sequence[str], stop: threading.Event) -> None:
    """Start the roles, watch them until `stop` is set, then stop them."""
    children = [_start(supervisor, role) for role in roles]
    try:
        while not stop.wait(0.1):
            for child in children:
                _watch(supervisor, child)
    finally:
        _stop_all(children, supervisor.log)


def _start(supervisor: Supervisor, role: str) -> _Child:
    command = [sys.executable, "-m", "service.roles", role, "--supervised"]
    if supervisor.config:
        command += ["--config", str(supervisor.config)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)  # noqa: S603  # our own modules
    supervisor.log.info("role started", child=role, pid=process.pid)
    return _Child(role, process, time.monotonic(), sign=last_sign(supervisor.settings.data, role))


def _watch(supervisor: Supervisor, child: _Child) -> None:
    """Start a dead role again, after a pause that doubles while it dies young, and kill a hung one."""
    now = time.monotonic()
    if child.process.poll() is None:
        if _hangs(supervisor, child, now):
            supervisor.log.error("role hangs", child=child.role, silent_seconds=supervisor.hung_seconds)
            child.process.kill()
        return
    if child.due is None:
        steady = now - child.started > STEADY_SECONDS
        child.pause = 0.0 if steady else min(LONGEST_PAUSE_SECONDS, child.pause * 2 + FIRST_PAUSE_SECONDS)
        child.due = now + child.pause
        _count_death(supervisor, child)
    if now >= child.due:
        fresh = _start(supervisor, child.role)
        child.process, child.started, child.due = fresh.process, fresh.started, None
        child.sign, child.seen = fresh.sign, None


def _hangs(supervisor: Supervisor, child: _Child, now: float) -> bool:
    """Tell whether a role that was up has given no sign for long; by our own steady clock, since others are set.

    Where the disk lets nobody give one, nothing is known: a role that refuses what comes, and says why, goes on.
    """
    sign = last_sign(supervisor.settings.data, child.role)
    if sign != child.sign:
        child.sign, child.seen = sign, now
    if child.seen is None or now - child.seen <= supervisor.hung_seconds:
        return False
    return could_give_sign(supervisor.settings.data, child.role)


def _count_death(supervisor: Supervisor, child: _Child) -> None:
    status = child.process.returncode
    supervisor.log.error("role died", child=child.role, status=status, again_in_seconds=child.pause)
    how = f"It was ended by signal {-status}" if status < 0 else f"It ended with status {status}"
    try:
        note_death(supervisor.engine, child.role, child.process.pid, f"{how}, and is started again.")
    except SQLAlchemyError as error:  # the role matters more than its count
        supervisor.log.error("death not counted", child=child.role, error=type(error).__name__)


def _stop_all(children: Sequence[_Child], log: FilteringBoundLogger) -> None:
    for child in children:
        child.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.process.pid, signal.SIGKILL)
            child.process.wait()
            log.warning("role killed", child=child.role)
    log.info("stopped")
