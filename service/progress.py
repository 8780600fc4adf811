"""How far studies have come, read from the rows, for one study or for many at once."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from service.completion import StudyProgress
from service.fetches import priors_among
from service.hinted import hinted_studies
from service.store.states import WorkState
from service.store.tables import Document, Pairing, Report, Study, row_id


def study_progress(session: Session, study: Study) -> StudyProgress:
    """Give how far a study has come, as the rules of completion need it."""
    return studies_progress(session, [study])[row_id(study)]


def studies_progress(session: Session, studies: Sequence[Study]) -> dict[int, StudyProgress]:
    """Give how far each study has come, by its number."""
    numbers = [row_id(study) for study in studies]
    reports: dict[int, list[tuple[WorkState, datetime]]] = {number: [] for number in numbers}
    paired = select(Pairing.study_id, Report.labels, Report.received).join(Report)
    for number, state, received in session.exec(
        paired.where(col(Pairing.study_id).in_(numbers), col(Report.superseded_by).is_(None))
    ):
        reports[number].append((WorkState(state), received))
    written = set(session.exec(select(Document.study_id).where(col(Document.study_id).in_(numbers))))
    priors = priors_among(session, studies)
    hinted = hinted_studies(session, studies)
    return {
        number: StudyProgress(
            images=study.images,
            last_image=study.last_image,
            reports=reports[number],
            review_reason=study.review_reason,
            is_written=number in written,
            complete_since=study.complete_since,
            is_disowned=study.is_disowned,
            is_prior=number in priors,
            hinted=hinted[number],
        )
        for number, study in zip(numbers, studies, strict=True)
    }
