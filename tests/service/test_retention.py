"""Pixels that go after their time, and everything that stays."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID, ImplicitVRLittleEndian, RLELossless
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.conditions import load_conditions
from config.settings import Destination, Peer, Settings, StorageSettings
from integrations.sr.reading import read_findings
from integrations.sr.values import Installation
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Source, State
from service import retention, work
from service.documents import DocumentWriter, write_documents
from service.receiving import Receiving
from service.results import results_changed
from service.retention import Removed, Retention, remove_old_images
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.findings import Subject, record_findings
from service.store.objects import ObjectStore, object_name
from service.store.room import bytes_in_use
from service.store.states import DeliveryState, MessageState, ObjectState, PairingState, WorkState
from service.store.tables import (
    Delivery,
    Document,
    FindingRow,
    Instance,
    Message,
    Pairing,
    Report,
    Study,
    row_id,
)
from service.sweep import ask_for_readings
from service.web.timeline import study_timeline
from service.work import Workshop, read_images
from tests.peers.sent import write_images
from tests.service.rows import finding
from tests.service.test_receiving import sending

DAYS = 30
MUCH_LATER = utc_now() + timedelta(days=DAYS + 1)


@pytest.fixture(scope="module")
def images() -> tuple[Dataset, ...]:
    return drawn_study(1).datasets[:3]


@pytest.fixture
def receiving(engine: Engine, tmp_path: Path) -> Receiving:
    return Receiving(engine, ObjectStore(tmp_path), Settings(data=tmp_path))


@pytest.fixture
def send(receiving: Receiving, images: tuple[Dataset, ...], tmp_path: Path) -> Callable[[slice], None]:
    """Send some of the study's images."""

    def send_some(which: slice) -> None:
        folder = tmp_path / f"sent {which}"
        folder.mkdir(exist_ok=True)
        write_images(images[which], folder)
        sending(receiving, folder)

    return send_some


@pytest.fixture
def send_encoded(receiving: Receiving, images: tuple[Dataset, ...], tmp_path: Path) -> Callable[[UID], None]:
    """Send the first two images in another transfer syntax, as an archive does that has encoded them anew."""

    def send_in(transfer_syntax: UID) -> None:
        folder = tmp_path / transfer_syntax
        folder.mkdir(exist_ok=True)
        write_images([encoded(image, transfer_syntax) for image in images[:2]], folder)
        sending(receiving, folder)

    return send_in


def encoded(image: Dataset, transfer_syntax: UID) -> Dataset:
    copy = deepcopy(image)
    if transfer_syntax == RLELossless:
        copy.compress(RLELossless, generate_instance_uid=False)
    else:
        copy.file_meta.TransferSyntaxUID = transfer_syntax
    return copy


@pytest.fixture
def finished(engine: Engine, send: Callable[[slice], None], tmp_path: Path) -> Retention:
    """Give retention over a study of which two images were received, read and written up."""
    send(slice(0, 2))
    finish(engine)
    return Retention(engine, ObjectStore(tmp_path), StorageSettings(keep_images_days=DAYS))


def finish(engine: Engine, **values: object) -> None:
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        study.images = study.document = WorkState.DONE
        for name, value in values.items():
            setattr(study, name, value)


def rows(engine: Engine) -> list[Instance]:
    with reading(engine) as session:
        return list(session.exec(select(Instance).order_by(col(Instance.id))))


def stored(data: Path) -> int:
    return sum(path.is_file() for path in (data / "objects").rglob("*"))


def test_pixels_of_a_finished_study_go_and_its_headers_stay(
    finished: Retention, images: tuple[Dataset, ...], tmp_path: Path
) -> None:
    before = rows(finished.engine)

    assert remove_old_images(finished, MUCH_LATER) == Removed(2)

    for row, sent, was in zip(rows(finished.engine), images, before, strict=False):
        kept = dcmread(finished.store.path(row.file))
        assert "PixelData" not in kept
        assert kept.SOPInstanceUID == sent.SOPInstanceUID
        assert (row.state, row.sha256) == (ObjectState.HEADER, was.sha256)
        assert not finished.store.path(was.file).exists()
    assert stored(tmp_path) == 2


def test_the_page_of_a_study_says_once_that_its_pixels_were_removed_and_why(finished: Retention) -> None:
    for now in (MUCH_LATER, MUCH_LATER + timedelta(days=1)):
        remove_old_images(finished, now)

    with reading(finished.engine) as session:
        told = [event for event in study_timeline(session, 1) if "pixels" in event.what]
    assert [(event.what, event.detail) for event in told] == [
        (
            "The pixels of the images were removed",
            "They were older than the 30 days of storage.keep_images_days. Headers stay.",
        )
    ]


def test_the_store_knows_what_it_holds_once_pixels_went_and_came_back(
    finished: Retention, send: Callable[[slice], None]
) -> None:
    for step in (lambda: remove_old_images(finished, MUCH_LATER), lambda: send(slice(None))):
        step()

        with reading(finished.engine) as session:
            counted = bytes_in_use(session)
        assert counted == sum(path.stat().st_size for path in finished.store.root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("unfinished", "days"),
    [
        pytest.param({}, DAYS - 1, id="younger"),
        pytest.param({"images": WorkState.FAILED}, DAYS + 1, id="its reading failed"),
        pytest.param({"document": WorkState.WAITING}, DAYS + 1, id="its structured report waits"),
        pytest.param({"review_reason": "two patient IDs"}, DAYS + 1, id="a person has to decide"),
    ],
)
def test_a_study_that_is_not_finished_or_not_old_keeps_its_pixels(
    finished: Retention, unfinished: dict[str, object], days: int
) -> None:
    finish(finished.engine, **unfinished)

    assert remove_old_images(finished, utc_now() + timedelta(days=days)) == Removed()
    assert {row.state for row in rows(finished.engine)} == {ObjectState.STORED}


@pytest.mark.parametrize(
    ("state", "removed"), [(DeliveryState.REFUSED, 0), (DeliveryState.DELIVERED, 2), (DeliveryState.CANCELLED, 2)]
)
def test_a_study_whose_report_has_not_arrived_keeps_its_pixels(
    finished: Retention, state: DeliveryState, removed: int
) -> None:
    now = utc_now()
    with writing(finished.engine) as session:
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1", file="f", sha256="0", created=now)
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", state=state, next_attempt=now))

    assert remove_old_images(finished, MUCH_LATER) == Removed(removed)


def test_without_the_setting_nothing_goes(finished: Retention) -> None:
    unset = Retention(finished.engine, finished.store, StorageSettings())

    assert remove_old_images(unset, MUCH_LATER + timedelta(days=9999)) == Removed()


@pytest.mark.parametrize("cut", ["_remove_unnamed", "writing"], ids=["before the old file", "before the row"])
def test_a_round_that_is_killed_is_finished_by_the_next_and_loses_nothing(
    finished: Retention, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cut: str
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(retention, cut, die)
        with pytest.raises(KeyboardInterrupt):
            remove_old_images(finished, MUCH_LATER)
    assert all(finished.store.path(row.file).exists() for row in rows(finished.engine))

    remove_old_images(finished, MUCH_LATER)

    assert {row.state for row in rows(finished.engine)} == {ObjectState.HEADER}
    assert stored(tmp_path) == 2


def test_an_image_that_is_sent_again_has_its_pixels_back_and_the_study_is_read_again(
    finished: Retention, send: Callable[[slice], None], images: tuple[Dataset, ...]
) -> None:
    remove_old_images(finished, MUCH_LATER)

    send(slice(0, 2))

    back = rows(finished.engine)
    assert [row.state for row in back] == [ObjectState.STORED] * 2
    assert all("PixelData" in dcmread(finished.store.path(row.file)) for row in back)
    with reading(finished.engine) as session:
        assert session.get_one(Study, 1).images == WorkState.WAITING


@pytest.mark.parametrize("transfer_syntax", [ImplicitVRLittleEndian, RLELossless], ids=["not compressed", "compressed"])
def test_an_image_that_is_sent_again_in_another_encoding_has_its_pixels_back_too(
    finished: Retention, send: Callable[[slice], None], send_encoded: Callable[[UID], None], transfer_syntax: UID
) -> None:
    remove_old_images(finished, MUCH_LATER)

    send_encoded(transfer_syntax)
    send(slice(0, 2))  # what came first is nothing new beside it

    states = [row.state for row in rows(finished.engine)]
    assert states == [ObjectState.SAME_CONTENT] * 2 + [ObjectState.STORED] * 2
    assert all("PixelData" in dcmread(finished.store.path(row.file)) for row in rows(finished.engine)[2:])
    with reading(finished.engine) as session:
        assert session.get_one(Study, 1).images == WorkState.WAITING


def test_pixels_that_came_in_two_encodings_go_from_both_and_come_back_with_either(
    finished: Retention, send: Callable[[slice], None], send_encoded: Callable[[UID], None], tmp_path: Path
) -> None:
    send_encoded(ImplicitVRLittleEndian)
    assert [row.state for row in rows(finished.engine)] == [ObjectState.STORED] * 2 + [ObjectState.SAME_CONTENT] * 2

    assert remove_old_images(finished, MUCH_LATER) == Removed(4)

    assert not any("PixelData" in dcmread(path) for path in (tmp_path / "objects").rglob("*") if path.is_file())
    assert remove_old_images(finished, MUCH_LATER) == Removed()
    send_encoded(ImplicitVRLittleEndian)
    assert [row.state for row in rows(finished.engine)] == [ObjectState.SAME_CONTENT] * 2 + [ObjectState.STORED] * 2


def test_pixels_that_come_back_in_their_second_encoding_too_are_named_and_counted(
    finished: Retention, send: Callable[[slice], None], send_encoded: Callable[[UID], None]
) -> None:
    send_encoded(ImplicitVRLittleEndian)
    remove_old_images(finished, MUCH_LATER)

    send_encoded(ImplicitVRLittleEndian)
    send(slice(None))

    with reading(finished.engine) as session:
        counted = bytes_in_use(session)
    assert counted == sum(path.stat().st_size for path in finished.store.root.rglob("*") if path.is_file())
    assert all("PixelData" in dcmread(finished.store.path(row.file)) for row in rows(finished.engine))


def test_a_study_to_which_an_image_comes_while_its_pixels_are_removed_keeps_the_rest(
    finished: Retention, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = retention._without_pixels

    def come_meanwhile(*arguments: Any) -> bytes | None:
        finish(finished.engine, images=WorkState.WAITING)
        return cut(*arguments)

    monkeypatch.setattr(retention, "_without_pixels", come_meanwhile)

    assert remove_old_images(finished, MUCH_LATER) == Removed()
    assert {row.state for row in rows(finished.engine)} == {ObjectState.STORED}


def test_pixels_that_come_back_while_a_round_tidies_up_stay(
    finished: Retention, send: Callable[[slice], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_old_images(finished, MUCH_LATER)

    def come_meanwhile(sha256: str) -> str:
        send(slice(0, 2))
        return object_name(sha256)

    monkeypatch.setattr(retention, "object_name", come_meanwhile)
    remove_old_images(finished, MUCH_LATER)

    assert all("PixelData" in dcmread(finished.store.path(row.file)) for row in rows(finished.engine))


def test_an_object_that_cannot_be_read_stays_and_stops_no_other(finished: Retention) -> None:
    first, _ = rows(finished.engine)
    finished.store.path(first.file).write_bytes(b"no DICOM")

    assert remove_old_images(finished, MUCH_LATER) == Removed(1, unreadable=1)
    assert finished.store.path(first.file).read_bytes() == b"no DICOM"


@pytest.fixture
def shop(finished: Retention) -> Workshop:
    nothing: object = None
    return Workshop(finished.engine, finished.store, Settings(), *[nothing] * 5)  # type: ignore[arg-type]


def test_a_late_image_is_not_read_as_if_it_were_the_whole_study(
    finished: Retention, shop: Workshop, send: Callable[[slice], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(finished.engine) as session:
        record_findings(session, Subject(study_id=1), [finding(source=Source.IMAGE)], work="read", now=utc_now())
    remove_old_images(finished, MUCH_LATER)
    send(slice(2, 3))
    monkeypatch.setattr(work, "read_study", lambda *_: pytest.fail("it was read"))

    read_images(shop, 1, "read-1")

    with reading(finished.engine) as session:
        study = session.get_one(Study, 1)
        current = session.exec(select(FindingRow).where(col(FindingRow.superseded).is_(None))).all()
    assert study.images == WorkState.DONE
    assert "send the whole study again" in study.images_reason
    assert len(current) == 1


def test_a_study_that_is_whole_again_is_read_again_though_the_same_images_were_read_before(
    finished: Retention, shop: Workshop, send: Callable[[slice], None]
) -> None:
    finish(finished.engine, images=WorkState.WAITING)
    asked: list[str] = []

    def sweep(now: datetime) -> None:
        ask_for_readings(finished.engine, lambda _kind, _subject, work_id: asked.append(work_id), Settings(), now)

    sweep(MUCH_LATER)
    finish(finished.engine)
    remove_old_images(finished, MUCH_LATER)
    send(slice(0, 1))
    read_images(shop, 1, "read-1")
    send(slice(1, 2))

    sweep(MUCH_LATER)

    assert len(asked) == len(set(asked)) == 2


def test_a_corrected_report_months_later_still_gets_its_superseding_structured_report(
    finished: Retention, images: tuple[Dataset, ...], tmp_path: Path
) -> None:
    settings = Settings(
        data=tmp_path,
        peers=(Peer(name="pacs", ae_title="PACS", port=1),),
        destinations=(Destination(peer="pacs", accepts="trial"),),
    )
    writer = DocumentWriter(
        finished.engine, finished.store, settings, Installation("2.25.1", "SPINELABEL", "0", load_conditions())
    )
    with writing(finished.engine) as session:
        session.get_one(Study, 1).series_read = str(images[0].SeriesInstanceUID)
        report_id = add_report(session, 1)
        record_findings(session, Subject(report_id=report_id), [finding()], work="label", now=utc_now())
    write_documents(writer, 1, utc_now())
    with writing(finished.engine) as session:
        session.exec(select(Delivery)).one().state = DeliveryState.DELIVERED
    assert remove_old_images(finished, MUCH_LATER) == Removed(2)
    with writing(finished.engine) as session:
        corrected = replace(finding(), answer=False, state=State.ABSENT, probability=0.1)
        record_findings(session, Subject(report_id=report_id), [corrected], work="label again", now=MUCH_LATER)
        results_changed(session, 1)

    write_documents(writer, 1, MUCH_LATER)

    with reading(finished.engine) as session:
        first, second = session.exec(select(Document).order_by(col(Document.id)))
    written = dcmread(finished.store.path(second.file))
    assert second.predecessor == first.id
    assert [found.presence for found in read_findings(written)] == [False]
    cited = written.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert {item.ReferencedSOPInstanceUID for item in cited} == {image.SOPInstanceUID for image in images[:2]}


def add_report(session: Session, study_id: int) -> int:
    """Write a labelled report that is paired with a study."""
    message = Message(received=utc_now(), peer="127.0.0.1", sha256="00", raw=b"MSH", state=MessageState.REPORT)
    session.add(message)
    session.flush()
    report = Report(
        message_id=row_id(message),
        order_key="1",
        received=utc_now(),
        status="final",
        text="",
        labels=WorkState.DONE,
        pairing=PairingState.PAIRED,
    )
    session.add(report)
    session.flush()
    session.add(Pairing(report_id=row_id(report), study_id=study_id, how="by hand", evidence="", created=utc_now()))
    return row_id(report)
