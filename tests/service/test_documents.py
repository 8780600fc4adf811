"""The structured report of a study: when one is written, what it says, and what it replaces."""

import hashlib
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from sqlalchemy import Engine
from sqlmodel import col, select

from config.conditions import load_conditions
from config.settings import Destination, Peer, Settings
from integrations.sr.reading import read_findings
from integrations.sr.values import Installation
from pipeline.training.drawn_studies import drawn_study
from pipeline.values import Source
from service.documents import DocumentWriter, write_documents
from service.results import results_changed
from service.store.database import reading, writing
from service.store.findings import Subject, record_findings, supersede_findings
from service.store.objects import ObjectStore
from service.store.room import bytes_in_use
from service.store.states import DeliveryState, ObjectState, WorkState
from service.store.tables import Delivery, Document, FindingRow, Instance, Pairing, Report, Series, Study
from tests.service.rows import DISC, NOW, add_study, finding

LATER = NOW + timedelta(hours=1)
INSTALLATION = Installation("2.25.1", "SPINELABEL", "0", load_conditions())


@pytest.fixture(scope="module")
def images() -> tuple[Dataset, ...]:
    return drawn_study(1).datasets[:2]


def writer(engine: Engine, tmp_path: Path, *accepts: str) -> DocumentWriter:
    peers = tuple(Peer(name=f"pacs{number}", ae_title="PACS", port=1) for number in range(len(accepts)))
    destinations = [{"peer": peer.name, "accepts": each} for peer, each in zip(peers, accepts, strict=True)]
    settings = Settings(
        data=tmp_path, peers=peers, destinations=tuple(Destination.model_validate(each) for each in destinations)
    )
    return DocumentWriter(engine, ObjectStore(tmp_path), settings, INSTALLATION)


@pytest.fixture
def study(engine: Engine, tmp_path: Path, images: tuple[Dataset, ...]) -> tuple[int, int]:
    """Give a study with its images in the store, and its report; the image finding lies on the first image."""
    study_id, report_id = add_study(engine)
    store = ObjectStore(tmp_path)
    with writing(engine) as session:
        session.add(Series(study_id=study_id, series_uid=str(images[0].SeriesInstanceUID), modality="MR"))
        session.get_one(Study, study_id).series_read = str(images[0].SeriesInstanceUID)
        for image in images:
            session.add(_stored(store, image))
        disc = replace(DISC, sop_instance_uid=str(images[0].SOPInstanceUID), outline=((1, 1), (9, 1), (9, 9), (1, 1)))
        shown = replace(finding(level="L4-L5", source=Source.IMAGE), disc=disc)
        record_findings(session, Subject(study_id=study_id), [shown], work="read again", now=NOW)
    return study_id, report_id


def _stored(store: ObjectStore, image: Dataset) -> Instance:
    buffer = BytesIO()
    dcmwrite(buffer, image, enforce_file_format=True)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    return Instance(
        sop_instance_uid=str(image.SOPInstanceUID),
        sop_class_uid=str(image.SOPClassUID),
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        series_id=1,
        sha256=digest,
        file=store.place_bytes(buffer.getvalue(), digest),
        bytes=1,
        received=NOW,
        calling_ae="PACS",
        address="127.0.0.1",
        state=ObjectState.STORED,
    )


def documents(engine: Engine) -> list[Document]:
    with reading(engine) as session:
        return list(session.exec(select(Document).order_by(col(Document.id))))


def test_the_findings_of_both_sources_are_written_and_put_on_their_way(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)

    (document,) = documents(engine)
    found = read_findings(dcmread(ObjectStore(tmp_path).path(document.file)))
    assert {(one.condition, one.level, one.source.value) for one in found} == {
        ("stenosis", None, "report"),
        ("stenosis", "L4-L5", "image"),
    }
    with reading(engine) as session:
        assert [row.destination for row in session.exec(select(Delivery))] == ["pacs0"]
        assert session.get_one(Study, study[0]).document == WorkState.DONE


@pytest.mark.parametrize("series_read", [True, False], ids=["its series was read", "no series was read"])
def test_an_image_that_no_reader_takes_costs_no_report(
    engine: Engine, tmp_path: Path, study: tuple[int, int], series_read: bool
) -> None:
    with writing(engine) as session:
        unreadable = session.exec(select(Instance).order_by(col(Instance.id))).all()[1 if series_read else 0]
        if not series_read:
            session.get_one(Study, study[0]).series_read = None
            for of_images in session.exec(select(FindingRow).where(FindingRow.study_id == study[0])):
                of_images.superseded = NOW
    path = ObjectStore(tmp_path).path(unreadable.file)
    plain = path.read_bytes()
    pixels = plain.index(b"\xe0\x7f\x10\x00")
    level = b"\x00\x54\x10\x00SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    path.write_bytes(plain[:pixels] + level * 2000 + plain[pixels:])

    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)

    assert len(documents(engine)) == 1


def test_a_document_counts_as_what_the_store_holds(engine: Engine, tmp_path: Path, study: tuple[int, int]) -> None:
    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)

    (document,) = documents(engine)
    with reading(engine) as session:
        assert bytes_in_use(session) == ObjectStore(tmp_path).path(document.file).stat().st_size


def test_a_finding_read_from_another_series_cites_the_images_of_that_series(
    engine: Engine, tmp_path: Path, study: tuple[int, int], images: tuple[Dataset, ...]
) -> None:
    whole_spine = Dataset()
    whole_spine.update(images[1])
    whole_spine.file_meta = images[1].file_meta
    whole_spine.SeriesInstanceUID, whole_spine.SOPInstanceUID = "1.2.3", "1.2.3.1"
    with writing(engine) as session:
        series = Series(study_id=study[0], series_uid="1.2.3", modality="MR")
        session.add(series)
        session.flush()
        row = _stored(ObjectStore(tmp_path), whole_spine)
        row.series_id = series.id
        session.add(row)
        cancer = replace(finding(source=Source.IMAGE), condition="cancer", series_uid="1.2.3")
        record_findings(session, Subject(study_id=study[0]), [cancer], work="read with a whole spine", now=NOW)

    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)

    (document,) = documents(engine)
    found = read_findings(dcmread(ObjectStore(tmp_path).path(document.file)))
    assert {one.condition: one.source_images for one in found if one.source is Source.IMAGE} == {"cancer": ("1.2.3.1",)}


def test_the_same_results_are_written_once(engine: Engine, tmp_path: Path, study: tuple[int, int]) -> None:
    for now in (NOW, LATER):
        write_documents(writer(engine, tmp_path, "trial"), study[0], now)

    assert len(documents(engine)) == 1


def test_changed_results_name_the_report_that_they_replace(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)
    with writing(engine) as session:
        changed = replace(finding(), probability=0.9)
        record_findings(session, Subject(report_id=study[1]), [changed], work="label again", now=LATER)
        results_changed(session, study[0])

    write_documents(writer(engine, tmp_path, "trial"), study[0], LATER)

    first, second = documents(engine)
    written = dcmread(ObjectStore(tmp_path).path(second.file))
    cited = written.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert cited.ReferencedSOPInstanceUID == first.sop_instance_uid
    assert second.predecessor == first.id


def test_a_destination_gets_only_what_it_accepts_and_the_reason_is_kept(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    write_documents(writer(engine, tmp_path, "calibrated"), study[0], NOW)

    assert documents(engine) == []
    with reading(engine) as session:
        reason = session.get_one(Study, study[0]).document_reason
    assert "takes calibrated parts only" in reason
    assert "demonstration" in reason


def test_two_destinations_that_accept_the_same_get_the_same_instance(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    write_documents(writer(engine, tmp_path, "trial", "trial"), study[0], NOW)

    assert len(documents(engine)) == 1
    with reading(engine) as session:
        assert [row.destination for row in session.exec(select(Delivery))] == ["pacs0", "pacs1"]


def test_when_nothing_is_left_to_say_a_person_is_asked_to_remove_the_report(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)
    with writing(engine) as session:
        supersede_findings(session, study[1], LATER)
        abstained = replace(
            finding(level="L4-L5", source=Source.IMAGE), answer=None, probability=None, log_odds=None, threshold=None
        )
        record_findings(session, Subject(study_id=study[0]), [abstained], work="read once more", now=LATER)

    write_documents(writer(engine, tmp_path, "trial"), study[0], LATER)

    with reading(engine) as session:
        assert "Remove that report at the PACS by hand" in session.get_one(Study, study[0]).document_reason


def test_results_that_change_while_a_report_is_written_are_written_next(
    engine: Engine, tmp_path: Path, study: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(engine) as session:
        results_changed(session, study[0])

    def change_meanwhile(*arguments: object) -> str:
        with writing(engine) as session:
            results_changed(session, study[0])
        return ""

    monkeypatch.setattr("service.documents._write_one", change_meanwhile)
    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)

    with reading(engine) as session:
        assert session.get_one(Study, study[0]).document == WorkState.WAITING


def test_a_withdrawal_that_leaves_only_the_images_is_written_though_they_were_written_before(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    out = writer(engine, tmp_path, "trial")
    with writing(engine) as session:
        pairing = session.exec(select(Pairing)).one()
        session.delete(pairing)
        session.get_one(Study, study[0]).last_image = NOW - timedelta(days=30)
    write_documents(out, study[0], NOW)
    with writing(engine) as session:
        session.add(Pairing(report_id=study[1], study_id=study[0], how="accession number", evidence="", created=NOW))
    write_documents(out, study[0], LATER)
    with writing(engine) as session:
        supersede_findings(session, study[1], LATER)

    write_documents(out, study[0], LATER)

    written = documents(engine)
    last = read_findings(dcmread(ObjectStore(tmp_path).path(written[-1].file)))
    assert len(written) == 3
    assert {one.source for one in last} == {Source.IMAGE}


@pytest.mark.parametrize("before", [DeliveryState.WAITING, DeliveryState.REFUSED, DeliveryState.CANCELLED])
def test_a_replaced_report_is_not_sent_any_more(
    engine: Engine, tmp_path: Path, study: tuple[int, int], before: DeliveryState
) -> None:
    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)
    with writing(engine) as session:
        session.exec(select(Delivery)).one().state = before
    with writing(engine) as session:
        changed = replace(finding(), probability=0.9)
        record_findings(session, Subject(report_id=study[1]), [changed], work="label again", now=LATER)

    write_documents(writer(engine, tmp_path, "trial"), study[0], LATER)

    with reading(engine) as session:
        states = session.exec(select(Delivery.state).order_by(col(Delivery.document_id))).all()
    assert list(states) == [DeliveryState.REPLACED, DeliveryState.WAITING]


def test_a_report_that_changed_since_it_was_asked_for_is_waited_for(
    engine: Engine, tmp_path: Path, study: tuple[int, int]
) -> None:
    with writing(engine) as session:
        session.get_one(Report, study[1]).labels = WorkState.QUEUED

    write_documents(writer(engine, tmp_path, "trial"), study[0], NOW)

    assert documents(engine) == []
    with reading(engine) as session:
        assert session.get_one(Study, study[0]).document == WorkState.WAITING
