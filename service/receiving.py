"""What happens to a received DICOM object before it is answered: its bytes to their place, its rows to the database."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.dicom.arrivals import Arrival, ReceivedObject, RefusedObject, StoreOutcome
from integrations.dicom.errors import OutOfResources
from integrations.dicom.header import InstanceHeader
from service.accession_keys import accession_key
from service.candidates import pair_waiting_reports
from service.errors import DiskNearlyFull
from service.identities import current_id, patient_of
from service.pairing import Person
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Series, Study, row_id
from service.study_images import NOT_IMAGES
from service.two_patients import note_further_patient


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
            if _is_nothing_new(_find(session, header.sop_instance_uid, received.sha256), before):
                return StoreOutcome.KNOWN_ALREADY
        file = self._place(received, received.sha256)
        instance = _instance(received, file, utc_now())
        instance.sop_instance_uid = header.sop_instance_uid
        # Compared before the write lock is taken, since both files are read.
        if before is not None and before.sha256 != received.sha256:
            self._compare(instance, before)
        with writing(self.engine) as session:
            if not self.store.path(file).exists():  # the same content was taken away by retention at this moment
                raise OutOfResources("The object could not be filed")
            known = _find(session, header.sop_instance_uid, received.sha256)
            first = _first(session, header.sop_instance_uid)
            if _is_nothing_new(known, first):
                return StoreOutcome.KNOWN_ALREADY
            if first is None:
                self._file_under_study(session, instance, header)
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
        return StoreOutcome.CONFLICT if instance.state == ObjectState.CONFLICT else StoreOutcome.STORED

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
        differing = _differing_attributes(self.store, instance, first)
        if differing == []:
            instance.state = ObjectState.SAME_CONTENT
            return
        instance.state = ObjectState.CONFLICT
        what = ", ".join(differing[:8]) if differing else "its content"
        instance.reason = f"The SOP instance came before with other content ({what}). The first stays in use."

    def _file_under_study(self, session: Session, instance: Instance, header: InstanceHeader) -> None:
        study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
        if study is None:
            study = self._study(session, header, instance.received)
            session.add(study)
            session.flush()
            pair_waiting_reports(session, study, self.settings, instance.received)
        else:
            if _names_another(header, study):
                self._review_patient(session, study, header)
            if self._fill_in(session, study, header):
                session.add(study)
                session.flush()
                pair_waiting_reports(session, study, self.settings, instance.received)
        if header.modality not in NOT_IMAGES:
            study.last_image, study.images, study.images_starts = instance.received, WorkState.WAITING, 0
        study.notes = study.notes or "; ".join(header.notes)
        session.add(study)
        instance.series_id = row_id(_series(session, row_id(study), header))

    def _review_patient(self, session: Session, study: Study, header: InstanceHeader) -> None:
        """Have a person decide about a study whose objects name two patients, unless both are one patient now."""
        patient = patient_of(session, _person(header), self.settings.hl7.authority)
        if row_id(patient) != study.sent_patient_id:
            note_further_patient(session, study, patient)

    def _fill_in(self, session: Session, study: Study, header: InstanceHeader) -> bool:
        """Take from a later object what the first ones lacked to be paired by; tells whether it did."""
        filled = False
        if not study.accession and header.accession_number:
            self._name_order(study, header)
            filled = True
        if not study.patient_identifier and header.patient_id:
            self._name_patient(session, study, header)
            filled = True
        return filled

    def _study(self, session: Session, header: InstanceHeader, now: datetime) -> Study:
        study = Study(
            study_uid=header.study_uid,
            patient_id=0,
            study_id=header.study_id,
            study_date=header.study_date,
            study_time=header.study_time,
            description=header.study_description,
            first_received=now,
        )
        self._name_order(study, header)
        self._name_patient(session, study, header)
        return study

    def _name_order(self, study: Study, header: InstanceHeader) -> None:
        study.accession, study.accession_issuer = header.accession_number, header.accession_issuer
        study.accession_key = accession_key(header.accession_number, self.settings.rules.accession)

    def _name_patient(self, session: Session, study: Study, header: InstanceHeader) -> None:
        """Keep what an object says of its patient, and say who that is now.

        An empty Patient ID is this study's own patient and nobody else's.
        """
        said = _person(header)
        patient = patient_of(session, said, self.settings.hl7.authority)
        study.sent_patient_id, study.patient_id = row_id(patient), current_id(patient)
        study.patient_identifier, study.patient_authority = said.identifier, said.authority
        study.patient_name, study.birth_date, study.sex = said.name, said.birth_date, said.sex


def _person(header: InstanceHeader) -> Person:
    return Person(header.patient_id, header.patient_id_issuer, header.patient_name, header.birth_date, header.sex)


def _first(session: Session, sop_instance_uid: str) -> Instance | None:
    """Give the instance of that UID that is in use, with its pixels or without."""
    in_use = col(Instance.state).in_((ObjectState.STORED, ObjectState.HEADER))
    return session.exec(select(Instance).where(Instance.sop_instance_uid == sop_instance_uid, in_use)).one_or_none()


def _names_another(header: InstanceHeader, study: Study) -> bool:
    """Tell whether an object names its patient otherwise than its study; what one does not say is no difference."""
    if not header.patient_id or not study.patient_identifier:
        return False
    issuers = {header.patient_id_issuer, study.patient_authority} - {""}
    return header.patient_id != study.patient_identifier or len(issuers) > 1


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
