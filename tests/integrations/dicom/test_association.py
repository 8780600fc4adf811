"""Who is let in, and how the others are told."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import build_context, evt
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import Peer
from integrations.dicom.calling import Refused, Unreachable, call_peer
from integrations.dicom.request_pdu import read_request, readable_request
from integrations.dicom.sender import Delivered, verify
from integrations.dicom.upper_layer import MAX_PDU_BYTES
from tests.integrations.dicom.conftest import Running
from tests.integrations.dicom.sending import take_apart
from tests.peers.dicom import program
from tests.peers.scripted import (
    ABORTED,
    ACCEPTED,
    REJECTED,
    Pdu,
    ScriptedClient,
    associate_request,
)
from tests.waiting import wait_until

ECHO = [("1.2.840.10008.1.1", "1.2.840.10008.1.2")]
CALLED_UNKNOWN, CALLING_UNKNOWN, TOO_MANY = (1, 1, 7), (1, 1, 3), (2, 3, 2)  # PS3.8, table 9-21
MODALITY = Peer(name="modality", ae_title="MODALITY")


def request_association(port: int, called: bytes, calling: bytes, source: str = "127.0.0.1") -> Pdu:
    return answer_to(port, associate_request(ECHO, called, calling), source)


def answer_to(port: int, request: bytes, source: str = "127.0.0.1") -> Pdu:
    with ScriptedClient(port, source) as client:
        client.send(request)
        answer = client.receive()
    assert answer is not None
    return answer


def dcmtk(running: Running, program_name: str, calling: str, called: str = "SPINELABEL") -> str:
    """Call the receiver with a program of DCMTK, and give what it says."""
    titles = ["-v", "-aet", calling, "-aec", called]
    command = [program(program_name), *titles, "127.0.0.1", str(running.receiver.port)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("called", "calling"),
    [
        pytest.param(b"SPINELABEL", b"MODALITY", id="as they should be"),
        pytest.param(b"  SPINELABEL", b"  MODALITY", id="leading spaces"),
        pytest.param(b"SPINELABEL".ljust(16, b"\0"), b"MODALITY".ljust(16, b"\0"), id="filled up with NUL"),
    ],
)
def test_titles_are_read_without_their_padding(called: bytes, calling: bytes, start: Callable[..., Running]) -> None:
    running = start([MODALITY])

    assert request_association(running.receiver.port, called, calling).kind == ACCEPTED


@pytest.mark.parametrize(
    ("called", "calling", "rejection"),
    [
        pytest.param(b"spinelabel", b"MODALITY", CALLED_UNKNOWN, id="our title in lower case"),
        pytest.param(b" " * 16, b"MODALITY", CALLED_UNKNOWN, id="blank called title"),
        pytest.param(b"SPINELABEL", b" " * 16, CALLING_UNKNOWN, id="blank calling title"),
        pytest.param(b"SPINELABEL", b"\0" * 16, CALLING_UNKNOWN, id="calling title of NULs"),
        pytest.param(b"SPINELABEL", b"A\\B", CALLING_UNKNOWN, id="backslash"),
        pytest.param(b"SPINELABEL", b"M\xfcller", CALLING_UNKNOWN, id="byte above 7FH"),
        pytest.param(b"SPINELABEL", b"A\nB", CALLING_UNKNOWN, id="line feed"),
        pytest.param(b"SPINELABEL", b"STRANGER", CALLING_UNKNOWN, id="a title that is not listed"),
        pytest.param(b"SPINELABEL", b"modality", CALLING_UNKNOWN, id="a listed title in lower case"),
    ],
)
def test_a_wrong_title_is_rejected_by_the_table_and_noted_on_one_line(
    called: bytes, calling: bytes, rejection: tuple[int, int, int], start: Callable[..., Running]
) -> None:
    running = start([MODALITY])

    answer = request_association(running.receiver.port, called, calling)

    assert (answer.kind, answer.rejection) == (REJECTED, rejection)
    event, fields = wait_until(lambda: running.log.lines, "the line in the log")[0]
    assert event == "association rejected"
    assert fields["calling"] == ascii(calling.ljust(16).decode("latin_1"))
    assert fields["address"] == "127.0.0.1"
    assert len(running.log.lines) == 1


def test_a_listed_title_is_let_in_from_its_own_address_alone(start: Callable[..., Running]) -> None:
    running = start([MODALITY])

    elsewhere = request_association(running.receiver.port, b"SPINELABEL", b"MODALITY", "127.0.0.2")
    at_home = request_association(running.receiver.port, b"SPINELABEL", b"MODALITY", "127.0.0.1")

    assert (elsewhere.kind, elsewhere.rejection, at_home.kind) == (REJECTED, CALLING_UNKNOWN, ACCEPTED)
    ((_, fields),) = running.log.lines
    assert (fields["address"], fields["reason"]) == (
        "127.0.0.2",
        "calling AE title not recognized from this address",
    )


def test_a_peer_that_may_not_send_is_not_let_in(start: Callable[..., Running]) -> None:
    running = start([MODALITY, Peer(name="archive", ae_title="ARCHIVE", may=("query",))])

    answer = request_association(running.receiver.port, b"SPINELABEL", b"ARCHIVE")

    assert (answer.kind, answer.rejection) == (REJECTED, CALLING_UNKNOWN)


def test_a_title_of_the_setting_calling_is_let_in_from_any_address(start: Callable[..., Running]) -> None:
    running = start([MODALITY], calling=["ROVING"])

    assert request_association(running.receiver.port, b"SPINELABEL", b"ROVING", "127.0.0.3").kind == ACCEPTED


def test_dcmtk_is_told_why_it_is_not_let_in(start: Callable[..., Running]) -> None:
    running = start([MODALITY])

    assert "Received Echo Response (Success)" in dcmtk(running, "echoscu", "MODALITY")
    assert "Reason: Calling AE Title Not Recognized" in dcmtk(running, "echoscu", "OTHER")
    assert "Reason: Called AE Title Not Recognized" in dcmtk(running, "echoscu", "MODALITY", "NOBODY")
    assert "Shutting down" not in dcmtk(running, "termscu", "MODALITY")  # DCMTK's own private class ends no receiver
    assert running.receiver.is_alive()


@pytest.mark.parametrize(
    "request_of",
    [
        pytest.param({"protocol_version": 2}, id="a later protocol version alone"),
        pytest.param({"protocol_version": 0}, id="no protocol version"),
    ],
)
def test_an_unknown_protocol_version_is_rejected_by_the_table(request_of: dict[str, int], running: Running) -> None:
    answer = answer_to(running.receiver.port, associate_request(ECHO, protocol_version=request_of["protocol_version"]))

    assert (answer.kind, answer.rejection) == (REJECTED, (1, 2, 2))


def test_a_later_protocol_version_besides_ours_does_no_harm(running: Running) -> None:
    assert answer_to(running.receiver.port, associate_request(ECHO, protocol_version=3)).kind == ACCEPTED


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"1.2.840.10008.3.1.1.2", id="another"),
        pytest.param(b"", id="none"),
        pytest.param(b"\xff no UID, and longer than any of those sixty-four characters can be", id="no UID"),
    ],
)
def test_an_unknown_application_context_is_rejected_by_the_table(name: bytes, running: Running) -> None:
    answer = answer_to(running.receiver.port, associate_request(ECHO, application_context=name))

    assert (answer.kind, answer.rejection) == (REJECTED, (1, 1, 2))


def test_each_presentation_context_has_its_own_answer(running: Running) -> None:
    mr, find, jpeg = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.1.2.4.50"
    implicit, private = "1.2.840.10008.1.2", "1.3.46.670589.11.0.0.12.2"
    proposed = [*ECHO, (find, implicit), (ECHO[0][0], jpeg), (mr, jpeg), (private, implicit)]

    answer = answer_to(running.receiver.port, associate_request(proposed))

    assert answer.contexts == {1: 0, 3: 3, 5: 4, 7: 0, 9: 0}  # PS3.8, table 9-18


def test_a_site_that_leaves_out_unknown_classes_takes_the_others_on_the_same_association(
    start: Callable[..., Running], case_files: Callable[[str], list[Path]]
) -> None:
    running = start(unknown_classes=False)
    objects = [take_apart(path) for path in case_files("rec-09")]
    classes = sorted({(each.sop_class, each.transfer_syntax) for each in objects})
    unknown = [number for number, (sop_class, _) in enumerate(classes) if sop_class.startswith("1.3.46.")]

    with ScriptedClient(running.receiver.port) as client:
        client.send(associate_request(classes))
        answer = client.receive()
        assert answer is not None
        taken = [each for each in objects if not each.sop_class.startswith("1.3.46.")]
        answers = [
            client.store(each.pdus(2 * classes.index((each.sop_class, each.transfer_syntax)) + 1)) for each in taken
        ]

    assert len(unknown) == 1
    assert answer.contexts == {2 * number + 1: 3 if number in unknown else 0 for number in range(len(classes))}
    assert {each.Status for each in answers} == {0}
    assert len(running.shelf.received) == len(objects) - 1


def test_one_association_too_many_is_told_to_come_again_and_gets_in_when_there_is_room(
    start: Callable[..., Running],
) -> None:
    running = start(max_associations=1)

    with ScriptedClient(running.receiver.port) as first:
        first.send(associate_request(ECHO))
        assert first.receive() is not None
        answer = request_association(running.receiver.port, b"SPINELABEL", b"SECOND")
        assert isinstance(verify(running.peer, "SECOND"), Unreachable)

    assert (answer.kind, answer.rejection) == (REJECTED, TOO_MANY)
    wait_until(lambda: isinstance(verify(running.peer, "SECOND"), Delivered), "the second to get in")


def test_one_peer_cannot_take_all_places(start: Callable[..., Running]) -> None:
    running = start(max_associations=3, max_associations_per_peer=1)
    port = running.receiver.port

    with ScriptedClient(port) as first:
        first.send(associate_request(ECHO, calling=b"GREEDY"))
        assert first.receive() is not None
        again = request_association(port, b"SPINELABEL", b"GREEDY")
        other = request_association(port, b"SPINELABEL", b"OTHER")

    assert (again.kind, again.rejection, other.kind) == (REJECTED, TOO_MANY, ACCEPTED)


def test_rejected_associations_take_no_places(start: Callable[..., Running]) -> None:
    running = start([MODALITY], max_associations=1)
    stranger = associate_request(ECHO, calling=b"STRANGER")

    with ScriptedClient(running.receiver.port) as lingering:
        lingering.send(stranger)
        assert lingering.receive() is not None

        assert request_association(running.receiver.port, b"SPINELABEL", b"MODALITY").kind == ACCEPTED


def test_a_fault_of_ours_lets_nobody_in(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.dicom.door.admit", lambda *_: 1 / 0)

    answer = request_association(running.receiver.port, b"SPINELABEL", b"MODALITY")

    assert (answer.kind, answer.rejection) == (REJECTED, (2, 2, 1))


def test_a_pdu_longer_than_the_site_takes_ends_the_association(start: Callable[..., Running]) -> None:
    running = start(max_pdu_bytes=4096)
    contexts = [(f"1.2.840.10008.5.1.4.1.1.{number}", "1.2.840.10008.1.2") for number in range(1, 129)]
    request = associate_request(contexts)

    with ScriptedClient(running.receiver.port) as client:
        client.send(request)
        answer = client.receive()
        client.send(bytes([4, 0]) + (4097).to_bytes(4, "big") + bytes(4097))
        aborted = client.receive()

    assert len(request) > 4096  # the limit is one of P-DATA-TF
    assert answer is not None
    assert answer.kind == ACCEPTED
    assert aborted is not None
    assert aborted.kind == ABORTED


def test_a_pdu_longer_than_agreed_ends_the_association(running: Running) -> None:
    with ScriptedClient(running.receiver.port) as client:
        client.send(associate_request(ECHO))
        client.receive()
        client.send(bytes([4, 0]) + (MAX_PDU_BYTES + 1).to_bytes(4, "big"))

        assert client.receive() is None


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(bytes([1, 3]) + b"no command set at all", id="a command that is none"),
        pytest.param(bytes([1, 3]), id="an empty command"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_nonsense_in_place_of_a_message_ends_the_association_alone(body: bytes, running: Running) -> None:
    value = len(body).to_bytes(4, "big") + body

    with ScriptedClient(running.receiver.port) as client:
        client.send(associate_request(ECHO))
        client.receive()
        client.send(bytes([4, 0]) + len(value).to_bytes(4, "big") + value)
        while client.receive() is not None:
            pass

    assert verify(running.peer, "NEXT") == Delivered(0, "")


def test_a_rejection_that_comes_before_we_look_is_heard(running: Running) -> None:
    wrong, closed = running.peer.model_copy(update={"ae_title": "OTHER"}), threading.Event()
    late: list[Any] = [
        (evt.EVT_CONN_CLOSE, lambda _: closed.set()),
        (evt.EVT_REQUESTED, lambda _: closed.wait(20)),  # holds up the thread that is to hear the answer
    ]

    answer = call_peer(wrong, "SENDER", [build_context(Verification)], handlers=late)

    assert answer == Refused(None, "receiver rejected the association: its AE title is another one")


def test_a_sender_with_a_wrong_title_is_told_what_to_correct(running: Running) -> None:
    wrong = running.peer.model_copy(update={"ae_title": "OTHER"})

    assert verify(wrong, "SENDER") == Refused(None, "receiver rejected the association: its AE title is another one")


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.binary(max_size=70))
def test_any_titles_and_contexts_become_readable_and_are_remembered(called: bytes, calling: bytes, name: bytes) -> None:
    sent = associate_request(ECHO, called, calling, application_context=name)

    asked, readable = read_request(sent), readable_request(sent)

    assert (asked.called, asked.calling, asked.application_context) == (called, calling, name)
    titles = readable[10:26], readable[26:42]
    assert all(title.isascii() and title.strip() and b"\\" not in title for title in titles)
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(readable)
    assert pdu.application_context_name == "1.2.840.10008.3.1.1.1"
    assert [item.context_id for item in pdu.presentation_context] == [1]


def test_a_sender_of_a_byte_now_and_then_is_given_up_in_the_time_of_a_pdu(start: Callable[..., Running]) -> None:
    running = start(network_timeout_seconds=1.0)

    with ScriptedClient(running.receiver.port) as client:
        client.send(associate_request(ECHO))
        client.receive()
        client.send(bytes([4, 0, 0, 0, 1, 0]))

        def is_hung_up() -> bool:
            try:
                client.send(b"\0")
            except OSError:
                return True
            return False

        wait_until(is_hung_up, "the receiver to hang up", 8)


def test_threads_of_associations_without_traffic_take_no_processor_time(running: Running) -> None:
    clients = [ScriptedClient(running.receiver.port) for _ in range(10)]
    for client in clients:
        client.send(associate_request(ECHO))
        client.receive()

    before = time.process_time()
    time.sleep(1)  # what is measured is a time without anything
    taken = time.process_time() - before

    for client in clients:
        client.close()
    assert taken < 0.1
