"""A role of the daemon as a process that is killed at a named point, by strace from outside, or at any moment."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from service.endpoints import endpoint
from tests.waiting import wait_until

START_SECONDS = 240


@dataclass(frozen=True)
class Point:
    """A kill as a process enters a system call, the `when`th of its kind in a thread; without one, at any moment."""

    syscall: str = ""
    when: int = 1

    def __str__(self) -> str:
        return f"entering its {self.when}. {self.syscall}" if self.syscall else "any moment"


@dataclass
class KilledRole:
    """A running role; `config` is the site's settings, `data` its folder."""

    role: str
    config: Path
    data: Path
    log: Path
    _process: subprocess.Popen[bytes] | None = None

    def start(self, point: Point) -> None:
        """Start the role so that it dies at a point, and wait until it is up, unless it died before."""
        command = [sys.executable, "-m", "service.roles", self.role, "--config", str(self.config)]
        if point.syscall:
            command = [*_armed(point), *command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: endpoint(self.data, self.role) is not None or self.is_dead(), self.role, START_SECONDS)

    def is_dead(self) -> bool:
        """Tell whether it died."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Kill it now, as an out-of-memory killer would."""
        assert self._process is not None
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(30)

    def stop(self) -> None:
        """Have it end in its own way."""
        if self._process is None or self.is_dead():
            return
        for pid in self._pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def _pids(self) -> list[int]:
        """Give the process of the role: strace's child where strace runs it, else our own."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        with suppress(FileNotFoundError):
            if "strace" in Path(f"/proc/{self._process.pid}/comm").read_text():
                return [int(pid) for pid in children.read_text().split()]
        return [self._process.pid]


def _armed(point: Point) -> list[str]:
    strace = shutil.which("strace")
    assert strace is not None
    inject = f"inject={point.syscall}:signal=KILL:when={point.when}"
    return [strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={point.syscall}", "-e", inject]


def wait_for_death(role: KilledRole, until: float) -> bool:
    """Wait until a role dies by itself, `until` that time of the steady clock at most; tells whether it did."""
    while time.monotonic() < until:
        if role.is_dead():
            return True
        time.sleep(0.02)
    return role.is_dead()
