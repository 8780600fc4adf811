"""What happens to a received DICOM object before it is answered: its bytes to their place, its rows to the database."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.dicom.arrivals import Arrival, ReceivedObject, RefusedObject, StoreOutcome
from integrations.dicom.errors import ContradictsCommand, OutOfResources, Refusal
from integrations.dicom.header import InstanceHeader
from service.candidates import pair_waiting_reports
from service.errors import DiskNearlyFull, StoreFull
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.room import check_room, remove_unnamed, take_room
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Patient, Series, Study, row_id
from service.study_images import NOT_IMAGES

_STORE_FULL = "The receiver's store has reached its limit"
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
            OutOfResources: disk or store are nearly full, or the file was removed while it was filed.
        """
        header = received.header
        with reading(self.engine) as session:
            before = first_in_use(session, header.sop_instance_uid)
            if _is_nothing_new(_find(session, header.sop_instance_uid, received.sha256), before):
                return StoreOutcome.KNOWN_ALREADY
        file, size_bytes = self._place(received, received.sha256)
        try:
            return self._file(received, file, size_bytes, before)
        except Exception as error:
            self._take_back(file, received.sha256)
            if isinstance(error, StoreFull):
                raise OutOfResources(_STORE_FULL) from error
            raise

    def _file(self, received: ReceivedObject, file: str, size_bytes: int, before: Instance | None) -> StoreOutcome:
        """Write the rows of an object whose file is in its place; `before` is what was in use for its UID till now."""
        header = received.header
        instance = _instance(received, file, utc_now())
        instance.sop_instance_uid = header.sop_instance_uid
        # Compared before the write lock is taken, since both files are read.
        if before is not None and before.sha256 != received.sha256:
            self._compare(instance, before)
        with writing(self.engine) as session:
            if not self.store.path(file).exists():  # the same content was taken away by retention at this moment
                raise OutOfResources("The object could not be filed")
            known = _find(session, header.sop_instance_uid, received.sha256)
            first = first_in_use(session, header.sop_instance_uid)
            if _is_nothing_new(known, first):
                return StoreOutcome.KNOWN_ALREADY
            if first is None:
                self.file_under_study(session, instance, header)
            elif known is not None:
                known.file = file
                _bring_back(session, known, first, instance.received)
            else:
                if before is None or before.file != first.file:  # it came on two associations at one time
                    self._compare(instance, first)
                instance.conflict_of, instance.series_id = first.id, first.series_id
                if (first.state, instance.state) == (ObjectState.HEADER, ObjectState.SAME_CONTENT):
                    session.add(instance)
                    session.flush()
                    _bring_back(session, instance, first, instance.received)
            session.add(known or instance)
            self._count(session, size_bytes)
        return StoreOutcome.CONFLICT if instance.state == ObjectState.CONFLICT else StoreOutcome.STORED

    def keep_refused(self, refused: RefusedObject) -> None:
        """Keep the bytes of an object that is refused, with the reason, where a person finds them."""
        # Named by all that was sent, so that it never stands for an object that was accepted.
        with refused.path.open("rb") as sent:
            file, size_bytes = self._place(refused, hashlib.file_digest(sent, "sha256").hexdigest())
        try:
            with writing(self.engine) as session:
                instance = _instance(refused, file, utc_now())
                instance.state = ObjectState.REFUSED
                instance.reason = f"{refused.refusal.comment}. {what_to_do(refused.refusal)}"
                session.add(instance)
                self._count(session, size_bytes)
        except Exception:
            self._take_back(file, refused.sha256)
            raise

    def _place(self, arrival: Arrival, name: str) -> tuple[str, int]:
        """Give a file its place, unless there is no room for it; gives its name there and its bytes."""
        size_bytes = arrival.path.stat().st_size
        try:
            with reading(self.engine) as session:
                check_room(session, size_bytes, self.settings.storage.limit_gb)
            return self.store.place(arrival.path, name), size_bytes
        except DiskNearlyFull as error:
            raise OutOfResources("The disk of the receiver is nearly full") from error
        except StoreFull as error:
            raise OutOfResources(_STORE_FULL) from error

    def _count(self, session: Session, size_bytes: int) -> None:
        """Count a file that was placed; asked again, since others were placed meanwhile."""
        check_room(session, size_bytes, self.settings.storage.limit_gb)
        take_room(session, size_bytes)

    def _take_back(self, file: str, sha256: str) -> None:
        """Remove a file whose rows could not be written, as on a full disk: what is not answered for is not kept."""
        with suppress(SQLAlchemyError, OSError), writing(self.engine) as session:
            remove_unnamed(session, self.store, file, sha256)

    def _compare(self, instance: Instance, first: Instance) -> None:
        """Tell an object that came before in another transfer syntax from one with other content."""
        differing = _differing_attributes(self.store, instance, first)
        if differing == []:
            instance.state = ObjectState.SAME_CONTENT
            return
        instance.state = ObjectState.CONFLICT
        what = ", ".join(differing[:8]) if differing else "its content"
        instance.reason = f"The SOP instance came before with other content ({what}). The first stays in use."

    def file_under_study(self, session: Session, instance: Instance, header: InstanceHeader) -> None:
        """Put an object that is in use under its study, whose images are then waited for and read."""
        study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
        known = session.get_one(Patient, study.patient_id) if study else None
        if study is None or known is None:
            known = patient_of(session, header)
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
        if header.modality not in NOT_IMAGES:
            study.last_image = max(instance.received, study.last_image or instance.received)
            study.images, study.images_starts = WorkState.WAITING, 0
        study.notes = study.notes or "; ".join(header.notes)
        session.add(study)
        instance.series_id = row_id(_series(session, row_id(study), header))


def what_to_do(refusal: Refusal) -> str:
    """Say what a person can do about a refused object."""
    if isinstance(refusal, ContradictsCommand):
        return "Take it as its data set says with `spinelabel reprocess objects`, or correct it at the sender."
    return "Correct it at the sender and send it again; `spinelabel reprocess objects` tries again what is kept here."


def first_in_use(session: Session, sop_instance_uid: str) -> Instance | None:
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
        study.patient_id = row_id(patient_of(session, header))
        filled = True
    return filled


def _find(session: Session, sop_instance_uid: str, sha256: str) -> Instance | None:
    found = select(Instance).where(Instance.sop_instance_uid == sop_instance_uid, Instance.sha256 == sha256)
    return session.exec(found).first()


def _is_nothing_new(known: Instance | None, first: Instance | None) -> bool:
    """Tell whether an object came before, and is a conflict or has its pixels still."""
    if known is None or first is None:
        return False
    return known.state in {ObjectState.CONFLICT, ObjectState.DISMISSED} or first.state == ObjectState.STORED


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


def patient_of(session: Session, header: InstanceHeader) -> Patient:
    """Give the patient whom an object names, known or new; an empty Patient ID is its study's own and nobody else's."""
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
    """Name the attributes in which two objects differ; None where one of them cannot be read.

    Where the pixels of either were removed, the headers decide.
    """
    headers_only = ObjectState.HEADER in (one.state, other.state)
    try:
        ours, theirs = (
            dcmread(store.path(instance.file), stop_before_pixels=headers_only) for instance in (one, other)
        )
        tags = sorted(set(ours.keys()) | set(theirs.keys()))
        return [
            str(tag) for tag in tags if tag not in ours or tag not in theirs or ours[tag].value != theirs[tag].value
        ]
    except (InvalidDicomError, OSError, ValueError, TypeError, NotImplementedError, EOFError):
        return None
