"""A study whose sender goes in the middle of an object (cases net-02), and one that meets a full disk (net-03)."""

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from config.settings import DicomSettings, Hl7Settings, Settings, StorageSettings
from integrations.hl7.connection import Doors
from integrations.hl7.listener import start_listener
from service.listening import Listening
from service.log import configure_log
from service.store.columns import utc_now
from service.store.database import open_database, reading
from service.store.tables import Study
from service.store.upgrade import upgrade_database
from service.sweep import ask_for_readings
from tests.integrations.dicom.sending import Sent
from tests.integrations.hl7.cases import message_of
from tests.integrations.hl7.mllp import Sender, fields_of
from tests.peers.scripted import ABORT, ScriptedClient
from tests.service.arriving import Arriving, arriving, association, case_objects
from tests.service.browsing import browse
from tests.waiting import wait_until

TIMEOUT_SECONDS = 3.0


def site(data: Path, timeout_seconds: float = 60, **storage: float) -> Settings:
    dicom = DicomSettings(port=0, max_associations=1, network_timeout_seconds=timeout_seconds)
    return Settings(data=data, dicom=dicom, storage=StorageSettings.model_validate({"keep_free_gb": 0, **storage}))


def large(sent: Sent) -> Sent:
    """Give the object with 300 kB more behind its pixels, so that its way takes a while."""
    private = b"\xe1\x7f\x10\x00LO\x04\x00MORE" + b"\xe1\x7f\x01\x10OB\0\0" + (300_000).to_bytes(4, "little")
    return replace(sent, data_set=sent.data_set + private + bytes(300_000))


def statuses(client: ScriptedClient, objects: list[Sent]) -> list[str]:
    return [f"{client.store(sent.pdus()).Status:04X}" for sent in objects]


def send_all(arrived: Arriving, objects: list[Sent]) -> list[str]:
    with association(arrived.receiver.port, objects[0]) as client:
        return statuses(client, objects)


def readings_asked(arrived: Arriving) -> list[str]:
    """Give the ids of the readings that are asked for once the quiet time is over."""
    asked: list[str] = []
    later = utc_now() + timedelta(hours=1)
    ask_for_readings(arrived.engine, lambda _, __, name: asked.append(name), arrived.settings, later)
    return asked


def last_image(arrived: Arriving) -> object:
    with reading(arrived.engine) as session:
        return session.exec(select(Study.last_image)).one()


def close(client: ScriptedClient) -> None:
    client.close()


def abort(client: ScriptedClient) -> None:
    client.send(ABORT)


def fall_silent(client: ScriptedClient) -> None:
    while client.receive() is not None:  # until the network timeout
        pass


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(close, id="it closes the socket"),
        pytest.param(abort, id="it sends A-ABORT"),
        pytest.param(fall_silent, id="it falls silent"),
    ],
)
def test_of_an_object_whose_sender_goes_in_its_middle_nothing_stays_and_the_study_is_completed_later(
    end: Callable[[ScriptedClient], None], tmp_path: Path
) -> None:
    settings = site(tmp_path / "data", TIMEOUT_SECONDS)
    objects = [large(sent) for sent in case_objects(tmp_path / "plain")]
    with arriving(settings) as arrived:
        with association(arrived.receiver.port, objects[0]) as client:
            assert statuses(client, objects[:5]) == ["0000"] * 5
            client.send(b"".join(objects[5].pdus()[:9]))
            wait_until(lambda: any(arrived.store.incoming.iterdir()), "the sixth to begin")
            end(client)
            wait_until(arrived.is_clean, "nothing of the sixth to stay")
            # Free at once, though the client has not gone in every case.
            wait_until(lambda: _is_let_in(arrived, objects[0]), "the place to be free", TIMEOUT_SECONDS - 1)
        assert len(arrived.rows()) == 5
        assert last_image(arrived) == arrived.rows()[-1].received  # the quiet time runs from the fifth

    with arriving(settings) as arrived:
        assert len(arrived.rows()) == 5
        assert arrived.is_clean()
        assert send_all(arrived, objects) == ["0000"] * 11
        assert arrived.receiver.counts() == {"known already": 5, "stored": 6}
        assert len(readings_asked(arrived)) == 1
        assert readings_asked(arrived) == []


def _is_let_in(arrived: Arriving, sent: Sent) -> bool:
    with contextlib.suppress(AssertionError), association(arrived.receiver.port, sent):
        return True
    return False


@pytest.fixture
def disk(mounted: Callable[[str], Path]) -> Path:
    return mounted("size=32m")


def fill(folder: Path, leave: int) -> Path:
    """Write a file that leaves no more than so many bytes free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while (free := shutil.disk_usage(folder).free) > leave:
            file.write(bytes(min(free - leave, 1 << 20)))
    return filler


def disk_check(arrived: Arriving) -> str:
    page: TestClient = browse(arrived.settings, arrived.engine, utc_now)
    answer = page.get("/readyz")
    assert answer.status_code == 503  # in any case, since no role is up here
    return str(answer.json()["checks"].get("disk", "ok"))


def test_less_space_than_the_limit_refuses_on_the_same_association_until_there_is_room(
    disk: Path, tmp_path: Path
) -> None:
    objects = case_objects(tmp_path / "plain")
    with arriving(site(disk / "data", keep_free_gb=0.012)) as arrived:
        with association(arrived.receiver.port, objects[0]) as client:
            assert statuses(client, objects[:5]) == ["0000"] * 5
            assert disk_check(arrived) == "ok"
            filler = fill(disk, leave=11_000_000)
            refused = [client.store(sent.pdus()) for sent in objects[5:]]
        assert {f"{answer.Status:04X} {answer.ErrorComment}" for answer in refused} == {
            "A700 The disk of the receiver is nearly full"
        }
        assert "fewer than storage.keep_free_gb" in disk_check(arrived)
        assert arrived.is_clean()
        assert len(arrived.rows()) == 5

        filler.unlink()
        assert send_all(arrived, objects) == ["0000"] * 11
        assert arrived.is_clean()


def test_a_disk_that_is_full_in_the_middle_of_an_object_costs_nothing_that_was_answered(
    disk: Path, tmp_path: Path
) -> None:
    objects = [large(sent) for sent in case_objects(tmp_path / "plain")]
    with arriving(site(disk / "data")) as arrived:
        with association(arrived.receiver.port, objects[0]) as client:
            assert statuses(client, objects[:5]) == ["0000"] * 5
            begun = objects[5].pdus()
            client.send(b"".join(begun[:9]))
            wait_until(lambda: any(path.stat().st_size for path in arrived.store.incoming.iterdir()), "the sixth")
            filler = fill(disk, leave=0)
            sixth = client.store(begun[9:])
            rest = [client.store(sent.pdus()) for sent in objects[6:]]
        assert {f"{answer.Status:04X} {answer.ErrorComment}" for answer in (sixth, *rest)} == {
            "A700 The disk of the receiver is full"
        }
        assert "Objects are refused" in disk_check(arrived)
        assert arrived.is_clean()
        assert all(arrived.store.path(row.file).read_bytes().endswith(bytes(300_000)) for row in arrived.rows())

        filler.unlink()
        assert send_all(arrived, objects) == ["0000"] * 11
        assert arrived.is_clean()
        assert len(arrived.rows()) == 11


def test_a_message_that_a_full_disk_does_not_take_is_answered_so_that_its_sender_repeats_it(disk: Path) -> None:
    settings = Settings(data=disk / "data", hl7=Hl7Settings(port=0))
    upgrade_database(settings.data)
    log = configure_log("listen")
    listening = Listening(open_database(settings.data), settings, log)
    frame = b"\x0b" + message_of("d01.hl7").replace(b"\rOBX", b"\rNTE|1||" + b"x" * 100_000 + b"\rOBX", 1) + b"\x1c\r"
    doors = Doors(listening.receive, listening.keep_incomplete)
    with start_listener(settings.hl7, doors, log) as listener, Sender(listener.port) as sender:
        filler = fill(disk, leave=0)
        sender.send(frame)
        refused = fields_of(sender.answer())
        filler.unlink()
        sender.send(frame)
        accepted = fields_of(sender.answer())

    assert (refused["MSA"][1], refused["ERR"][3].split("^")[0]) == ("AR", "207")
    assert accepted["MSA"][1] == "AA"
