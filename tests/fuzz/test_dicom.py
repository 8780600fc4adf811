"""Any bytes from a peer: an answer, a named refusal or a closed connection, soon and in little memory."""

import random
import time
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from integrations.dicom.elements import IMPLICIT_LITTLE
from tests.fuzz.dicom_target import SYNTAXES, damaged, read_anything, seeds
from tests.integrations.dicom.conftest import Running, case_files, start
from tests.integrations.dicom.sending import send_files, take_apart
from tests.peers.scripted import RELEASE_RQ, ScriptedClient, associate_request
from tests.waiting import wait_until

__all__ = ["case_files", "start"]
INPUTS = 5000
SLOWEST_SECONDS = 10
MOST_BYTES = 64 << 20
CONNECTIONS = 150
MOST_MORE_BYTES = 300 << 20

known_seeds = cache(seeds)


def test_damaged_data_sets_are_read_or_refused_by_name(tmp_path: Path) -> None:
    chance, whole = random.Random(7), known_seeds()  # noqa: S311  # which damage, not secrets
    assert len(whole) > 10
    read, slowest = 0, 0.0
    tracemalloc.start()
    for _ in range(INPUTS):
        data = damaged(chance.choice(whole), chance)
        began = time.thread_time()
        read += read_anything(data, chance.choice(SYNTAXES), tmp_path / "data") is not None
        slowest = max(slowest, time.thread_time() - began)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 0 < read < INPUTS
    assert slowest < SLOWEST_SECONDS
    assert peak < MOST_BYTES


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=400), keep=st.integers(0, 600), syntax=st.sampled_from(SYNTAXES))
def test_any_bytes_behind_a_good_beginning_are_read_or_refused_by_name(
    tmp_path: Path, data: bytes, keep: int, syntax: str
) -> None:
    read_anything(known_seeds()[0][:keep] + data, syntax, tmp_path / "data")


@pytest.mark.parametrize("depth", [10, 100, 20_000])
@pytest.mark.parametrize("length", [b"\xff\xff\xff\xff", b"\0\0\0\0"], ids=["undefined", "none"])
def test_sequences_within_sequences_end(tmp_path: Path, depth: int, length: bytes) -> None:
    level = b"\x08\x00\x15\x11" + length + b"\xfe\xff\x00\xe0" + length

    assert read_anything(level * depth, IMPLICIT_LITTLE, tmp_path / "data") is None


def test_cut_and_changed_pdus_are_answered_or_hung_up_on_and_the_receiver_goes_on(
    start: Callable[..., Running], case_files: Callable[[str], list[Path]]
) -> None:
    running = start(network_timeout_seconds=2, max_associations=CONNECTIONS)
    path = case_files("plain")[0]
    request = associate_request([(str(MRImageStorage), str(ExplicitVRLittleEndian))])
    store = b"".join(take_apart(path).pdus())
    chance, process = random.Random(11), psutil.Process()  # noqa: S311
    before = process.memory_info().rss
    for number in range(CONNECTIONS):
        with ScriptedClient(running.receiver.port) as client:
            if number % 3 == 0:
                _send(client, damaged(request, chance) + store)
                continue
            _send(client, request)
            client.receive()
            _send(client, damaged(store, chance) + RELEASE_RQ)

    wait_until(lambda: list(running.incoming.iterdir()) == [], "what was cut short to be removed", 60)
    assert running.receiver.is_alive()
    assert [answer.Status for answer in send_files(running.receiver.port, [path])] == [0x0000]
    assert process.memory_info().rss - before < MOST_MORE_BYTES


def _send(client: ScriptedClient, data: bytes) -> None:
    try:
        client.send(data)
    except OSError:  # it hung up on us in the middle
        return
