"""Places of associations: who has gone holds none, and who never asks for an association neither."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from integrations.dicom.sender import Delivered, verify
from tests.integrations.dicom.conftest import Running
from tests.integrations.dicom.sending import Sent, associate, take_apart
from tests.peers.scripted import ABORT, REJECTED, ScriptedClient, associate_request
from tests.waiting import wait_until

SENDERS = 30  # more than there are places, in all and for one peer
ARTIM_SECONDS = 1.0
REQUEST = associate_request([("1.2.840.10008.1.1", "1.2.840.10008.1.2")])


@pytest.fixture
def sent(case_files: Callable[[str], list[Path]]) -> Sent:
    return take_apart(case_files("plain")[0])


def data_pdu(value: bytes) -> bytes:
    item = len(value).to_bytes(4, "big") + value
    return bytes([4, 0]) + len(item).to_bytes(4, "big") + item


DAMAGE = [
    pytest.param(lambda _: b"", id="nothing"),
    pytest.param(lambda pdus: pdus[0][:4], id="half the head of a PDU"),
    pytest.param(lambda pdus: pdus[0][:30], id="half a PDU"),
    pytest.param(lambda _: bytes([9, 0, 0, 0, 0, 4]) + bytes(4), id="an unknown PDU"),
    pytest.param(lambda _: bytes([4, 0]) + (1 << 24).to_bytes(4, "big"), id="a PDU longer than agreed"),
    pytest.param(lambda _: data_pdu(b"\1\3no command"), id="a command that is none"),
    pytest.param(lambda pdus: data_pdu(b"\1\2no object") + pdus[0], id="a data set before its command"),
    pytest.param(lambda pdus: pdus[0] * 2, id="a command inside a data set"),
    pytest.param(lambda pdus: pdus[0] + pdus[1][:99], id="half a data set"),
    pytest.param(lambda pdus: pdus[0] + data_pdu(b"\1\2" + b"\xff" * 99), id="a data set that is none"),
    pytest.param(lambda _: REQUEST, id="a second request"),
    pytest.param(lambda pdus: ABORT + pdus[0], id="more after an abort"),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_senders_of_damage_that_hung_up_leave_room_at_once(
    damage: Callable[[list[bytes]], bytes], running: Running, sent: Sent
) -> None:
    for _ in range(SENDERS):
        with associate(running.receiver.port, sent) as client:
            client.send(damage(sent.pdus()))

    assert verify(running.peer, "SCRIPTED") == Delivered(0, "")


def test_senders_that_hung_up_on_a_slow_disk_leave_room_as_soon_as_their_object_is_kept(
    running: Running, sent: Sent
) -> None:
    running.shelf.seconds = 0.2
    contradicts = replace(sent, sop_instance="1.2.3")
    for _ in range(SENDERS):
        with associate(running.receiver.port, sent) as client:
            client.send(b"".join(contradicts.pdus()))

    assert verify(running.peer, "SCRIPTED") == Delivered(0, "")
    wait_until(lambda: list(running.incoming.iterdir()) == [], "each to be kept, or given up with its sender")


def test_where_nothing_is_kept_any_more_a_sender_that_comes_again_and_again_is_turned_away(
    start: Callable[..., Running], sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.dicom.door.LEAVING_SECONDS", 0.2)
    running = start(max_associations=1)
    running.shelf.seconds = 3
    with associate(running.receiver.port, sent) as client:
        client.send(b"".join(sent.pdus()))

    with ScriptedClient(running.receiver.port) as again:
        again.send(REQUEST)
        answer = again.receive()

    assert answer is not None
    assert answer.kind == REJECTED


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", REQUEST[:50], b""], ids=["a browser", "half", "nothing"])
def test_connections_that_hung_up_before_a_request_leave_no_threads(noise: bytes, running: Running) -> None:
    before = threading.active_count()
    for _ in range(SENDERS):
        with ScriptedClient(running.receiver.port) as client:
            client.send(noise)

    wait_until(lambda: threading.active_count() <= before, "their threads to end", 5)


def silent(_: ScriptedClient) -> None:
    pass


def half(client: ScriptedClient) -> None:
    client.send(REQUEST[:50])


def now_and_then(client: ScriptedClient) -> None:
    for byte in REQUEST:
        try:
            client.send(bytes([byte]))
        except OSError:
            return
        time.sleep(0.05)  # the pace of a sender that would take ten seconds


@pytest.mark.parametrize("stall", [silent, half, now_and_then])
def test_who_never_asks_for_an_association_is_closed_in_time_and_holds_no_place(
    stall: Callable[[ScriptedClient], None], start: Callable[..., Running]
) -> None:
    running = start(max_associations=1, request_timeout_seconds=ARTIM_SECONDS)
    before, began = threading.active_count(), time.monotonic()
    with ScriptedClient(running.receiver.port) as stalled:
        assert verify(running.peer, "HEALTHY") == Delivered(0, "")

        stall(stalled)
        answer = stalled.receive()

        assert answer is None
        assert ARTIM_SECONDS * 0.9 < time.monotonic() - began < ARTIM_SECONDS * 4
        wait_until(lambda: threading.active_count() <= before, "its threads to end", 3)
