"""What passes between the receiver and whoever stores what it receives."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from integrations.dicom.errors import Refusal
from integrations.dicom.header import InstanceHeader


class StoreOutcome(StrEnum):
    """What became of an object that is answered with success."""

    STORED = "stored"
    KNOWN_ALREADY = "known already"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Arrival:
    """A data set in the folder of incoming files.

    `path` is a Part 10 file, closed and not yet synchronised to the disk; whoever is handed it moves it away, and what
    is left there afterwards is removed. `sha256` (hexadecimal) and `size_bytes` are of the data set alone, as received.
    The UIDs are those of the C-STORE command and of the presentation context, `address` is the peer's IP address.
    """

    path: Path
    sha256: str
    size_bytes: int
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae: str
    address: str


@dataclass(frozen=True)
class ReceivedObject(Arrival):
    """An object that can be stored."""

    header: InstanceHeader


@dataclass(frozen=True)
class RefusedObject(Arrival):
    """An object that is refused for what is in it; its UIDs may be anything."""

    refusal: Refusal


@dataclass(frozen=True)
class Intake:
    """Where received objects go. Both functions are called from threads of associations, several at a time.

    `incoming` is a folder on the same disk as the store, for this use alone.
    `persist` moves the file to its place and writes its row, and comes back when both are safely on the disk. It raises
    `OutOfResources` when there is no room, and may raise any other `Refusal`; it then leaves the file where it is.
    `keep_refused` puts the bytes where a person finds them; the object is refused whatever happens there.
    """

    incoming: Path
    persist: Callable[[ReceivedObject], StoreOutcome]
    keep_refused: Callable[[RefusedObject], None]
