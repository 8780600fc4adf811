"""Reports of a message into their table: which version is current, what it replaces, and which study it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, and_, col, or_, select

from config.rule_settings import AccessionRule
from config.settings import Settings
from integrations.hl7.adt import full_name
from integrations.hl7.oru import read_message
from integrations.hl7.reports import ReportMessage
from integrations.hl7.status import Status
from integrations.hl7.versions import current_version, versions_of
from service.accession_keys import accession_key
from service.candidates import pair_report
from service.decisions import keep_decision
from service.identities import current_id, patient_of
from service.pairing import Person
from service.results import report_changed
from service.store.findings import supersede_findings
from service.store.states import WorkState
from service.store.tables import Message, OrderNumber, Report, row_id

_SAID = (
    *("accession", "accession_issuer", "study_uid", "patient_identifier", "patient_authority", "patient_name"),
    *("birth_date", "sex", "procedure", "observed", "status", "text", "filler_number", "placer_number"),
)
"""What a report says; where one of these is read otherwise than before, it is another version."""


@dataclass(frozen=True)
class Filing:
    """The transaction that a message is filed in."""

    session: Session
    settings: Settings
    now: datetime


def file_reports(filing: Filing, message: Message, reports: Sequence[ReportMessage]) -> list[str]:
    """File each report of a message that has just been written; gives what the message log should say."""
    accessions = [report.accession for report in reports]
    notes = (
        # Two reports under one number in one message are two reports, and no versions of one.
        _file(filing, message, ordinal, report, is_shared=accessions.count(report.accession) > 1)
        for ordinal, report in enumerate(reports)
    )
    return [note for note in notes if note]


def _file(filing: Filing, message: Message, ordinal: int, report: ReportMessage, *, is_shared: bool) -> str:
    session, now = filing.session, filing.now
    key = _order_key(report, message, ordinal)
    if is_shared:
        key += f" {report.filler_number or ordinal}"
    earlier = session.exec(
        select(Report, Message).join(Message).where(Report.order_key == key).order_by(col(Report.id))
    ).all()
    arrived = [read_message(sent.raw, filing.settings.hl7).reports[row.ordinal] for row, sent in earlier]
    if len(versions_of([*arrived, report])) == len(versions_of(arrived)):
        message.repeat_of = earlier[-1][1].id
        return "version: says what an earlier message said; nothing changes"
    now_current = current_version([*arrived, report])
    replaced = next((row for row, _ in earlier if row.superseded_by is None), None)
    stays = replaced is not None and now_current == current_version(arrived)
    row = _row(report if stays else now_current, message, ordinal, key, now)
    row.version = len(earlier) + 1
    _name_patient(filing, row)
    if replaced is not None and stays:
        row.superseded_by = replaced.id
        row.labels, row.labels_reason = WorkState.HELD, "A newer or more final version is current."
        session.add(row)
        return "version: older or less final than the current one; kept in its history"
    _make_current(filing, row, now_current, [] if replaced is None else [replaced])
    return ""


def _make_current(filing: Filing, row: Report, report: ReportMessage, replaced: Sequence[Report]) -> None:
    session = filing.session
    session.add(row)
    session.flush()
    _add_numbers(filing, row, report)
    for each in replaced:
        _replace(session, each, row, filing.now)
    pair_report(session, row, filing.settings, filing.now)


def file_again(filing: Filing, message: Message, reports: Sequence[ReportMessage]) -> list[str]:
    """File the reports of a message whose reports are in the table, as the present settings read it.

    Gives what changed: a report that now says something else becomes a new version, which replaces the one before.
    """
    accessions = [report.accession for report in reports]
    changes: list[str] = []
    for ordinal, report in enumerate(reports):
        key = _order_key(report, message, ordinal)
        if accessions.count(report.accession) > 1:
            key += f" {report.filler_number or ordinal}"
        changes += _file_anew(filing, message, ordinal, key)
    return changes


def _file_anew(filing: Filing, message: Message, ordinal: int, key: str) -> list[str]:
    session = filing.session
    own = (Report.message_id == message.id, Report.ordinal == ordinal)
    rows = list(session.exec(select(Report).where(or_(Report.order_key == key, and_(*own))).order_by(col(Report.id))))
    arrived = []
    for row in rows:
        row.order_key = key
        sent = read_message(session.get_one(Message, row.message_id).raw, filing.settings.hl7).reports
        if row.ordinal < len(sent):
            arrived.append(sent[row.ordinal])
    report = current_version(arrived)
    fresh = _row(report, message, ordinal, key, filing.now)
    current = [row for row in rows if row.superseded_by is None]
    changed = [name for name in _SAID if any(getattr(row, name) != getattr(fresh, name) for row in current)]
    if current and not changed:
        return []
    fresh.version = len(rows) + 1
    _name_patient(filing, fresh)
    _make_current(filing, fresh, report, current)
    return [f"report {row_id(fresh)} is a new version; changed: {', '.join(changed).replace('_', ' ') or 'all'}"]


def _add_numbers(filing: Filing, row: Report, report: ReportMessage) -> None:
    rules = filing.settings.rules.accession
    filing.session.add_all(OrderNumber(report_id=row_id(row), **values) for values in number_values(report, rules))
    filing.session.flush()


def number_values(report: ReportMessage, rules: Sequence[AccessionRule]) -> list[dict[str, Any]]:
    """Give what the rows of a report's order numbers say, but for the report."""
    covers = set(report.covers)
    issuers = {each.number: each.issuer for each in reversed(report.order_numbers) if each.issuer}
    return [
        {
            "number": number,
            "key": accession_key(number, rules),
            "issuer": issuers.get(number, ""),
            "is_accession": number in covers,
        }
        for number in sorted(covers | {each.number for each in report.order_numbers})
    ]


def _name_patient(filing: Filing, row: Report) -> None:
    """Say who the report's patient is now; the row keeps what the message said."""
    if not row.patient_identifier:
        return
    patient = patient_of(filing.session, said_in(row.__dict__), filing.settings.hl7.authority)
    row.sent_patient_id, row.patient_id = row_id(patient), current_id(patient)


def said_in(report: Mapping[str, Any]) -> Person:
    """Give the patient as the row of a report names them."""
    return Person(
        report["patient_identifier"],
        report["patient_authority"],
        report["patient_name"],
        report["birth_date"],
        report["sex"],
    )


def order_key(report: ReportMessage, sender: str) -> str | None:
    """Give what versions of one report share: its accession number, else its filler number, else its study."""
    for kind, value in (
        ("accession", report.accession and f"{report.accession_issuer or ''} {report.accession}"),
        ("filler", report.filler_number),
        ("study", report.study_uid),
    ):
        if value:
            return f"{sender} {kind} {value}"
    return None


def _order_key(report: ReportMessage, message: Message, ordinal: int) -> str:
    return order_key(report, message.sender) or f"message {message.id} {ordinal}"


def _replace(session: Session, replaced: Report, row: Report, now: datetime) -> None:
    replaced.superseded_by = row_id(row)
    session.add(replaced)
    keep_decision(session, replaced, row, now)
    supersede_findings(session, row_id(replaced), now)
    report_changed(session, row_id(replaced))


def _row(report: ReportMessage, message: Message, ordinal: int, key: str, now: datetime) -> Report:
    return Report(message_id=row_id(message), ordinal=ordinal, order_key=key, received=now, **report_values(report))


def report_values(report: ReportMessage) -> dict[str, Any]:
    """Give what the row of a report says of it."""
    patient = report.patient
    return {
        "accession": report.accession or "",
        "accession_issuer": report.accession_issuer or "",
        "study_uid": report.study_uid or "",
        "patient_identifier": patient.id.id if patient and patient.id else "",
        "patient_authority": patient.id.authority if patient and patient.id else "",
        "patient_name": full_name([patient.family, patient.given, patient.middle]) if patient else "",
        "birth_date": (report.birth_date or "").replace("-", ""),
        "sex": patient.sex if patient else "",
        "procedure": report.procedure or "",
        "observed": report.observed_at.earliest if report.observed_at else None,
        "status": report.status.value,
        "text": report.text,
        "filler_number": report.filler_number or "",
        "placer_number": report.placer_number or "",
        "labels": WorkState.WAITING if report.to_be_labelled else WorkState.HELD,
        "labels_reason": "" if report.to_be_labelled else _why_held(report),
    }


def _why_held(report: ReportMessage) -> str:
    if report.status is Status.CANCELLED:
        return "The report was withdrawn."
    if report.review:
        return " ".join(report.review)
    if not report.text:
        return "The report has no text. Ask the sender for it."
    return f"The report is {report.status.value}; the final one is labelled when it arrives."
