"""The supervisor: prepares the store, starts each role as a process, starts it again when it dies, stops all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.store.upgrade import upgrade_database
from service.workflows import prepare_workflows

STOP_SECONDS = 10
LONGEST_PAUSE_SECONDS = 60.0
STEADY_SECONDS = 30.0
"""A role that ran this long starts again without delay."""


@dataclass
class _Child:
    role: str
    process: subprocess.Popen[bytes]
    started: float
    pause: float = 0.0
    due: float | None = field(default=None)


def serve(
    settings: Settings, config: Path | None, roles: Sequence[str], log: FilteringBoundLogger, stop: threading.Event
) -> None:
    """Run the roles until `stop` is set.

    Raises:
        NewerSchema: the database was written by a newer release.
    """
    upgrade_database(settings.data)
    prepare_workflows(settings.data)
    children = [_start(role, config, log) for role in roles]
    try:
        while not stop.wait(0.1):
            for child in children:
                _watch(child, config, log)
    finally:
        _stop_all(children, log)


def _start(role: str, config: Path | None, log: FilteringBoundLogger) -> _Child:
    command = [sys.executable, "-m", "service.roles", role, "--supervised"]
    if config:
        command += ["--config", str(config)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)  # noqa: S603  # our own modules
    log.info("role started", child=role, pid=process.pid)
    return _Child(role, process, time.monotonic())


def _watch(child: _Child, config: Path | None, log: FilteringBoundLogger) -> None:
    """Start a dead role again, after a pause that doubles while it dies young."""
    now = time.monotonic()
    if child.process.poll() is None:
        return
    if child.due is None:
        steady = now - child.started > STEADY_SECONDS
        child.pause = 0.0 if steady else min(LONGEST_PAUSE_SECONDS, child.pause * 2 + 0.25)
        child.due = now + child.pause
        log.error("role died", child=child.role, status=child.process.returncode, again_in_seconds=child.pause)
    if now >= child.due:
        fresh = _start(child.role, config, log)
        child.process, child.started, child.due = fresh.process, fresh.started, None


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
