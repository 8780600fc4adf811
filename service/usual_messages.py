"""Filing the usual message: one new report, of which neither an earlier message nor a study of ours knows anything.

A feed brings every report of a hospital, so nearly all are of this kind. Those that several connections bring at one
time are filed together by a few plain statements, a fraction of what mapped rows take.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, insert, literal, null, select, union_all
from sqlmodel import Session, col

from config.settings import Settings
from integrations.hl7.oru import ReadMessage
from service.identities import new_patient
from service.pairing import Person, ReportKeys, why_unpaired
from service.report_versions import number_values, order_key, report_values, said_in
from service.store.columns import row_values
from service.store.history import note_new_rows
from service.store.states import MessageState, PairingState
from service.store.tables import Message, OrderNumber, Patient, Report, Study

_PATIENTS: Any = select(
    *(col(Patient.id), col(Patient.identifier), col(Patient.assigner), col(Patient.as_of), col(Patient.merged_into)),
    *(col(Patient.name), col(Patient.birth_date), col(Patient.sex)),
).where(col(Patient.identifier).in_(bindparam("identifiers", expanding=True)))

_SHARED: Mapping[str, Any] = {
    "control id": col(Message.control_id),
    "report": col(Report.order_key),
    "number": col(Study.accession_key),
    "study": col(Study.study_uid),
    "identifier": col(Study.patient_identifier),
}
"""What an earlier message or a study may share with a message."""
_OF_A_PATIENT = col(Study.patient_id)
_KNOWN = union_all(
    *(
        select(literal(kind), column, null()).where(column.in_(bindparam(kind, expanding=True)))
        for kind, column in _SHARED.items()
    ),
    select(literal("patient"), literal(""), _OF_A_PATIENT).where(
        _OF_A_PATIENT.in_(bindparam("patient", expanding=True))
    ),
)
_ADD = {
    table: insert(table).returning(col(table.id), sort_by_parameter_order=True) for table in (Patient, Message, Report)
}
_ADD_NUMBERS = insert(OrderNumber)


@dataclass(frozen=True)
class _Plan:
    """A message that may be usual, and what is to be written of it."""

    place: int
    message: Mapping[str, Any]
    report: Mapping[str, Any]
    numbers: Sequence[Mapping[str, Any]]
    said: Person

    def shares(self) -> Iterator[tuple[str, str]]:
        """Give what others could share with it."""
        yield "control id", self.message["control_id"]
        yield "report", self.report["order_key"]
        yield from (("number", number["key"]) for number in self.numbers)
        if self.report["study_uid"]:
            yield "study", self.report["study_uid"]
        if self.said.identifier:
            yield "identifier", self.said.identifier


def file_usual_messages(
    session: Session, settings: Settings, rows: Sequence[Mapping[str, Any]], readings: Sequence[ReadMessage]
) -> dict[int, int]:
    """File those of some messages that are usual ones; gives the number of each one's row by its place.

    Args:
        session: a transaction that has nothing to write yet.
        settings: those of the site.
        rows: what the row of each message is to say, but for its state.
        readings: what each message was read as.
    """
    plans = list(_plans(settings, rows, readings))
    patients = _patients(session, plans, settings.hl7.authority) if plans else {}
    plans = [plan for plan in plans if plan.place in patients]
    known = _known(session, plans, patients) if plans else set()
    plans = [plan for plan in plans if not known.intersection(_asked(plan, patients[plan.place]))]
    return _insert(session, plans, patients, settings.hl7.authority) if plans else {}


def _plans(settings: Settings, rows: Sequence[Mapping[str, Any]], readings: Sequence[ReadMessage]) -> Iterator[_Plan]:
    """Plan what is one new report, as far as the messages themselves tell; none shares anything with another."""
    seen: set[tuple[str, str]] = set()
    for place, (row, read) in enumerate(zip(rows, readings, strict=True)):
        key = order_key(read.reports[0], row["sender"]) if len(read.reports) == 1 else None
        if read.fault is not None or key is None:
            continue
        values = report_values(read.reports[0])
        numbers = number_values(read.reports[0], settings.rules.accession)
        report = row_values(
            Report,
            **values,
            order_key=key,
            received=row["received"],
            pairing=PairingState.UNPAIRED,
            pairing_reason=why_unpaired(_keys(values, numbers)),
        )
        message = row_values(Message, **{**row, "state": MessageState.REPORT})
        plan = _Plan(place, message, report, numbers, said_in(values))
        if seen.isdisjoint(plan.shares()):
            yield plan
        seen.update(plan.shares())


def _patients(session: Session, plans: Sequence[_Plan], own_authority: str | None) -> dict[int, Row[Any] | None]:
    """Give the patient of each message of whom it says nothing new; None where one is new, or none is named."""
    known: dict[str, list[Row[Any]]] = defaultdict(list)
    if identifiers := [plan.said.identifier for plan in plans if plan.said.identifier]:
        for row in session.connection().execute(_PATIENTS, {"identifiers": identifiers}):
            known[row.identifier].append(row)
    found: dict[int, Row[Any] | None] = {}
    for plan in plans:
        said, rows = plan.said, known.get(plan.said.identifier, [])
        if not rows:
            found[plan.place] = None
        elif len(rows) == 1 and rows[0].assigner == (said.authority or own_authority or ""):
            tells = any(getattr(said, name) and not getattr(rows[0], name) for name in ("name", "birth_date", "sex"))
            if rows[0].as_of is not None or not tells:
                found[plan.place] = rows[0]
    return found


def _asked(plan: _Plan, patient: Row[Any] | None) -> Iterator[tuple[str, str, int | None]]:
    yield from ((kind, value, None) for kind, value in plan.shares())
    if patient is not None:
        yield "patient", "", patient.merged_into or patient.id


def _known(
    session: Session, plans: Sequence[_Plan], patients: Mapping[int, Row[Any] | None]
) -> set[tuple[str, str, int | None]]:
    """Give what of all that the messages could share is there already."""
    values: dict[str, list[str | int]] = {kind: [] for kind in (*_SHARED, "patient")}
    for plan in plans:
        for kind, value, number in _asked(plan, patients[plan.place]):
            values[kind].append(value if number is None else number)
    return {tuple(row) for row in session.connection().execute(_KNOWN, values)}


def _insert(
    session: Session, plans: Sequence[_Plan], patients: Mapping[int, Row[Any] | None], own_authority: str | None
) -> dict[int, int]:
    new = [plan for plan in plans if patients[plan.place] is None and plan.said.identifier]
    added = _add(session, Patient, [row_values(Patient, **new_patient(plan.said, own_authority)) for plan in new])
    sent = {plan.place: number for plan, number in zip(new, added, strict=True)}
    messages = _add(session, Message, [plan.message for plan in plans])
    rows = []
    for plan, message_id in zip(plans, messages, strict=True):
        patient = patients[plan.place]
        sent_id = sent.get(plan.place) if patient is None else patient.id
        current_id = sent_id if patient is None else patient.merged_into or patient.id
        rows.append({**plan.report, "message_id": message_id, "sent_patient_id": sent_id, "patient_id": current_id})
    reports = _add(session, Report, rows)
    note_new_rows(session, Report, zip(reports, rows, strict=True))
    of_reports = zip(plans, reports, strict=True)
    if numbers := [{**number, "report_id": report_id} for plan, report_id in of_reports for number in plan.numbers]:
        session.connection().execute(_ADD_NUMBERS, numbers)
    return {plan.place: message_id for plan, message_id in zip(plans, messages, strict=True)}


def _add(session: Session, table: type[Patient | Message | Report], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Write rows and give their numbers."""
    if not rows:
        return []
    numbers: Iterable[Any] = session.connection().execute(_ADD[table], [dict(row) for row in rows]).scalars()
    return list(numbers)


def _keys(report: Mapping[str, Any], numbers: Sequence[Mapping[str, Any]]) -> ReportKeys:
    return ReportKeys(
        accessions=tuple(number["key"] for number in numbers if number["is_accession"]),
        accession_issuer=report["accession_issuer"],
        study_uid=report["study_uid"],
        person=said_in(report),
        procedure=report["procedure"],
        observed=report["observed"],
    )
