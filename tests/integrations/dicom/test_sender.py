"""What is sent, and what each answer of a peer means."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import Peer
from config.tls_settings import TlsSettings
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.sender import Delivered, send_objects, verify
from integrations.tls import server_context
from tests.integrations.dicom.conftest import Running
from tests.integrations.dicom.sending import take_apart
from tests.peers.certificates import make_authority
from tests.peers.dicom import Orthanc, free_port, running_storescp

Cases = Callable[[str], list[Path]]
Answering = Callable[[Callable[[Event], int | Dataset]], Peer]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """Start a peer whose answer to a C-STORE the test decides."""
    entity = AE("DECIDED")

    def start(answer: Callable[[Event], int | Dataset]) -> Peer:
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
        assert server is not None
        return Peer(name="decided", ae_title="DECIDED", port=int(server.server_address[1]))

    yield start
    entity.shutdown()


def answer_of(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, comment
    return answer


def test_orthanc_has_what_was_sent(orthanc: Orthanc, case_files: Cases) -> None:
    assert send_objects(case_files("plain"), orthanc.dicom, "SPINELABEL") == [Delivered(0, "")] * 11
    assert len(orthanc.instances()) == 11


def test_orthanc_answers_an_echo(orthanc: Orthanc) -> None:
    assert verify(orthanc.dicom, "SPINELABEL") == Delivered(0, "")


@pytest.mark.parametrize("case", ["rec-02", "rec-07", "rec-09"])
def test_the_bytes_of_the_file_are_sent(case: str, running: Running, case_files: Cases) -> None:
    paths = case_files(case)

    answers = send_objects(paths, running.peer, "SENDER")

    assert answers == [Delivered(0, "")] * len(paths)
    received = [take_apart(running.shelf.file(received)).data_set for received in running.shelf.received]
    assert received == [take_apart(path).data_set for path in paths]


def test_a_peer_that_takes_implicit_vr_only_gets_it(case_files: Cases, tmp_path: Path) -> None:
    path = case_files("plain")[0]

    with running_storescp(tmp_path / "taken", "+xi") as peer:
        answers = send_objects([path], peer, "SPINELABEL")

    taken = next((tmp_path / "taken").iterdir())
    assert answers == [Delivered(0, "")]
    assert dcmread(taken).file_meta.TransferSyntaxUID.is_implicit_VR
    assert dcmread(taken).PixelData == dcmread(path).PixelData


def test_a_class_that_the_peer_does_not_take_is_named(orthanc: Orthanc, case_files: Cases) -> None:
    private = next(path for path in case_files("rec-09") if path.name == "private.dcm")

    (answer,) = send_objects([private], orthanc.dicom, "SPINELABEL")

    assert isinstance(answer, Refused)
    assert answer.status is None
    assert "1.3.46.670589.11.0.0.12.2" in answer.comment


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(0xB000, Delivered(0xB000, "B000H in words"), id="coercion"),
        pytest.param(0xB006, Delivered(0xB006, "B006H in words"), id="elements discarded"),
        pytest.param(0xB007, Delivered(0xB007, "B007H in words"), id="does not match its class"),
        pytest.param(0x0111, Delivered(0x0111, "0111H in words"), id="there already"),
        pytest.param(0xA700, Unreachable("A700H in words"), id="out of resources"),
        pytest.param(0xA900, Refused(0xA900, "in words"), id="data set does not match"),
        pytest.param(0xC000, Refused(0xC000, "in words"), id="cannot understand"),
        pytest.param(0x0124, Refused(0x0124, "in words"), id="not authorized"),
    ],
)
def test_each_status_says_who_acts_next(
    status: int, expected: Delivered | Refused | Unreachable, answering: Answering, case_files: Cases
) -> None:
    peer = answering(lambda _: answer_of(status, "in words"))

    assert send_objects(case_files("plain")[:1], peer, "SENDER") == [expected]


def test_a_peer_that_ends_the_association_before_its_answer_has_delivered_nothing(
    answering: Answering, case_files: Cases
) -> None:
    def hang_up(event: Event) -> int:
        event.assoc.abort()
        return 0x0000

    answers = send_objects(case_files("plain")[:2], answering(hang_up), "SENDER")

    assert [type(answer) for answer in answers] == [Unreachable, Unreachable]


def test_a_peer_that_is_not_there_is_unreachable() -> None:
    peer = Peer(name="nobody", ae_title="NOBODY", port=free_port())

    assert verify(peer, "SENDER") == Unreachable(f"127.0.0.1:{peer.port} does not take connections")


def test_a_host_without_an_address_is_unreachable() -> None:
    assert isinstance(verify(Peer(name="nowhere", ae_title="NOWHERE", host="pacs.invalid"), "SENDER"), Unreachable)


def test_a_peer_is_reached_by_tls_and_one_of_another_authority_is_not_talked_to(tmp_path: Path) -> None:
    ours, strangers = (make_authority(tmp_path / name).issue(name) for name in ("ours", "strangers"))
    entity = AE("BY_TLS")
    entity.add_supported_context(Verification)
    tls = server_context(TlsSettings(certificate=ours.certificate, key=ours.key, authorities=ours.authority))
    server = entity.start_server(("127.0.0.1", 0), block=False, ssl_context=tls)
    assert server is not None
    peer = Peer(name="by tls", ae_title="BY_TLS", port=int(server.server_address[1]))
    known = TlsSettings(certificate=ours.certificate, key=ours.key, authorities=ours.authority)
    unknown = TlsSettings(certificate=ours.certificate, key=ours.key, authorities=strangers.authority)

    assert verify(peer.model_copy(update={"tls": known}), "SPINELABEL") == Delivered(0, "")
    assert isinstance(verify(peer.model_copy(update={"tls": unknown}), "SPINELABEL"), Unreachable)
    entity.shutdown()
