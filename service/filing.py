"""Where a received object belongs: its study, made with the first of its objects, and its series."""

from datetime import datetime

from sqlmodel import Session, select

from config.settings import Settings
from integrations.dicom.header import InstanceHeader
from service.accession_keys import accession_key
from service.candidates import pair_waiting_reports
from service.identities import current_id, patient_of
from service.pairing import Person
from service.store.states import WorkState
from service.store.tables import Instance, Series, Study, row_id
from service.study_images import is_image
from service.two_patients import note_further_patient
from service.usual_objects import is_another_patient


def file_under_study(session: Session, settings: Settings, instance: Instance, header: InstanceHeader) -> None:
    """File an object that is in use under its study, which waits for its images to be read from now on."""
    study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
    if study is None:
        study = _study(session, settings, header, instance.received)
        session.add(study)
        session.flush()
        pair_waiting_reports(session, study, settings, instance.received)
    else:
        if is_another_patient(header, study.patient_identifier, study.patient_authority):
            review_patient(session, settings, study, header)
        if _fill_in(session, settings, study, header):
            session.add(study)
            session.flush()
            pair_waiting_reports(session, study, settings, instance.received)
    if is_image(header.modality, header.sop_class_uid):
        is_new = instance.id is None  # and then the last, also where the clock was set back since the one before
        study.last_image = (
            instance.received if is_new else max(instance.received, study.last_image or instance.received)
        )
        study.images, study.images_starts = WorkState.WAITING, 0
    study.notes = study.notes or "; ".join(header.notes)
    session.add(study)
    instance.series_id = row_id(series_of(session, row_id(study), header))


def series_of(session: Session, study_id: int, header: InstanceHeader) -> Series:
    """Give the series of an object, known or new."""
    series = session.exec(
        select(Series).where(Series.study_id == study_id, Series.series_uid == header.series_uid)
    ).one_or_none()
    if series is None:
        series = Series(
            study_id=study_id,
            series_uid=header.series_uid,
            modality=header.modality,
            description=header.series_description,
        )
        session.add(series)
        session.flush()
    return series


def name_patient(session: Session, settings: Settings, study: Study, header: InstanceHeader) -> None:
    """Keep what an object says of its study's patient, and say who that is now.

    An empty Patient ID is this study's own patient and nobody else's.
    """
    said = person_of(header)
    patient = patient_of(session, said, settings.hl7.authority)
    study.sent_patient_id, study.patient_id = row_id(patient), current_id(patient)
    study.patient_identifier, study.patient_authority = said.identifier, said.authority
    study.patient_name, study.birth_date, study.sex = said.name, said.birth_date, said.sex


def person_of(header: InstanceHeader) -> Person:
    """Give the patient as an object names them."""
    return Person(header.patient_id, header.patient_id_issuer, header.patient_name, header.birth_date, header.sex)


def review_patient(session: Session, settings: Settings, study: Study, header: InstanceHeader) -> None:
    """Have a person decide about a study whose objects name two patients, unless both are one patient now."""
    patient = patient_of(session, person_of(header), settings.hl7.authority)
    if row_id(patient) != study.sent_patient_id:
        note_further_patient(session, study, patient)


def _fill_in(session: Session, settings: Settings, study: Study, header: InstanceHeader) -> bool:
    """Take from a later object what the first ones lacked to be paired by; tells whether it did."""
    filled = False
    if not study.accession and header.accession_number:
        _name_order(settings, study, header)
        filled = True
    if not study.patient_identifier and header.patient_id:
        name_patient(session, settings, study, header)
        filled = True
    return filled


def _study(session: Session, settings: Settings, header: InstanceHeader, now: datetime) -> Study:
    study = Study(
        study_uid=header.study_uid,
        patient_id=0,
        study_id=header.study_id,
        study_date=header.study_date,
        study_time=header.study_time,
        description=header.study_description,
        first_received=now,
    )
    _name_order(settings, study, header)
    name_patient(session, settings, study, header)
    return study


def _name_order(settings: Settings, study: Study, header: InstanceHeader) -> None:
    study.accession, study.accession_issuer = header.accession_number, header.accession_issuer
    study.accession_key = accession_key(header.accession_number, settings.rules.accession)
