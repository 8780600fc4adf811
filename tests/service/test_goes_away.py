"""A real Orthanc that is killed, halted or cut off while documents go to it: in the end it has each once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from config.settings import Peer
from integrations.dicom import calling
from service.outbox import send_again
from service.store.database import writing
from service.store.states import DeliveryState
from tests.peers.bad_link import BadLink, Break, Fault, running_bad_link
from tests.peers.dicom import Orthanc, running_orthanc
from tests.service.test_away import STEP, STUDIES, Daemon, at_pacs, daemon, sent
from tests.waiting import wait_until

__all__ = ["daemon"]  # the fixture

REACHED = 5


def finish(daemon: Daemon, orthanc: Orthanc) -> None:
    """Let two hours pass with a PACS that is well, and look that it has each document once, as it was written."""
    for _ in range(int(timedelta(hours=2) / STEP)):
        daemon.step()
    assert daemon.states() == [DeliveryState.DELIVERED] * STUDIES
    assert at_pacs(orthanc) == sent(daemon)
    assert len(set(sent(daemon))) == STUDIES


@contextmanager
def signalled_in_the_middle(orthanc: Orthanc, number: signal.Signals) -> Iterator[None]:
    """Send Orthanc a signal once it has some documents, while others are on their way."""

    def watch() -> None:
        wait_until(lambda: len(orthanc.instances()) >= REACHED, "some documents at Orthanc")
        os.kill(orthanc.pid, number)

    watching = threading.Thread(target=watch)
    watching.start()
    yield
    watching.join()


def test_an_orthanc_that_is_killed_in_the_middle_and_started_again_has_each_document_once(
    daemon: Daemon, tmp_path: Path
) -> None:
    port = daemon.settings.peers[0].port
    with running_orthanc(tmp_path / "orthanc", port) as orthanc:
        with signalled_in_the_middle(orthanc, signal.SIGKILL):
            daemon.deliver(daemon.ask())
            wait_until(lambda: not is_alive(orthanc.pid), "its end")
        daemon.step()
    came = daemon.states().count(DeliveryState.DELIVERED)
    assert REACHED <= came <= STUDIES

    with running_orthanc(tmp_path / "orthanc", port) as orthanc:
        finish(daemon, orthanc)


def is_alive(pid: int) -> bool:
    """Tell whether a child of ours runs; a killed one stays as a zombie until it is waited for."""
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


@pytest.mark.long
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_orthanc_that_is_halted_in_the_middle_and_goes_on_has_each_document_once(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling, "ANSWER_SECONDS", 1)
    with running_orthanc(tmp_path / "orthanc", daemon.settings.peers[0].port) as orthanc:
        with signalled_in_the_middle(orthanc, signal.SIGSTOP):
            while DeliveryState.WAITING not in daemon.states()[: STUDIES // 2] or not asked_in_vain(daemon):
                daemon.deliver(daemon.ask())
                if daemon.states() == [DeliveryState.DELIVERED] * STUDIES:
                    break
        daemon.step()
        os.kill(orthanc.pid, signal.SIGCONT)
        finish(daemon, orthanc)


def asked_in_vain(daemon: Daemon) -> bool:
    return "has taken nothing since" in daemon.page()


@pytest.fixture
def cut_off(daemon: Daemon, tmp_path: Path) -> Iterator[tuple[Orthanc, BadLink]]:
    """Give an Orthanc behind a link that the daemon's documents go over."""
    with (
        running_orthanc(tmp_path / "orthanc") as orthanc,
        running_bad_link(orthanc.dicom.port) as link,
    ):
        peer = Peer(name="pacs", ae_title="ORTHANC", port=link.port)
        daemon.settings = daemon.settings.model_copy(update={"peers": (peer,)})
        yield orthanc, link


def test_documents_whose_answers_are_lost_go_again_and_are_one_at_orthanc(
    daemon: Daemon, cut_off: tuple[Orthanc, BadLink]
) -> None:
    orthanc, link = cut_off
    for _ in range(REACHED):
        link.breaks += (Break(Fault.LOSS, 250), None)

    for _ in range(int(timedelta(hours=2) / STEP)):
        daemon.step()

    assert [each.fault for each in link.happened] == [Fault.LOSS] * REACHED
    assert daemon.attempts() == STUDIES + REACHED
    finish(daemon, orthanc)


@pytest.mark.long
def test_an_orthanc_that_goes_by_another_title_refuses_and_gets_each_document_once_when_a_person_sends_them_again(
    daemon: Daemon, tmp_path: Path
) -> None:
    port = daemon.settings.peers[0].port
    with running_orthanc(tmp_path / "orthanc", port, DicomAet="OTHER", DicomCheckCalledAet=True):
        for _ in range(3):
            daemon.step()
    assert daemon.states() == [DeliveryState.REFUSED] * STUDIES
    assert "its AE title is another one" in daemon.study_page(1)

    with writing(daemon.engine) as session:
        assert send_again(session, None, daemon.now) == STUDIES
    with running_orthanc(tmp_path / "orthanc", port, DicomCheckCalledAet=True) as orthanc:
        finish(daemon, orthanc)
