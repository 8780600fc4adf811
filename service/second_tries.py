"""What failed or was stopped goes on because a person says so."""

from datetime import datetime

from sqlmodel import Session, col, or_, select

from service.decisions import find_study
from service.results import results_changed
from service.store.columns import utc_now
from service.store.fetch_tables import Fetch
from service.store.states import FetchState, WorkState
from service.store.tables import Report, Study, row_id
from service.two_patients import accept_patients

UNFINISHED = (WorkState.FAILED, WorkState.QUEUED)
"""What is queued is asked for once more too, in case its request was lost; what is written is written once."""


def try_again(session: Session) -> int:
    """Ask again for every labelling, reading, writing and fetching that failed; gives how many of them there were."""
    reports = session.exec(
        select(Report).where(col(Report.labels).in_(UNFINISHED), col(Report.superseded_by).is_(None))
    ).all()
    studies = session.exec(
        select(Study).where(or_(col(Study.images).in_(UNFINISHED), col(Study.document).in_(UNFINISHED)))
    ).all()
    given_up = session.exec(select(Fetch).where(Fetch.state == FetchState.GIVEN_UP)).all()
    for fetch in given_up:
        fetch.state, fetch.attempts, fetch.next_attempt = FetchState.WAITING, 0, utc_now()
        session.add(fetch)
    failed = [report.labels for report in reports] + [state for s in studies for state in (s.images, s.document)]
    for report in reports:
        report.labels, report.labels_attempt, report.labels_starts = WorkState.WAITING, report.labels_attempt + 1, 0
        session.add(report)
    for study in studies:
        if study.images in UNFINISHED:
            read_again(session, study)
        results_changed(session, row_id(study))
    return failed.count(WorkState.FAILED) + len(given_up)


def read_again(session: Session, study: Study) -> None:
    """Have the images of a study read once more, under another id."""
    study.images, study.images_digest = WorkState.WAITING, None
    study.images_attempt, study.images_starts = study.images_attempt + 1, 0
    session.add(study)


def accept_study(session: Session, name: str) -> None:
    """Go on with a study that waits for a person because its objects carry two patient IDs.

    Raises:
        UnknownItem: not exactly one study has this UID or accession number.
    """
    study = find_study(session, name)
    accept_patients(session, study)
    study.review_reason = ""
    session.add(study)
    results_changed(session, row_id(study))


def complete_study(session: Session, name: str, now: datetime) -> str:
    """Wait for nothing more of a study: read the images that are there and write it up with what there is.

    What comes later all the same supersedes. Gives what still has to be decided first, or nothing.

    Raises:
        UnknownItem: not exactly one study has this UID or accession number.
    """
    study = find_study(session, name)
    study.complete_since = now
    session.add(study)
    results_changed(session, row_id(study))
    return study.review_reason
