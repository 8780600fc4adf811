"""Who may read what is kept: the user of the service and nobody else."""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_private() -> None:
    """Make what this process writes from now on readable for its own user only, databases and exports too."""
    os.umask(_OTHERS)


def is_private(path: Path) -> bool:
    """Tell whether only the owner of a file or folder has any right to it."""
    return not path.stat().st_mode & _OTHERS
