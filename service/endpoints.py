"""That a role is up and where it listens, as files under the data folder, since a port of 0 is picked at start."""

import json
import os
from pathlib import Path


def publish_endpoint(data: Path, role: str, port: int) -> None:
    """Say that a role is up, and where it listens (0: nowhere); the file appears at once and whole."""
    folder = data / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    written = folder / f"{role}.{os.getpid()}"
    written.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
    written.replace(folder / f"{role}.json")


def withdraw_endpoints(data: Path) -> None:
    """Forget where roles of an earlier run listened."""
    for file in (data / "run").glob("*.json"):
        file.unlink()


def endpoint(data: Path, role: str) -> int | None:
    """Give the port of a role, or None while it is not up yet."""
    try:
        return int(json.loads((data / "run" / f"{role}.json").read_text(encoding="utf-8"))["port"])
    except FileNotFoundError:
        return None
