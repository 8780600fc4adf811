"""A real structured report on its way to PACSs of every behaviour, from the outbox to what its page says."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MRImageStorage,
)
from pynetdicom import AE, evt
from pynetdicom.events import Event
from sqlalchemy import Engine

from config.settings import Peer, Settings
from service.destinations import note_answer
from service.outbox import Outbox, deliver, send_again
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState
from service.store.tables import Delivery, Study
from tests.peers.dicom import running_storescp
from tests.service.browsing import browse, link, text
from tests.service.rows import NOW
from tests.service.test_late_halves import QUIET, Hospital

Answer = Callable[[Event], int | Dataset]
HOUR = timedelta(hours=1)


@dataclass
class Pacs:
    """A PACS whose answers a test decides; `came` are the instances that it was sent."""

    answer: Answer
    came: list[str] = field(default_factory=list)
    port: int = 0

    def take(self, event: Event) -> int | Dataset:
        self.came.append(event.dataset.SOPInstanceUID)
        return self.answer(event)

    @contextmanager
    def running(self) -> Iterator[None]:
        entity = AE("PACS")
        entity.add_supported_context(ComprehensiveSRStorage)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, self.take)])
        assert server is not None
        self.port = int(server.server_address[1])
        try:
            yield
        finally:
            entity.shutdown()


class Box:
    """The outbox of a daemon that has written one structured report."""

    def __init__(self, engine: Engine, hospital: Hospital, folder: Path) -> None:
        hospital.send_report()
        hospital.send_images(0, 1)
        hospital.let_pass(QUIET)
        (self.uid,) = hospital.uids()
        self.engine, self.hospital, self.folder = engine, hospital, folder

    def settings(self, port: int) -> Settings:
        return self.hospital.settings.model_copy(update={"peers": (Peer(name="pacs", ae_title="PACS", port=port),)})

    def send(self, pacs: Pacs | None, later: timedelta = timedelta(0)) -> Delivery:
        port = pacs.port if pacs else 1
        deliver(Outbox(self.engine, ObjectStore(self.folder), self.settings(port)), 1, NOW + HOUR + later)
        return self.row()

    def send_to(self, peer: Peer) -> Delivery:
        settings = self.settings(1).model_copy(update={"peers": (peer,)})
        deliver(Outbox(self.engine, ObjectStore(self.folder), settings), 1, NOW + HOUR)
        return self.row()

    def row(self) -> Delivery:
        with reading(self.engine) as session:
            return session.get_one(Delivery, 1)

    def page(self) -> str:
        page = browse(self.settings(1), self.engine, lambda: NOW + HOUR)
        return text(page, f"/studies/{link(self.engine, Study)}")


@pytest.fixture
def box(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    return Box(engine, Hospital(engine, tmp_path, monkeypatch), tmp_path)


def said(status: int, comment: str = "in its words") -> Dataset:
    answer = Dataset()
    answer.Status, answer.ErrorComment = status, comment
    return answer


@contextmanager
def narrow_storescp(folder: Path, sop_class: UID, syntax: UID) -> Iterator[Peer]:
    """Run DCMTK's storescp as a PACS that takes one class in one transfer syntax."""
    profile = folder / "profile"
    profile.write_text(
        f"[[TransferSyntaxes]]\n[Only]\nTransferSyntax1 = {syntax}\n"
        f"[[PresentationContexts]]\n[Only]\nPresentationContext1 = {sop_class}\\Only\n"
        "[[Profiles]]\n[Narrow]\nPresentationContexts = Only\n"
    )
    with running_storescp(folder / "taken", "-xf", str(profile), "Narrow") as peer:
        yield peer.model_copy(update={"name": "pacs"})


@pytest.mark.parametrize(
    ("sop_class", "syntax", "sent_as", "answer"),
    [
        pytest.param(ComprehensiveSRStorage, ExplicitVRLittleEndian, None, "", id="no 3D report"),
        pytest.param(ComprehensiveSRStorage, ImplicitVRLittleEndian, None, "", id="implicit VR only"),
        pytest.param(
            Comprehensive3DSRStorage,
            ImplicitVRLittleEndian,
            Comprehensive3DSRStorage,
            "It went as Comprehensive 3D SR Storage, since its own class is not taken there.",
            id="3D reports only",
        ),
    ],
)
def test_a_pacs_gets_the_same_instance_in_what_it_takes(
    box: Box, tmp_path: Path, sop_class: UID, syntax: UID, sent_as: UID | None, answer: str
) -> None:
    with narrow_storescp(tmp_path, sop_class, syntax) as peer:
        row = box.send_to(peer)

    (taken,) = map(dcmread, (tmp_path / "taken").iterdir())
    assert (taken.SOPInstanceUID, taken.SOPClassUID) == (box.uid, sop_class)
    assert taken.file_meta.TransferSyntaxUID == syntax
    assert (row.state, row.sent_as, row.answer) == (DeliveryState.DELIVERED, sent_as, answer)
    assert answer in box.page()


def test_a_pacs_that_takes_no_report_is_named_with_the_class_and_the_report_stays(box: Box, tmp_path: Path) -> None:
    with narrow_storescp(tmp_path, MRImageStorage, ExplicitVRLittleEndian) as peer:
        row = box.send_to(peer)

    assert (row.state, row.delivered) == (DeliveryState.REFUSED, None)
    assert "pacs accepts no presentation context for Comprehensive SR Storage" in row.answer
    assert "pacs accepts no presentation context for Comprehensive SR Storage" in box.page()


def hang_up(event: Event) -> int:
    event.assoc.abort()
    return 0x0000


@pytest.mark.parametrize(
    "answer",
    [pytest.param(lambda _: said(0xA700), id="no room"), pytest.param(hang_up, id="closes before it answers")],
)
def test_what_may_pass_is_tried_again_over_hours_as_the_same_instance(box: Box, answer: Answer) -> None:
    pacs = Pacs(answer)
    with pacs.running():
        for hour in range(1, 5):
            row = box.send(pacs, later=hour * HOUR)
            assert (row.state, row.attempts, row.delivered) == (DeliveryState.WAITING, hour, None)
            assert "It was delivered" not in box.page()
        pacs.answer = lambda _: 0x0000
        row = box.send(pacs, later=6 * HOUR)

    assert (row.state, row.attempts) == (DeliveryState.DELIVERED, 5)
    assert pacs.came == [box.uid] * 5
    assert "It was delivered to pacs" in box.page()


@pytest.mark.parametrize("status", [0xA900, 0xC000])
def test_what_the_pacs_refuses_waits_for_a_person_with_its_words(box: Box, status: int) -> None:
    pacs = Pacs(lambda _: said(status))
    with pacs.running():
        row = box.send(pacs)
        box.send(pacs, later=HOUR)
        assert (row.state, row.delivered, len(pacs.came)) == (DeliveryState.REFUSED, None, 1)
        assert f"{status:04X}H in its words" in box.page()

        pacs.answer = lambda _: 0x0000
        with writing(box.engine) as session:
            assert send_again(session, 1, NOW) == 1
        assert box.send(pacs, later=HOUR).state == DeliveryState.DELIVERED

    assert pacs.came == [box.uid] * 2


@pytest.mark.parametrize("status", [0xB000, 0xB006, 0xB007, 0x0111])
def test_what_the_pacs_took_with_a_warning_is_delivered_and_the_warning_shown(box: Box, status: int) -> None:
    pacs = Pacs(lambda _: said(status))
    with pacs.running():
        row = box.send(pacs)

    assert (row.state, row.answer) == (DeliveryState.DELIVERED, f"{status:04X}H in its words")
    assert f"{status:04X}H in its words" in box.page()


def test_a_kill_between_the_answer_and_our_row_sends_the_same_instance_once_more(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = Pacs(lambda _: said(0x0111) if len(pacs.came) > 1 else 0x0000)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with pacs.running():
        monkeypatch.setattr("service.outbox.note_answer", die)
        with pytest.raises(KeyboardInterrupt):
            box.send(pacs)
        monkeypatch.setattr("service.outbox.note_answer", note_answer)
        assert box.row().delivered is None
        row = box.send(pacs)

    assert row.state == DeliveryState.DELIVERED
    assert Counter(pacs.came) == {box.uid: 2}


def test_two_processes_that_send_at_once_deliver_one_instance(box: Box) -> None:
    pacs = Pacs(lambda _: said(0x0111) if len(pacs.came) > 1 else 0x0000)
    with pacs.running(), ThreadPoolExecutor(2) as processes:
        list(processes.map(lambda _: box.send(pacs), range(2)))

    assert box.row().state == DeliveryState.DELIVERED
    assert set(pacs.came) == {box.uid}
