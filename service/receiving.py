"""What happens to a received DICOM object before it is answered: its bytes to their place, its rows to the database."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.dicom.arrivals import Arrival, ReceivedObject, RefusedObject, StoreOutcome
from integrations.dicom.errors import OutOfResources
from integrations.dicom.header import InstanceHeader
from service.candidates import pair_waiting_reports
from service.errors import DiskNearlyFull
from service.returned import OurOwn, describe_return, find_our_own
from service.same_content import Comparing, Copy, describe_difference
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Patient, Series, Study, row_id
from service.study_images import is_image

TWO_PATIENTS = (
    "Its objects carry two patient IDs. Decide, and use `spinelabel study accept`; no report is written before."
)


@dataclass(frozen=True)
class Receiving:
    """Where received objects go."""

    engine: Engine
    store: ObjectStore
    settings: Settings

    def persist(self, received: ReceivedObject) -> StoreOutcome:
        """Keep an object; it is safely on disk, with its rows, when this returns.

        Raises:
            OutOfResources: the disk is nearly full, or the file was removed while it was filed.
        """
        header = received.header
        with reading(self.engine) as session:
            before = _first(session, header.sop_instance_uid)
            known = _find(session, header.sop_instance_uid, received.sha256)
            if _is_nothing_new(known, before):
                return StoreOutcome.KNOWN_ALREADY
            ours = find_our_own(session, header)
        if ours is not None:
            return StoreOutcome.KNOWN_ALREADY if known is not None else self._keep_returned(received, ours)
        file = self._place(received, received.sha256)
        instance = _instance(received, file, utc_now())
        instance.sop_instance_uid = header.sop_instance_uid
        while True:
            # Compared before the write lock is taken, since both files are read.
            if before is not None and before.sha256 != received.sha256:
                self._compare(instance, before)
            outcome = self._file(instance, header, before)
            if not isinstance(outcome, Instance):
                return outcome
            before = outcome  # it came on two associations at one time, or its pixels were removed

    def _file(self, instance: Instance, header: InstanceHeader, before: Instance | None) -> StoreOutcome | Instance:
        """Write the rows of an object, or give the first of its UID where it is not the one it was compared with."""
        with writing(self.engine) as session:
            if not self.store.path(
                instance.file
            ).exists():  # the same content was taken away by retention at this moment
                raise OutOfResources("The object could not be filed")
            known = _find(session, header.sop_instance_uid, instance.sha256)
            first = _first(session, header.sop_instance_uid)
            if _is_nothing_new(known, first):
                return StoreOutcome.KNOWN_ALREADY
            if first is None:
                self._file_under_study(session, instance, header)
            elif known is not None:
                known.file = instance.file
                _bring_back(session, known, first, instance.received)
            else:
                if before is None or before.file != first.file:
                    return first
                instance.conflict_of, instance.series_id = first.id, first.series_id
                if (first.state, instance.state) == (ObjectState.HEADER, ObjectState.SAME_CONTENT):
                    session.add(instance)
                    session.flush()
                    _bring_back(session, instance, first, instance.received)
            session.add(known or instance)
        return StoreOutcome.CONFLICT if instance.state == ObjectState.CONFLICT else StoreOutcome.STORED

    def _keep_returned(self, received: ReceivedObject, ours: OurOwn) -> StoreOutcome:
        """Keep a report of ours that came back; nothing about its study changes, and no person needs to look at it."""
        copy = Copy(received.path, received.transfer_syntax_uid)
        reason = describe_return(self.store, ours, copy, self.settings.dicom.charset)
        instance = _instance(received, self._place(received, received.sha256), utc_now())
        instance.sop_instance_uid = received.header.sop_instance_uid
        instance.state, instance.reason = ObjectState.RETURNED, reason
        with writing(self.engine) as session:
            if _find(session, received.header.sop_instance_uid, received.sha256) is not None:
                return StoreOutcome.KNOWN_ALREADY
            study = session.exec(select(Study).where(Study.study_uid == received.header.study_uid)).one_or_none()
            if study is not None:
                instance.series_id = row_id(_series(session, row_id(study), received.header))
            session.add(instance)
        return StoreOutcome.STORED

    def keep_refused(self, refused: RefusedObject) -> None:
        """Keep the bytes of an object that is refused, with the reason, where a person finds them."""
        # Named by all that was sent, so that it never stands for an object that was accepted.
        with refused.path.open("rb") as sent:
            file = self._place(refused, hashlib.file_digest(sent, "sha256").hexdigest())
        with writing(self.engine) as session:
            instance = _instance(refused, file, utc_now())
            instance.state = ObjectState.REFUSED
            instance.reason = f"{refused.refusal.comment}. Correct it at the sender and send the object again."
            session.add(instance)

    def _place(self, arrival: Arrival, name: str) -> str:
        try:
            return self.store.place(arrival.path, name)
        except DiskNearlyFull as error:
            raise OutOfResources("The disk of the receiver is nearly full") from error

    def _compare(self, instance: Instance, first: Instance) -> None:
        """Tell an object that came before in another transfer syntax from one with other content."""
        headers_only = ObjectState.HEADER in (first.state, instance.state)
        copies = (Copy(self.store.path(each.file), each.transfer_syntax_uid) for each in (first, instance))
        comparing = Comparing(self.store.incoming, self.settings.dicom.charset)
        differs = describe_difference(comparing, *copies, headers_only=headers_only)
        instance.state = ObjectState.CONFLICT if differs else ObjectState.SAME_CONTENT
        instance.reason = (
            f"The SOP instance came before with other content: {differs}. The first stays in use." if differs else ""
        )

    def _file_under_study(self, session: Session, instance: Instance, header: InstanceHeader) -> None:
        study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
        known = session.get_one(Patient, study.patient_id) if study else None
        if study is None or known is None:
            known = _patient(session, header)
            study = _study(header, row_id(known), instance.received)
            session.add(study)
            session.flush()
            pair_waiting_reports(session, study, known, self.settings, instance.received)
        elif _is_another(header, known):
            study.review_reason = TWO_PATIENTS
        elif _fill_in(session, study, known, header):
            session.add(study)
            session.flush()
            known = session.get_one(Patient, study.patient_id)
            pair_waiting_reports(session, study, known, self.settings, instance.received)
        if is_image(header.modality, header.sop_class_uid):
            study.last_image, study.images, study.images_starts = instance.received, WorkState.WAITING, 0
        study.notes = study.notes or "; ".join(header.notes)
        session.add(study)
        instance.series_id = row_id(_series(session, row_id(study), header))


def _first(session: Session, sop_instance_uid: str) -> Instance | None:
    """Give the instance of that UID that is in use, with its pixels or without."""
    in_use = col(Instance.state).in_((ObjectState.STORED, ObjectState.HEADER))
    return session.exec(select(Instance).where(Instance.sop_instance_uid == sop_instance_uid, in_use)).one_or_none()


def _is_another(header: InstanceHeader, patient: Patient) -> bool:
    """Tell whether an object names another patient than its study; what one of both does not say is no difference."""
    if not header.patient_id or not patient.identifier:
        return False
    issuers = {header.patient_id_issuer, patient.authority} - {""}
    return header.patient_id != patient.identifier or len(issuers) > 1


def _fill_in(session: Session, study: Study, patient: Patient, header: InstanceHeader) -> bool:
    """Take from a later object what the first ones lacked to be paired by; tells whether it did."""
    filled = False
    if not study.accession and header.accession_number:
        study.accession, study.accession_issuer = header.accession_number, header.accession_issuer
        filled = True
    if not patient.identifier and header.patient_id:
        study.patient_id = row_id(_patient(session, header))
        filled = True
    return filled


def _find(session: Session, sop_instance_uid: str, sha256: str) -> Instance | None:
    found = select(Instance).where(Instance.sop_instance_uid == sop_instance_uid, Instance.sha256 == sha256)
    return session.exec(found).first()


def _is_nothing_new(known: Instance | None, first: Instance | None) -> bool:
    """Tell whether an object came before, and is a conflict or has its pixels still."""
    if known is None or first is None:
        return False
    return known.state == ObjectState.CONFLICT or first.state == ObjectState.STORED


def _bring_back(session: Session, image: Instance, first: Instance, now: datetime) -> None:
    """Take an image that has its pixels into use, where those of the first had been removed; its study is read again.

    Where it came in another transfer syntax than the first, the two change their places.
    """
    if image is not first:
        first.state, first.conflict_of = ObjectState.SAME_CONTENT, image.id
        session.add(first)
    image.state, image.conflict_of, image.reason = ObjectState.STORED, None, ""
    study = session.exec(select(Study).join(Series).where(Series.id == image.series_id)).one()
    study.last_image, study.images, study.images_starts = now, WorkState.WAITING, 0
    session.add(study)


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


def _patient(session: Session, header: InstanceHeader) -> Patient:
    """Give the patient of a new study; an empty Patient ID is this study's own patient and nobody else's."""
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
