"""What a sender knows, and nobody else: what it sent, what it was told of it, and so what must be there for ever."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlmodel import Session, select

from service.store.database import DATABASE, open_database, reading
from service.store.integrity import check_pages
from service.store.objects import OBJECTS
from service.store.states import ObjectState
from service.store.tables import Instance, Message
from tests.faults.ledger import assert_closed
from tests.integrations.dicom.sending import Sent
from tests.peers.daemon import Daemon

Thing = Sent | bytes
"""An object, or a message without its framing."""
TAKEN = ("0000", "AA")
"""What says that the sender may forget its own copy."""


@dataclass
class Account:
    """What a sender was told of each thing: an answer, or that its connection was cut."""

    taken: list[Thing] = field(default_factory=list)
    left: list[Thing] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)

    def note(self, thing: Thing, told: str) -> None:
        """Note an answer; what was not taken is left to be sent again."""
        (self.taken if told in TAKEN else self.left).append(thing)
        self.told[told] += 1

    def __add__(self, other: "Account") -> "Account":
        return Account(self.taken + other.taken, self.left + other.left, self.told + other.told)


def together(accounts: Iterable[Account]) -> Account:
    """Give one account of all."""
    return sum(accounts, Account())


def lost(data: Path, taken: Sequence[Thing]) -> list[str]:
    """Name what was taken and is not there any more, byte for byte, with the row that finds it."""
    engine = open_database(data)
    try:
        with reading(engine) as session:
            raw = dict(session.exec(select(Message.sha256, Message.raw)).all())
            files = _files(session)
    finally:
        engine.dispose()  # nothing stays open, so that the disk can be unmounted
    messages = [thing for thing in taken if isinstance(thing, bytes)]
    objects = [thing for thing in taken if isinstance(thing, Sent)]
    gone = [
        f"object {sent.sop_instance}"
        for sent in objects
        if not _holds(data / OBJECTS, files.get((sent.sop_instance, _sha256(sent.data_set))), sent.data_set)
    ]
    return gone + [f"message {number}" for number, sent in enumerate(messages) if raw.get(_sha256(sent)) != sent]


def unwhole(data: Path) -> list[str]:
    """Name the files of the store whose data set is not the one that they are named by."""
    return [path.name for path in _stored(data) if _sha256(_data_set(path.read_bytes())) != path.name]


def unnamed(data: Path) -> list[str]:
    """Name the files of the store, and those on their way to it, that no row speaks of."""
    engine = open_database(data)
    try:
        with reading(engine) as session:
            named = set(session.exec(select(Instance.file)))
    finally:
        engine.dispose()
    incoming = [str(path) for path in (data / "incoming").iterdir()]
    return incoming + [str(path) for path in _stored(data) if str(path.relative_to(data / OBJECTS)) not in named]


def assert_sound(daemon: Daemon, taken: Sequence[Thing]) -> None:
    """See that all that was taken is there and accounted for, nothing of it half, in a database without damage."""
    assert lost(daemon.data, taken) == []
    assert unwhole(daemon.data) == []
    check_pages(daemon.data / DATABASE)
    assert_closed(daemon)


def _files(session: Session) -> dict[tuple[str | None, str], str]:
    rows = session.exec(select(Instance).where(Instance.state == ObjectState.STORED))
    return {(row.sop_instance_uid, row.sha256): row.file for row in rows}


def _stored(data: Path) -> list[Path]:
    return [path for path in (data / OBJECTS).rglob("*") if path.is_file()]


def _holds(root: Path, file: str | None, data_set: bytes) -> bool:
    path = root / (file or "none")
    return path.is_file() and _data_set(path.read_bytes()) == data_set


def _data_set(part10: bytes) -> bytes:
    """Give what follows the meta information, whose length stands behind preamble, prefix and tag (PS3.10, 7.1)."""
    return part10[144 + int.from_bytes(part10[140:144], "little") :]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
