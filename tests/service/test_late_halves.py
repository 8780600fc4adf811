"""From arrival to structured report with the clock moved by hand: the real steps, with models that answer at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from sqlalchemy import Engine
from sqlmodel import col, select

from config.conditions import load_conditions
from config.settings import Destination, DicomSettings, Peer, Settings
from integrations.dicom.sender import Delivered
from integrations.hl7.compose import compose_oru
from integrations.hl7.connection import ReceivedMessage
from integrations.sr.reading import read_findings
from integrations.sr.values import Installation
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Finding, ReportLabels, Source, StudyReading
from service import receiving, work
from service.documents import DocumentWriter
from service.listening import Listening
from service.log import configure_log
from service.receiving import Receiving
from service.second_tries import accept_study, complete_study
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import DeliveryState, WorkState
from service.store.tables import Delivery, Document, Study
from service.sweep import sweep
from service.work import Asked, Workshop, performers
from service.workflows import Work
from tests.peers.sent import outgoing, write_images
from tests.service.rows import DISC, NOW, finding
from tests.service.test_receiving import sending

QUIET = timedelta(seconds=60)
LOG = configure_log("late halves")


class Hospital:
    """A PACS and a report feed that send what the test says, and our daemon with its clock in the test's hand."""

    def __init__(self, engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        self.images: Sequence[Dataset] = drawn_study(1).datasets[:4]
        self._folder, self._engine = folder, engine
        peers = (Peer(name="pacs", ae_title="PACS", port=1),)
        self.settings = Settings(
            data=folder,
            peers=peers,
            dicom=DicomSettings(study_quiet_seconds=QUIET.total_seconds()),
            destinations=(Destination(peer="pacs", accepts="trial"),),
        )
        self._store = ObjectStore(folder)
        for module in (receiving, work):
            monkeypatch.setattr(module, "utc_now", lambda: self.now)
        monkeypatch.setattr(work, "read_study", self._read)
        installation = Installation("2.25.1", "SPINELABEL", "0", load_conditions())
        answers: Any = SimpleNamespace(ask=self._label)
        nothing: Any = None
        self._performers = performers(
            Workshop(
                engine=engine,
                store=self._store,
                settings=self.settings,
                labels=answers,
                images=nothing,
                conditions=("stenosis",),
                documents=DocumentWriter(engine, self._store, self.settings, installation),
                log=LOG,
            )
        )

    def send_images(self, *numbers: int) -> None:
        """Send images of the study by C-STORE."""
        self.send([self.images[number] for number in numbers])

    def send(self, objects: Sequence[Dataset]) -> None:
        """Send any objects by C-STORE."""
        folder = Path(mkdtemp(dir=self._folder))
        write_images(objects, folder)
        answers = sending(Receiving(self._engine, self._store, self.settings), folder)
        assert [answer for answer in answers if not isinstance(answer, Delivered)] == []
        assert len(answers) == len(objects)

    def written_objects(self) -> list[Dataset]:
        """Give the structured reports, in their order."""
        with reading(self._engine) as session:
            files = session.exec(select(Document.file).order_by(col(Document.id))).all()
        return [dcmread(self._store.path(file)) for file in files]

    def send_report(self, text: str = "FINDINGS: Canal stenosis.") -> None:
        """Send the report of the study as an ORU."""
        message = compose_oru(outgoing(self.images[0], text))
        Listening(self._engine, self.settings, LOG).receive(ReceivedMessage(message, "127.0.0.1", self.now))

    def let_pass(self, time: timedelta) -> None:
        """Let time pass, then do all that is due; what is on its way to the PACS stays there."""
        self.now += time
        while asked := self._due():
            for kind, subject, work_id in asked:
                self._performers[kind](subject, work_id)

    def _due(self) -> list[tuple[Work, int, str]]:
        asked: list[tuple[Work, int, str]] = []
        sweep(self._engine, lambda *work: asked.append(work), self.settings, self.now)
        return [each for each in asked if each[0] is not Work.DELIVER]

    def complete(self) -> str:
        """Say by hand that nothing more is to be waited for."""
        with writing(self._engine) as session:
            return complete_study(session, self.images[0].StudyInstanceUID, self.now)

    def change(self, **values: object) -> None:
        with writing(self._engine) as session:
            study = session.exec(select(Study)).one()
            for name, value in values.items():
                setattr(study, name, value)
            session.add(study)

    def accept(self) -> None:
        with writing(self._engine) as session:
            accept_study(session, self.images[0].StudyInstanceUID)

    def written(self) -> list[set[str]]:
        """Give of each structured report, in their order, which sources its findings have."""
        return [{one.source.value for one in read_findings(document)} for document in self.written_objects()]

    def predecessors(self) -> list[str | None]:
        """Give of each structured report which one it names as its predecessor."""
        return [
            written.PredecessorDocumentsSequence[0]
            .ReferencedSeriesSequence[0]
            .ReferencedSOPSequence[0]
            .ReferencedSOPInstanceUID
            if "PredecessorDocumentsSequence" in written
            else None
            for written in self.written_objects()
        ]

    def uids(self) -> list[str]:
        with reading(self._engine) as session:
            return list(session.exec(select(Document.sop_instance_uid).order_by(col(Document.id))))

    def deliveries(self) -> list[DeliveryState]:
        with reading(self._engine) as session:
            return [row.state for row in session.exec(select(Delivery).order_by(col(Delivery.id)))]

    def read_times(self) -> int:
        return self._reads

    _reads = 0

    def _read(self, _reader: object, files: Sequence[Path], _conditions: object, _numbering: object) -> StudyReading:
        """Read as many images as the first one's series has: the finding's probability tells how many."""
        self._reads += 1
        headers = [dcmread(file, stop_before_pixels=True) for file in files]
        first = headers[0]
        count = sum(header.SeriesInstanceUID == first.SeriesInstanceUID for header in headers)
        disc = replace(DISC, sop_instance_uid=str(first.SOPInstanceUID), outline=((1, 1), (9, 1), (9, 9), (1, 1)))
        shown = replace(finding(level="L4-L5", source=Source.IMAGE), disc=disc, probability=0.6 + count / 100)
        return StudyReading(str(first.SeriesInstanceUID), "the only one", True, "counted", (disc,), (shown,))

    def _label(self, asked: Asked) -> ReportLabels:
        found: Finding = replace(finding(), probability=0.6 + len(asked.text) / 1000)
        return ReportLabels(str(asked.report_id), (found,))


@pytest.fixture
def hospital(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    return Hospital(engine, tmp_path, monkeypatch)


BOTH = {"report", "image"}


def test_one_report_says_what_both_halves_say_once_the_images_have_been_quiet(hospital: Hospital) -> None:
    hospital.send_report()
    hospital.send_images(0, 1)
    hospital.let_pass(QUIET - timedelta(seconds=1))
    assert hospital.written() == []

    hospital.let_pass(timedelta(seconds=1))
    hospital.let_pass(timedelta(days=7))

    assert hospital.written() == [BOTH]


@pytest.mark.parametrize(
    ("half", "hours", "sources"),
    [
        pytest.param("images", 72, {"image"}, id="the report"),
        pytest.param("report", 24, {"report"}, id="the images to be read"),
    ],
)
def test_what_is_there_is_written_up_when_the_wait_for_the_other_half_ends(
    hospital: Hospital, half: str, hours: int, sources: set[str]
) -> None:
    hospital.send_images(0, 1)
    if half == "images":
        hospital.let_pass(QUIET)
    else:
        hospital.send_report()
        hospital.change(images=WorkState.QUEUED)  # a reading that does not come to its end
    hospital.let_pass(NOW + timedelta(hours=hours, seconds=-1) - hospital.now)
    assert hospital.written() == []

    hospital.let_pass(timedelta(seconds=1))

    assert hospital.written() == [sources]


@pytest.mark.parametrize("is_complete", [False, True], ids=["after the wait ended", "after a person ended the wait"])
def test_a_report_that_comes_late_supersedes_what_was_written_without_it(hospital: Hospital, is_complete: bool) -> None:
    hospital.send_images(0, 1)
    hospital.let_pass(QUIET)
    if is_complete:
        hospital.complete()
        hospital.let_pass(timedelta(seconds=1))
    else:
        hospital.let_pass(timedelta(hours=73))
    assert hospital.written() == [{"image"}]

    hospital.send_report()
    hospital.let_pass(timedelta(seconds=1))

    assert hospital.written() == [{"image"}, BOTH]
    assert hospital.predecessors() == [None, hospital.uids()[0]]
    assert hospital.deliveries() == [DeliveryState.REPLACED, DeliveryState.QUEUED]


def test_images_that_come_late_wait_their_quiet_time_and_supersede_also_after_a_person_ended_the_wait(
    hospital: Hospital,
) -> None:
    hospital.send_report()
    hospital.send_images(0, 1)
    hospital.complete()
    hospital.let_pass(timedelta(seconds=1))
    assert hospital.written() == [BOTH]

    hospital.send_images(2)
    hospital.let_pass(QUIET - timedelta(seconds=1))
    assert hospital.written() == [BOTH]
    hospital.let_pass(timedelta(seconds=1))

    assert hospital.written() == [BOTH, BOTH]
    assert hospital.predecessors() == [None, hospital.uids()[0]]


def test_a_study_whose_images_keep_coming_is_read_once_they_stop(hospital: Hospital) -> None:
    for number in range(4):
        hospital.send_images(number)
        hospital.let_pass(QUIET / 2)
    assert hospital.read_times() == 0

    hospital.let_pass(QUIET / 2)

    assert hospital.read_times() == 1


def test_a_study_that_a_person_called_complete_is_written_up_at_once_without_the_missing_half(
    hospital: Hospital,
) -> None:
    hospital.send_images(0, 1)

    assert hospital.complete() == ""
    hospital.let_pass(timedelta(seconds=1))

    assert hospital.written() == [{"image"}]


def test_calling_a_study_complete_twice_writes_once(hospital: Hospital) -> None:
    hospital.send_images(0, 1)
    for _ in range(2):
        hospital.complete()
        hospital.let_pass(timedelta(seconds=1))

    assert hospital.written() == [{"image"}]
    assert hospital.read_times() == 1


def test_a_study_with_two_patients_waits_for_a_person_though_it_was_called_complete(hospital: Hospital) -> None:
    hospital.send_images(0, 1)
    hospital.change(review_reason="Two patient IDs.")

    assert hospital.complete() == "Two patient IDs."
    hospital.let_pass(timedelta(days=7))
    assert hospital.written() == []

    hospital.accept()
    hospital.let_pass(timedelta(seconds=1))

    assert hospital.written() == [{"image"}]


def test_the_same_report_under_another_control_id_writes_nothing_new(hospital: Hospital) -> None:
    hospital.send_images(0, 1)
    hospital.send_report()
    hospital.let_pass(QUIET)
    hospital.send_report()
    hospital.let_pass(QUIET)

    assert hospital.written() == [BOTH]
