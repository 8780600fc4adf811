"""Roles are killed in turn at random during a run of studies, with work in hand; the result is as without it, once."""

import random
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import func
from sqlmodel import Session, col, select

from integrations.dicom.sender import Delivered, send_objects
from service.roles import ROLES
from service.store.database import reading
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document, FindingRow, Instance, Message, Report, Study
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import running_storescp
from tests.peers.sent import Sent, draw
from tests.waiting import wait_until

STUDIES = 20
ROUNDS = 2
SEED = 5
AHEAD = 6


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Sent]:
    return [draw(tmp_path_factory.mktemp("study"), seed) for seed in range(1, STUDIES + 1)]


@pytest.fixture(scope="module")
def pacs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pacs")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, pacs_folder: Path) -> Iterator[Daemon]:
    with (
        running_storescp(pacs_folder, "--fork", "--unique-filenames") as pacs,
        running_daemon(tmp_path_factory.mktemp("daemon"), pacs) as running,
    ):
        yield running


def _send(daemon: Daemon, study: Sent) -> None:
    """Send as a PACS and an interface engine do: again, until everything has been taken."""
    wait_until(lambda: _images_taken(daemon, study), "the images to be taken", 120)
    wait_until(lambda: _report_taken(daemon, study), "the report to be taken", 120)


def _images_taken(daemon: Daemon, study: Sent) -> bool:
    return all(isinstance(answer, Delivered) for answer in send_objects(study.images, daemon.peer(), "TEST"))


def _report_taken(daemon: Daemon, study: Sent) -> bool:
    try:
        return "MSA|AA" in daemon.send_report(study.message)
    except (OSError, subprocess.CalledProcessError):
        return False


def _kill_while_sending(daemon: Daemon, role: str, study: Sent, reached: Callable[[], bool]) -> None:
    """Kill a role in the middle of what is sent to it; the sender repeats what was not acknowledged."""
    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(_send, daemon, study)
        wait_until(reached, f"the middle of what is sent to {role}", 60)
        daemon.kill(role)
        print(f"killed {role} while it was sent a study")  # noqa: T201
        sending.result(240)


def _images(daemon: Daemon) -> int:
    with reading(daemon.engine()) as session:
        return session.exec(select(func.count()).select_from(Instance)).one()


def _in_hand(session: Session) -> dict[str, int]:
    """Count what is under way, by kind."""
    counted = {
        "images": select(func.count()).select_from(Study).where(col(Study.images).in_(["waiting", "queued"])),
        "labels": select(func.count()).select_from(Report).where(col(Report.labels).in_(["waiting", "queued"])),
        "documents": select(func.count()).select_from(Study).where(col(Study.document).in_(["waiting", "queued"])),
        "deliveries": select(func.count()).select_from(Delivery).where(Delivery.state != DeliveryState.DELIVERED),
    }
    return {kind: session.exec(query).one() for kind, query in counted.items()}


def _delivered(daemon: Daemon) -> int:
    with reading(daemon.engine()) as session:
        return session.exec(
            select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
        ).one()


def _send_all(daemon: Daemon, studies: Sequence[Sent]) -> None:
    """Send studies over the whole run: some are always on their way."""
    for number, study in enumerate(studies):
        wait_until(partial(_came_through, daemon, number - AHEAD), "earlier studies to come through", 600)
        _send(daemon, study)


def _came_through(daemon: Daemon, studies: int) -> bool:
    return _delivered(daemon) >= studies


def _kill_at_random(daemon: Daemon, chance: random.Random, sending: Future[None]) -> None:
    """Kill every role some times, in any order, each at any point of the run at which there is work in hand.

    What was in hand is printed.
    """
    roles = [role for _ in range(ROUNDS) for role in chance.sample(ROLES, len(ROLES))]
    points = sorted(chance.choices(range(STUDIES - 2), k=len(roles)))
    for role, point in zip(roles, points, strict=True):
        daemon.port(role)  # it is up again after an earlier kill
        wait_until(partial(_busy, daemon, point), "the point of the run", 600)
        time.sleep(chance.uniform(0, 2))  # any moment
        states = wait_until(partial(_busy, daemon, point), f"work in hand when {role} is killed", 600)
        daemon.kill(role)
        print(f"killed {role} with {states} in hand, {'sending' if not sending.done() else 'all sent'}")  # noqa: T201


def _busy(daemon: Daemon, delivered: int) -> dict[str, int]:
    """Give what is under way once so many studies came through, or nothing where nothing is."""
    with reading(daemon.engine()) as session:
        states = _in_hand(session)
    return states if any(states.values()) and _delivered(daemon) >= delivered else {}


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_twenty_studies_come_through_the_killing_of_every_role_at_random_once(
    daemon: Daemon, sent: Sequence[Sent], pacs_folder: Path
) -> None:
    for role in ROLES:
        daemon.port(role)
    _kill_while_sending(daemon, "receive", sent[0], lambda: _images(daemon) > 2)
    _kill_while_sending(daemon, "listen", sent[1], lambda: _images(daemon) >= len(sent[0].images) + len(sent[1].images))
    chance = random.Random(SEED)  # noqa: S311  # which moments, not secrets
    with ThreadPoolExecutor(1) as sender:
        sending = sender.submit(_send_all, daemon, sent[2:])
        _kill_at_random(daemon, chance, sending)
        sending.result(600)

    wait_until(lambda: _delivered(daemon) == STUDIES, f"{STUDIES} deliveries", 1200)

    with reading(daemon.engine()) as session:
        documents = session.exec(select(Document)).all()
        findings = [
            (row.condition, row.level, row.source, row.report_id, row.study_id)
            for row in session.exec(select(FindingRow))
        ]
        instances = session.exec(select(func.count()).select_from(Instance)).one()
        processed = session.exec(select(func.count()).select_from(Report)).one()
        messages = session.exec(select(func.count()).select_from(Message)).one()
    at_pacs = {str(dcmread(path).SOPInstanceUID) for path in pacs_folder.iterdir()}
    assert at_pacs == {document.sop_instance_uid for document in documents}
    assert len(documents) == len({document.study_id for document in documents}) == STUDIES
    assert len(findings) == len(set(findings)) == STUDIES * (8 + 5)  # of reports and of images
    assert instances == sum(len(study.images) for study in sent)
    assert processed == STUDIES
    assert messages >= STUDIES
