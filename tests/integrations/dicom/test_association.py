"""Who is let in, and how the others are told."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.dicom.association import MAX_PDU_BYTES, with_readable_titles
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.sender import Delivered, verify
from tests.integrations.dicom.conftest import Running
from tests.peers.scripted import (
    ACCEPTED,
    REJECTED,
    Pdu,
    ScriptedClient,
    associate_request,
)
from tests.waiting import wait_until

ECHO = [("1.2.840.10008.1.1", "1.2.840.10008.1.2")]
CALLED_UNKNOWN, CALLING_UNKNOWN = (1, 1, 7), (1, 1, 3)  # PS3.8, table 9-21


def request_association(port: int, called: bytes, calling: bytes) -> Pdu:
    with ScriptedClient(port) as client:
        client.send(associate_request(ECHO, called, calling))
        answer = client.receive()
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("called", "calling"),
    [
        pytest.param(b"SPINELABEL", b"MODALITY", id="as they should be"),
        pytest.param(b"  SPINELABEL", b"  MODALITY", id="leading spaces"),
        pytest.param(b"SPINELABEL".ljust(16, b"\0"), b"MODALITY".ljust(16, b"\0"), id="filled up with NUL"),
    ],
)
def test_titles_are_read_without_their_padding(called: bytes, calling: bytes, start: Callable[..., Running]) -> None:
    running = start(calling=["MODALITY"])

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
    ],
)
def test_a_wrong_title_is_rejected_by_the_table_and_noted_on_one_line(
    called: bytes, calling: bytes, rejection: tuple[int, int, int], running: Running
) -> None:
    answer = request_association(running.receiver.port, called, calling)

    assert (answer.kind, answer.rejection) == (REJECTED, rejection)
    event, fields = wait_until(lambda: running.log.lines, "the line in the log")[0]
    assert event == "association rejected"
    assert fields["calling"] == ascii(calling.ljust(16).decode("latin_1"))
    assert fields["address"] == "127.0.0.1"
    assert len(running.log.lines) == 1


def test_a_calling_title_that_is_not_listed_is_rejected(start: Callable[..., Running]) -> None:
    running = start(calling=["MODALITY"])

    answer = request_association(running.receiver.port, b"SPINELABEL", b"STRANGER")

    assert (answer.kind, answer.rejection) == (REJECTED, CALLING_UNKNOWN)


def test_one_association_too_many_is_told_to_come_again_and_gets_in_when_there_is_room(
    start: Callable[..., Running],
) -> None:
    running = start(max_associations=1)

    with ScriptedClient(running.receiver.port) as first:
        first.send(associate_request(ECHO))
        assert first.receive() is not None
        answer = request_association(running.receiver.port, b"SPINELABEL", b"SECOND")
        assert isinstance(verify(running.peer, "SECOND"), Unreachable)

    assert (answer.kind, answer.rejection) == (REJECTED, (2, 3, 2))
    wait_until(lambda: isinstance(verify(running.peer, "SECOND"), Delivered), "the second to get in")


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


def test_a_sender_with_a_wrong_title_is_told_what_to_correct(running: Running) -> None:
    wrong = running.peer.model_copy(update={"ae_title": "OTHER"})

    assert verify(wrong, "SENDER") == Refused(None, "receiver rejected the association: its AE title is another one")


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_any_titles_become_readable_or_are_rejected(called: bytes, calling: bytes) -> None:
    request = bytes(10) + called + calling + b"the rest"

    readable, reason = with_readable_titles(request)

    titles = readable[10:26], readable[26:42]
    assert len(readable) == len(request)
    assert readable[42:] == b"the rest"
    assert all(title.isascii() and title.strip() and b"\\" not in title for title in titles)
    assert reason is not None or [title.strip() for title in titles] == [called.strip(b" \0"), calling.strip(b" \0")]


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
