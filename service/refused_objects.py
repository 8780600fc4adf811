"""Objects that were refused: what a person is shown of them, and how they go through again.

What an object was refused for may have changed: this release reads more, or a person takes it as its data set says
where the sender's command said something else.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from sqlmodel import Session, col, select

from integrations.dicom.arrivals import ReceivedObject, StoreOutcome
from integrations.dicom.errors import Refusal
from integrations.dicom.header import InstanceHeader, read_header
from integrations.dicom.part10 import FileMeta, data_set_offset, encode_file_meta
from service.errors import UnknownItem
from service.receiving import Receiving, first_in_use
from service.store.database import reading, writing
from service.store.history import note_change
from service.store.room import remove_unnamed, take_room
from service.store.states import ObjectState
from service.store.tables import Instance

_DONE = {
    StoreOutcome.STORED: "It is stored, and its study is read.",
    StoreOutcome.KNOWN_ALREADY: "It was there already.",
    StoreOutcome.CONFLICT: "It is kept as another version of an object in use; `spinelabel object list` names it.",
}


@dataclass(frozen=True)
class KeptObject:
    """An object that is kept for a person: a refused one, a conflict, or one that was dismissed."""

    number: int
    state: ObjectState
    received: datetime
    calling_ae: str
    address: str
    reason: str
    file: Path


@dataclass(frozen=True)
class Prospect:
    """What would happen to a refused object that goes through again; `is_taken` is false where it stays refused."""

    number: int
    is_taken: bool
    sentence: str


def kept_objects(session: Session, receiving: Receiving, states: Sequence[ObjectState]) -> list[KeptObject]:
    """List the objects that are in one of these states, the oldest first."""
    found = select(Instance).where(col(Instance.state).in_(states)).order_by(col(Instance.id))
    return [
        KeptObject(
            number=row.id or 0,
            state=row.state,
            received=row.received,
            calling_ae=row.calling_ae,
            address=row.address,
            reason=row.reason,
            file=receiving.store.path(row.file),
        )
        for row in session.exec(found)
    ]


def refused_numbers(session: Session) -> list[int]:
    """Give the numbers of all refused objects, the oldest first."""
    found = select(Instance.id).where(Instance.state == ObjectState.REFUSED).order_by(col(Instance.id))
    return [number for number in session.exec(found) if number is not None]


def prospect(receiving: Receiving, number: int) -> Prospect:
    """Say what would happen to a refused object, changing nothing.

    Raises:
        UnknownItem: it is no refused object.
    """
    with reading(receiving.engine) as session:
        row = _refused(session, number)
        try:
            header = _header(receiving, row)
        except (Refusal, OSError) as error:
            return Prospect(number, is_taken=False, sentence=_still_refused(error))
        first = first_in_use(session, header.sop_instance_uid)
    if first is None:
        sentence = f"It would be stored in study {header.study_uid}, and that study read."
    elif first.sha256 == row.sha256:
        sentence = "It is in use already; its entry would go."
    else:
        sentence = "It would be kept as another version of an object in use."
    return Prospect(number, is_taken=True, sentence=sentence)


def go_through_again(receiving: Receiving, number: int) -> Prospect:
    """Take a refused object as its data set says; its bytes are then those of a stored one, or a conflict.

    Killed in between, it is done when this is asked once more.

    Raises:
        UnknownItem: it is no refused object.
    """
    with reading(receiving.engine) as session:
        row = _refused(session, number)
    copy = receiving.store.incoming / f"{uuid4().hex}.part"  # cleared with all others at the next start
    try:
        header = _header(receiving, row)
        _copy(receiving.store.path(row.file), copy, row, header)
        outcome = receiving.persist(_as_received(row, copy, header))
    except (Refusal, OSError) as error:
        return Prospect(number, is_taken=False, sentence=_still_refused(error))
    finally:
        copy.unlink(missing_ok=True)
    with writing(receiving.engine) as session:
        refused = session.get(Instance, number)
        if refused is not None:
            session.delete(refused)
            session.flush()
            take_room(session, -remove_unnamed(session, receiving.store, refused.file, refused.sha256))
        stored = select(Instance.id).where(
            Instance.sop_instance_uid == header.sop_instance_uid, Instance.sha256 == row.sha256
        )
        what = f"A person had it taken that was refused before. {row.reason}"
        note_change(session, "object", session.exec(stored).one() or 0, outcome.value, what)
    return Prospect(number, is_taken=True, sentence=_DONE[outcome])


def _refused(session: Session, number: int) -> Instance:
    row = session.get(Instance, number)
    if row is None or row.state != ObjectState.REFUSED:
        raise UnknownItem(f"Object {number} is not among the refused ones. `spinelabel object list` names those.")
    return row


def _header(receiving: Receiving, row: Instance) -> InstanceHeader:
    path = receiving.store.path(row.file)
    return read_header(path, row.transfer_syntax_uid, receiving.settings.dicom.charset)


def _copy(source: Path, target: Path, row: Instance, header: InstanceHeader) -> None:
    """Write the same data set under file meta information that says what is in it, not what the command said."""
    meta = FileMeta(header.sop_class_uid, header.sop_instance_uid, row.transfer_syntax_uid, row.calling_ae)
    with source.open("rb") as kept, target.open("xb") as file:
        kept.seek(data_set_offset(kept))
        file.write(encode_file_meta(meta))
        shutil.copyfileobj(kept, file)


def _as_received(row: Instance, path: Path, header: InstanceHeader) -> ReceivedObject:
    return ReceivedObject(
        path=path,
        sha256=row.sha256,
        size_bytes=row.bytes,
        sop_class_uid=header.sop_class_uid,
        sop_instance_uid=header.sop_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        calling_ae=row.calling_ae,
        address=row.address,
        header=header,
    )


def _still_refused(error: Refusal | OSError) -> str:
    why = error.comment if isinstance(error, Refusal) else f"Its file cannot be used: {error.strerror}"
    return f"It stays refused: {why}. Correct it at the sender, or give it up with `spinelabel object dismiss`."
