"""What ADT messages and people say of patients, into the store: who each number means now, and what follows from it.

Studies and reports keep what their objects and messages said, and are filed under who that is now. So what was merged
wrongly goes back where it was.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from config.settings import Settings
from integrations.hl7.adt import Adt, Demographics
from integrations.hl7.identifiers import PatientId
from service.candidates import pair_again
from service.errors import UnknownItem
from service.identities import current_id, find_patient, patient_of, relatives_of, settle
from service.pairing import Person
from service.store.history import note_change
from service.store.identity_tables import KnownAs, PatientMerge
from service.store.tables import Patient, Report, Study, row_id
from service.two_patients import review_patients, studies_naming

BY_A_PERSON = "by a person"


@dataclass(frozen=True)
class Telling:
    """The transaction in which something is told of patients; `message_id` is None where a person tells it."""

    session: Session
    settings: Settings
    now: datetime
    message_id: int | None = None

    @property
    def by(self) -> str:
        """Say who tells it."""
        return BY_A_PERSON if self.message_id is None else f"by message {self.message_id}"


def apply_adt(telling: Telling, adt: Adt) -> list[str]:
    """Do what an ADT message says; gives what the message log should say.

    Steps are taken in the order in which they occurred, whatever the order of their messages; what a sender's clock
    puts into the future occurred when it came.
    """
    session, at = telling.session, min(adt.occurred or telling.now, telling.now)
    notes, touched = [], set[int]()
    for person in adt.people:
        patient = _patient(telling, person.patient)
        if not _tell(telling, patient, person, at):
            notes.append("identity: older than what is known of the patient; changes nothing")
        touched.add(row_id(patient))
    for merge in adt.merges:
        old, new = _patient(telling, merge.old), _patient(telling, merge.new)
        if row_id(old) != row_id(new):
            _take_step(telling, PatientMerge(old_id=row_id(old), new_id=row_id(new), at=at))
        touched |= {row_id(old), row_id(new)}
    for pair in adt.parted:
        rows = [find_patient(session, each.id, each.authority, telling.settings.hl7.authority) for each in pair]
        numbers = [row_id(row) for row in rows if row is not None]
        if len(set(numbers)) < len(pair) or len({current_id(row) for row in rows if row is not None}) > 1:
            notes.append("identity: the two numbers are not merged; there is nothing to unlink")
            continue
        _take_step(telling, PatientMerge(old_id=numbers[0], new_id=numbers[1], is_parted=True, at=at))
        touched |= set(numbers)
    return [*notes, _follow_up(telling, touched)] if touched else notes


def unmerge(telling: Telling, number: str, authority: str | None = None) -> str:
    """Part a number again from the patient that it was merged into; gives what followed, in words.

    Raises:
        UnknownItem: no number, or several, of this name is merged into another.
    """
    found = select(Patient).where(Patient.identifier == number, col(Patient.merged_into).is_not(None))
    if authority is not None:
        found = found.where(or_(Patient.assigner == authority, Patient.authority == authority))
    merged = telling.session.exec(found).all() if number else []
    if len(merged) != 1:
        raise UnknownItem(
            f"{len(merged)} patients of this number are merged into another. `spinelabel patient show` says which "
            "number means whom; --authority chooses one of several."
        )
    (patient,) = merged
    step = PatientMerge(old_id=row_id(patient), new_id=current_id(patient), is_parted=True, at=telling.now)
    _take_step(telling, step)
    return _follow_up(telling, {step.old_id, step.new_id})


def _patient(telling: Telling, sent: PatientId) -> Patient:
    return patient_of(telling.session, Person(sent.id, sent.authority), telling.settings.hl7.authority)


def _take_step(telling: Telling, step: PatientMerge) -> None:
    step.message_id = telling.message_id
    telling.session.add(step)
    telling.session.flush()
    note_change(telling.session, "identity", step.old_id, "parted" if step.is_parted else "merged", telling.by)


def _tell(telling: Telling, patient: Patient, told: Demographics, at: datetime) -> bool:
    """Take over what a message tells of a patient; tells whether it is newer than what is known."""
    session = telling.session
    is_newer = patient.as_of is None or at >= patient.as_of
    before = (patient.name, patient.birth_date, patient.sex)
    values = {
        name: value
        for name, value in (("name", told.name), ("birth_date", told.birth_date), ("sex", told.sex))
        if value is not None
    }
    if is_newer and not told.is_former:
        for name, value in values.items():
            setattr(patient, name, value)
        patient.as_of = at
        session.add(patient)
        if (patient.name, patient.birth_date, patient.sex) != before:
            note_change(session, "identity", row_id(patient), "updated", telling.by)
    known = KnownAs(
        patient_id=row_id(patient), name=told.name or "", birth_date=told.birth_date or "", sex=told.sex or ""
    )
    if (
        any(values.values())
        and session.exec(
            select(KnownAs).where(
                KnownAs.patient_id == known.patient_id,
                KnownAs.name == known.name,
                KnownAs.birth_date == known.birth_date,
                KnownAs.sex == known.sex,
            )
        ).first()
        is None
    ):
        known.message_id = telling.message_id
        session.add(known)
    session.flush()
    return is_newer or told.is_former


def _follow_up(telling: Telling, touched: Collection[int]) -> str:
    """File everything of these patients under who they are now, and look again at what rests on it."""
    session = telling.session
    relatives = relatives_of(session, touched)
    settle(session, relatives)
    current = {
        row_id(patient): current_id(patient)
        for patient in session.exec(select(Patient).where(col(Patient.id).in_(relatives.patients)))
    }
    studies = studies_naming(session, relatives.patients)
    sent = col(Report.sent_patient_id).in_(relatives.patients)
    reports = session.exec(select(Report).where(sent)).all()
    filed: list[Study | Report] = [*studies, *reports]
    for row in filed:
        if row.sent_patient_id in current and row.patient_id != current[row.sent_patient_id]:
            row.patient_id = current[row.sent_patient_id]
            session.add(row)
    session.flush()
    review_patients(session, studies)
    pair_again(session, studies, [row_id(report) for report in reports], telling.settings, telling.now)
    return f"identity: concerns {len(studies)} studies and {len(reports)} reports"
