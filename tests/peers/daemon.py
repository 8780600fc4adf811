"""Our own daemon as a site runs it: a settings file, a process, its log, and what it has stored."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from sqlalchemy import Engine

from config.settings import Peer
from service.endpoints import endpoint
from service.store.database import open_database
from tests.waiting import wait_until

START_SECONDS = 240


@dataclass(frozen=True)
class Daemon:
    """A running daemon; `data` is its folder, `log` the file that its log goes to."""

    config: Path
    data: Path
    log: Path

    def port(self, role: str) -> int:
        """Wait until a role listens, and give its port."""
        wait_until(lambda: endpoint(self.data, role) is not None, f"{role} to listen", START_SECONDS)
        port = endpoint(self.data, role)
        assert port is not None
        return port

    def peer(self) -> Peer:
        """Give the daemon as a DICOM peer."""
        return Peer(name="us", ae_title="SPINELABEL", port=self.port("receive"))

    def pid(self, role: str) -> int:
        """Give the process of a role."""
        return int(json.loads((self.data / "run" / f"{role}.json").read_text())["pid"])

    def kill(self, role: str) -> None:
        """Kill a role as an out-of-memory killer would."""
        os.kill(self.pid(role), signal.SIGKILL)

    def processes(self, *roles: str) -> list[psutil.Process]:
        """Wait until roles listen, and give their supervisor and them, in this order."""
        up = [psutil.Process(self.pid(role)) for role in roles if self.port(role)]
        supervisor = up[0].parent()
        assert supervisor is not None
        return [supervisor, *up]

    def engine(self) -> Engine:
        """Open its database."""
        return open_database(self.data)

    def send_report(self, message: Path) -> str:
        """Send a framed HL7 message with `mllp_send`, and give its output."""
        client = Path(sys.executable).with_name("mllp_send")
        command = [str(client), "--port", str(self.port("listen")), "--file", str(message), "127.0.0.1"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@contextmanager
def running_daemon(
    folder: Path,
    pacs: Peer,
    settings: Mapping[str, Any] | None = None,
    *,
    only: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Daemon]:
    """Run a daemon whose structured reports go to `pacs`, trial parts included, and stop it at the end.

    With `only` it runs just that role; `environment` is what stands in its environment besides ours.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "site.yaml"
    values = {
        "data": str(folder / "data"),
        # It sends nothing, so that with no other sender any title is let in from this machine.
        "peers": [{"name": "pacs", "ae_title": pacs.ae_title, "port": pacs.port, "may": []}],
        "dicom": {"port": 0, "study_quiet_seconds": 2},
        "hl7": {"port": 0},
        "web": {"port": 0},
        "destinations": [{"peer": "pacs", "accepts": "trial"}],
        "images": {"classifiers": "demonstration"},
        "storage": {"keep_free_gb": 0.1},
        **(settings or {}),
    }
    config.write_text(yaml.safe_dump(values))
    with (folder / "log").open("ab") as log:
        command = [sys.executable, "-m", "service.cli", "serve", "--config", str(config)]
        command += ["--only", only] if only else []
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
    try:
        yield Daemon(config, Path(values["data"]), folder / "log")
    finally:
        process.terminate()
        process.wait(30)


def framed(message: bytes) -> bytes:
    """Put a message into MLLP framing."""
    return b"\x0b" + message + b"\x1c\r"
