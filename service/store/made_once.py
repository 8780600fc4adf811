"""Files and folders that are made once for the life of an installation, whoever comes first."""

import errno
import os
import secrets
from collections.abc import Callable
from pathlib import Path

_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EINVAL}
"""What is said of a folder that we may not read or write, or of a disk that holds names for good as it is.

Nothing new was put there by us.
"""


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """Give the content of a file, which is made at first use; of two that make one at a time the first wins.

    The file is readable by the service user only, and on disk, with its name, when this returns.
    """
    if not path.exists():
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        with made.open("wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(made)
        except FileExistsError:
            pass
        finally:
            made.unlink()
        sync_folder(path.parent)
    return path.read_bytes()


def make_folder(folder: Path) -> None:
    """Make a folder for the service user only, with those above it that are missing.

    Its name, and theirs, are on disk when this returns, also where another process made it a moment ago and has not
    got so far.
    """
    missing = [each for each in folder.parents if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in reversed([folder, *missing]):
        try:
            sync_folder(each.parent)
        except OSError as error:
            if error.errno not in _NOT_OURS:
                raise


def sync_file(path: Path) -> None:
    """Put the content of a file on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
