"""Stopping in the middle of work, and starting in any order."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func
from sqlmodel import select

from integrations.dicom.sender import send_objects
from service.daemon import STOP_SECONDS
from service.roles import ROLES
from service.store.database import reading
from service.store.states import DeliveryState, WorkState
from service.store.tables import Delivery, FindingRow, Report, Study
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import running_storescp
from tests.peers.sent import Sent, draw
from tests.waiting import wait_until

STUDIES = 3


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> list[Sent]:
    return [draw(tmp_path_factory.mktemp("study"), seed) for seed in range(41, 41 + STUDIES)]


def send(daemon: Daemon, studies: Sequence[Sent]) -> None:
    for study in studies:
        send_objects(study.images, daemon.peer(), "TEST")
        assert "MSA|AA" in daemon.send_report(study.message)


def delivered(daemon: Daemon) -> int:
    with reading(daemon.engine()) as session:
        return session.exec(
            select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
        ).one()


def begun(daemon: Daemon) -> bool:
    with reading(daemon.engine()) as session:
        reports = session.exec(select(Report).where(Report.labels == WorkState.QUEUED, Report.labels_starts > 0))
        return reports.first() is not None


def findings(daemon: Daemon) -> list[tuple[object, ...]]:
    with reading(daemon.engine()) as session:
        return [
            (row.condition, row.level, row.source, row.report_id, row.study_id)
            for row in session.exec(select(FindingRow))
        ]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_stop_in_the_middle_of_work_is_quick_and_the_next_start_does_the_rest_once(
    tmp_path: Path, sent: Sequence[Sent]
) -> None:
    with running_storescp(tmp_path / "pacs", "--fork") as pacs:
        with running_daemon(tmp_path / "daemon", pacs) as daemon:
            daemon.port("work")
            send(daemon, sent)
            wait_until(lambda: begun(daemon), "a report to be in the middle of labelling", 60)
            stopping = time.monotonic()
        took = time.monotonic() - stopping
        log = daemon.log.read_text()
        with reading(daemon.engine()) as session:
            starts = [*session.exec(select(Report.labels_starts)), *session.exec(select(Study.images_starts))]
        with running_daemon(tmp_path / "daemon", pacs) as daemon:
            wait_until(lambda: delivered(daemon) == STUDIES, "the structured reports", 240)
            made = findings(daemon)

    print(f"stopped in {took:.1f} s with labelling in hand")  # noqa: T201
    assert took < STOP_SECONDS + 1
    assert "role killed" not in log
    assert "Traceback" not in log
    assert max(starts) == 0  # the stop is no fault of the work
    assert len(made) == len(set(made)) == STUDIES * (8 + 5)


@pytest.fixture
def one_by_one(tmp_path: Path) -> Iterator[Daemon]:
    """Give a daemon whose roles are started by a supervisor each, from the last in a study's way to the first."""
    with ExitStack() as stack:
        pacs = stack.enter_context(running_storescp(tmp_path / "pacs", "--fork"))
        for role in reversed(ROLES):
            daemon = stack.enter_context(running_daemon(tmp_path / "daemon", pacs, only=role))
            daemon.port(role)
        yield daemon


@pytest.mark.long
@pytest.mark.timeout(600)
def test_roles_that_start_alone_and_in_the_wrong_order_do_the_whole_job(
    one_by_one: Daemon, sent: Sequence[Sent]
) -> None:
    send(one_by_one, sent[:1])

    wait_until(lambda: delivered(one_by_one) == 1, "the structured report", 240)


def test_two_supervisors_that_start_at_once_on_an_empty_folder_both_come_up(tmp_path: Path) -> None:
    config = tmp_path / "site.yaml"
    free = {"port": 0}
    config.write_text(json.dumps({"data": str(tmp_path / "data"), "hl7": free, "web": free}))
    command = [sys.executable, "-m", "service.cli", "serve", "--config", str(config), "--only"]
    said = {role: tmp_path / f"{role}.log" for role in ("listen", "web")}
    both = [subprocess.Popen([*command, role], stderr=log.open("wb")) for role, log in said.items()]

    def is_up(role: str) -> bool:
        assert [process.poll() for process in both] == [None, None], [log.read_text() for log in said.values()]
        return (tmp_path / "data" / "run" / f"{role}.json").exists()

    try:
        for role in said:
            wait_until(partial(is_up, role), f"{role} to be up", 60)
    finally:
        for process in both:
            process.terminate()

    assert [process.wait(30) for process in both] == [0, 0]
