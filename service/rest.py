"""Whether all of a study has come, by the word of an archive, and how long the rest is waited for.

It is never waited for longer than the settings say, and a peer that does not answer is not waited for at all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, select

from config.settings import Settings
from service.asked_peers import queried_peers
from service.completion import Due, NotYet, StudyProgress, reading_due
from service.fetches import held_objects
from service.store.fetch_tables import ArchivedStudy
from service.store.states import WorkState
from service.store.tables import Study, row_id


@dataclass(frozen=True)
class Compared:
    """What we hold of a study and what an archive has of it."""

    held: int
    archived: int
    peer: str

    @property
    def is_short(self) -> bool:
        """Tell whether the archive has more."""
        return self.held < self.archived

    @property
    def sentence(self) -> str:
        """Say it, where something is missing."""
        if not self.is_short:
            return ""
        return f"{self.peer} has {self.archived} objects of it, and {self.held} have come."


def archived(session: Session, study_id: int) -> ArchivedStudy | None:
    """Give what an archive said of a study."""
    return session.exec(select(ArchivedStudy).where(ArchivedStudy.study_id == study_id)).one_or_none()


def compare(session: Session, study: Study) -> Compared | None:
    """Compare what came of a study with what an archive has; None where no archive has said."""
    row = archived(session, row_id(study))
    if row is None or row.objects is None:
        return None
    return Compared(held_objects(session, study.study_uid), row.objects, row.peer)


def is_count_due(study: Study, row: ArchivedStudy | None, settings: Settings, now: datetime) -> bool:
    """Tell whether an archive is to be asked how much it has of a study: once after each time that images came."""
    if study.last_image is None or _is_said_complete(study):
        return False
    is_quiet = study.last_image + timedelta(seconds=settings.dicom.study_quiet_seconds) <= now
    return is_quiet and (row is None or row.asked is None or row.asked < study.last_image)


def images_due(
    session: Session, study: Study, progress: StudyProgress, settings: Settings, now: datetime
) -> Due | NotYet:
    """Decide whether the images of a study can be read, with what an archive says of the rest."""
    due = reading_due(progress, settings.dicom, now)
    if isinstance(due, NotYet) or study.images != WorkState.WAITING or progress.hinted.is_whole:
        return due
    return rest_of(session, study, settings, now) or due


def rest_of(session: Session, study: Study, settings: Settings, now: datetime) -> NotYet | None:
    """Say what a study that has fallen quiet still waits for, or None where its images can be read."""
    if study.last_image is None or _is_said_complete(study) or not queried_peers(settings):
        return None
    quiet = timedelta(seconds=settings.dicom.study_quiet_seconds)
    until = study.last_image + quiet + timedelta(minutes=settings.fetch.wait_for_rest_minutes)
    if now >= until:
        return None
    if is_count_due(study, archived(session, row_id(study)), settings, now):
        return NotYet("waits for an archive to say how much there is of it", until)
    compared = compare(session, study)
    if compared is None or not compared.is_short:
        return None
    return NotYet(f"waits for the rest: {compared.sentence.rstrip('.')}", until)


def _is_said_complete(study: Study) -> bool:
    """Tell whether a person said, after the last image, that nothing more is to be waited for."""
    if study.complete_since is None or study.last_image is None:
        return False
    return study.last_image <= study.complete_since
