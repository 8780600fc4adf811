"""Folders that appear whole: written aside, put on disk, then renamed.

A writer holds a lock on its unfinished folder, which the system drops however the writer ends. So what is left of a
killed one is told from what another is writing now, and goes before the next is begun.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.held_folders import held
from service.store.made_once import sync_file, sync_folder

_UNFINISHED = ".*.part"


@contextmanager
def written_aside(folder: Path) -> Iterator[Path]:
    """Give an empty folder to write files into; at the end of the block they are on disk under `folder`.

    Raises:
        FileExistsError: another writer of the same folder was done before; its files stay, and ours are dropped.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    with ExitStack() as writing:
        with held(folder.parent):  # none is removed between its making and its lock
            _remove_abandoned(folder.parent)
            aside.mkdir(mode=0o700)
            writing.enter_context(held(aside))
        try:
            yield aside
            for written in aside.iterdir():
                sync_file(written)
            sync_folder(aside)
            _rename(aside, folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _rename(aside: Path, folder: Path) -> None:
    try:
        aside.rename(folder)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder)) from error
        raise


def _remove_abandoned(parent: Path) -> None:
    for left in parent.glob(_UNFINISHED):
        try:
            with held(left, wait=False):
                shutil.rmtree(left, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):  # another writes it now, or has just removed it
            continue
