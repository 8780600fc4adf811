"""A sender that pushes on without reading our answers is read no further, and costs little memory."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from tests.integrations.dicom.conftest import Running, case_files, start
from tests.integrations.dicom.sending import send_files, take_apart
from tests.peers.scripted import ScriptedClient, associate_request

__all__ = ["case_files", "start"]
OBJECTS = 20_000
MOST_MORE_BYTES = 100 << 20


@pytest.mark.long
def test_objects_sent_without_reading_an_answer_are_held_back(
    start: Callable[..., Running], case_files: Callable[[str], list[Path]]
) -> None:
    running = start(network_timeout_seconds=5)
    path = case_files("plain")[0]
    store = b"".join(take_apart(path).pdus())
    process = psutil.Process()
    before = process.memory_info().rss
    with ScriptedClient(running.receiver.port) as client:
        client.send(associate_request([(str(MRImageStorage), str(ExplicitVRLittleEndian))]))
        client.receive()
        client._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        pushing = threading.Thread(target=push, args=(client, store), daemon=True)
        pushing.start()
        most = 0
        while pushing.is_alive():
            most = max(most, process.memory_info().rss - before)
            pushing.join(0.1)

    assert most < MOST_MORE_BYTES
    assert [answer.Status for answer in send_files(running.receiver.port, [path])] == [0x0000]


def push(client: ScriptedClient, store: bytes) -> None:
    client._socket.settimeout(10)
    try:
        for _ in range(OBJECTS):
            client.send(store)
    except OSError:  # held back for longer than we wait, or hung up on
        return
