"""A destination that is away for a day and comes back, with the clock passed in and a real Orthanc."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.uid import generate_uid
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Peer, Settings
from integrations.dicom.calling import Unreachable
from integrations.dicom.sender import Delivered, DeliveryAnswer, send_objects
from pipeline.training.drawn_studies import drawn_study
from service.outbox import Outbox, deliver
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState
from service.store.tables import Delivery, DestinationRow, Document, Study, row_id
from service.sweep import ask_for_deliveries
from tests.peers.dicom import Orthanc, free_port, running_orthanc
from tests.service.browsing import browse
from tests.service.rows import NOW, add_study

STUDIES = 20
STEP = timedelta(minutes=5)


@dataclass
class Daemon:
    """The outbox of a store with a document for each of some studies, and a clock that is moved by hand."""

    engine: Engine
    settings: Settings
    store: ObjectStore
    now: datetime = NOW

    def ask(self) -> list[int]:
        """Give the deliveries that are asked for at this time."""
        asked: list[int] = []
        ask_for_deliveries(self.engine, lambda _kind, subject, _id: asked.append(subject), self.settings, self.now)
        return asked

    def deliver(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            deliver(Outbox(self.engine, self.store, self.settings), number, self.now)

    def step(self) -> None:
        """Do what the daemon does at this time, then let some time pass."""
        self.deliver(self.ask())
        self.now += STEP

    def page(self, address: str = "/") -> str:
        return browse(self.settings, self.engine, lambda: self.now).get(address).text

    def study_page(self, number: int) -> str:
        with reading(self.engine) as session:
            link = session.get_one(Study, number).link
        return self.page(f"/studies/{link}")

    def attempts(self) -> int:
        with reading(self.engine) as session:
            return sum(session.exec(select(Delivery.attempts)))

    def states(self) -> list[DeliveryState]:
        with reading(self.engine) as session:
            return [row.state for row in session.exec(select(Delivery).order_by(col(Delivery.id)))]


@pytest.fixture
def daemon(engine: Engine, tmp_path: Path) -> Daemon:
    peers = (Peer(name="pacs", ae_title="ORTHANC", port=free_port()),)
    daemon = Daemon(engine, Settings(data=tmp_path, peers=peers), ObjectStore(tmp_path))
    images = (*drawn_study(1).datasets, *drawn_study(2).datasets)[:STUDIES]
    for number, image in enumerate(images, 1):
        add_document(daemon, number, image)
    return daemon


def add_document(daemon: Daemon, number: int, image: Dataset) -> None:
    """Put a document of a new study on its way to the PACS."""
    study_id, _ = add_study(daemon.engine, number)
    encoded = BytesIO()
    dcmwrite(encoded, image, enforce_file_format=True)
    digest = hashlib.sha256(encoded.getvalue()).hexdigest()
    file = daemon.store.place_bytes(encoded.getvalue(), digest)
    uid = str(image.SOPInstanceUID)
    with writing(daemon.engine) as session:
        document = Document(
            study_id=study_id,
            accepts="trial",
            inputs="0",
            sop_instance_uid=uid,
            file=file,
            sha256=digest,
            created=daemon.now,
        )
        session.add(document)
        session.flush()
        session.add(Delivery(document_id=row_id(document), destination="pacs", next_attempt=daemon.now))


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how often the peer took each file; what is sent is sent for real."""
    count: Counter[str] = Counter()

    def counted(paths: Sequence[Path], peer: Peer, our_ae_title: str) -> list[DeliveryAnswer]:
        answers = send_objects(paths, peer, our_ae_title)
        count.update(path.name for path, answer in zip(paths, answers, strict=True) if isinstance(answer, Delivered))
        return answers

    monkeypatch.setattr("service.outbox.send_objects", counted)
    return count


def at_pacs(orthanc: Orthanc) -> list[str]:
    uids = [orthanc.request(f"/instances/{name}/tags?simplify")["SOPInstanceUID"] for name in orthanc.instances()]
    return sorted(uids)


def sent(daemon: Daemon) -> list[str]:
    with reading(daemon.engine) as session:
        return sorted(session.exec(select(Document.sop_instance_uid)))


@pytest.mark.long
def test_a_pacs_that_is_away_for_a_day_gets_each_report_once_and_the_page_says_so_all_along(
    daemon: Daemon, taken: Counter[str], tmp_path: Path
) -> None:
    for step in range(int(timedelta(days=1) / STEP)):
        daemon.step()
        if step % 12 == 0:
            said = "pacs has taken nothing since 2026-03-02 12:00:00 UTC"
            assert said in daemon.page()
            assert daemon.page("/studies").count(said) == STUDIES
    assert daemon.attempts() < 40  # for all twenty together

    with running_orthanc(tmp_path / "orthanc", daemon.settings.peers[0].port) as orthanc:
        for _ in range(int(timedelta(hours=2) / STEP)):
            daemon.step()
        received = at_pacs(orthanc)

    assert received == sent(daemon)
    assert sorted(taken.values()) == [1] * STUDIES
    assert daemon.states() == [DeliveryState.DELIVERED] * STUDIES
    assert "has taken nothing" not in daemon.page()


def test_a_pacs_that_goes_away_in_the_middle_gets_the_rest_when_it_is_back(
    daemon: Daemon, taken: Counter[str], tmp_path: Path
) -> None:
    port = daemon.settings.peers[0].port
    with running_orthanc(tmp_path / "orthanc", port) as orthanc:
        asked = daemon.ask()
        daemon.deliver(asked[:7])
        assert len(orthanc.instances()) == 7
    daemon.deliver(asked[7:])  # they had been asked for before it went
    for _ in range(12):
        daemon.step()
    assert daemon.states().count(DeliveryState.DELIVERED) == 7

    with running_orthanc(tmp_path / "orthanc", port) as orthanc:
        for _ in range(int(timedelta(hours=2) / STEP)):
            daemon.step()
        assert at_pacs(orthanc) == sent(daemon)
    assert daemon.states() == [DeliveryState.DELIVERED] * STUDIES
    assert sorted(taken.values()) == [1] * STUDIES


def test_a_destination_that_is_away_holds_up_no_other(daemon: Daemon, storescp: Peer) -> None:
    other = storescp.model_copy(update={"name": "archive"})
    settings = daemon.settings.model_copy(update={"peers": (*daemon.settings.peers, other)})
    with writing(daemon.engine) as session:
        for number in range(1, 4):
            session.add(Delivery(document_id=number, destination="archive", next_attempt=NOW))
    daemon.settings = settings

    daemon.step()

    with reading(daemon.engine) as session:
        archive = session.exec(select(Delivery.state).where(Delivery.destination == "archive")).all()
        pacs = session.exec(select(DestinationRow).where(DestinationRow.name == "pacs")).one()
    assert set(archive) == {DeliveryState.DELIVERED}
    assert pacs.silent_since == NOW


def test_while_a_destination_is_away_one_document_knocks_for_all(daemon: Daemon) -> None:
    daemon.step()
    asked_for = []
    for _ in range(12):
        asked = daemon.ask()
        daemon.deliver(asked)
        daemon.now += STEP
        asked_for.append(len(asked))

    assert max(asked_for) == 1
    assert daemon.attempts() <= 13


def test_a_report_that_is_written_while_a_destination_is_away_waits_without_being_tried(daemon: Daemon) -> None:
    for _ in range(12):
        daemon.step()
    before = daemon.attempts()

    late = drawn_study(3).datasets[0]
    add_document(daemon, STUDIES + 1, late)
    daemon.step()

    with reading(daemon.engine) as session:
        assert session.get_one(Delivery, STUDIES + 1).attempts == 0
    assert daemon.attempts() <= before + 1
    assert "This goes once it takes something" in daemon.study_page(STUDIES + 1)


def test_a_report_that_its_peer_chokes_on_hardly_holds_up_those_that_follow(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    with reading(daemon.engine) as session:
        choked_on = session.get_one(Document, 1).sha256

    def answer(paths: Sequence[Path], *_: object) -> list[DeliveryAnswer]:
        return [Unreachable("it ended the association") if paths[0].name == choked_on else Delivered(0, "")]

    monkeypatch.setattr("service.outbox.send_objects", answer)
    image = drawn_study(3).datasets[0]
    for hour in range(12):
        for tenth in range(6):
            image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
            add_document(daemon, STUDIES + 6 * hour + tenth + 1, image)
            daemon.step()
            daemon.step()

    with reading(daemon.engine) as session:
        assert session.get_one(Delivery, 1).attempts < 30
    assert daemon.states().count(DeliveryState.DELIVERED) == STUDIES - 1 + 72


def test_what_is_for_a_peer_that_was_taken_out_of_the_settings_waits_until_it_is_back(
    daemon: Daemon, taken: Counter[str], tmp_path: Path
) -> None:
    settings = daemon.settings
    daemon.settings = settings.model_copy(update={"peers": ()})
    for _ in range(12):
        daemon.step()
    assert daemon.attempts() == 0
    assert "The peer pacs is no longer in <code>peers</code>" in daemon.study_page(1)

    daemon.settings = settings
    with running_orthanc(tmp_path / "orthanc", settings.peers[0].port):
        daemon.step()

    assert sorted(taken.values()) == [1] * STUDIES
