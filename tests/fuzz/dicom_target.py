"""Seeds of the DICOM fuzzing, and what must hold for any bytes as a data set."""

import io
import random
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from integrations.dicom.content import read_content
from integrations.dicom.elements import EXPLICIT_BIG, IMPLICIT_LITTLE, Unreadable
from integrations.dicom.errors import UnusableIdentifier
from integrations.dicom.header import InstanceHeader, read_header
from tests.odd.dicom.make_cases import write_case

SYNTAXES = ("1.2.840.10008.1.2.1", IMPLICIT_LITTLE, EXPLICIT_BIG, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5")
CASES = ("plain", "rec-01", "rec-02", "rec-03", "rec-04", "rec-05", "rec-07", "rec-08", "rec-09")
MOST_SEED_BYTES = 12_000
_LENGTHS = (b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\0")
_MARKS = (b"SQ", b"UN", b"\xfe\xff", b"\x0d\xe0")


def seeds() -> list[bytes]:
    """Give the data sets of the odd cases, one of each kind, without their file meta information."""
    found: dict[tuple[Path, str], bytes] = {}
    with TemporaryDirectory() as folder:
        for case in CASES:
            write_case(case, Path(folder) / case)
            for path in sorted((Path(folder) / case).rglob("*.dcm")):
                found.setdefault((path.parent, path.stem.strip("0123456789")), path.read_bytes())
    return [whole[144 + int.from_bytes(whole[140:144], "little") :][:MOST_SEED_BYTES] for whole in found.values()]


def read_anything(data: bytes, syntax: str, scratch: Path) -> InstanceHeader | None:
    """Read a data set as the receiver does, and as comparing does; any other error than those that they name goes on.

    Gives the header, or None where an identifier is missing.
    """
    scratch.write_bytes(data)
    with suppress(Unreadable):
        read_content(io.BytesIO(data), syntax, "ISO_IR 100")
    with suppress(UnusableIdentifier):
        return read_header(scratch, syntax)
    return None


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Cut, overwrite or repeat pieces of something that was sent, one to six times."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(max(1, len(changed)))
        piece = bytes(changed[place : place + chance.randint(1, 64)])
        match chance.randrange(5):
            case 0:
                del changed[place : place + len(piece)]
            case 1:
                changed[place : place + 4] = chance.choice(_LENGTHS)
            case 2:
                changed[place:place] = piece * chance.randint(1, 20)
            case 3:
                changed[place : place + 2] = chance.choice(_MARKS)
            case _:
                del changed[place + chance.randint(1, 400) :]
    return bytes(changed)
