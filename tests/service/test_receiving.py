"""Objects that real clients send, as the store ends up with them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import UID, JPEGLSNearLossless, RLELossless
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import Delivered, DeliveryAnswer, send_objects
from service.log import configure_log
from service.receiving import Receiving
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import ObjectState, WorkState
from service.store.tables import Change, Instance, Patient, Study
from tests.odd.dicom.make_cases import write_case

Send = Callable[[Path], list[DeliveryAnswer]]
Odd = Callable[[str], Path]


@pytest.fixture
def odd(tmp_path: Path) -> Odd:
    """Give a folder with the files of a case of tests/odd/dicom."""

    def make(case: str) -> Path:
        write_case(case, tmp_path / "odd" / case)
        return tmp_path / "odd" / case

    return make


@pytest.fixture
def receiving(engine: Engine, tmp_path: Path) -> Receiving:
    return Receiving(engine, ObjectStore(tmp_path), Settings(data=tmp_path))


@pytest.fixture
def send(receiving: Receiving) -> Send:
    return lambda folder: sending(receiving, folder)


def sending(receiving: Receiving, folder: Path) -> list[DeliveryAnswer]:
    intake = Intake(receiving.store.incoming, receiving.persist, receiving.keep_refused)
    receiver = start_receiver(DicomSettings(port=0), intake, configure_log("receive"))
    peer = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    try:
        return send_objects(sorted(folder.glob("*.dcm")), peer, "TEST")
    finally:
        receiver.stop()


def test_an_object_is_in_the_store_as_sent_under_its_study(send: Send, odd: Odd, receiving: Receiving) -> None:
    folder = odd("plain")

    answers = send(folder)

    assert all(isinstance(answer, Delivered) for answer in answers)
    with reading(receiving.engine) as session:
        rows = session.exec(select(Instance).order_by(col(Instance.id))).all()
        (study,) = session.exec(select(Study))
    sent = [dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    assert [dcmread(receiving.store.path(row.file)) for row in rows] == sent
    assert (study.study_uid, study.images) == (sent[0].StudyInstanceUID, WorkState.WAITING)


@pytest.mark.parametrize(
    ("again", "state"),
    [
        pytest.param("2-same-bytes", None, id="the same bytes change nothing"),
        pytest.param("3-other-transfer-syntax", ObjectState.SAME_CONTENT, id="another transfer syntax is no conflict"),
        pytest.param("4-name-corrected", ObjectState.CONFLICT, id="another name is a conflict"),
        pytest.param("5-other-pixels", ObjectState.CONFLICT, id="other pixels are a conflict"),
    ],
)
def test_an_instance_that_comes_again(
    again: str, state: ObjectState | None, engine: Engine, send: Send, odd: Odd
) -> None:
    folder = odd("rec-06")
    send(folder / "1-first")
    with reading(engine) as session:
        before = session.exec(select(Study.last_image)).one()

    answers = send(folder / again)

    assert all(isinstance(answer, Delivered) for answer in answers)
    with reading(engine) as session:
        states = session.exec(select(Instance.state).order_by(col(Instance.id))).all()
        assert session.exec(select(Study.last_image)).one() == before
    assert list(states) == [ObjectState.STORED] * 11 + ([state] * 11 if state else [])


@pytest.mark.parametrize(
    ("syntax", "loss", "state"),
    [
        pytest.param(RLELossless, {}, ObjectState.SAME_CONTENT, id="compressed without loss"),
        pytest.param(JPEGLSNearLossless, {"jls_error": 9}, ObjectState.CONFLICT, id="compressed with loss"),
    ],
)
def test_a_compressed_copy_waits_for_a_person_only_where_it_lost_something(
    syntax: UID, loss: dict[str, Any], state: ObjectState, engine: Engine, send: Send, odd: Odd
) -> None:
    folder = odd("plain")
    send(folder)
    for path in folder.glob("*.dcm"):
        image = dcmread(path)
        image.compress(syntax, generate_instance_uid=False, **loss)
        image.save_as(path)

    answers = send(folder)

    assert all(isinstance(answer, Delivered) for answer in answers)
    with reading(engine) as session:
        again = session.exec(select(Instance).where(Instance.transfer_syntax_uid == syntax)).all()
    assert [row.state for row in again] == [state] * 11
    assert all(("compressed with loss" in row.reason) == bool(loss) for row in again)


def test_what_came_on_two_associations_at_once_is_compared_all_the_same(
    receiving: Receiving, odd: Odd, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = odd("rec-06")
    place = ObjectStore.place
    sent: list[Path] = []

    def place_after_another(store: ObjectStore, arrived: Path, sha256: str) -> str:
        if not sent:
            sent.append(arrived)
            sending(receiving, folder / "1-first")
        return place(store, arrived, sha256)

    monkeypatch.setattr(ObjectStore, "place", place_after_another)

    sending(receiving, folder / "4-name-corrected")

    with reading(receiving.engine) as session:
        conflicts = session.exec(select(Instance).where(Instance.state == ObjectState.CONFLICT)).all()
    assert len(conflicts) == 11
    assert all("Patient's Name (0010,0010)" in row.reason for row in conflicts)


def test_a_conflict_says_what_differs_and_not_how(engine: Engine, send: Send, odd: Odd) -> None:
    folder = odd("rec-06")
    send(folder / "1-first")
    send(folder / "4-name-corrected")

    with reading(engine) as session:
        reasons = set(session.exec(select(Instance.reason).where(Instance.state == ObjectState.CONFLICT)))
    assert len(reasons) == 1
    assert "(0010,0010)" in reasons.pop()


def test_an_object_without_a_study_is_refused_and_its_bytes_are_kept(
    send: Send, odd: Odd, receiving: Receiving
) -> None:
    folder = odd("plain")
    image = dcmread(folder / "001.dcm")
    del image.StudyInstanceUID
    image.save_as(folder / "001.dcm")

    refused, *others = send(folder)

    assert isinstance(refused, Refused)
    assert refused.status == 0xC000
    assert all(isinstance(answer, Delivered) for answer in others)
    with reading(receiving.engine) as session:
        row = session.exec(select(Instance).where(Instance.state == ObjectState.REFUSED)).one()
    assert "(0020,000D)" in row.reason
    assert receiving.store.path(row.file).stat().st_size > 0


def test_empty_identifiers_are_kept_empty_and_match_nobody(engine: Engine, send: Send, odd: Odd) -> None:
    folder = odd("rec-05")
    send(folder)
    other = [dcmread(path) for path in sorted(folder.glob("*.dcm"))]
    for image, path in zip(other, sorted(folder.glob("*.dcm")), strict=True):
        image.StudyInstanceUID += ".1"
        image.SOPInstanceUID += ".1"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.save_as(path)
    send(folder)

    with reading(engine) as session:
        patients = session.exec(select(Patient)).all()
        studies = session.exec(select(Study)).all()
    assert [(patient.identifier, patient.name) for patient in patients] == [(None, "")] * 2
    assert len(studies) == 2


def test_two_patient_ids_in_one_study_wait_for_a_person(engine: Engine, send: Send, odd: Odd) -> None:
    folder = odd("plain")
    image = dcmread(folder / "011.dcm")
    image.PatientID = "SOMEBODY-ELSE"
    image.save_as(folder / "011.dcm")

    send(folder)

    with reading(engine) as session:
        (study,) = session.exec(select(Study))
    assert "two patient IDs" in study.review_reason


def test_a_nearly_full_disk_refuses_and_leaves_nothing_behind(engine: Engine, tmp_path: Path, odd: Odd) -> None:
    store = ObjectStore(tmp_path, keep_free_bytes=1 << 62)
    receiving = Receiving(engine, store, Settings(data=tmp_path))

    answers = sending(receiving, odd("plain"))

    assert {type(answer) for answer in answers} == {Unreachable}  # A700H: the sender tries again later
    with reading(engine) as session:
        assert session.exec(select(Instance)).all() == []
    assert list(store.incoming.iterdir()) == []


def test_a_refused_object_never_takes_the_place_of_an_accepted_one(send: Send, odd: Odd, receiving: Receiving) -> None:
    folder = odd("plain")
    send(folder)
    with reading(receiving.engine) as session:
        kept = {row.file: receiving.store.path(row.file).read_bytes() for row in session.exec(select(Instance))}
    for path in folder.glob("*.dcm"):
        image = dcmread(path)
        image.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")  # what storescu and its like put into the command
        image.save_as(path)

    answers = send(folder)

    assert all(isinstance(answer, Refused) and answer.status == 0xA900 for answer in answers)
    assert {file: receiving.store.path(file).read_bytes() for file in kept} == kept


def test_what_the_first_objects_lack_is_taken_from_later_ones_and_no_other_patient(
    engine: Engine, send: Send, odd: Odd
) -> None:
    folder = odd("plain")
    for name in ("001.dcm", "002.dcm"):
        image = dcmread(folder / name)
        image.PatientID = image.AccessionNumber = ""
        image.save_as(folder / name)

    send(folder)

    with reading(engine) as session:
        (study,) = session.exec(select(Study))
        patient = session.get_one(Patient, study.patient_id)
    expected = dcmread(folder / "003.dcm")
    assert (study.accession, patient.identifier) == (expected.AccessionNumber, expected.PatientID)
    assert study.review_reason == ""


def test_objects_of_one_study_that_come_on_eight_associations_at_once_are_each_filed_once(
    engine: Engine, receiving: Receiving, odd: Odd
) -> None:
    paths = sorted(odd("plain").glob("*.dcm"))
    intake = Intake(receiving.store.incoming, receiving.persist, receiving.keep_refused)
    receiver = start_receiver(DicomSettings(port=0), intake, configure_log("receive"))
    peer = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    with ThreadPoolExecutor(8) as senders:
        sent = list(senders.map(lambda _: send_objects(paths, peer, "TEST"), range(8)))
    receiver.stop()

    assert all(isinstance(answer, Delivered) for answers in sent for answer in answers)
    assert receiver.counts() == {"stored": len(paths), "known already": 7 * len(paths)}
    with reading(engine) as session:
        states = session.exec(select(Instance.state)).all()
        (study,) = session.exec(select(Study))
    assert list(states) == [ObjectState.STORED] * len(paths)
    assert study.last_image is not None


def test_a_late_image_of_a_study_that_was_read_makes_it_wait_again(
    engine: Engine, send: Send, odd: Odd, tmp_path: Path
) -> None:
    folder = odd("plain")
    late = tmp_path / "late"
    late.mkdir()
    (folder / "011.dcm").rename(late / "011.dcm")
    send(folder)
    with writing(engine) as session:
        (study,) = session.exec(select(Study))
        study.images, before = WorkState.DONE, study.last_image
        session.add(study)

    send(late)

    with reading(engine) as session:
        (study,) = session.exec(select(Study))
        changes = session.exec(select(Change.state).where(Change.kind == "images").order_by(col(Change.id))).all()
    assert before is not None
    assert study.last_image is not None
    assert study.last_image > before
    assert list(changes) == ["waiting", "done", "waiting"]
