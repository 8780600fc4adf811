"""Removing the pixels of finished studies after the time that the site keeps images.

Each image's file gives way to one without its pixels, so that a structured report that is corrected later can still
cite it. The new file is on disk before its row names it, and the old one goes only after that: a kill in between loses
nothing, and the next round finishes what it left.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO

from pydicom import dcmread, dcmwrite
from pydicom.errors import InvalidDicomError
from sqlalchemy import Engine, exists
from sqlmodel import Session, col, select

from config.settings import StorageSettings
from service.store.database import reading, writing
from service.store.objects import ObjectStore, object_name
from service.store.states import UNDELIVERED, ObjectState, WorkState
from service.store.tables import Delivery, Document, Instance, Series, Study, row_id
from service.study_images import NOT_IMAGES


@dataclass(frozen=True)
class Retention:
    """What it takes to remove old images."""

    engine: Engine
    store: ObjectStore
    storage: StorageSettings


def remove_old_images(retention: Retention, now: datetime) -> int:
    """Remove the pixels of studies whose images are older than the site keeps them; gives of how many objects.

    Only of studies of which nothing is on its way or waits for a person.
    """
    if retention.storage.keep_images_days is None:
        return 0
    before = now - timedelta(days=retention.storage.keep_images_days)
    removed = 0
    for instance in _old_images(retention.engine, before):
        removed += _reduce(retention, instance)
    _finish_earlier_rounds(retention)
    return removed


def _old_images(engine: Engine, before: datetime) -> list[Instance]:
    open_delivery = (
        exists()
        .where(col(Delivery.document_id) == Document.id, col(Document.study_id) == Study.id)
        .where(col(Delivery.state).in_(UNDELIVERED))
    )
    found = (
        select(Instance)
        .join(Series)
        .join(Study)
        .where(Instance.state == ObjectState.STORED, col(Series.modality).not_in(NOT_IMAGES))
        .where(col(Study.last_image) < before, Study.images == WorkState.DONE, Study.document == WorkState.DONE)
        .where(Study.review_reason == "", ~open_delivery)
    )
    with reading(engine) as session:
        return list(session.exec(found))


def _reduce(retention: Retention, instance: Instance) -> bool:
    header = _without_pixels(retention.store, instance)
    if header is None:
        return False
    file = retention.store.place_bytes(header, hashlib.sha256(header).hexdigest())
    with writing(retention.engine) as session:
        row = session.get_one(Instance, row_id(instance), with_for_update=True)
        if row.state != ObjectState.STORED:
            return False
        row.state, row.file = ObjectState.HEADER, file
        session.add(row)
    _remove_unnamed(retention, instance.file)
    return True


def _without_pixels(store: ObjectStore, instance: Instance) -> bytes | None:
    """Give an image as a file without its pixels; None where it cannot be read, so that it stays as it is."""
    try:
        header = dcmread(store.path(instance.file), stop_before_pixels=True)
        encoded = BytesIO()
        dcmwrite(encoded, header, enforce_file_format=True)
    except (InvalidDicomError, OSError, ValueError, TypeError, AttributeError, EOFError):
        return None
    return encoded.getvalue()


def _finish_earlier_rounds(retention: Retention) -> None:
    """Remove files whose rows name their headers already, left by a round that was killed."""
    with reading(retention.engine) as session:
        names = [
            object_name(sha256)
            for sha256 in session.exec(select(Instance.sha256).where(Instance.state == ObjectState.HEADER))
        ]
    for name in names:
        if retention.store.path(name).exists():
            _remove_unnamed(retention, name)


def _remove_unnamed(retention: Retention, file: str) -> None:
    """Remove a file unless a row still names it; while the lock is held, none can begin to."""
    with writing(retention.engine) as session:
        if not _is_named(session, file):
            retention.store.path(file).unlink(missing_ok=True)


def _is_named(session: Session, file: str) -> bool:
    return session.exec(select(Instance.id).where(Instance.file == file)).first() is not None
