"""One attempt at a delivery, by what the peer does."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset
from sqlalchemy import Engine

from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake, ReceivedObject, StoreOutcome
from integrations.dicom.errors import OutOfResources
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import DeliveryAnswer, Unreachable
from pipeline.training.drawn_studies import drawn_study
from service.log import configure_log
from service.outbox import LONGEST_PAUSE, Outbox, deliver, pause
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document
from tests.peers.dicom import free_port
from tests.service.rows import NOW, add_study


@pytest.fixture(scope="module")
def image() -> Dataset:
    return drawn_study(1).datasets[0]


@pytest.fixture
def outbox(engine: Engine, tmp_path: Path, image: Dataset) -> Callable[[Peer], Outbox]:
    """Give an outbox with one delivery to a peer."""
    add_study(engine)
    store = ObjectStore(tmp_path)
    arrived = store.incoming / "sr"
    image.save_as(arrived, enforce_file_format=True)
    with writing(engine) as session:
        session.add(
            Document(
                study_id=1,
                accepts="trial",
                inputs="0",
                sop_instance_uid="1.2",
                file=store.place(arrived, "ab" * 32),
                sha256="ab" * 32,
                created=NOW,
            )
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", next_attempt=NOW))
    return lambda peer: Outbox(engine, store, Settings(data=tmp_path, peers=(peer,)))


def delivery(engine: Engine) -> Delivery:
    with reading(engine) as session:
        return session.get_one(Delivery, 1)


def test_it_counts_as_delivered_once_the_peer_said_so(
    engine: Engine, outbox: Callable[[Peer], Outbox], storescp: Peer
) -> None:
    deliver(outbox(storescp.model_copy(update={"name": "pacs"})), 1, NOW)

    assert (delivery(engine).state, delivery(engine).delivered) == (DeliveryState.DELIVERED, NOW)


def test_a_peer_that_is_away_is_tried_again_after_a_pause(engine: Engine, outbox: Callable[[Peer], Outbox]) -> None:
    deliver(outbox(Peer(name="pacs", ae_title="PACS", port=free_port())), 1, NOW)

    row = delivery(engine)
    assert (row.state, row.attempts, row.next_attempt) == (DeliveryState.WAITING, 1, NOW + pause(1))
    assert "It is tried again" in row.answer


def test_a_peer_that_does_not_know_us_waits_for_a_person(
    engine: Engine, outbox: Callable[[Peer], Outbox], tmp_path: Path
) -> None:
    def persist(received: ReceivedObject) -> StoreOutcome:
        raise OutOfResources("never reached")

    intake = Intake(tmp_path, persist, lambda _refused: None)
    peer = start_receiver(DicomSettings(port=0, calling=("OTHER",)), intake, configure_log("pacs"))

    deliver(outbox(Peer(name="pacs", ae_title="SPINELABEL", port=peer.port)), 1, NOW)
    peer.stop()

    assert delivery(engine).state == DeliveryState.REFUSED
    assert "not sent again by itself" in delivery(engine).answer


def test_what_is_delivered_is_never_sent_again(
    engine: Engine, outbox: Callable[[Peer], Outbox], storescp: Peer
) -> None:
    box = outbox(storescp.model_copy(update={"name": "pacs"}))
    for hour in range(2):
        deliver(box, 1, NOW + timedelta(hours=hour))

    assert (delivery(engine).attempts, delivery(engine).delivered) == (1, NOW)


def test_pauses_grow_up_to_an_hour_and_stay_there() -> None:
    pauses = [pause(attempts) for attempts in range(1, 100)]

    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=5)
    assert pauses[-1] == LONGEST_PAUSE == timedelta(hours=1)


def test_a_report_that_was_replaced_while_it_was_sent_in_vain_is_not_sent_again(
    engine: Engine, outbox: Callable[[Peer], Outbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace_meanwhile(*_: object) -> list[DeliveryAnswer]:
        with writing(engine) as session:
            session.get_one(Delivery, 1).state = DeliveryState.REPLACED
        return [Unreachable("it does not answer")]

    monkeypatch.setattr("service.outbox.send_objects", replace_meanwhile)

    deliver(outbox(Peer(name="pacs", ae_title="PACS", port=1)), 1, NOW)

    assert delivery(engine).state == DeliveryState.REPLACED
