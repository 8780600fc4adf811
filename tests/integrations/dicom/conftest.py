import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config.settings import DicomSettings, Peer
from integrations.dicom.arrivals import (
    Intake,
    ReceivedObject,
    RefusedObject,
    StoreOutcome,
)
from integrations.dicom.receiver import Receiver, start_receiver
from tests.odd.dicom.make_cases import write_case


@dataclass
class Shelf:
    """Takes objects in place of the service's store, each in `seconds`; `fault` is raised instead of storing."""

    folder: Path
    fault: Exception | None = None
    seconds: float = 0.0
    received: list[ReceivedObject] = field(default_factory=list)
    refused: list[RefusedObject] = field(default_factory=list)

    def persist(self, received: ReceivedObject) -> StoreOutcome:
        if self.fault is not None:
            raise self.fault
        time.sleep(self.seconds)
        known = self.file(received).exists()
        received.path.replace(self.file(received))
        self.received.append(received)
        return StoreOutcome.KNOWN_ALREADY if known else StoreOutcome.STORED

    def keep_refused(self, refused: RefusedObject) -> None:
        time.sleep(self.seconds)
        refused.path.replace(self.folder / f"refused-{refused.sha256}")
        self.refused.append(refused)

    def file(self, received: ReceivedObject) -> Path:
        return self.folder / received.sha256


class HeardLog:
    """A log that a test can read."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))


@dataclass(frozen=True)
class Running:
    """A receiver with what stands around it."""

    receiver: Receiver
    peer: Peer
    shelf: Shelf
    log: HeardLog
    incoming: Path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start receivers with settings besides the defaults; all are stopped at the end."""
    started: list[Receiver] = []

    def start_one(senders: Sequence[Peer] = (), **settings: object) -> Running:
        incoming, shelf = tmp_path / "incoming", Shelf(tmp_path / "shelf")
        for folder in (incoming, shelf.folder):
            folder.mkdir()
        log = HeardLog()
        receiver = start_receiver(
            DicomSettings.model_validate({"port": 0, "network_timeout_seconds": 20, **settings}),
            Intake(incoming, shelf.persist, shelf.keep_refused),
            log,
            senders,
        )
        started.append(receiver)
        peer = Peer(name="receiver", ae_title="SPINELABEL", port=receiver.port)
        return Running(receiver, peer, shelf, log, incoming)

    yield start_one
    for receiver in started:
        receiver.stop()


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    return start()


@pytest.fixture(scope="session")
def case_files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Path]]:
    """Give the files of a case of tests/odd/dicom, in the order of their names."""
    folder = tmp_path_factory.mktemp("cases")

    def files(case: str) -> list[Path]:
        if not (folder / case).exists():
            write_case(case, folder / case)
        return sorted((folder / case).rglob("*.dcm"))

    return files
