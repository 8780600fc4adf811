"""Storage commitment of the receiver and the clock as they run, with Orthanc at either end, and through kills."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from sqlmodel import select

from config.settings import load_settings
from integrations.dicom.sender import Delivered, send_objects
from service.forgetting import KEEP_HINTS
from service.outbox import Outbox, deliver
from service.store.columns import utc_now
from service.store.commitment_tables import Commitment
from service.store.database import reading, writing
from service.store.hint_tables import StudyHint
from service.store.objects import ObjectStore
from service.store.states import CommitmentState, DeliveryState, WorkState
from service.store.tables import Delivery, Document, Study
from tests.odd.dicom.make_cases import write_case
from tests.peers.announcing import announcing, changed_step, new_step
from tests.peers.committing import CommittingPeer
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import Orthanc, free_port, running_orthanc
from tests.service.rows import add_study
from tests.waiting import wait_until

NEVER_SENT = "1.2.3.99"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("plain")
    write_case("plain", folder)
    return sorted(folder.rglob("*.dcm"))


@dataclass(frozen=True)
class Hospital:
    """An Orthanc and our daemon, each knowing the other, and a modality that the daemon knows."""

    orthanc: Orthanc
    daemon: Daemon
    modality: CommittingPeer

    def commitments(self) -> list[Commitment]:
        with reading(self.daemon.engine()) as session:
            return list(session.exec(select(Commitment)))


@contextmanager
def daemon_of(folder: Path, orthanc: Orthanc, modality: CommittingPeer, port: int) -> Iterator[Daemon]:
    peers = [
        {"name": "pacs", "ae_title": "ORTHANC", "port": orthanc.dicom.port, "may": ["send", "commit"]},
        {"name": "modality", "ae_title": modality.title, "port": modality.port, "may": ["send", "commit", "announce"]},
    ]
    settings = {"peers": peers, "dicom": {"port": port}}
    with running_daemon(folder, orthanc.dicom, settings, only="receive,clock") as daemon:
        daemon.port("receive")
        daemon.port("clock")
        yield daemon


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder, port, modality = tmp_path_factory.mktemp("hospital"), free_port(), CommittingPeer()
    known = {"us": {"AET": "SPINELABEL", "Host": "127.0.0.1", "Port": port}}
    with (
        running_orthanc(folder / "orthanc", DicomModalities=known) as orthanc,
        daemon_of(folder / "daemon", orthanc, modality, port) as daemon,
    ):
        yield Hospital(orthanc, daemon, modality)


def asked_by_orthanc(orthanc: Orthanc, references: list[tuple[str, str]]) -> Any:
    """Have Orthanc ask us, and give what it says it was told."""
    instances = [{"SOPClassUID": sop_class, "SOPInstanceUID": instance} for sop_class, instance in references]
    asked = orthanc.request("/modalities/us/storage-commitment", json.dumps({"DicomInstances": instances}).encode())
    told = wait_until(
        lambda: (said := orthanc.request(asked["Path"])) and said["Status"] != "Pending" and said, "our report"
    )
    assert isinstance(told, dict)
    return told


def test_orthanc_is_told_what_we_keep_of_what_it_asked_about(hospital: Hospital, plain: list[Path]) -> None:
    answers = send_objects(plain, hospital.daemon.peer(), hospital.modality.title)
    assert all(isinstance(answer, Delivered) for answer in answers)
    headers = [dcmread(path, stop_before_pixels=True) for path in plain]
    references = [(str(header.SOPClassUID), str(header.SOPInstanceUID)) for header in headers]

    assert asked_by_orthanc(hospital.orthanc, references)["Status"] == "Success"

    told = asked_by_orthanc(hospital.orthanc, [*references, (references[0][0], NEVER_SENT)])
    assert told["Status"] == "Failure"
    assert len(told["Success"]) == len(plain)
    assert [(failed["SOPInstanceUID"], failed["FailureReason"]) for failed in told["Failures"]] == [
        (NEVER_SENT, 0x0112)
    ]


@pytest.mark.parametrize(
    ("is_there", "state"), [(True, DeliveryState.KEPT), (False, DeliveryState.NOT_KEPT)], ids=["there", "deleted"]
)
def test_orthanc_says_whether_it_keeps_what_it_took(
    hospital: Hospital, plain: list[Path], is_there: bool, state: DeliveryState, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = _document(hospital, plain[is_there])
    settings = load_settings(hospital.daemon.config)
    if not is_there:
        monkeypatch.setattr("service.outbox.send_objects", lambda *_: [Delivered(0, "")])

    engine = hospital.daemon.engine()
    deliver(Outbox(engine, ObjectStore(settings.data), settings), number, utc_now())

    def delivery() -> Delivery:
        with reading(engine) as session:
            return session.get_one(Delivery, number)

    wait_until(lambda: delivery().state == state, f"Orthanc to say that it is {state}")
    assert ("0112H no such object instance" in delivery().answer) is not is_there


def _document(hospital: Hospital, path: Path) -> int:
    """Put an object into the outbox."""
    engine, store, image = hospital.daemon.engine(), ObjectStore(hospital.daemon.data), dcmread(path)
    study, _ = add_study(engine, int(str(image.InstanceNumber)) + 100)
    file = store.place_bytes(path.read_bytes(), f"{study:064x}")
    uid = str(image.SOPInstanceUID)
    with writing(engine) as session:
        document = Document(
            study_id=study, accepts="trial", inputs=uid, sop_instance_uid=uid, file=file, sha256="0", created=utc_now()
        )
        session.add(document)
        session.flush()
        far = utc_now().replace(year=2099)  # the test delivers it, and not the clock
        row = Delivery(document_id=document.id or 0, destination="pacs", next_attempt=far)
        session.add(row)
        session.flush()
        return row.id or 0


@pytest.mark.long  # the clock leaves a request for some seconds to the receiver, which was killed
def test_a_modality_that_was_away_is_told_after_both_roles_were_killed(hospital: Hospital, plain: list[Path]) -> None:
    send_objects(plain, hospital.daemon.peer(), hospital.modality.title)
    headers = [dcmread(path, stop_before_pixels=True) for path in plain]
    references = [(str(header.SOPClassUID), str(header.SOPInstanceUID)) for header in headers]

    status, uid = hospital.modality.ask(hospital.daemon.peer(), references)
    assert status == 0x0000
    hospital.daemon.kill("receive")  # before it could hand the report on
    hospital.daemon.kill("clock")
    (row,) = [row for row in hospital.commitments() if row.transaction_uid == uid]
    assert row.state == CommitmentState.WAITING

    with hospital.modality.listening():
        wait_until(lambda: hospital.modality.heard, "the report", 120)
        wait_until(lambda: _state(hospital, uid) == CommitmentState.ENDED, "the row")

    assert [(heard.transaction_uid, heard.kept) for heard in hospital.modality.heard] == [(uid, references)]


def _state(hospital: Hospital, uid: str) -> CommitmentState:
    (row,) = [row for row in hospital.commitments() if row.transaction_uid == uid]
    return row.state


def test_a_study_whose_step_is_completed_waits_for_no_quiet_time_though_the_receiver_is_killed_at_once(
    hospital: Hospital, plain: list[Path], tmp_path: Path
) -> None:
    image = dcmread(plain[0])
    image.StudyInstanceUID, image.SOPInstanceUID = generate_uid(), generate_uid()
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    image.save_as(tmp_path / "1.dcm")
    us, title = hospital.daemon.peer(), hospital.modality.title
    with announcing(us, title) as modality:
        assert modality.create("1.2.9.1", new_step(image.StudyInstanceUID)).Status == 0x0000
        assert send_objects([tmp_path / "1.dcm"], us, title) == [Delivered(0, "")]
        assert modality.change("1.2.9.1", changed_step("COMPLETED", [image.SOPInstanceUID])).Status == 0x0000
        hospital.daemon.kill("receive")

    def is_asked_for() -> bool:
        with reading(hospital.daemon.engine()) as session:
            study = session.exec(select(Study).where(Study.study_uid == image.StudyInstanceUID)).one()
        return study.images == WorkState.QUEUED

    wait_until(is_asked_for, "the images to be asked for", 20)


def test_the_clock_forgets_old_records_when_it_starts(hospital: Hospital) -> None:
    engine, old = hospital.daemon.engine(), utc_now() - KEEP_HINTS - timedelta(days=1)
    with writing(engine) as session:
        session.add(StudyHint(sop_instance_uid="1.2.9.2", study_uid="1.2", status="COMPLETED", peer="pacs", heard=old))

    hospital.daemon.kill("clock")

    def is_gone() -> bool:
        with reading(engine) as session:
            return session.exec(select(StudyHint).where(StudyHint.study_uid == "1.2")).first() is None

    wait_until(is_gone, "the record to go", 30)
