"""What peers say of studies under way or complete, as it is written down.

A hint is kept by the UIDs that it names, whether or not we have the study: it may come before the first image, and one
of a study that never comes does nothing.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.dicom.errors import HintRefused, StepEnded
from integrations.dicom.hint_service import HintDoor
from integrations.dicom.hints import (
    AVAILABLE,
    COMPLETED,
    DISCONTINUED,
    DUPLICATE,
    NO_SUCH_INSTANCE,
    Hint,
)
from service.store.columns import utc_now
from service.store.database import writing
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.tables import row_id

_AT_ONCE = 500


@dataclass(frozen=True)
class Hints:
    """Where hints go; what was taken is on disk."""

    engine: Engine
    settings: Settings

    def door(self) -> HintDoor:
        """Give where the receiver hands them to."""
        return HintDoor(self.peer_of, self.create, self.change)

    def peer_of(self, title: str) -> str | None:
        """Name the peer of an AE title that may announce."""
        peers = self.settings.peers
        return next((each.name for each in peers if each.ae_title.strip() == title and "announce" in each.may), None)

    def create(self, peer: str, hint: Hint, now: datetime | None = None) -> None:
        """Write down a new procedure step or notification.

        Raises:
            HintRefused: there is one of this UID.
        """
        at = now or utc_now()
        with writing(self.engine) as session:
            if session.exec(select(StudyHint.id).where(StudyHint.sop_instance_uid == hint.uid)).first() is not None:
                raise HintRefused(DUPLICATE, "There is one of this SOP Instance UID (0000,1000)")
            for study_uid in hint.study_uids:
                row = StudyHint(sop_instance_uid=hint.uid, study_uid=study_uid, status=hint.status, peer=peer, heard=at)
                session.add(row)
                session.flush()
                _name(session, row, hint)
                _forget_objects(session, study_uid, hint)

    def change(self, peer: str, hint: Hint, now: datetime | None = None) -> None:
        """Write down how a procedure step has changed.

        Raises:
            HintRefused: there is no such step, or it has ended.
        """
        at = now or utc_now()
        with writing(self.engine) as session:
            rows = session.exec(
                select(StudyHint)
                .where(StudyHint.sop_instance_uid == hint.uid, StudyHint.status != AVAILABLE)
                .with_for_update()
            ).all()
            if not rows:
                raise HintRefused(NO_SUCH_INSTANCE, "There is no step of this SOP Instance UID (0000,1001)")
            for row in rows:
                if row.status in {COMPLETED, DISCONTINUED}:
                    raise StepEnded
                row.status, row.peer, row.heard = hint.status or row.status, peer, at
                session.add(row)
                if hint.named is not None:
                    session.execute(delete(NamedInstance).where(col(NamedInstance.study_hint_id) == row.id))
                    _name(session, row, hint)


def _name(session: Session, row: StudyHint, hint: Hint) -> None:
    named = [{"study_hint_id": row_id(row), "sop_instance_uid": uid} for uid in hint.named or ()]
    if named:
        session.execute(insert(NamedInstance), named)


def _forget_objects(session: Session, study_uid: str, hint: Hint) -> None:
    """Forget that objects were named which are said to be gone."""
    ours = select(StudyHint.id).where(StudyHint.study_uid == study_uid)
    for start in range(0, len(hint.gone), _AT_ONCE):
        gone = col(NamedInstance.sop_instance_uid).in_(hint.gone[start : start + _AT_ONCE])
        session.execute(delete(NamedInstance).where(col(NamedInstance.study_hint_id).in_(ours), gone))
