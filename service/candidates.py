"""Pairing on the database: fetches the candidates, asks the rules of `pairing`, and records what they decide."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, false, or_
from sqlmodel import Session, col, select

from config.settings import Settings
from service.errors import UnknownItem
from service.pairing import Decision, NeedsReview, Paired, Person, ReportKeys, StudyKeys, pair
from service.store.states import PairingState, WorkState
from service.store.tables import OrderNumber, Pairing, Patient, Report, Study, row_id

BY_HAND = "by hand"
"""How a person's decision is recorded; rules never change it."""


def pair_report(session: Session, report: Report, settings: Settings, now: datetime) -> None:
    """Look for the studies of a report that has just arrived."""
    numbers = session.exec(select(OrderNumber).where(OrderNumber.report_id == report.id)).all()
    found = session.exec(select(Study, Patient).join(Patient).where(_shares_a_key(report, numbers))).all()
    zone = ZoneInfo(settings.hl7.time_zone)
    studies = [_study_keys(study, patient, zone) for study, patient in found]
    window = timedelta(hours=settings.pairing.window_hours)
    _record(session, report, pair(_report_keys(report, numbers), studies, window), now)


def pair_waiting_reports(session: Session, study: Study, patient: Patient, settings: Settings, now: datetime) -> None:
    """Look again for the studies of reports that may be about a study that has just arrived."""
    keys = [col(Report.study_uid) == study.study_uid]
    if study.accession:
        carrying = select(OrderNumber.report_id).where(OrderNumber.number == study.accession)
        keys.append(col(Report.id).in_(carrying))
    if patient.identifier:
        keys.append(col(Report.patient_identifier) == patient.identifier)
    waiting = session.exec(
        select(Report).where(col(Report.superseded_by).is_(None), or_(*keys)).order_by(col(Report.id))
    )
    for report in waiting.all():
        pair_report(session, report, settings, now)


def pair_by_hand(session: Session, report_id: int, study: str, now: datetime) -> None:
    """Pair a report with one study, by Study Instance UID or accession number, and with no other.

    Raises:
        UnknownItem: there is no such current report, or not exactly one such study.
    """
    report = session.get(Report, report_id)
    if report is None or report.superseded_by is not None:
        raise UnknownItem(f"There is no current report {report_id}. The page lists reports with their numbers.")
    chosen = row_id(find_study(session, study))
    _set_pairings(session, report, Paired((chosen,), BY_HAND, "paired by a person"), now)


def find_study(session: Session, name: str) -> Study:
    """Find a study by its Study Instance UID or accession number.

    Raises:
        UnknownItem: not exactly one has it.
    """
    found = session.exec(select(Study).where(or_(col(Study.study_uid) == name, col(Study.accession) == name))).all()
    if len(found) != 1 or not name:
        raise UnknownItem(f"{len(found)} studies have this UID or accession number. Name one by its UID.")
    return found[0]


def keep_decision(session: Session, replaced: Report, report: Report, now: datetime) -> None:
    """Let the next version of a report stay where a person put the last one."""
    studies = session.exec(
        select(Pairing.study_id).where(Pairing.report_id == replaced.id, Pairing.how == BY_HAND)
    ).all()
    if studies:
        _set_pairings(session, report, Paired(tuple(studies), BY_HAND, "paired by a person"), now)


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


def _record(session: Session, report: Report, decision: Decision, now: datetime) -> None:
    by_hand = select(Pairing.id).where(Pairing.report_id == report.id, Pairing.how == BY_HAND)
    if session.exec(by_hand).first() is not None:
        return
    if isinstance(decision, Paired):
        _set_pairings(session, report, decision, now)
        return
    _remove_pairings(session, report, ())
    report.pairing = PairingState.REVIEW if isinstance(decision, NeedsReview) else PairingState.UNPAIRED
    report.pairing_reason = decision.reason
    session.add(report)


def _set_pairings(session: Session, report: Report, decision: Paired, now: datetime) -> None:
    _remove_pairings(session, report, decision.study_ids)
    for study_id in sorted(set(decision.study_ids) - set(paired_studies(session, row_id(report)))):
        session.add(
            Pairing(
                report_id=row_id(report),
                study_id=study_id,
                how=decision.how,
                evidence=decision.evidence,
                created=now,
            )
        )
        results_changed(session, study_id)
    report.pairing, report.pairing_reason = PairingState.PAIRED, decision.evidence
    session.add(report)
    session.flush()


def _remove_pairings(session: Session, report: Report, but: Collection[int]) -> None:
    for pairing in session.exec(select(Pairing).where(Pairing.report_id == report.id)).all():
        if pairing.study_id not in but:
            session.delete(pairing)
            results_changed(session, pairing.study_id)
    session.flush()


def _shares_a_key(report: Report, numbers: Sequence[OrderNumber]) -> ColumnElement[bool]:
    keys: list[ColumnElement[bool]] = [col(Study.accession).in_([each.number for each in numbers])]
    if report.study_uid:
        keys.append(col(Study.study_uid) == report.study_uid)
    if report.patient_identifier:
        keys.append(col(Patient.identifier) == report.patient_identifier)
    return or_(false(), *keys)


def _report_keys(report: Report, numbers: Sequence[OrderNumber]) -> ReportKeys:
    return ReportKeys(
        accessions=tuple(each.number for each in numbers if each.is_accession),
        other_numbers=tuple(each.number for each in numbers if not each.is_accession),
        accession_issuer=report.accession_issuer,
        study_uid=report.study_uid,
        person=Person(
            report.patient_identifier, report.patient_authority, report.patient_name, report.birth_date, report.sex
        ),
        procedure=report.procedure,
        observed=report.observed,
    )


def _study_keys(study: Study, patient: Patient, zone: ZoneInfo) -> StudyKeys:
    return StudyKeys(
        id=row_id(study),
        accession=study.accession,
        accession_issuer=study.accession_issuer,
        study_uid=study.study_uid,
        person=Person(patient.identifier or "", patient.authority, patient.name, patient.birth_date, patient.sex),
        description=study.description,
        started=_started(study, zone),
    )


def _started(study: Study, zone: ZoneInfo) -> datetime | None:
    """Give the study's date and time; a study without a readable date cannot be paired by time."""
    try:
        return datetime.strptime(study.study_date + (study.study_time[:4] or "0000"), "%Y%m%d%H%M").replace(tzinfo=zone)
    except ValueError:
        return None
