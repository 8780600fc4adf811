"""A trained adapter's files, put where they are used, all or none."""

import json
import shutil
from pathlib import Path
from typing import Any

from pipeline.reports.adapter_folder import CALIBRATION, CARD, CONFIG, WEIGHTS, adapter_digest
from pipeline.reports.model_folder import EMBEDDED_NAME
from pipeline.reports.models import ModelFiles


def place_adapter(made: Path, target: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Move an adapter from the folder that it was made in, and give its card, which then names its digest.

    The card comes last: until then it disagrees with the files, and the folder is refused.
    """
    told = card | {"sha256": adapter_digest(made)}
    (made / CARD).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    target.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG, WEIGHTS, CALIBRATION, CARD):
        if (made / name).exists():
            (made / name).replace(target / name)
    shutil.rmtree(made)
    return told


def model_argument(base: ModelFiles) -> str:
    """Give the model as a command names it; a folder is the user's own and stays unnamed."""
    return "embedded" if base.name.startswith(f"{EMBEDDED_NAME}@") else "MODEL"
