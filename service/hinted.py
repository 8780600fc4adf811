"""What peers said of studies, held against what is here."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, func, or_
from sqlmodel import Session, col, select

from config.settings import DicomSettings
from integrations.dicom.hints import IN_PROGRESS
from service.completion import Hinted
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.states import ObjectState
from service.store.tables import Document, Instance, Series, Study, row_id
from service.study_images import is_image

_IS_HERE = col(Instance.state).in_((ObjectState.STORED, ObjectState.HEADER))


def hinted_studies(session: Session, studies: Sequence[Study]) -> dict[int, Hinted]:
    """Give what was said of each study, by its number."""
    uids = [study.study_uid for study in studies]
    rows = session.exec(select(StudyHint).where(col(StudyHint.study_uid).in_(uids)).order_by(col(StudyHint.id))).all()
    told = [study for study in studies if study.study_uid in {row.study_uid for row in rows}]
    counts = _counts(session, [study.study_uid for study in told])
    unnamed = _unnamed(session, [row_id(study) for study in told])
    hinted = {row_id(study): Hinted() for study in studies}
    for study in told:
        ours = [row for row in rows if row.study_uid == study.study_uid]
        named, here = counts.get(study.study_uid, (0, 0))
        hinted[row_id(study)] = Hinted(
            peers=tuple(dict.fromkeys(row.peer for row in ours)),
            in_progress=max((row.heard for row in ours if row.status == IN_PROGRESS), default=None),
            named=named,
            missing=named - here,
            unnamed=unnamed.get(row_id(study), 0),
        )
    return hinted


def is_held(rules: DicomSettings, now: datetime) -> ColumnElement[bool]:
    """Give what is true of a study of which a procedure step goes on, as in `completion.reading_due`."""
    since = now - timedelta(hours=rules.hints.hold_hours)
    return exists().where(
        col(StudyHint.study_uid) == col(Study.study_uid),
        col(StudyHint.status) == IN_PROGRESS,
        or_(col(StudyHint.heard) > since, col(Study.last_image) > since),
    )


def is_told_of() -> ColumnElement[bool]:
    """Give what is true of a study of which any hint was given, so that it may be complete before its quiet time."""
    return col(Study.study_uid).in_(select(StudyHint.study_uid))


def _counts(session: Session, uids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Give how many objects were named of each study, and how many of those we have or wrote."""
    here = or_(
        exists().where(col(Instance.sop_instance_uid) == col(NamedInstance.sop_instance_uid), _IS_HERE),
        exists().where(col(Document.sop_instance_uid) == col(NamedInstance.sop_instance_uid)),
    )
    named = (
        select(StudyHint.study_uid, NamedInstance.sop_instance_uid, here.label("is_here"))
        .join(NamedInstance)
        .where(col(StudyHint.study_uid).in_(uids))
        .distinct()
        .subquery()
    )
    counted = select(named.c.study_uid, func.count(), func.count().filter(named.c.is_here)).group_by(named.c.study_uid)
    return {uid: (count, held) for uid, count, held in session.exec(counted)}


def _unnamed(session: Session, study_ids: Sequence[int]) -> dict[int, int]:
    """Give how many images of each study nobody named."""
    is_named = exists().where(
        col(NamedInstance.sop_instance_uid) == col(Instance.sop_instance_uid),
        col(NamedInstance.study_hint_id) == col(StudyHint.id),
        col(StudyHint.study_uid) == col(Study.study_uid),
    )
    found = (
        select(Series.study_id, Series.modality, Instance.sop_class_uid, func.count())
        .join(Instance)
        .join(Study, col(Study.id) == col(Series.study_id))
        .where(col(Series.study_id).in_(study_ids), _IS_HERE, ~is_named)
        .group_by(col(Series.study_id), col(Series.modality), col(Instance.sop_class_uid))
    )
    counts: dict[int, int] = {}
    for study_id, modality, sop_class, count in session.exec(found):
        if is_image(modality, sop_class):
            counts[study_id] = counts.get(study_id, 0) + count
    return counts
