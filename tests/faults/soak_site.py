"""A site for the soak: real receiver and listener as processes, and the rest of the work done here by a moved clock.

The models are stand-ins that answer at once; everything around them is what the daemon runs.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any
from unittest.mock import patch

import psutil
import yaml
from sqlalchemy import Engine

from config.settings import Peer, Settings, load_settings
from pipeline.values import ReportLabels, Source, StudyReading
from service.batching import Batcher, Batches
from service.documents import DocumentWriter, write_documents
from service.endpoints import endpoint
from service.installation import load_installation
from service.log import configure_log
from service.outbox import Outbox, deliver
from service.store.columns import utc_now
from service.store.database import open_database
from service.store.objects import ObjectStore
from service.store.upgrade import upgrade_database
from service.sweep import sweep
from service.work import Asked, Workshop, label_report, read_images
from service.workflows import Work
from tests.service.rows import finding
from tests.waiting import wait_until

ROLES = ("receive", "listen")


@dataclass(frozen=True)
class Held:
    """What processes hold at one moment: memory of their own in bytes, open files and sockets, threads."""

    memory: int
    files: int
    threads: int


@dataclass
class Site:
    """A running site. `ahead` is how far its clock is ahead, and stands in `clock` for the roles."""

    settings: Settings
    engine: Engine
    clock: Path
    workshop: Workshop
    processes: dict[str, Popen[bytes]]
    ahead: timedelta = timedelta()
    done: dict[Work, int] = field(default_factory=dict)

    def port(self, role: str) -> int:
        port = endpoint(self.settings.data, role)
        assert port is not None
        return port

    def now(self) -> datetime:
        return utc_now() + self.ahead

    def move_clock(self, by: timedelta) -> None:
        """Let time pass, for the roles too."""
        self.ahead += by
        self.clock.write_text(str(self.ahead.total_seconds()))

    def work_off(self) -> None:
        """Do what is due, and what becomes due by that, until nothing is."""
        while asked := self._swept():
            for kind, subject, work_id in asked:
                self.done[kind] = self.done.get(kind, 0) + 1
                self._perform(kind, subject, work_id)

    def held(self, role: str) -> Held:
        """Tell what a role with its children holds."""
        process = psutil.Process(self.processes[role].pid)
        every = [process, *process.children(recursive=True)]
        return Held(
            sum(each.memory_full_info().uss for each in every),
            sum(each.num_fds() for each in every),
            sum(each.num_threads() for each in every),
        )

    def _swept(self) -> list[tuple[Work, int, str]]:
        asked: list[tuple[Work, int, str]] = []
        sweep(self.engine, lambda *work: asked.append(work), self.settings, self.now())
        return asked

    def _perform(self, kind: Work, subject: int, work_id: str) -> None:
        perform = {
            Work.LABEL: lambda: label_report(self.workshop, subject, work_id),
            Work.READ: lambda: read_images(self.workshop, subject, work_id),
            Work.WRITE: lambda: write_documents(self.workshop.documents, subject, self.now()),
            Work.DELIVER: lambda: deliver(Outbox(self.engine, self.workshop.store, self.settings), subject, self.now()),
        }
        perform[kind]()


@contextmanager
def running_site(folder: Path, pacs: Peer) -> Iterator[Site]:
    """Run a site whose structured reports go to `pacs`."""
    config, clock = folder / "site.yaml", folder / "ahead"
    clock.write_text("0")
    values = {
        "data": str(folder / "data"),
        "peers": [{"name": "pacs", "ae_title": pacs.ae_title, "port": pacs.port, "may": []}],
        "dicom": {"port": 0, "study_quiet_seconds": 600},
        "hl7": {"port": 0},
        "destinations": [{"peer": "pacs", "accepts": "trial"}],
        "storage": {"keep_free_gb": 0.1},
    }
    config.write_text(yaml.safe_dump(values))
    settings = load_settings(config)
    upgrade_database(settings.data)
    engine = open_database(settings.data)
    with ExitStack() as stack:
        stack.enter_context(patch("service.work.read_study", read_at_once))
        command = [sys.executable, "-m", "tests.faults.moved_clock", str(clock)]
        processes = {}
        for role in ROLES:
            log = stack.enter_context((folder / f"{role}.log").open("wb"))
            processes[role] = Popen([*command, role, "--config", str(config)], stdout=log, stderr=log)
            stack.callback(partial(_stop, processes[role]))
        for role in ROLES:
            wait_until(partial(endpoint, settings.data, role), f"{role} to listen", 60)
        yield Site(settings, engine, clock, workshop_of(engine, settings), processes)


def _stop(process: Popen[bytes]) -> None:
    process.terminate()
    process.wait(30)


def workshop_of(engine: Engine, settings: Settings) -> Workshop:
    """Give what the work role has, with stand-ins for the models."""
    nothing: Any = None
    store = ObjectStore(settings.data)
    installation = load_installation(settings.data, settings.dicom.ae_title, ())
    return Workshop(
        engine=engine,
        store=store,
        settings=settings,
        labels=Batcher(_label_at_once, Batches(8)),
        images=nothing,
        conditions=("stenosis",),
        documents=DocumentWriter(engine, store, settings, installation),
        log=configure_log("work"),
    )


def _label_at_once(asked: Sequence[Asked]) -> list[ReportLabels]:
    return [ReportLabels(str(each.report_id), (finding(),)) for each in asked]


def read_at_once(_reader: object, paths: Sequence[Path], *_: object) -> StudyReading:
    """Stand in for the reading of a study."""
    read = replace(finding(source=Source.IMAGE), reason=f"{len(paths)} images")
    return StudyReading(None, "read", levels_known=False, levels_reason="", discs=(), findings=(read,))
