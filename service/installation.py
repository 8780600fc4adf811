"""What this installation is called in the documents that it writes."""

import json
import uuid
from importlib.metadata import version
from pathlib import Path

from config.conditions import Condition
from integrations.sr.values import Installation
from service.store.made_once import made_once

SOFTWARE = f"spinelabel {version('spinelabel')}"


def load_installation(data: Path, ae_title: str, conditions: tuple[Condition, ...]) -> Installation:
    """Give this installation, whose device UID is made once and stays the same for its life."""
    content = made_once(
        data / "installation.json", lambda: json.dumps({"device_uid": f"2.25.{uuid.uuid4().int}"}).encode()
    )
    return Installation(json.loads(content)["device_uid"], ae_title, version("spinelabel"), conditions)
