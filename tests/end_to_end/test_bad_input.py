"""What should not happen and does: it is answered or kept, listed with a sentence, and the daemon goes on."""

import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, generate_uid
from sqlmodel import select

from config.settings import DicomSettings, Peer
from integrations.dicom.calling import Refused
from integrations.dicom.sender import Delivered, DeliveryAnswer, send_objects
from integrations.dicom.stand_in import start_stand_in
from integrations.hl7.compose import compose_oru
from pipeline.training.drawn_reports import drawn_report
from pipeline.training.drawn_studies import drawn_study
from service.log import configure_log
from service.store.database import reading
from service.store.states import WorkState
from service.store.tables import Delivery, Document, Study
from tests.peers.daemon import Daemon, framed, running_daemon
from tests.peers.dicom import free_port
from tests.peers.sent import outgoing, write_images, write_message
from tests.waiting import wait_until

REPORT = drawn_report(1, {"stenosis": ("L4-L5",)}).text


@pytest.fixture(scope="module")
def pacs() -> Peer:
    """Give a PACS that is switched off."""
    return Peer(name="pacs", ae_title="PACS", port=free_port())


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, pacs: Peer) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("daemon"), pacs) as running:
        running.port("work")
        yield running


def page(daemon: Daemon, address: str = "/") -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port('web')}{address}", timeout=30) as answer:
        return str(answer.read().decode())


def send(daemon: Daemon, images: tuple[Dataset, ...], folder: Path) -> list[DeliveryAnswer]:
    return send_objects(write_images(images, folder), daemon.peer(), "TEST")


def send_report(daemon: Daemon, image: Dataset, folder: Path, text: str = REPORT) -> str:
    return daemon.send_report(write_message(image, text, folder))


def test_an_object_without_a_study_is_refused_and_listed(daemon: Daemon, tmp_path: Path) -> None:
    images = drawn_study(31).datasets[:2]
    del images[0].StudyInstanceUID

    answers = send(daemon, images, tmp_path)

    assert isinstance(answers[0], Refused)
    assert answers[0].status == 0xC000
    assert isinstance(answers[1], Delivered)
    assert "Study Instance UID (0020,000D)" in page(daemon)


def test_a_message_cut_in_half_is_never_acknowledged_and_listed(daemon: Daemon) -> None:
    message = framed(compose_oru(outgoing(drawn_study(32).datasets[0], REPORT)))
    with socket.create_connection(("127.0.0.1", daemon.port("listen"))) as connection:
        connection.sendall(message[: len(message) // 2])
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(30)
        assert connection.recv(100) == b""

    wait_until(lambda: "(incomplete)" in page(daemon), "the message in the list")


def test_a_report_for_an_unknown_patient_is_acknowledged_and_waits_in_the_list(daemon: Daemon, tmp_path: Path) -> None:
    answer = send_report(daemon, drawn_study(33).datasets[0], tmp_path)

    assert "MSA|AA" in answer
    assert "No study with its accession number" in page(daemon)


def test_a_report_that_names_nothing_is_refused_with_the_place(daemon: Daemon, tmp_path: Path) -> None:
    image = drawn_study(34).datasets[0]
    image.AccessionNumber = image.PatientID = ""

    answer = send_report(daemon, image, tmp_path)

    assert "MSA|AE" in answer
    assert "ERR|" in answer


def test_a_study_of_ct_alone_says_what_is_missing_and_its_report_is_labelled(daemon: Daemon, tmp_path: Path) -> None:
    images = drawn_study(35).datasets[:3]
    for image in images:
        image.SOPClassUID = image.file_meta.MediaStorageSOPClassUID = CTImageStorage
        image.Modality = "CT"
        image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    assert all(isinstance(answer, Delivered) for answer in send(daemon, images, tmp_path))

    send_report(daemon, images[0], tmp_path)

    wait_until(lambda: "CT and not MR" in page(daemon, "/studies"), "the reason on the page", 120)
    with reading(daemon.engine()) as session:
        study = session.exec(select(Study).where(Study.study_uid == images[0].StudyInstanceUID)).one()
    assert (study.images, study.discs) == (WorkState.DONE, [])


def test_a_pacs_that_is_away_gets_the_same_report_when_it_is_back(daemon: Daemon, pacs: Peer, tmp_path: Path) -> None:
    study = drawn_study(36)
    send(daemon, study.datasets, tmp_path)
    send_report(daemon, study.datasets[0], tmp_path)
    wait_until(lambda: "It is tried again" in page(daemon), "the failed attempt on the page", 240)

    back = start_stand_in(DicomSettings(ae_title="PACS", port=pacs.port), tmp_path / "pacs", configure_log("pacs"))

    try:
        wait_until(lambda: delivered(daemon, study.datasets[0].StudyInstanceUID), "the delivery", 120)
    finally:
        back.stop()
    with reading(daemon.engine()) as session:
        sent = session.exec(
            select(Document.sop_instance_uid).join(Study).where(Study.study_uid == study.datasets[0].StudyInstanceUID)
        ).all()
    assert len(sent) == 1


def delivered(daemon: Daemon, study_uid: str) -> bool:
    with reading(daemon.engine()) as session:
        found = session.exec(
            select(Delivery.state).join(Document).join(Study).where(Study.study_uid == study_uid)
        ).all()
    return list(found) == ["delivered"]
