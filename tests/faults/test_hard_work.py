"""Work that finds no memory, fails each time or ends its process: it is kept, shown, and holds up nothing else."""

import os
import resource
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import col, select

from service.roles import ROLES
from service.store.database import reading
from service.store.states import DeliveryState, WorkState
from service.store.tables import Report, Study
from tests.faults.hospital import (
    at_pacs,
    documents,
    draw_small,
    running_hospital,
    send,
    states,
    wait_for_deliveries,
    yes_to_all,
)
from tests.faults.ledger import assert_closed
from tests.peers.chat_server import Asked, Said, Script
from tests.peers.daemon import Daemon
from tests.peers.dicom import running_storescp
from tests.waiting import wait_until

LONG = 480
FAILS, KILLS = "MARKERFAILS", "MARKERKILLS"
NO_MORE = 1 << 20
"""An address space in bytes that is less than the process has: nothing more is given to it."""


@dataclass
class Ward:
    """A daemon whose model fails or kills by what stands in a report, until it is `mended`."""

    folder: Path
    daemon: Daemon | None = None
    mended: bool = False
    killed: set[int] = field(default_factory=set)
    well: Script = field(default_factory=yes_to_all)

    def say(self, asked: Asked) -> Said:
        if self.mended or self.daemon is None:
            return self.well.say(asked)
        if FAILS in str(asked):
            return Said(422, {"error": "no"})
        if KILLS in str(asked):
            work = self.daemon.pid("work")
            self.killed.add(work)  # each life once: several questions of the report come at one time
            with suppress(ProcessLookupError):
                os.kill(work, signal.SIGKILL)
            return Said(cut=True)
        return self.well.say(asked)

    @property
    def running(self) -> Daemon:
        assert self.daemon is not None
        return self.daemon

    def send(self, name: str, text: str = "Canal stenosis.") -> None:
        send(self.running, draw_small(self.folder / "studies", name, f"FINDINGS: {text}"))

    def retry(self) -> None:
        command = [sys.executable, "-m", "service.cli", "retry", "--config", str(self.running.config)]
        subprocess.run(command, check=True, capture_output=True, timeout=LONG)

    def pids(self) -> dict[str, int]:
        return {role: self.running.pid(role) for role in ROLES if role != "work"}

    def labels(self, marker: str) -> Report:
        with reading(self.running.engine()) as session:
            return session.exec(select(Report).where(col(Report.text).contains(marker))).one()


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    ward = Ward(tmp_path_factory.mktemp("ward"))
    with (
        running_storescp(ward.folder / "pacs", "--fork", "--unique-filenames") as pacs,
        running_hospital(ward.folder / "daemon", pacs, Script(ward.say)) as daemon,
    ):
        ward.daemon = daemon
        yield ward


def is_well(ward: Ward) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{ward.running.port('web')}/healthz", timeout=20) as answer:
        return int(answer.status) == 200


def tried_in_vain(ward: Ward) -> bool:
    return ward.running.log.read_text().count('"work failed"') > 0


@pytest.mark.long
@pytest.mark.timeout(1000)
def test_work_that_finds_no_memory_is_tried_again_and_comes_through_when_there_is_some_while_others_go_on(
    ward: Ward,
) -> None:
    ward.send("before")
    wait_for_deliveries(ward.running, 1, LONG)
    others, work = ward.pids(), ward.running.pid("work")
    before = resource.prlimit(work, resource.RLIMIT_AS, (NO_MORE, resource.RLIM_INFINITY))

    ward.send("without-memory")
    wait_until(lambda: tried_in_vain(ward) or ward.running.pid("work") != work, "work to be tried in vain", LONG)
    ward.send("meanwhile")
    assert is_well(ward)
    with suppress(ProcessLookupError):  # its end gives it new memory too
        resource.prlimit(work, resource.RLIMIT_AS, before)
    for study in failed(ward):
        assert "Use `spinelabel retry`" in study.images_reason + study.document_reason
        ward.retry()
    wait_for_deliveries(ward.running, 3, LONG)

    assert ward.pids() == others
    assert at_pacs(ward.folder / "pacs") == documents(ward.running)
    assert_closed(ward.running)


def failed(ward: Ward) -> list[Study]:
    with reading(ward.running.engine()) as session:
        is_failed = (Study.images == WorkState.FAILED) | (Study.document == WorkState.FAILED)
        return list(session.exec(select(Study).where(is_failed)))


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_report_that_the_model_fails_on_or_dies_of_is_given_up_with_its_reason_and_the_others_go_on(
    ward: Ward,
) -> None:
    done, others = states(ward.running)[DeliveryState.DELIVERED], ward.pids()
    ward.send("fails", f"{FAILS}.")
    ward.send("kills", f"{KILLS}.")
    ward.send("good")

    wait_until(lambda: ward.labels(KILLS).labels == WorkState.FAILED, "the killing report to be given up", LONG)
    wait_until(lambda: ward.labels(FAILS).labels == WorkState.FAILED, "the failing report to be given up", LONG)
    wait_until(lambda: states(ward.running)[DeliveryState.DELIVERED] >= done + 1, "the others", LONG)
    assert "refuses our request (HTTP 422)" in ward.labels(FAILS).labels_reason
    assert "ended 5 times" in ward.labels(KILLS).labels_reason
    assert len(ward.killed) == 5
    assert ward.pids() == others
    assert_closed(ward.running)

    ward.mended = True
    ward.retry()
    wait_until(lambda: ward.labels(KILLS).labels == ward.labels(FAILS).labels == WorkState.DONE, "a retry", LONG)
