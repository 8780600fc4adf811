"""Patients by their numbers: the row that a number means, and the one that it means now after merges."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, or_, select

from service.merging import Step, current_patients
from service.pairing import Person
from service.store.identity_tables import PatientMerge
from service.store.tables import Patient, row_id


def patient_of(session: Session, said: Person, own_authority: str | None) -> Patient:
    """Give the patient that a number means as it was sent, before merges; one that nobody sent before is made.

    A number without an authority is of the site's own (`hl7.authority`), else of the only one that is known to have
    given it out. What is not yet known of the patient is taken from what is said, unless ADT tells of that patient.
    """
    found = find_patient(session, said.identifier, said.authority, own_authority)
    if found is None:
        found = Patient(**new_patient(said, own_authority))
    if found.as_of is None:
        found.name = found.name or said.name
        found.birth_date = found.birth_date or said.birth_date
        found.sex = found.sex or said.sex
    if not found.assigner:
        found.assigner = said.authority
    session.add(found)
    session.flush()
    return found


def new_patient(said: Person, own_authority: str | None) -> dict[str, Any]:
    """Give what the row of a patient says whom nobody named before."""
    return {
        "identifier": said.identifier or None,
        "authority": said.authority,
        "assigner": said.authority or own_authority or "",
        "name": said.name,
        "birth_date": said.birth_date,
        "sex": said.sex,
    }


def find_patient(session: Session, identifier: str, authority: str, own_authority: str | None) -> Patient | None:
    """Give the patient that a number means as it was sent, or None; an empty one means nobody.

    The only one without an authority is also the one of an authority that is heard of for the first time.
    """
    if not identifier:
        return None
    known = session.exec(select(Patient).where(Patient.identifier == identifier).order_by(col(Patient.id))).all()
    wanted = authority or own_authority or ""
    if not wanted and len(known) == 1:
        return known[0]
    exact = (patient for patient in known if patient.assigner == wanted or (not authority and not patient.authority))
    unclaimed = (patient for patient in known if not patient.assigner)
    return next(exact, next(unclaimed, None))


def current_id(patient: Patient) -> int:
    """Give the number of the row of who a patient is now."""
    return row_id(patient) if patient.merged_into is None else patient.merged_into


def patients_with_number(session: Session, number: str) -> list[int]:
    """Give the current patients who have, or ever had, this number."""
    found = session.exec(select(Patient).where(Patient.identifier == number)).all() if number else []
    return sorted({current_id(patient) for patient in found})


def same_patients(session: Session, current: Collection[int]) -> list[Patient]:
    """Give the rows of all numbers of these current patients."""
    chosen = or_(col(Patient.id).in_(current), col(Patient.merged_into).in_(current))
    return list(session.exec(select(Patient).where(chosen)))


@dataclass(frozen=True)
class Relatives:
    """Patients that merges connect, whether they still hold or were undone, and the steps between them."""

    patients: frozenset[int]
    steps: tuple[PatientMerge, ...]


def relatives_of(session: Session, patients: Collection[int]) -> Relatives:
    """Give all patients that steps ever connected with these."""
    known, fresh = set(patients), set(patients)
    steps: dict[int, PatientMerge] = {}
    while fresh:
        touching = or_(col(PatientMerge.old_id).in_(fresh), col(PatientMerge.new_id).in_(fresh))
        found = session.exec(select(PatientMerge).where(touching)).all()
        steps.update((step.id or 0, step) for step in found)
        fresh = {each for step in found for each in (step.old_id, step.new_id)} - known
        known |= fresh
    ordered = sorted(steps.values(), key=lambda step: (step.at, step.id))
    return Relatives(frozenset(known), tuple(ordered))


def settle(session: Session, relatives: Relatives) -> None:
    """Write down who each of these patients is now."""
    now = current_patients(Step(step.old_id, step.new_id, step.is_parted) for step in relatives.steps)
    for patient in session.exec(select(Patient).where(col(Patient.id).in_(relatives.patients))):
        patient.merged_into = now.get(row_id(patient))
        session.add(patient)
    session.flush()
