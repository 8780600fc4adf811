"""DICOM objects and documents on disk: byte for byte, named by content, durable before anybody is told so."""

import os
import shutil
from pathlib import Path

from service.errors import DiskNearlyFull
from service.store.made_once import make_folder, sync_file, sync_folder

OBJECTS = "objects"


class ObjectStore:
    """A folder of files named by the sha256 of their content; no part of a name comes from a sender.

    `incoming` is where files are written before they are placed; it lies on the same disk, so that placing one is a
    rename. `keep_free_bytes` is what must stay free on that disk.
    """

    def __init__(self, data: Path, *, keep_free_bytes: int = 0) -> None:
        self.root = data / OBJECTS
        self.incoming = data / "incoming"
        self._data = data
        self._keep_free_bytes = keep_free_bytes
        self._on_disk: set[Path] = set()
        for folder in (self.root, self.incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, file: str) -> Path:
        """Give the path of a placed file, by the name that `place` gave."""
        return self.root / file

    def place(self, arrived: Path, sha256: str) -> str:
        """Move a complete file to its place and give its name there. It is on disk, with its name, when this returns.

        Raises:
            DiskNearlyFull: less than the limit would stay free; the file stays where it is.
        """
        if shutil.disk_usage(self.root).free < self._keep_free_bytes:
            raise DiskNearlyFull
        name = object_name(sha256)
        target = self.path(name)
        sync_file(arrived)
        self._make_folder(target.parent)
        if target.exists():
            arrived.unlink()  # whoever brought this content before keeps its file as it is
        else:
            arrived.replace(target)
        sync_folder(target.parent)
        return name

    def place_bytes(self, content: bytes, sha256: str) -> str:
        """Do as `place` does with bytes that we made ourselves."""
        arrived = self.incoming / f"{sha256}.{os.getpid()}"
        arrived.write_bytes(content)
        return self.place(arrived, sha256)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder of the store. That one is there does not say that its name is on disk.

        Another thread may have made it and not have got so far, or a process that was killed before it did.
        """
        if folder in self._on_disk:
            return
        if folder != self._data:
            self._make_folder(folder.parent)
        make_folder(folder)
        self._on_disk.add(folder)


def object_name(sha256: str) -> str:
    """Give the name in the store of what has this content."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
