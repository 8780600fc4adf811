"""DICOM files from senders, read within limits: a file of a megabyte can ask for gigabytes once it is inflated."""

import zlib
from pathlib import Path
from struct import unpack
from typing import Any, BinaryIO

from pydicom import FileDataset, dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from pipeline.images.errors import NotAnImage

MOST_INFLATED_BYTES = 512 * 1024 * 1024
_CHUNK = 1024 * 1024
_GROUP_LENGTH_END = 144  # 128 bytes of preamble, DICM, and the element that says how long the rest of the group is


def read_received(path: Path, **options: Any) -> FileDataset:
    """Read a Part 10 file as `dcmread` does with these options, unless it would fill the memory.

    Raises:
        NotAnImage: inflated it is larger than the limit, or its sequences lie too deeply in one another.
        InvalidDicomError, OSError, EOFError, and what `elements.DAMAGE` lists: it cannot be read.
    """
    if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        with path.open("rb") as file:
            _check_inflated(file)
    try:
        return dcmread(path, **options)
    except RecursionError:
        raise NotAnImage("holds sequences too deeply in one another; it is kept and not read") from None


def _check_inflated(file: BinaryIO) -> None:
    """Inflate what follows the file meta information (PS3.5, A.5) piece by piece, keeping none of it."""
    file.seek(_GROUP_LENGTH_END - 4)
    (length,) = unpack("<I", file.read(4))
    file.seek(length, 1)
    inflater, left = zlib.decompressobj(-zlib.MAX_WBITS), MOST_INFLATED_BYTES
    try:
        while not inflater.eof and (deflated := inflater.unconsumed_tail or file.read(_CHUNK)):
            left -= len(inflater.decompress(deflated, _CHUNK))
            if left < 0:
                raise NotAnImage(
                    f"would be larger than {MOST_INFLATED_BYTES >> 20} MiB once inflated; it is kept and not read"
                )
    except zlib.error:
        raise NotAnImage("cannot be inflated; send it again") from None
