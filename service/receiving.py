"""What happens to a received DICOM object before it is answered: its bytes to their place, its rows to the database."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from sqlalchemy import Engine
from sqlmodel import Session, select

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
from service.store.commits import Commits
from service.store.database import writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState, WorkState
from service.store.tables import Instance, Series, Study, row_id
from service.study_images import NOT_IMAGES
from service.two_patients import note_further_patient
from service.usual_objects import file_usual_object, instance_values, is_another_patient

IN_USE = frozenset({ObjectState.STORED, ObjectState.HEADER})
"""Of the objects of one UID the one that counts, with its pixels or without, has one of these states."""


@dataclass(frozen=True)
class _Comparison:
    """How an object differs from the one in use of the same UID, whose file and state it was compared with."""

    file: str
    state_then: ObjectState
    state: ObjectState
    reason: str = ""


@dataclass(frozen=True)
class Receiving:
    """Where received objects go. What several associations bring at one time is written in one transaction."""

    engine: Engine
    store: ObjectStore
    settings: Settings
    commits: Commits = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "commits", Commits(self.engine))

    def persist(self, received: ReceivedObject) -> StoreOutcome:
        """Keep an object; it is safely on disk, with its rows, when this returns.

        Raises:
            OutOfResources: the disk is nearly full, or the file was removed while it was filed.
        """
        file = self._place(received, received.sha256)
        compared: _Comparison | None = None
        while True:
            found = self.commits.write(partial(self._file, received=received, file=file, compared=compared))
            if isinstance(found, StoreOutcome):
                return found
            # Outside of the transaction, since both files are read.
            compared = _compare(self.store, file, found)

    def keep_refused(self, refused: RefusedObject) -> None:
        """Keep the bytes of an object that is refused, with the reason, where a person finds them."""
        # Named by all that was sent, so that it never stands for an object that was accepted.
        with refused.path.open("rb") as sent:
            file = self._place(refused, hashlib.file_digest(sent, "sha256").hexdigest())
        with writing(self.engine) as session:
            instance = Instance(**instance_values(refused, file, utc_now()))
            instance.state = ObjectState.REFUSED
            instance.reason = f"{refused.refusal.comment}. Correct it at the sender and send the object again."
            session.add(instance)

    def _file(
        self, session: Session, *, received: ReceivedObject, file: str, compared: _Comparison | None
    ) -> StoreOutcome | Instance:
        """File an object whose bytes are in place; gives the one of its UID that it must be compared with first."""
        if not self.store.path(file).exists():  # the same content was taken away by retention at this moment
            raise OutOfResources("The object could not be filed")
        header, now = received.header, utc_now()
        if file_usual_object(session, received, file, now):
            return StoreOutcome.STORED
        came_before = session.exec(select(Instance).where(Instance.sop_instance_uid == header.sop_instance_uid)).all()
        known = next((before for before in came_before if before.sha256 == received.sha256), None)
        first = next((before for before in came_before if before.state in IN_USE), None)
        if known is not None and _is_nothing_new(known, first):
            known.file = file  # its pixels may have been removed, and have now come again
            return StoreOutcome.KNOWN_ALREADY
        if first is not None and known is not None:
            known.file = file
            _bring_back(session, known, first, now)
            session.add(known)
            return StoreOutcome.STORED
        instance = Instance(**instance_values(received, file, now))
        instance.sop_instance_uid = header.sop_instance_uid
        if first is None:
            self._file_under_study(session, instance, header)
            session.add(instance)
            return StoreOutcome.STORED
        if compared is None or (compared.file, compared.state_then) != (first.file, first.state):
            return first
        _file_beside(session, instance, first, compared)
        return StoreOutcome.CONFLICT if instance.state == ObjectState.CONFLICT else StoreOutcome.STORED

    def _place(self, arrival: Arrival, name: str) -> str:
        try:
            return self.store.place(arrival.path, name)
        except DiskNearlyFull as error:
            raise OutOfResources("The disk of the receiver is nearly full") from error

    def _file_under_study(self, session: Session, instance: Instance, header: InstanceHeader) -> None:
        study = session.exec(select(Study).where(Study.study_uid == header.study_uid)).one_or_none()
        if study is None:
            study = self._study(session, header, instance.received)
            session.add(study)
            session.flush()
            pair_waiting_reports(session, study, self.settings, instance.received)
        else:
            if is_another_patient(header, study.patient_identifier, study.patient_authority):
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


def _file_beside(session: Session, instance: Instance, first: Instance, compared: _Comparison) -> None:
    """File an object beside the one of its UID that came first."""
    instance.conflict_of, instance.series_id = first.id, first.series_id
    instance.state, instance.reason = compared.state, compared.reason
    session.add(instance)
    if (first.state, instance.state) == (ObjectState.HEADER, ObjectState.SAME_CONTENT):
        session.flush()
        _bring_back(session, instance, first, instance.received)


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


def _compare(store: ObjectStore, file: str, first: Instance) -> _Comparison:
    """Tell an object that came before in another transfer syntax from one with other content."""
    differing = _differing_attributes(store, file, first)
    if differing == []:
        return _Comparison(first.file, first.state, ObjectState.SAME_CONTENT)
    what = ", ".join(differing[:8]) if differing else "its content"
    reason = f"The SOP instance came before with other content ({what}). The first stays in use."
    return _Comparison(first.file, first.state, ObjectState.CONFLICT, reason)


def _differing_attributes(store: ObjectStore, file: str, first: Instance) -> list[str] | None:
    """Name the attributes in which two objects differ; None where one of them cannot be read.

    Where the pixels of the first were removed, the headers decide.
    """
    headers_only = first.state == ObjectState.HEADER
    try:
        ours, theirs = (dcmread(store.path(each), stop_before_pixels=headers_only) for each in (file, first.file))
        tags = sorted(set(ours.keys()) | set(theirs.keys()))
        return [
            str(tag) for tag in tags if tag not in ours or tag not in theirs or ours[tag].value != theirs[tag].value
        ]
    except (InvalidDicomError, OSError, ValueError, TypeError, NotImplementedError, EOFError):
        return None
