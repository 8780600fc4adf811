"""What happens to a received DICOM object before it is answered: its bytes to their place, its rows to the database."""

from dataclasses import dataclass
from datetime import datetime

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import Engine
from sqlmodel import Session, select

from config.settings import Settings
from integrations.dicom.arrivals import Arrival, ReceivedObject, RefusedObject, StoreOutcome
from integrations.dicom.errors import OutOfResources
from integrations.dicom.header import InstanceHeader
from service.candidates import pair_waiting_reports
from service.errors import DiskNearlyFull
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Patient, Series, Study, row_id

NOT_IMAGES = frozenset({"SR", "PR", "KO", "DOC", "REG", "RWV", "SEG", "AU", "PLAN", "RTSTRUCT", "ANN", "FID"})
"""Modalities (DICOM PS3.3 C.7.3.1.1.1) whose objects say nothing about whether the images are complete."""


TWO_PATIENTS = "Its objects carry two patient IDs. Correct them at the PACS; until then no report is written."


@dataclass(frozen=True)
class Receiving:
    """Where received objects go."""

    engine: Engine
    store: ObjectStore
    settings: Settings

    def persist(self, received: ReceivedObject) -> StoreOutcome:
        """Keep an object; it is safely on disk, with its rows, when this returns.

        Raises:
            OutOfResources: the disk is nearly full.
        """
        header = received.header
        with reading(self.engine) as session:
            if _find(session, header.sop_instance_uid, received.sha256):
                return StoreOutcome.KNOWN_ALREADY
        file = self._place(received)
        now = utc_now()
        with writing(self.engine) as session:
            if _find(session, header.sop_instance_uid, received.sha256):
                return StoreOutcome.KNOWN_ALREADY
            first = session.exec(
                select(Instance).where(
                    Instance.sop_instance_uid == header.sop_instance_uid, Instance.state == ObjectState.STORED
                )
            ).one_or_none()
            instance = _instance(received, file, now)
            instance.sop_instance_uid = header.sop_instance_uid
            if first is not None:
                self._compare(instance, first)
                instance.conflict_of, instance.series_id = first.id, first.series_id
            else:
                self._file_under_study(session, instance, header, now)
            session.add(instance)
        return StoreOutcome.CONFLICT if instance.state == ObjectState.CONFLICT else StoreOutcome.STORED

    def keep_refused(self, refused: RefusedObject) -> None:
        """Keep the bytes of an object that is refused, with the reason, where a person finds them."""
        file = self._place(refused)
        with writing(self.engine) as session:
            instance = _instance(refused, file, utc_now())
            instance.state = ObjectState.REFUSED
            instance.reason = f"{refused.refusal.comment}. Correct it at the sender and send the object again."
            session.add(instance)

    def _place(self, arrival: Arrival) -> str:
        try:
            return self.store.place(arrival.path, arrival.sha256)
        except DiskNearlyFull as error:
            raise OutOfResources("The disk of the receiver is nearly full") from error

    def _compare(self, instance: Instance, first: Instance) -> None:
        """Tell an object that came before in another transfer syntax from one with other content."""
        differing = _differing_attributes(self.store, instance, first)
        if differing == []:
            instance.state = ObjectState.SAME_CONTENT
            return
        instance.state = ObjectState.CONFLICT
        what = ", ".join(differing[:8]) if differing else "its content"
        instance.reason = f"The SOP instance came before with other content ({what}). The first stays in use."

    def _file_under_study(self, session: Session, instance: Instance, header: InstanceHeader, now: datetime) -> None:
        study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
        patient = _patient(session, header, study)
        if study is None:
            study = _study(header, row_id(patient), now)
            session.add(study)
            session.flush()
            pair_waiting_reports(session, study, patient, self.settings, now)
        elif study.patient_id != patient.id:
            study.review_reason = TWO_PATIENTS
        if header.modality not in NOT_IMAGES:
            study.last_image, study.images = now, WorkState.WAITING
        session.add(study)
        instance.series_id = row_id(_series(session, row_id(study), header))


def _find(session: Session, sop_instance_uid: str, sha256: str) -> bool:
    found = select(Instance.id).where(Instance.sop_instance_uid == sop_instance_uid, Instance.sha256 == sha256)
    return session.exec(found).first() is not None


def _instance(arrival: Arrival, file: str, now: datetime) -> Instance:
    return Instance(
        sop_class_uid=arrival.sop_class_uid,
        transfer_syntax_uid=arrival.transfer_syntax_uid,
        sha256=arrival.sha256,
        file=file,
        bytes=arrival.size_bytes,
        received=now,
        calling_ae=arrival.calling_ae,
        address=arrival.address,
        state=ObjectState.STORED,
    )


def _patient(session: Session, header: InstanceHeader, study: Study | None) -> Patient:
    """Give the patient of an object; an empty Patient ID is the study's own patient and nobody else's."""
    if not header.patient_id and study is not None:
        return session.get_one(Patient, study.patient_id)
    if header.patient_id:
        found = session.exec(
            select(Patient).where(
                Patient.identifier == header.patient_id, Patient.authority == header.patient_id_issuer
            )
        ).one_or_none()
        if found:
            return found
    patient = Patient(
        identifier=header.patient_id or None,
        authority=header.patient_id_issuer,
        name=header.patient_name,
        birth_date=header.birth_date,
        sex=header.sex,
    )
    session.add(patient)
    session.flush()
    return patient


def _study(header: InstanceHeader, patient_id: int, now: datetime) -> Study:
    return Study(
        study_uid=header.study_uid,
        patient_id=patient_id,
        accession=header.accession_number,
        accession_issuer=header.accession_issuer,
        study_id=header.study_id,
        study_date=header.study_date,
        study_time=header.study_time,
        description=header.study_description,
        first_received=now,
    )


def _series(session: Session, study_id: int, header: InstanceHeader) -> Series:
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


def _differing_attributes(store: ObjectStore, one: Instance, other: Instance) -> list[str] | None:
    """Name the attributes in which two objects differ; None where one of them cannot be read."""
    try:
        ours, theirs = (dcmread(store.path(instance.file)) for instance in (one, other))
        tags = sorted(set(ours.keys()) | set(theirs.keys()))
        return [
            str(tag) for tag in tags if tag not in ours or tag not in theirs or ours[tag].value != theirs[tag].value
        ]
    except (InvalidDicomError, OSError, ValueError, TypeError, NotImplementedError, EOFError):
        return None
