"""A destination that is away for a day and comes back, with the clock passed in and a real Orthanc."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmwrite
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Peer, Settings
from pipeline.training.drawn_studies import drawn_study
from service.outbox import Outbox, deliver
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState
from service.store.tables import Delivery, DestinationRow, Document
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

    def step(self) -> None:
        """Do what the daemon does at this time, then let some time pass."""
        asked: list[int] = []
        ask_for_deliveries(self.engine, lambda _kind, subject, _id: asked.append(subject), self.now)
        for number in asked:
            deliver(Outbox(self.engine, self.store, self.settings), number, self.now)
        self.now += STEP

    def page(self) -> str:
        return browse(self.settings, self.engine, lambda: self.now).get("/").text

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
    for number, image in enumerate(drawn_study(1).datasets[:STUDIES] + drawn_study(2).datasets[:STUDIES], 1):
        if number > STUDIES:
            break
        study_id, _ = add_study(engine, number)
        encoded = BytesIO()
        dcmwrite(encoded, image, enforce_file_format=True)
        digest = hashlib.sha256(encoded.getvalue()).hexdigest()
        file = daemon.store.place_bytes(encoded.getvalue(), digest)
        with writing(engine) as session:
            document = Document(
                study_id=study_id,
                accepts="trial",
                inputs="0",
                sop_instance_uid=str(image.SOPInstanceUID),
                file=file,
                sha256=digest,
                created=NOW,
            )
            session.add(document)
            session.flush()
            assert document.id is not None
            session.add(Delivery(document_id=document.id, destination="pacs", next_attempt=NOW))
    return daemon


def at_pacs(orthanc: Orthanc) -> list[str]:
    uids = [orthanc.request(f"/instances/{name}/tags?simplify")["SOPInstanceUID"] for name in orthanc.instances()]
    return sorted(uids)


def sent(daemon: Daemon) -> list[str]:
    with reading(daemon.engine) as session:
        return sorted(session.exec(select(Document.sop_instance_uid)))


def test_a_pacs_that_is_away_for_a_day_gets_each_report_once_and_the_page_says_so_all_along(
    daemon: Daemon, tmp_path: Path
) -> None:
    for step in range(int(timedelta(days=1) / STEP)):
        daemon.step()
        if step % 12 == 0:
            assert "does not take connections. It is tried again from" in daemon.page()
    assert daemon.attempts() < 40  # for all twenty together

    with running_orthanc(tmp_path / "orthanc", daemon.settings.peers[0].port) as orthanc:
        for _ in range(int(timedelta(hours=2) / STEP)):
            daemon.step()
        received = at_pacs(orthanc)

    assert received == sent(daemon)
    assert daemon.states() == [DeliveryState.DELIVERED] * STUDIES
    assert "It is tried again" not in daemon.page()


def test_a_pacs_that_goes_away_in_the_middle_gets_the_rest_when_it_is_back(daemon: Daemon, tmp_path: Path) -> None:
    port = daemon.settings.peers[0].port
    with running_orthanc(tmp_path / "orthanc", port) as orthanc:
        asked: list[int] = []
        ask_for_deliveries(daemon.engine, lambda _kind, subject, _id: asked.append(subject), daemon.now)
        for number in asked[:7]:
            deliver(Outbox(daemon.engine, daemon.store, daemon.settings), number, daemon.now)
        assert len(orthanc.instances()) == 7
    for number in asked[7:]:  # they had been asked for before it went
        deliver(Outbox(daemon.engine, daemon.store, daemon.settings), number, daemon.now)
    for _ in range(12):
        daemon.step()
    assert daemon.states().count(DeliveryState.DELIVERED) == 7

    with running_orthanc(tmp_path / "orthanc", port) as orthanc:
        for _ in range(int(timedelta(hours=2) / STEP)):
            daemon.step()
        assert at_pacs(orthanc) == sent(daemon)
    assert daemon.states() == [DeliveryState.DELIVERED] * STUDIES


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
    for _ in range(12):
        daemon.step()

    assert daemon.attempts() <= 12
