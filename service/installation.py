"""What this installation is called in the documents that it writes."""

import json
import uuid
from importlib.metadata import version
from pathlib import Path

from config.conditions import Condition
from integrations.sr.values import Installation

SOFTWARE = f"spinelabel {version('spinelabel')}"


def load_installation(data: Path, ae_title: str, conditions: tuple[Condition, ...]) -> Installation:
    """Give this installation, whose device UID is made once and stays the same for its life."""
    path = data / "installation.json"
    if not path.exists():
        made = path.with_suffix(f".{uuid.uuid4().hex}")
        made.write_text(json.dumps({"device_uid": f"2.25.{uuid.uuid4().int}"}), encoding="utf-8")
        try:
            path.hardlink_to(made)  # the first of two that make one at a time wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    device_uid = json.loads(path.read_text(encoding="utf-8"))["device_uid"]
    return Installation(device_uid, ae_title, version("spinelabel"), conditions)
