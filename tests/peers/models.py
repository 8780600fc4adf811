"""The embedded model, converted once per machine and lent to daemons, since the conversion takes its time."""

import os
import shutil
import tempfile
from pathlib import Path

from pipeline.reports.models import embedded_model


def lend_models(data: Path) -> None:
    """Put the converted model into a data folder that is to be used by a daemon, without copying it."""
    shared = Path(tempfile.gettempdir()) / "spinelabel-tests"
    embedded_model(shared)
    data.mkdir(mode=0o700, parents=True)
    shutil.copytree(shared / "models", data / "models", copy_function=os.link, ignore=shutil.ignore_patterns(".*"))
