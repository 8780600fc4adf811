"""One attempt at a delivery, by what the peer does."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake, ReceivedObject, StoreOutcome
from integrations.dicom.calling import Refused, Unreachable
from integrations.dicom.errors import OutOfResources
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import Delivered, DeliveryAnswer
from pipeline.training.drawn_studies import drawn_study
from service.destinations import pause
from service.errors import UnknownItem
from service.log import configure_log
from service.outbox import Outbox, cancel, deliver, send_again
from service.pauses import LONGEST_PAUSE
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState
from service.store.tables import Change, Delivery, Document
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


@pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.QUEUED, DeliveryState.REFUSED])
def test_what_a_person_cancelled_is_not_sent(
    engine: Engine, outbox: Callable[[Peer], Outbox], storescp: Peer, state: DeliveryState
) -> None:
    with writing(engine) as session:
        session.get_one(Delivery, 1).state = state
    with writing(engine) as session:
        cancel(session, 1)

    deliver(outbox(storescp.model_copy(update={"name": "pacs"})), 1, NOW)

    assert (delivery(engine).state, delivery(engine).attempts) == (DeliveryState.CANCELLED, 0)


def test_what_was_cancelled_can_be_revived_and_what_was_delivered_cannot_be_cancelled(
    engine: Engine, outbox: Callable[[Peer], Outbox], storescp: Peer
) -> None:
    with writing(engine) as session:
        cancel(session, 1)
    with writing(engine) as session:
        assert send_again(session, 1, NOW) == 1

    deliver(outbox(storescp.model_copy(update={"name": "pacs"})), 1, NOW)

    assert delivery(engine).state == DeliveryState.DELIVERED
    with pytest.raises(UnknownItem, match="outbox list"), writing(engine) as session:
        cancel(session, 1)


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        pytest.param(Unreachable("no answer"), DeliveryState.CANCELLED, "A person cancelled it.", id="in vain"),
        pytest.param(Delivered(0, ""), DeliveryState.DELIVERED, "cancelled while it was being sent", id="too late"),
    ],
)
def test_cancelling_while_it_is_being_sent_stops_it_unless_the_peer_has_it(
    engine: Engine,
    outbox: Callable[[Peer], Outbox],
    monkeypatch: pytest.MonkeyPatch,
    answer: DeliveryAnswer,
    state: DeliveryState,
    said: str,
) -> None:
    def cancel_meanwhile(*_: object) -> list[DeliveryAnswer]:
        with writing(engine) as session:
            cancel(session, 1)
        return [answer]

    monkeypatch.setattr("service.outbox.send_objects", cancel_meanwhile)

    deliver(outbox(Peer(name="pacs", ae_title="PACS", port=1)), 1, NOW)

    assert delivery(engine).state == state
    assert said in delivery(engine).answer


def test_the_answer_of_the_peer_is_kept_with_its_status_for_every_attempt(
    engine: Engine, outbox: Callable[[Peer], Outbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[DeliveryAnswer] = [
        Unreachable("A700H Out of resources"),
        Unreachable("no connection"),
        Delivered(0xB000, "B000H Coercion of data elements"),
    ]
    monkeypatch.setattr("service.outbox.send_objects", lambda *_: [answers.pop(0)])
    box = outbox(Peer(name="pacs", ae_title="PACS", port=1))

    for hour in range(3):
        deliver(box, 1, NOW + timedelta(hours=hour))

    with reading(engine) as session:
        history = [change.reason for change in session.exec(select(Change).where(Change.kind == "delivery"))]
    assert [said.split(".")[0] for said in history] == [
        "",
        "A700H Out of resources",
        "no connection",
        "B000H Coercion of data elements",
    ]


def test_a_refusal_shows_its_status_and_waits_for_a_person(
    engine: Engine, outbox: Callable[[Peer], Outbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.outbox.send_objects", lambda *_: [Refused(0xA900, "Data set does not match")])

    deliver(outbox(Peer(name="pacs", ae_title="PACS", port=1)), 1, NOW)

    assert delivery(engine).state == DeliveryState.REFUSED
    assert delivery(engine).answer.startswith("A900H Data set does not match. It is not sent again by itself")


def test_a_peer_that_was_taken_out_of_the_settings_is_named_and_tried_again(
    engine: Engine, outbox: Callable[[Peer], Outbox]
) -> None:
    deliver(outbox(Peer(name="other", ae_title="PACS", port=1)), 1, NOW)

    assert delivery(engine).state == DeliveryState.WAITING
    assert "The peer pacs is no longer in `peers`" in delivery(engine).answer


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
