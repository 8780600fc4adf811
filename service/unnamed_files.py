"""Files of the object store that no row names: what a kill left between the file and its row, or a restored database.

An object that was received goes through again, as if its sender had sent it once more; nothing is lost by that, since
what is known already changes nothing. What we made ourselves and had not put on its way yet is made anew by its work,
so its file goes.
"""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from uuid import uuid4

from pydicom import Dataset, dcmread
from pydicom.tag import Tag
from sqlmodel import Session, col, select

from integrations.dicom.arrivals import Arrival, ReceivedObject, RefusedObject
from integrations.dicom.errors import ContradictsCommand, Refusal
from integrations.dicom.header import read_header
from integrations.dicom.part10 import data_set_offset
from integrations.sr.identifiers import MANUFACTURER
from service.receiving import Receiving
from service.store.database import reading, writing
from service.store.integrity import data_set_digest
from service.store.states import ObjectState
from service.store.survey import survey
from service.store.tables import Document, Instance

SETTLED_AFTER = timedelta(minutes=10)
"""A younger file may belong to what is being received or written now."""
_SHORT = 65536
"""Longer values, in bytes, are left in the file."""
_PIXELS = {Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009), Tag(0x7FE0, 0x0010)}
_META = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID", "SourceApplicationEntityTitle")
_FOUND = "unknown (found in the store)"


class Settled(StrEnum):
    """What became of a file without a row."""

    TAKEN = "taken as received"
    HELD = "kept for a person"
    REMOVED = "removed"
    LEFT = "left as it is"


def settle_unnamed_files(receiving: Receiving, now: datetime) -> Counter[Settled]:
    """Settle every file of the store that no row names, and remove what lies abandoned in the folder before it."""
    before = now - SETTLED_AFTER
    for path in list(abandoned(receiving.store.incoming, before)):
        path.unlink(missing_ok=True)
    unnamed = [found.file for found in survey(receiving.engine, receiving.store.root, before) if not found.is_named]
    return Counter(settle(receiving, file) for file in unnamed)


def abandoned(incoming: Path, before: datetime) -> Iterator[Path]:
    """Give the files that a killed process left before they had their place; none was answered for."""
    for path in incoming.iterdir():
        try:
            if path.is_file() and path.stat().st_mtime < before.timestamp():
                yield path
        except FileNotFoundError:  # it has just been placed
            continue


def settle(receiving: Receiving, file: str) -> Settled:
    """Settle one file that no row names."""
    path = receiving.store.path(file)
    try:
        read = dcmread(path, defer_size=_SHORT)
        arrival = _arrival(path, read)
    except Exception:  # noqa: BLE001  # it may be anything, and says nothing of where it belongs
        return Settled.LEFT
    with reading(receiving.engine) as session:
        is_ours = _is_made_by_us(session, arrival, read)
    if is_ours:
        return _remove(receiving, file)
    try:
        header = read_header(path, arrival.transfer_syntax_uid, receiving.settings.dicom.charset)
    except Refusal as refusal:
        return _hold(receiving, arrival, refusal)
    if arrival.sha256 != path.name:  # named by all that was sent, as refused objects are
        return _hold(receiving, arrival, ContradictsCommand("It was refused when it came"))
    with _copied(receiving, arrival) as copy:
        receiving.persist(ReceivedObject(**vars(copy), header=header))
    return Settled.TAKEN


def _arrival(path: Path, read: Dataset) -> Arrival:
    with path.open("rb") as stored:
        size = path.stat().st_size - data_set_offset(stored)
    sop_class, sop_instance, transfer_syntax, source = (str(read.file_meta.get(each, "") or "") for each in _META)
    return Arrival(path, data_set_digest(path), size, sop_class, sop_instance, transfer_syntax, source, _FOUND)


def _is_made_by_us(session: Session, arrival: Arrival, read: Dataset) -> bool:
    """Tell a report that was not sent yet, a header that retention wrote, or an image whose pixels it has removed."""
    if read.get("Modality") == "SR" and str(read.get("Manufacturer", "")) == MANUFACTURER:
        return arrival.sha256 != arrival.path.name  # else it came back to us
    if arrival.sha256 == arrival.path.name:
        its_own = select(Instance.id).where(Instance.sha256 == arrival.sha256)
        reduced = col(Instance.state).in_((ObjectState.HEADER, ObjectState.SAME_CONTENT))
        return session.exec(its_own.where(reduced)).first() is not None
    known = select(Instance.id).where(Instance.sop_instance_uid == str(read.get("SOPInstanceUID", "")))
    return not _PIXELS & set(read.keys()) and session.exec(known).first() is not None


def _hold(receiving: Receiving, arrival: Arrival, refusal: Refusal) -> Settled:
    """Keep an object for a person, as one that is refused."""
    with _copied(receiving, arrival) as copy:
        receiving.keep_refused(RefusedObject(**vars(copy), refusal=refusal))
    if arrival.sha256 == arrival.path.name:  # it has its place by all that was sent now
        _remove(receiving, arrival.path.relative_to(receiving.store.root).as_posix())
    return Settled.HELD


def _remove(receiving: Receiving, file: str) -> Settled:
    """Remove a file, unless a row has begun to name it; while the lock is held, none can."""
    with writing(receiving.engine) as session:
        named = [session.exec(select(row.id).where(row.file == file)).first() for row in (Instance, Document)]
        if named != [None, None]:
            return Settled.LEFT
        receiving.store.path(file).unlink(missing_ok=True)
    return Settled.REMOVED


@contextmanager
def _copied(receiving: Receiving, arrival: Arrival) -> Iterator[Arrival]:
    """Give the object as it would lie in the folder of incoming files; the file in the store stays where it is."""
    copy = receiving.store.incoming / f"{uuid4().hex}.part"
    try:
        shutil.copyfile(arrival.path, copy)
        yield replace(arrival, path=copy)
    finally:
        copy.unlink(missing_ok=True)
