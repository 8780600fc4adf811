"""How far a study has come, read from the rows."""

from sqlmodel import Session, col, select

from service.completion import StudyProgress
from service.store.states import WorkState
from service.store.tables import Document, Pairing, Report, Study


def study_progress(session: Session, study: Study) -> StudyProgress:
    """Give how far a study has come, as the rules of completion need it."""
    reports = session.exec(
        select(Report.labels, Report.received)
        .join(Pairing)
        .where(Pairing.study_id == study.id, col(Report.superseded_by).is_(None))
    ).all()
    written = session.exec(select(Document.id).where(Document.study_id == study.id)).first()
    return StudyProgress(
        images=study.images,
        last_image=study.last_image,
        reports=[(WorkState(state), at) for state, at in reports],
        review_reason=study.review_reason,
        is_written=written is not None,
        is_complete=study.complete_since is not None,
    )
