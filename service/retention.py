"""Removing the pixels of finished studies after the time that the site keeps images.

Each image's file gives way to one without its pixels, so that a structured report that is corrected later can still
cite it. The new file is on disk before its row names it, and the old one goes only after that: a kill in between loses
nothing, and the next round finishes what it left.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import PurePath

from pydicom import dcmwrite
from sqlalchemy import ColumnElement, Engine, and_, exists, or_
from sqlmodel import Session, col, select

from config.settings import StorageSettings
from pipeline.images.files import read_received
from service.store.database import reading, writing
from service.store.history import note_change
from service.store.objects import ObjectStore, object_name
from service.store.room import remove_unnamed, take_room
from service.store.states import UNDELIVERED, ObjectState, WorkState
from service.store.tables import Change, Delivery, Document, Instance, Series, Study, row_id
from service.study_images import NOT_IMAGES

PURGE = "pixels"
"""The kind of change under which it is kept that a study's pixels were removed."""
_IS_AS_RECEIVED = col(Instance.file).endswith(col(Instance.sha256))
_WITH_PIXELS: tuple[ColumnElement[bool], ...] = (
    or_(
        col(Instance.state) == ObjectState.STORED,
        and_(col(Instance.state) == ObjectState.SAME_CONTENT, _IS_AS_RECEIVED),
    ),
    col(Series.modality).not_in(NOT_IMAGES),
)


@dataclass(frozen=True)
class Retention:
    """What it takes to remove old images."""

    engine: Engine
    store: ObjectStore
    storage: StorageSettings


@dataclass(frozen=True)
class Removed:
    """What a round did: of how many objects the pixels went, and of how many they stay since they cannot be read."""

    objects: int = 0
    unreadable: int = 0


def remove_old_images(retention: Retention, now: datetime) -> Removed:
    """Remove the pixels of studies whose images are older than the site keeps them.

    Only of studies of which nothing is on its way or waits for a person. Refused objects and conflicts stay.
    """
    if retention.storage.keep_images_days is None:
        return Removed()
    finished = _finished(now - timedelta(days=retention.storage.keep_images_days))
    with reading(retention.engine) as session:
        found = select(Study.id).join(Series).join(Instance).where(*_WITH_PIXELS, *finished).distinct()
        study_ids = session.exec(found).all()
    outcomes: Counter[bool | None] = Counter()
    for study_id in study_ids:
        with reading(retention.engine) as session:
            # All of the study: asked for their state too, SQLite would go through the objects of all studies.
            images = session.exec(select(Instance).join(Series).where(Series.study_id == study_id)).all()
        outcomes.update(_reduce(retention, image, finished) for image in images if _may_have_pixels(image))
    _finish_earlier_rounds(retention)
    return Removed(objects=outcomes[True], unreadable=outcomes[None])


def _may_have_pixels(instance: Instance) -> bool:
    return instance.state in {ObjectState.STORED, ObjectState.SAME_CONTENT} and instance.file.endswith(instance.sha256)


def _finished(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Give what is true of a study whose pixels may go."""
    open_delivery = (
        exists()
        .where(col(Delivery.document_id) == Document.id, col(Document.study_id) == Study.id)
        .where(col(Delivery.state).in_(UNDELIVERED))
    )
    return (
        col(Study.last_image) < before,
        col(Study.images) == WorkState.DONE,
        col(Study.document) == WorkState.DONE,
        col(Study.review_reason) == "",
        ~open_delivery,
    )


def _reduce(retention: Retention, instance: Instance, finished: Sequence[ColumnElement[bool]]) -> bool | None:
    """Remove an object's pixels; tells whether they went, or None where it cannot be read and stays as it is."""
    header = _without_pixels(retention.store, instance)
    if header is None:
        return None
    file = retention.store.place_bytes(header, hashlib.sha256(header).hexdigest())
    still_so = select(Instance).join(Series).join(Study).where(*_WITH_PIXELS, *finished)
    unchanged = still_so.where(Instance.id == instance.id, Instance.file == instance.file)
    with writing(retention.engine) as session:
        # Asked again, since an image may have come meanwhile, with which the whole study is to be read.
        row = session.exec(unchanged.with_for_update(of=Instance)).one_or_none()
        if row is None:
            return False
        row.file = file
        take_room(session, len(header))
        if row.state == ObjectState.STORED:
            row.state = ObjectState.HEADER
        session.add(row)
        _note(session, instance, retention.storage)
    _remove_unnamed(retention, instance.file)
    return True


def _note(session: Session, instance: Instance, storage: StorageSettings) -> None:
    """Write down, with the first object of a study that a round takes, that the study's pixels go and why."""
    found = select(Study).join(Series).where(Series.id == instance.series_id)
    study = session.exec(found).one()
    before = select(Change.id).where(
        Change.kind == PURGE, Change.subject == study.id, col(Change.at) >= study.last_image
    )
    if session.exec(before).first() is None:
        reason = (
            f"They were older than the {storage.keep_images_days:g} days of storage.keep_images_days. Headers stay."
        )
        note_change(session, PURGE, row_id(study), "removed", reason)


def _without_pixels(store: ObjectStore, instance: Instance) -> bytes | None:
    """Give an image as a file without its pixels; None where it cannot be read."""
    try:
        header = read_received(store.path(instance.file), stop_before_pixels=True)
        encoded = BytesIO()
        dcmwrite(encoded, header, enforce_file_format=True)
    except Exception:  # noqa: BLE001  # a sender's bytes may be anything, and no object may stop the round for all others
        return None
    return encoded.getvalue()


def _finish_earlier_rounds(retention: Retention) -> None:
    """Remove files whose rows name their headers already, left by a round that was killed."""
    reduced = select(Instance.sha256).where(
        or_(col(Instance.state) == ObjectState.HEADER, col(Instance.state) == ObjectState.SAME_CONTENT),
        ~_IS_AS_RECEIVED,
    )
    with reading(retention.engine) as session:
        for sha256 in session.exec(reduced).yield_per(1000):
            name = object_name(sha256)
            if retention.store.path(name).exists():
                _remove_unnamed(retention, name)


def _remove_unnamed(retention: Retention, file: str) -> None:
    """Remove a file as received unless a row still names it; while the lock is held, none can begin to."""
    with writing(retention.engine) as session:
        take_room(session, -remove_unnamed(session, retention.store, file, PurePath(file).name))
