"""The same study, reports and pieces of work again and in any order: the same findings, and one report per version."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Destination, DicomSettings, Hl7Settings, Peer, Settings, StorageSettings
from integrations.dicom.arrivals import ReceivedObject
from integrations.dicom.header import read_header
from integrations.dicom.part10 import data_set_offset
from service.documents import write_documents
from service.ledger import account
from service.listening import Listening
from service.log import configure_log
from service.outbox import Outbox, deliver
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.database import open_database, reading
from service.store.objects import ObjectStore
from service.store.states import DeliveryState
from service.store.tables import Delivery, Document, FindingRow, Report
from service.store.upgrade import upgrade_database
from service.sweep import sweep
from service.work import Workshop, label_report, read_images
from service.workflows import Work
from tests.faults.kill_result import what_it_says
from tests.faults.soak_site import read_at_once, workshop_of
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.dicom import running_storescp
from tests.service.messages import group, oru, receive

IMAGES = 3
MESSAGES = ("final", "the same under another number", "corrected")
WORK = "work"
EVENTS: tuple[str | int, ...] = (*range(IMAGES), *MESSAGES)


@dataclass(frozen=True)
class Hospital:
    """A site of which everything but the models is real; `pacs` is the folder that its archive writes into."""

    engine: Engine
    settings: Settings
    workshop: Workshop
    receiving: Receiving
    listening: Listening
    images: Sequence[Path]

    def happens(self, event: str | int) -> None:
        if event == WORK:
            self.work_off()
        elif isinstance(event, int):
            receive_image(self.receiving, self.images[event])
        else:
            receive(self.listening, message(event))

    def work_off(self) -> None:
        """Do all that is due, each piece twice, as after a kill before its end was written down."""
        while asked := self._swept():
            for kind, subject, work_id in asked:
                for _ in range(2):
                    self._perform(kind, subject, work_id)

    def _swept(self) -> list[tuple[Work, int, str]]:
        asked: list[tuple[Work, int, str]] = []
        sweep(self.engine, lambda *work: asked.append(work), self.settings, later())
        return asked

    def _perform(self, kind: Work, subject: int, work_id: str) -> None:
        now = later()
        perform = {
            Work.LABEL: partial(label_report, self.workshop, subject, work_id),
            Work.READ: partial(read_images, self.workshop, subject, work_id),
            Work.WRITE: partial(write_documents, self.workshop.documents, subject, now),
            Work.DELIVER: partial(deliver, Outbox(self.engine, self.workshop.store, self.settings), subject, now),
        }
        perform[kind]()


def later() -> datetime:
    """Give a time past the quiet time of what has just come."""
    return utc_now() + timedelta(hours=1)


def receive_image(receiving: Receiving, path: Path) -> None:
    """Let an object in as the receiver does."""
    arrived = receiving.store.incoming / "image.part"
    shutil.copyfile(path, arrived)
    with arrived.open("rb") as file:
        offset = data_set_offset(file)
        file.seek(offset)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    header = read_header(arrived, ExplicitVRLittleEndian)
    receiving.persist(
        ReceivedObject(
            path=arrived,
            sha256=sha256,
            size_bytes=arrived.stat().st_size - offset,
            sop_class_uid=header.sop_class_uid,
            sop_instance_uid=header.sop_instance_uid,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            calling_ae="TEST",
            address="127.0.0.1",
            header=header,
        )
    )


def message(kind: str) -> bytes:
    """Write a final report of the study, or the one that corrects it; each is repeated as it is."""
    text, status, at = {
        "final": ("Stenosis at L4-L5.", "F", "20260302120000"),
        "the same under another number": ("Stenosis at L4-L5.", "F", "20260302120000"),
        "corrected": ("No stenosis.", "C", "20260302130000"),
    }[kind]
    return oru(
        f"C{MESSAGES.index(kind)}", group(text, obr3="F1", obr18="ORDER-1", obr22=at, obr25=status), patient=PATIENT
    )


PATIENT = "ORDER-PATIENT"


def image(number: int) -> Dataset:
    drawn = t2_series("order")[number]
    drawn.AccessionNumber, drawn.PatientID = "ORDER-1", PATIENT
    return drawn


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with an empty database and the images."""
    folder = tmp_path_factory.mktemp("prepared")
    upgrade_database(folder / "data")
    save_all([image(number) for number in range(IMAGES)], folder / "images")
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Peer, Path]]:
    folder = tmp_path_factory.mktemp("archive")
    with running_storescp(folder, "--unique-filenames") as peer:
        yield peer, folder


@contextmanager
def running_hospital(prepared: Path, folder: Path, archive: Peer) -> Iterator[Hospital]:
    shutil.copytree(prepared / "data", folder / "data")
    site = Settings(
        data=folder / "data",
        peers=(archive.model_copy(update={"name": "pacs"}),),
        destinations=(Destination(peer="pacs", accepts="trial"),),
        storage=StorageSettings(keep_free_gb=0),
        dicom=DicomSettings(port=0),
        hl7=Hl7Settings(port=0),
    )
    engine = open_database(site.data)
    receiving = Receiving(engine, ObjectStore(site.data), site)
    listening = Listening(engine, site, configure_log("listen"))
    images = sorted((prepared / "images").iterdir())
    with patch("service.work.read_study", read_at_once):
        yield Hospital(engine, site, workshop_of(engine, site), receiving, listening, images)
    engine.dispose()


ORDERS = st.lists(st.sampled_from((*EVENTS, WORK, WORK)), max_size=8).flatmap(
    lambda again: st.permutations((*EVENTS, *again))
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=ORDERS)
def test_whatever_comes_again_in_whatever_order_the_result_is_the_same(
    prepared: Path, archive: tuple[Peer, Path], tmp_path_factory: pytest.TempPathFactory, events: Sequence[str | int]
) -> None:
    comes_out_once(prepared, archive, tmp_path_factory.mktemp("site"), events)


@pytest.mark.long
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=ORDERS)
def test_it_is_so_in_forty_orders(
    prepared: Path, archive: tuple[Peer, Path], tmp_path_factory: pytest.TempPathFactory, events: Sequence[str | int]
) -> None:
    comes_out_once(prepared, archive, tmp_path_factory.mktemp("site"), events)


def comes_out_once(prepared: Path, archive: tuple[Peer, Path], folder: Path, events: Sequence[str | int]) -> None:
    peer, there = archive
    for path in there.iterdir():
        path.unlink()
    with running_hospital(prepared, folder, peer) as hospital:
        for event in events:
            hospital.happens(event)
        hospital.work_off()

        with reading(hospital.engine) as session:
            findings = session.exec(select(FindingRow)).all()
            documents = session.exec(select(Document).order_by(col(Document.id))).all()
            deliveries = session.exec(select(Delivery)).all()
            reports = session.exec(select(Report)).all()
            ledger = account(session)
        said = [what_it_says(hospital.workshop.store.path(row.file)) for row in documents]

    current = [(row.condition, row.level, row.source, row.state, row.reason) for row in findings if not row.superseded]
    assert sorted(current, key=str) == [
        ("stenosis", None, "image", "present", f"{IMAGES} images"),
        ("stenosis", None, "report", "present", ""),
    ]
    assert max(Counter((row.work, row.ordinal) for row in findings).values()) == 1
    assert [(row.text, row.superseded_by is None) for row in reports if row.superseded_by is None] == [
        ("No stenosis.", True)
    ]
    assert [row.predecessor for row in documents] == [None, *(row.id for row in documents[:-1])]
    assert all(before != after for before, after in pairwise(said))
    sent = Counter(str(dcmread(path).SOPInstanceUID) for path in there.iterdir())
    delivered = {row.document_id for row in deliveries if row.state == DeliveryState.DELIVERED}
    uids = {row.sop_instance_uid for row in documents if row.id in delivered}
    assert sent.keys() == uids
    assert documents[-1].sop_instance_uid in sent
    assert set(sent.values()) == {1}
    assert ledger.is_closed, ledger
