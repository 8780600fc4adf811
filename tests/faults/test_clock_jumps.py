"""The system's clock is set forward and back under a running daemon (libfaketime): nothing is lost, twice or late."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import yaml
from sqlmodel import col, select

from service.roles import ROLES
from service.store.columns import utc_now
from service.store.database import reading
from service.store.states import RunState
from service.store.tables import CohortRun, RoleRow
from tests.faults.hospital import at_pacs, documents, draw_small, running_hospital, send, wait_for_deliveries
from tests.faults.ledger import assert_closed
from tests.peers.daemon import Daemon
from tests.peers.dicom import free_port, running_storescp
from tests.peers.fake_time import SetClock, set_clock
from tests.waiting import wait_until

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SOON = 240
"""Seconds in which all is done after a jump, on a busy machine too; far less than the jump."""


@dataclass
class Jumping:
    """A daemon whose clock is set, with its PACS, which a test starts and stops."""

    daemon: Daemon
    clock: SetClock
    folder: Path
    pacs_port: int
    sent: list[str] = field(default_factory=list)

    @property
    def pacs_folder(self) -> Path:
        return self.folder / "pacs"

    def send(self) -> None:
        """Send another study with its report."""
        name = f"jump-{len(self.sent)}"
        self.sent.append(name)
        send(self.daemon, draw_small(self.folder / "studies", name))

    def delivers_all(self) -> None:
        """Wait until each study has one structured report, once at the PACS."""
        wait_for_deliveries(self.daemon, len(self.sent), SOON)
        assert at_pacs(self.pacs_folder) == documents(self.daemon)
        assert len(documents(self.daemon)) == len(self.sent)
        assert_closed(self.daemon)


@pytest.fixture(scope="module")
def jumping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jumping]:
    folder = tmp_path_factory.mktemp("jumping")
    clock, port, cohorts = set_clock(folder), free_port(), folder / "cohorts"
    cohorts.mkdir()
    (cohorts / "nightly.yaml").write_text(yaml.safe_dump({"name": "nightly", "schedule": "0 2 * * *"}))
    with ExitStack() as stack:
        pacs = stack.enter_context(running_storescp(folder / "pacs", "--fork", "--unique-filenames", port=port))
        # Longer than a jump, so that a study on whose images a busy machine takes its time is not written up without.
        waits = {"wait_for_report_hours": 200, "wait_for_images_hours": 200}
        settings = {"exports": {"cohorts": str(cohorts)}, "pairing": waits}
        daemon = running_hospital(folder / "daemon", pacs, settings=settings, environment=clock.environment)
        yield Jumping(stack.enter_context(daemon), clock, folder, port)


@pytest.fixture(autouse=True)
def no_role_ends(jumping: Jumping) -> Iterator[None]:
    before = {role: jumping.daemon.pid(role) for role in ROLES}
    yield
    assert {role: jumping.daemon.pid(role) for role in ROLES} == before
    with reading(jumping.daemon.engine()) as session:
        assert set(session.exec(select(RoleRow.restarts))) == {0}
    assert "Traceback" not in jumping.daemon.log.read_text()


JUMPS = (DAY, timedelta(), HOUR, timedelta())
"""Where the clock stands, one after the other: each step is of a day or an hour, forward or back."""


@pytest.mark.long
@pytest.mark.timeout(900)
def test_studies_that_are_under_way_when_the_clock_is_set_come_through_once_and_soon(jumping: Jumping) -> None:
    for ahead in JUMPS:
        jumping.send()
        jumping.clock.set(ahead)
        jumping.send()
        jumping.delivers_all()


def slots_run(daemon: Daemon) -> list[datetime]:
    with reading(daemon.engine()) as session:
        runs = session.exec(select(CohortRun).order_by(col(CohortRun.slot))).all()
    assert {run.state for run in runs} <= {RunState.DONE}
    return [run.slot for run in runs if run.slot is not None]


@pytest.mark.long
def test_an_export_whose_slot_came_by_a_clock_that_was_ahead_runs_no_second_time(jumping: Jumping) -> None:
    first = utc_now() + DAY
    jumping.clock.set(2 * DAY)
    wait_until(lambda: [slot for slot in slots_run(jumping.daemon) if slot > first], "the export", SOON)
    before = slots_run(jumping.daemon)
    for ahead in (timedelta(), 2 * DAY):
        jumping.clock.set(ahead)
        jumping.send()
        jumping.delivers_all()  # by then the clock has gone its rounds

    assert slots_run(jumping.daemon) == before
    assert len(set(before)) == len(before)
