"""Before an object or a message is answered it is on disk: file, rename, folder, database, in this order."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from config.settings import Peer
from integrations.dicom.sender import Delivered, send_objects
from service.endpoints import endpoint
from service.store.upgrade import upgrade_database
from tests.faults.disk_order import Call, message_faults, object_faults, read_trace, traced
from tests.faults.spoiled_role import SPOILS
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.daemon import Daemon
from tests.peers.dicom import program
from tests.peers.sent import write_message
from tests.waiting import wait_until


@contextmanager
def running_role(folder: Path, role: str, *module: str) -> Iterator[Daemon]:
    """Run one role in a process that can be traced; `module` is what runs it."""
    config, data = folder / "site.yaml", folder / "data"
    free = {"port": 0}
    values = {"data": str(data), "dicom": free, "hl7": free, "web": free, "storage": {"keep_free_gb": 0}}
    config.write_text(yaml.safe_dump(values))
    upgrade_database(data)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module, role, "--config", str(config)], stdout=log, stderr=log
        )
    try:
        wait_until(lambda: endpoint(data, role) is not None, f"{role} to listen")
        yield Daemon(config, data, folder / "log")
    finally:
        process.kill()
        process.wait(30)


def calls_of_receiving(folder: Path, *module: str) -> list[Call]:
    program("strace")
    images = t2_series("order")
    save_all(images, folder / "images")
    with running_role(folder, "receive", *module) as daemon, traced(daemon.pid("receive"), folder / "trace"):
        peer = Peer(name="us", ae_title="SPINELABEL", port=daemon.port("receive"))
        answers = send_objects(sorted((folder / "images").iterdir())[:4], peer, "TEST")
    assert all(isinstance(answer, Delivered) for answer in answers)
    return read_trace(folder / "trace")


def calls_of_listening(folder: Path, *module: str) -> list[Call]:
    program("strace")
    message = write_message(t2_series("order")[0], "FINDINGS: Normal.", folder)
    with running_role(folder, "listen", *module) as daemon, traced(daemon.pid("listen"), folder / "trace"):
        assert "MSA|AA" in daemon.send_report(message)
    return read_trace(folder / "trace")


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    return calls_of_receiving(tmp_path_factory.mktemp("receive"), "service.roles")


@pytest.fixture(scope="module")
def listened(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    return calls_of_listening(tmp_path_factory.mktemp("listen"), "service.roles")


def test_an_object_is_on_disk_with_its_name_and_row_before_it_is_answered(received: list[Call]) -> None:
    assert object_faults(received) == []


def test_a_message_is_on_disk_before_it_is_acknowledged(listened: list[Call]) -> None:
    assert message_faults(listened) == []


def without(calls: Sequence[Call], is_left_out: Callable[[Call], bool]) -> list[Call]:
    return [call for call in calls if not is_left_out(call)]


@pytest.mark.parametrize(
    ("is_left_out", "fault"),
    [
        pytest.param(lambda call: call.name == "fsync" and call.path.endswith(".part"), "file was not", id="file"),
        pytest.param(lambda call: call.name == "rename", "no file was renamed", id="rename"),
        pytest.param(lambda call: call.name == "fsync" and "/objects/" in call.path, "the folder was not", id="folder"),
        pytest.param(lambda call: call.name == "fdatasync", "the database was not", id="database"),
    ],
)
def test_a_step_that_is_left_out_of_receiving_is_seen(
    received: list[Call], is_left_out: Callable[[Call], bool], fault: str
) -> None:
    faults = object_faults(without(received, is_left_out))

    assert len(faults) >= 4
    assert all(any(fault in each for each in faults if f"answer {number}:" in each) for number in range(1, 5))


def test_an_acknowledgement_before_the_database_is_on_disk_is_seen(listened: list[Call]) -> None:
    assert message_faults(without(listened, lambda call: call.name == "fdatasync"))


@pytest.mark.long
@pytest.mark.parametrize(
    ("spoil", "fault"),
    list(
        zip(
            SPOILS,
            (
                "the file was not synchronised before it was renamed",
                "no file was renamed to its place",
                "the folder was not synchronised after the rename",
                "the database was not synchronised after the file was in its place",
            ),
            strict=True,
        )
    ),
)
def test_a_receiver_that_leaves_out_a_step_is_found(tmp_path: Path, spoil: str, fault: str) -> None:
    faults = object_faults(calls_of_receiving(tmp_path, "tests.faults.spoiled_role", spoil))

    assert [each for each in faults if fault in each]


@pytest.mark.long
def test_a_listener_that_does_not_synchronise_its_database_is_found(tmp_path: Path) -> None:
    calls = calls_of_listening(tmp_path, "tests.faults.spoiled_role", "the database's synchronisation")

    assert message_faults(calls) == ["answer 1: the database was not synchronised after it was written"]
