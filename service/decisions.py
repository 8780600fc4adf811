"""What a person decides about pairings: which study a report is about, and taking that back."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, delete, or_, select

from config.settings import Settings
from service.candidates import BY_HAND, pair_report, set_pairings
from service.errors import UnknownItem
from service.identities import patients_with_number
from service.pairing import Paired
from service.results import results_changed
from service.store.pairing_tables import KeptApart
from service.store.tables import Pairing, Report, Study, row_id


def pair_by_hand(session: Session, report_id: int, study: str, now: datetime) -> None:
    """Pair a report with one study, as `find_study` finds it, and with no other.

    Raises:
        UnknownItem: there is no such current report, or not exactly one such study.
    """
    report = _current_report(session, report_id)
    chosen = row_id(find_study(session, study))
    session.exec(delete(KeptApart).where(col(KeptApart.report_id) == report_id, col(KeptApart.study_id) == chosen))
    set_pairings(session, report, Paired((chosen,), BY_HAND, "paired by a person"), now)


def undo_pairing(session: Session, report_id: int, settings: Settings, now: datetime, study: str | None = None) -> str:
    """Take back pairings, whoever made them: the rules decide again, over other studies. Gives what came, in words.

    Only the pairing with one study where that is named. The two stay apart until a person pairs them.

    Raises:
        UnknownItem: there is no such current report, or not exactly one such study, or they are not paired.
    """
    report = _current_report(session, report_id)
    undone = select(Pairing).where(Pairing.report_id == report_id)
    if study is not None:
        undone = undone.where(Pairing.study_id == find_study(session, study).id)
    pairings = session.exec(undone).all()
    if not pairings:
        raise UnknownItem(f"Report {report_id} is not paired so, and there is nothing to undo.")
    for pairing in pairings:
        session.delete(pairing)
        results_changed(session, pairing.study_id)
    _keep_apart(session, report_id, [pairing.study_id for pairing in pairings], now)
    session.flush()
    pair_report(session, report, settings, now)
    return f"{report.pairing}: {report.pairing_reason}"


def find_study(session: Session, name: str) -> Study:
    """Find a study by its Study Instance UID or accession number, else by a number that its patient has or had.

    Raises:
        UnknownItem: not exactly one has it.
    """
    named = or_(col(Study.study_uid) == name, col(Study.accession) == name, col(Study.accession_key) == name)
    found = session.exec(select(Study).where(named)).all() if name else []
    if name and not found:
        patients = patients_with_number(session, name)
        found = session.exec(select(Study).where(col(Study.patient_id).in_(patients))).all()
    if len(found) != 1:
        raise UnknownItem(f"{len(found)} studies have this UID, accession number or patient ID. Name one by its UID.")
    return found[0]


def keep_decision(session: Session, replaced: Report, report: Report, now: datetime) -> None:
    """Let the next version of a report stay where a person put the last one, and apart from what it was parted from."""
    parted = session.exec(select(KeptApart.study_id).where(KeptApart.report_id == replaced.id)).all()
    _keep_apart(session, row_id(report), parted, now)
    studies = session.exec(
        select(Pairing.study_id).where(Pairing.report_id == replaced.id, Pairing.how == BY_HAND)
    ).all()
    if studies:
        set_pairings(session, report, Paired(tuple(studies), BY_HAND, "paired by a person"), now)


def _keep_apart(session: Session, report_id: int, studies: Sequence[int], now: datetime) -> None:
    there = session.exec(select(KeptApart.study_id).where(KeptApart.report_id == report_id)).all()
    session.add_all(
        KeptApart(report_id=report_id, study_id=study, created=now) for study in sorted(set(studies) - set(there))
    )


def _current_report(session: Session, report_id: int) -> Report:
    report = session.get(Report, report_id)
    if report is None or report.superseded_by is not None:
        raise UnknownItem(f"There is no current report {report_id}. The page lists reports with their numbers.")
    return report
