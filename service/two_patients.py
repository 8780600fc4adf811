"""Studies whose objects name two patients: a person decides, unless both are one patient now."""

from collections.abc import Collection

from sqlmodel import Session, col, or_, select

from service.identities import current_id
from service.results import results_changed
from service.store.identity_tables import FurtherPatient
from service.store.tables import Patient, Study, row_id

TWO_PATIENTS = (
    "Its objects carry two patient IDs. Decide, and use `spinelabel study accept`; no report is written before."
)


def note_further_patient(session: Session, study: Study, patient: Patient) -> None:
    """Keep that an object of a study names another patient than the first ones did."""
    known = select(FurtherPatient).where(
        FurtherPatient.study_id == study.id, FurtherPatient.patient_id == row_id(patient)
    )
    if session.exec(known).one_or_none() is None:
        session.add(FurtherPatient(study_id=row_id(study), patient_id=row_id(patient)))
        session.flush()
    review_patients(session, [study])


def review_patients(session: Session, studies: Collection[Study]) -> None:
    """Say of each study whether it waits for a person because its objects name two patients."""
    numbers = [row_id(study) for study in studies]
    found = select(FurtherPatient, Patient).join(Patient).where(col(FurtherPatient.study_id).in_(numbers))
    further: dict[int, list[tuple[FurtherPatient, Patient]]] = {}
    for row, patient in session.exec(found):
        further.setdefault(row.study_id, []).append((row, patient))
    for study in studies:
        named = further.get(row_id(study))
        if named is None or study.review_reason not in {"", TWO_PATIENTS}:
            continue
        differ = any(not row.is_accepted and current_id(patient) != study.patient_id for row, patient in named)
        reason = TWO_PATIENTS if differ else ""
        if study.review_reason != reason:
            study.review_reason = reason
            session.add(study)
            results_changed(session, row_id(study))


def forget_further_patients(session: Session, study: Study) -> None:
    """Let a study name one patient only, until its objects are looked at anew."""
    for row in session.exec(select(FurtherPatient).where(FurtherPatient.study_id == study.id)):
        session.delete(row)
    session.flush()
    if study.review_reason == TWO_PATIENTS:
        study.review_reason = ""


def accept_patients(session: Session, study: Study) -> None:
    """Keep that a person took the objects of a study to be of one patient."""
    for row in session.exec(select(FurtherPatient).where(FurtherPatient.study_id == study.id)):
        row.is_accepted = True
        session.add(row)


def studies_naming(session: Session, patients: Collection[int]) -> list[Study]:
    """Give the studies that name any of these patients, first or further, and those filed under one of them now."""
    further = select(FurtherPatient.study_id).where(col(FurtherPatient.patient_id).in_(patients))
    named = or_(
        col(Study.sent_patient_id).in_(patients), col(Study.patient_id).in_(patients), col(Study.id).in_(further)
    )
    return list(session.exec(select(Study).where(named).order_by(col(Study.id))))
