"""Pairing on the database: fetches the candidates, asks the rules of `pairing`, and records what they decide.

Many reports are looked at with a few queries, all by an index, and only what changes is written: one patient may have
hundreds of reports, and each study that comes is looked at under the write lock.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, false, or_
from sqlmodel import Session, col, select

from config.settings import Settings
from service.identities import current_id, same_patients
from service.pairing import Decision, NeedsReview, Paired, Person, ReportKeys, StudyKeys, pair
from service.results import results_changed
from service.store.identity_tables import KnownAs
from service.store.pairing_tables import KeptApart
from service.store.states import PairingState
from service.store.tables import OrderNumber, Pairing, Report, Study, row_id

BY_HAND = "by hand"
"""How a person's decision is recorded; rules never change it."""
AT_A_TIME = 400
T = TypeVar("T")


def pair_report(session: Session, report: Report, settings: Settings, now: datetime) -> None:
    """Look for the studies of a report that has just arrived."""
    pair_reports(session, [report], settings, now)


def pair_waiting_reports(session: Session, study: Study, settings: Settings, now: datetime) -> None:
    """Look again for the studies of reports that may be about a study that has just arrived, or changed."""
    pair_reports(session, _current(session, _reports_about(session, study, settings)), settings, now)


def pair_again(
    session: Session, studies: Iterable[Study], reports: Iterable[int], settings: Settings, now: datetime
) -> None:
    """Look again for the studies of these reports, and of all that may be about one of these studies."""
    numbers = set(reports).union(*(_reports_about(session, study, settings) for study in studies))
    pair_reports(session, _current(session, numbers), settings, now)


def pair_reports(session: Session, reports: Sequence[Report], settings: Settings, now: datetime) -> None:
    """Decide anew which studies reports are about, except where a person did."""
    window = timedelta(hours=settings.pairing.window_hours)
    for some in in_turns(reports):
        pairings: dict[int, list[Pairing]] = defaultdict(list)
        numbers = [row_id(report) for report in some]
        for pairing in session.exec(select(Pairing).where(col(Pairing.report_id).in_(numbers))):
            pairings[pairing.report_id].append(pairing)
        undecided = [report for report in some if all(pairing.how != BY_HAND for pairing in pairings[row_id(report)])]
        for report, keys, studies in _with_candidates(session, undecided, settings):
            _record(session, report, pair(keys, studies, window), pairings[row_id(report)], now)
        session.flush()


def in_turns(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Give items some at a time, no more than a query can name."""
    return (items[first : first + AT_A_TIME] for first in range(0, len(items), AT_A_TIME))


def set_pairings(session: Session, report: Report, decision: Paired, now: datetime) -> None:
    """Pair a report with these studies and no others."""
    there = session.exec(select(Pairing).where(Pairing.report_id == report.id)).all()
    _record(session, report, decision, there, now)
    session.flush()


def _reports_about(session: Session, study: Study, settings: Settings) -> set[int]:
    """Give the reports whose pairing may depend on a study: with its numbers, near its time, or paired with it."""
    found: set[int] = set(session.exec(select(Pairing.report_id).where(Pairing.study_id == study.id)))
    found.update(_numbers(session, Report.study_uid == study.study_uid))
    if study.accession_key:
        found.update(session.exec(select(OrderNumber.report_id).where(OrderNumber.key == study.accession_key)))
    started = _started(study, ZoneInfo(settings.hl7.time_zone))
    if started is None:
        return found
    window = timedelta(hours=settings.pairing.window_hours)
    for of_patient in _is_of_patient(study):
        near = [of_patient, col(Report.observed) >= started - window, col(Report.observed) <= started + window]
        # By patient and time pairs only where one of both has no accession number.
        found.update(_numbers(session, *near, *([col(Report.accession) == ""] if study.accession else [])))
    return found


def _numbers(session: Session, *conditions: ColumnElement[bool] | bool) -> list[int]:
    return [number for number in session.exec(select(Report.id).where(*conditions)) if number is not None]


def _is_of_patient(study: Study) -> Iterator[ColumnElement[bool]]:
    yield col(Report.patient_id) == study.patient_id
    if study.patient_identifier:
        yield col(Report.patient_identifier) == study.patient_identifier


def _current(session: Session, numbers: Collection[int]) -> list[Report]:
    found: list[Report] = []
    for some in in_turns(sorted(numbers)):
        current = select(Report).where(col(Report.id).in_(some), col(Report.superseded_by).is_(None))
        found += session.exec(current.order_by(col(Report.id)))
    return found


def _with_candidates(
    session: Session, reports: Sequence[Report], settings: Settings
) -> Iterator[tuple[Report, ReportKeys, list[StudyKeys]]]:
    """Give each report's identifiers with every study that shares one of them."""
    orders: dict[int, list[OrderNumber]] = defaultdict(list)
    ids = [row_id(report) for report in reports]
    for order in session.exec(
        select(OrderNumber).where(col(OrderNumber.report_id).in_(ids)).order_by(col(OrderNumber.id))
    ):
        orders[order.report_id].append(order)
    apart: dict[int, set[int]] = defaultdict(set)
    for parted in session.exec(select(KeptApart).where(col(KeptApart.report_id).in_(ids))):
        apart[parted.report_id].add(parted.study_id)
    studies = _candidates(session, reports, [order.key for each in orders.values() for order in each])
    known_as = _known_as(session, {study.patient_id for study in studies})
    zone = ZoneInfo(settings.hl7.time_zone)
    keys = {row_id(study): _study_keys(study, known_as.get(study.patient_id, ()), zone) for study in studies}
    sharing = _by_key(studies)
    for report in reports:
        wanted: set[tuple[str, str | int | None]] = {("key", order.key) for order in orders[row_id(report)]}
        wanted |= {("uid", report.study_uid), ("patient", report.patient_id), ("number", report.patient_identifier)}
        shared = sorted({study for each in wanted if each[1] for study in sharing.get(each, ())})
        ours = report_keys(report, orders[row_id(report)], apart[row_id(report)])
        yield report, ours, [keys[study] for study in shared]


def _candidates(session: Session, reports: Sequence[Report], keys: Collection[str]) -> Sequence[Study]:
    shares: list[ColumnElement[bool]] = [
        col(Study.accession_key).in_({key for key in keys if key}),
        col(Study.study_uid).in_({report.study_uid for report in reports if report.study_uid}),
        col(Study.patient_id).in_({report.patient_id for report in reports if report.patient_id is not None}),
        col(Study.patient_identifier).in_({each.patient_identifier for each in reports if each.patient_identifier}),
    ]
    return session.exec(select(Study).where(or_(false(), *shares)).order_by(col(Study.id))).all()


def _by_key(studies: Sequence[Study]) -> Mapping[tuple[str, str | int | None], list[int]]:
    sharing: dict[tuple[str, str | int | None], list[int]] = defaultdict(list)
    for study in studies:
        for kind, value in (
            ("key", study.accession_key),
            ("uid", study.study_uid),
            ("patient", study.patient_id),
            ("number", study.patient_identifier),
        ):
            sharing[kind, value].append(row_id(study))
    return sharing


def _known_as(session: Session, patients: Collection[int]) -> dict[int, tuple[Person, ...]]:
    """Give what ADT has told of current patients, under any of their numbers."""
    current = {row_id(patient): current_id(patient) for patient in same_patients(session, patients)}
    known: dict[int, tuple[Person, ...]] = defaultdict(tuple)
    for told in session.exec(select(KnownAs).where(col(KnownAs.patient_id).in_(current))):
        known[current[told.patient_id]] += (Person("", "", told.name, told.birth_date, told.sex),)
    return known


def _record(session: Session, report: Report, decision: Decision, there: Sequence[Pairing], now: datetime) -> None:
    """Write down what changes of a report's pairings, and have the structured reports of those studies follow."""
    chosen = decision.study_ids if isinstance(decision, Paired) else ()
    for pairing in there:
        if pairing.study_id not in chosen:
            session.delete(pairing)
            results_changed(session, pairing.study_id)
        elif isinstance(decision, Paired) and decision.how == BY_HAND:
            pairing.how, pairing.evidence = decision.how, decision.evidence
            session.add(pairing)
    if isinstance(decision, Paired):
        for study_id in sorted(set(chosen) - {pairing.study_id for pairing in there}):
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
    else:
        report.pairing = PairingState.REVIEW if isinstance(decision, NeedsReview) else PairingState.UNPAIRED
        report.pairing_reason = decision.reason
    session.add(report)


def report_keys(report: Report, numbers: Sequence[OrderNumber], apart: Collection[int]) -> ReportKeys:
    """Give the identifiers of a report as the rules compare them, and the studies that a person parted it from."""
    return ReportKeys(
        accessions=tuple(each.key for each in numbers if each.is_accession),
        other_numbers=tuple(each.key for each in numbers if not each.is_accession),
        issuers={each.key: each.issuer for each in numbers if each.issuer},
        accession_issuer=report.accession_issuer,
        study_uid=report.study_uid,
        person=Person(
            report.patient_identifier,
            report.patient_authority,
            report.patient_name,
            report.birth_date,
            report.sex,
            report.patient_id,
        ),
        procedure=report.procedure,
        observed=report.observed,
        apart=frozenset(apart),
    )


def _study_keys(study: Study, known_as: tuple[Person, ...], zone: ZoneInfo) -> StudyKeys:
    return StudyKeys(
        id=row_id(study),
        accession=study.accession_key,
        accession_issuer=study.accession_issuer,
        study_uid=study.study_uid,
        person=Person(
            study.patient_identifier,
            study.patient_authority,
            study.patient_name,
            study.birth_date,
            study.sex,
            study.patient_id,
        ),
        description=study.description,
        started=_started(study, zone),
        known_as=known_as,
    )


def _started(study: Study, zone: ZoneInfo) -> datetime | None:
    """Give the study's date and time; a study without a readable date cannot be paired by time."""
    try:
        return datetime.strptime(study.study_date + (study.study_time[:4] or "0000"), "%Y%m%d%H%M").replace(tzinfo=zone)
    except ValueError:
        return None
