"""Noting that what is said of a study changed, so that its structured report follows."""

from sqlmodel import Session, select

from service.store.states import WorkState
from service.store.tables import Pairing, Study


def results_changed(session: Session, study_id: int) -> None:
    """Note that a study's results changed, so that its structured report is written anew when it is due."""
    study = session.get_one(Study, study_id)
    study.results, study.document_starts = study.results + 1, 0
    study.document, study.document_not_before = WorkState.WAITING, None
    session.add(study)


def report_changed(session: Session, report_id: int) -> None:
    """Note that the results of every study changed that a report is paired with."""
    for study_id in paired_studies(session, report_id):
        results_changed(session, study_id)


def paired_studies(session: Session, report_id: int) -> list[int]:
    """Give the studies that a report is paired with."""
    return list(session.exec(select(Pairing.study_id).where(Pairing.report_id == report_id)))
