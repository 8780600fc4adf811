"""The objects of a study that its reading rests on."""

import hashlib
from collections.abc import Collection

from sqlmodel import Session, col, select

from service.store.states import ObjectState
from service.store.tables import Instance, Series

NOT_IMAGES = frozenset({"SR", "PR", "KO", "DOC", "REG", "RWV", "SEG", "AU", "PLAN", "RTSTRUCT", "ANN", "FID"})
"""Modalities (DICOM PS3.3 C.7.3.1.1.1) whose objects say nothing about whether the images are complete."""

NO_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.{kind}." for kind in ("9", "11", "66", "88", "104"))
"""Storage classes of waveforms, presentation states, raw data, structured reports and encapsulated documents."""


def is_image(modality: str, sop_class_uid: str) -> bool:
    """Tell whether an object can be an image that findings are read from; others may have an image's modality."""
    return modality not in NOT_IMAGES and not f"{sop_class_uid}.".startswith(NO_IMAGES)


def image_files(session: Session, study_id: int) -> tuple[str, ...]:
    """Give the files of a study's images that can be read, in the order of their arrival."""
    return _files(session, study_id, (ObjectState.STORED,))


def cited_files(session: Session, study_id: int, series_uids: Collection[str] = ()) -> tuple[str, ...]:
    """Give the files whose headers a document cites: of a study's images, or of some series; some have no pixels."""
    return _files(session, study_id, (ObjectState.STORED, ObjectState.HEADER), series_uids)


def are_removed(session: Session, study_id: int) -> bool:
    """Tell whether the pixels of images of a study were removed."""
    return bool(_files(session, study_id, (ObjectState.HEADER,)))


def _files(
    session: Session, study_id: int, states: tuple[ObjectState, ...], series_uids: Collection[str] = ()
) -> tuple[str, ...]:
    found = (
        select(Instance.file, Instance.state)
        .join(Series)
        .where(Series.study_id == study_id, col(Series.modality).not_in(NOT_IMAGES))
        .order_by(col(Instance.id))
    )
    if series_uids:
        found = found.where(col(Series.series_uid).in_(series_uids))
    # Asked for a state too, SQLite would go through the objects of all studies that have it.
    return tuple(file for file, state in session.exec(found) if state in states)


def images_digest(session: Session, study_id: int) -> str:
    """Give the digest of a study's images; a file is named by its content."""
    return hashlib.sha256("\n".join(sorted(image_files(session, study_id))).encode()).hexdigest()
