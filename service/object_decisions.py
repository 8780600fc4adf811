"""What a person decides about objects that came again with other content: which of them is in use.

No decision loses an object, so each can be taken back: whichever is not in use stays, dismissed.
"""

from collections.abc import Iterable, Sequence

from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.dicom.header import InstanceHeader, read_header
from service.decisions import find_study
from service.errors import UnknownItem
from service.filing import file_under_study, name_patient, person_of, review_patient
from service.receiving import Receiving, first_in_use
from service.results import results_changed
from service.second_tries import read_again
from service.store.database import reading, writing
from service.store.history import note_change
from service.store.states import ObjectState
from service.store.tables import Instance, Patient, Series, Study, row_id
from service.study_images import is_image
from service.two_patients import forget_further_patients
from service.usual_objects import is_another_patient

_UNDECIDED = (ObjectState.CONFLICT, ObjectState.REFUSED)


def conflicts_of(session: Session, study: str) -> list[int]:
    """Give the numbers of a study's objects that wait for a decision, the oldest first.

    Raises:
        UnknownItem: not exactly one study has this UID or accession number, or nothing of it waits.
    """
    waiting = (
        select(Instance.id)
        .join(Series)
        .where(Series.study_id == row_id(find_study(session, study)), Instance.state == ObjectState.CONFLICT)
        .order_by(col(Instance.id))
    )
    numbers = [number for number in session.exec(waiting) if number is not None]
    if not numbers:
        raise UnknownItem("No object of this study waits for a decision. `spinelabel object list` names those that do.")
    return numbers


def take_into_use(receiving: Receiving, numbers: Sequence[int]) -> None:
    """Put objects in the places of those that came with the same SOP Instance UID; their studies are read again.

    The others stay, dismissed; taking one of them into use undoes it. Of several for one UID the last one counts. A
    study follows its objects: where all that are in use name one patient, it is that patient's.

    Args:
        receiving: where objects go.
        numbers: of conflicts, or of objects that were dismissed.

    Raises:
        UnknownItem: one of the numbers is no such object; nothing is changed.
    """
    with reading(receiving.engine) as session:
        headers = {number: _header(receiving, _other_version(session, number)) for number in numbers}
    touched: set[int] = set()
    with writing(receiving.engine) as session:
        for number, header in headers.items():
            touched |= _exchange(session, receiving, _other_version(session, number), header)
        for study_id in touched:
            _follow_objects(session, receiving, session.get_one(Study, study_id))


def dismiss(session: Session, numbers: Iterable[int]) -> None:
    """Leave things as they are for conflicts and refused objects; they are kept and wait for nobody any more.

    Raises:
        UnknownItem: one of the numbers is of none of these.
    """
    for number in numbers:
        row = session.get(Instance, number)
        if row is None or row.state not in _UNDECIDED:
            raise UnknownItem(f"Object {number} waits for no decision. `spinelabel object list` names those that do.")
        row.state = ObjectState.DISMISSED
        session.add(row)
        note_change(session, "object", number, row.state, "A person dismissed it.")


def reopen(session: Session, numbers: Iterable[int]) -> None:
    """Take the dismissal of objects back, so that they wait for a decision again.

    Raises:
        UnknownItem: one of the numbers is not of a dismissed object.
    """
    for number in numbers:
        row = session.get(Instance, number)
        if row is None or row.state != ObjectState.DISMISSED:
            raise UnknownItem(
                f"Object {number} was not dismissed. `spinelabel object list --all` names those that were."
            )
        row.state = ObjectState.REFUSED if row.sop_instance_uid is None else ObjectState.CONFLICT
        session.add(row)
        note_change(session, "object", number, row.state, "A person wants to decide on it again.")


def _other_version(session: Session, number: int) -> Instance:
    row = session.get(Instance, number)
    waits = row is not None and row.state in {ObjectState.CONFLICT, ObjectState.DISMISSED}
    if row is None or not waits or row.sop_instance_uid is None:
        raise UnknownItem(
            f"Object {number} is no other version of one that is in use. `spinelabel object list --all` names those."
        )
    return row


def _exchange(session: Session, receiving: Receiving, chosen: Instance, header: InstanceHeader) -> set[int]:
    """Let two objects change places; gives the studies that this touches."""
    first = first_in_use(session, header.sop_instance_uid)
    touched = set()
    if first is not None:
        touched.add(_study_of(session, first))
        what = f"A person took object {chosen.id} into use in its place. Taking this one into use undoes that."
        first.state, first.conflict_of, first.reason = ObjectState.DISMISSED, chosen.id, what
        session.add(first)
        note_change(session, "object", row_id(first), first.state, what)
        for other in session.exec(select(Instance).where(Instance.sop_instance_uid == header.sop_instance_uid)):
            if other.conflict_of == first.id:
                other.conflict_of = chosen.id
                if other.state == ObjectState.SAME_CONTENT:  # the same as what is no longer in use
                    other.state = ObjectState.DISMISSED
                session.add(other)
    has_pixels = chosen.file.endswith(chosen.sha256)
    chosen.state = ObjectState.STORED if has_pixels else ObjectState.HEADER
    chosen.conflict_of, chosen.reason = None, ""
    file_under_study(session, receiving.settings, chosen, header)
    session.add(chosen)
    session.flush()
    note_change(session, "object", row_id(chosen), chosen.state, "A person took it into use.")
    return touched | {_study_of(session, chosen)}


def _study_of(session: Session, instance: Instance) -> int:
    return session.exec(select(Series.study_id).where(Series.id == instance.series_id)).one()


def _follow_objects(session: Session, receiving: Receiving, study: Study) -> None:
    """Let a study be whose its objects say that it is, and have it read and its structured report written anew."""
    in_use = (
        select(Instance)
        .join(Series)
        .where(Series.study_id == study.id, col(Instance.state).in_((ObjectState.STORED, ObjectState.HEADER)))
        .order_by(col(Instance.id))
    )
    headers = [_header(receiving, instance) for instance in session.exec(in_use)]
    if headers:
        _name_patients(session, receiving.settings, study, headers)
    if any(is_image(header.modality, header.sop_class_uid) for header in headers):
        read_again(session, study)
    results_changed(session, row_id(study))


def _name_patients(session: Session, settings: Settings, study: Study, headers: Sequence[InstanceHeader]) -> None:
    """Say whose study it is by its objects; where they name several, a person decides."""
    forget_further_patients(session, study)
    named = {(header.patient_id, header.patient_id_issuer): header for header in headers if header.patient_id}
    first = next(iter(named.values()), headers[-1])
    said = person_of(first)
    if named:
        name_patient(session, settings, study, first)
    else:
        study.patient_name, study.birth_date, study.sex = said.name, said.birth_date, said.sex
    patient = session.get_one(Patient, study.sent_patient_id)
    if patient.as_of is None:
        patient.name, patient.birth_date, patient.sex = said.name, said.birth_date, said.sex
        session.add(patient)
    for header in named.values():
        if is_another_patient(header, study.patient_identifier, study.patient_authority):
            review_patient(session, settings, study, header)


def _header(receiving: Receiving, instance: Instance) -> InstanceHeader:
    path = receiving.store.path(instance.file)
    return read_header(path, instance.transfer_syntax_uid, receiving.settings.dicom.charset)
