"""Pending work is never left behind: not by a dead machine, not by a lost request, and its past is forgotten."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Peer, Settings
from service.heartbeat import SILENT_AFTER
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.states import DeliveryState, RoleState, WorkState
from service.store.tables import Delivery, Document, Report, RoleRow, Study
from service.sweep import sweep
from service.upkeep import KEEP_ENDED, tend
from service.workflows import PendingWork, Work, prepare_workflows
from tests.service.rows import NOW, add_study
from tests.waiting import wait_until

WORKER = """
import sys, time
from pathlib import Path
from service.workflows import Work, start_workflows
data, host, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])

def perform(subject, work_id):
    (data / f"{work_id} begun by {host}").touch()
    time.sleep(seconds)
    (data / f"{work_id} done by {host}").touch()

start_workflows(data, host, {Work.READ: perform})
time.sleep(600)
"""

StartWorker = Callable[[str, float], subprocess.Popen[bytes]]


SETTINGS = Settings(peers=(Peer(name="pacs", ae_title="PACS"),))


@pytest.fixture
def pending(tmp_path: Path) -> PendingWork:
    prepare_workflows(tmp_path)
    return PendingWork(tmp_path)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[StartWorker]:
    started = []

    def start(host: str, seconds: float) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), host, str(seconds)]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(30)


def lives(engine: Engine, host: str, beat: datetime) -> None:
    with writing(engine) as session:
        session.add(RoleRow(role="work", host=host, pid=1, state=RoleState.UP, started=beat, beat=beat))


def test_what_a_dead_machine_had_begun_is_taken_over_by_a_living_one(
    engine: Engine, pending: PendingWork, start_worker: StartWorker, tmp_path: Path
) -> None:
    pending.enqueue(Work.READ, 1, "read-1")
    first = start_worker("first", 600)
    wait_until(lambda: (tmp_path / "read-1 begun by first").exists(), "the work to be begun", 60)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    start_worker("second", 0)
    lives(engine, "first", utc_now() - 2 * SILENT_AFTER)
    lives(engine, "second", utc_now())

    assert tend(engine, pending, utc_now()).taken_over == 1

    wait_until(lambda: (tmp_path / "read-1 done by second").exists(), "the work to be done", 60)


def test_what_a_living_machine_has_begun_is_left_to_it(
    engine: Engine, pending: PendingWork, start_worker: StartWorker, tmp_path: Path
) -> None:
    pending.enqueue(Work.READ, 1, "read-1")
    start_worker("first", 600)
    wait_until(lambda: (tmp_path / "read-1 begun by first").exists(), "the work to be begun", 60)
    lives(engine, "first", utc_now())

    assert tend(engine, pending, utc_now()).taken_over == 0
    assert pending.under_way(Work.READ) == {1}


def asked_for(engine: Engine) -> None:
    """Write rows of every kind of work that say that it was asked for."""
    add_study(engine)
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        study.images = study.document = WorkState.QUEUED
        session.get_one(Report, 1).labels = WorkState.QUEUED
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1", file="f", sha256="0", created=NOW)
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", state=DeliveryState.QUEUED, next_attempt=NOW))


def test_a_request_that_was_lost_is_made_again_under_another_id(engine: Engine, pending: PendingWork) -> None:
    asked_for(engine)
    asked: list[str] = []

    assert tend(engine, pending, NOW).asked_again == 4

    sweep(engine, lambda _kind, _subject, work_id: asked.append(work_id), SETTINGS, NOW + timedelta(minutes=2))
    assert sorted(work_id.split("-")[0] for work_id in asked) == ["deliver", "label", "read"]
    with reading(engine) as session:
        study = session.exec(select(Study)).one()
        delivery = session.get_one(Delivery, 1)
    assert study.document == WorkState.WAITING  # written once what it waits for is there
    assert study.images_attempt == 1
    assert delivery.attempts == 0  # none was made


def test_a_request_that_is_pending_is_not_made_again(engine: Engine, pending: PendingWork) -> None:
    asked_for(engine)
    for kind in Work:
        pending.enqueue(kind, 1, f"{kind}-1")

    assert tend(engine, pending, NOW).asked_again == 0


def test_the_records_of_work_that_ended_long_ago_are_removed_and_others_kept(
    engine: Engine, pending: PendingWork, start_worker: StartWorker, tmp_path: Path
) -> None:
    pending.enqueue(Work.READ, 1, "read-1")
    start_worker("first", 0)
    wait_until(lambda: pending.under_way(Work.READ) == set(), "the work to end", 60)
    pending.enqueue(Work.LABEL, 2, "label-2")

    assert tend(engine, pending, utc_now()).forgotten == 0
    assert tend(engine, pending, utc_now() + KEEP_ENDED + timedelta(minutes=1)).forgotten == 1
    assert pending.under_way(Work.LABEL) == {2}
