"""How far a study has come, read from the rows."""

from sqlmodel import Session, col, select

from service.completion import StudyProgress
from service.store.tables import Pairing, Report, Study, WorkState


def study_progress(session: Session, study: Study) -> StudyProgress:
    """Give how far a study has come, as the rules of completion need it."""
    reports = session.exec(
        select(Report.labels, Report.received)
        .join(Pairing)
        .where(Pairing.study_id == study.id, col(Report.superseded_by).is_(None))
    ).all()
    return StudyProgress(
        study.images, study.last_image, [(WorkState(state), at) for state, at in reports], study.review_reason
    )
