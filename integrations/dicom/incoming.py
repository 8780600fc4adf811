"""Data sets on their way in: written to a file as they come, hashed in the same pass."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from integrations.dicom.part10 import FileMeta, encode_file_meta

_SUFFIX = ".part"


def clear_incoming(incoming: Path) -> int:
    """Remove what a killed process left in the folder of incoming files, and say how many files that were.

    Call it before any receiver is started on that folder: nothing in it was ever acknowledged.
    """
    leftovers = list(incoming.glob(f"*{_SUFFIX}"))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


class IncomingDataSet(BytesIO):
    """Stands in for the buffer in which pynetdicom gathers a data set, and writes a Part 10 file instead.

    The file appears with the first bytes, since only then the command is known. A full or failing disk does not raise
    here, in pynetdicom's reading thread: it is kept as `failure`, for the answer to the sender.

    `sha256` is over the data set's bytes as received, without the file meta information, so that the same data set sent
    twice has the same digest. `size_bytes` counts the same bytes.
    """

    def __init__(self, folder: Path, describe: Callable[[], FileMeta]) -> None:
        super().__init__()
        self.path = folder / f"{uuid4().hex}{_SUFFIX}"
        self.size_bytes = 0
        self._describe = describe
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None
        self._failure: OSError | None = None

    @property
    def sha256(self) -> str:
        """Digest of the bytes so far, in hexadecimal."""
        return self._digest.hexdigest()

    def write(self, fragment: Any, /) -> int:  # the type is BytesIO's
        """Take the next bytes of the data set."""
        self.size_bytes += len(fragment)
        if self._failure is None:
            try:
                self._append(fragment)
            except OSError as error:
                self._failure = error
        return len(fragment)

    def finish(self) -> None:
        """Hand all bytes to the operating system; the file is not yet synchronised to the disk.

        Raises:
            OSError: the file could not be written, now or earlier.
        """
        if self._failure is not None:
            raise self._failure
        if self._file is None:
            self._append(b"")
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Remove the file, unless it was moved away. Where a failing disk does not let it go, `clear_incoming` will."""
        if self._file is not None:
            with suppress(OSError):  # a full disk; the file goes anyway
                self._file.close()
            with suppress(OSError):
                self.path.unlink(missing_ok=True)

    def _append(self, fragment: bytes) -> None:
        if self._file is None:
            self._file = self.path.open("xb")
            self._file.write(encode_file_meta(self._describe()))
        self._file.write(fragment)
        self._digest.update(fragment)
