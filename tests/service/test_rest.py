"""A study of which an archive has more waits for the rest, for a while, and its page says what is missing."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt
from sqlalchemy import Engine
from sqlmodel import select

from config.fetch_settings import FetchSettings
from config.settings import DicomSettings, Peer, Settings
from service.lookups import is_of_the_same_part, look_up
from service.store.database import reading, writing
from service.store.fetch_tables import STUDY_UID, Fetch
from service.store.states import FetchOrigin, ObjectState, WorkState
from service.store.tables import Delivery, Document, Instance, Patient, Series, Study, row_id
from service.sweep import ask_for_documents, ask_for_readings
from service.workflows import Work
from tests.peers.archives import answering, deciding_archive, study_answer
from tests.peers.dicom import free_port
from tests.service.browsing import browse

CAME = datetime(2026, 3, 2, 12, tzinfo=UTC)


def add_images(engine: Engine, count: int, came: datetime = CAME, description: str = "MRI lumbar spine") -> int:
    """Write a study 1.2.3 of so many images, the last of which came at a time."""
    with writing(engine) as session:
        study = session.exec(select(Study).where(Study.study_uid == "1.2.3")).one_or_none()
        if study is None:
            patient = Patient(identifier="P1")
            session.add(patient)
            session.flush()
            study = Study(
                study_uid="1.2.3",
                patient_id=row_id(patient),
                accession="A1",
                study_date="20260301",
                description=description,
                first_received=came,
            )
            session.add(study)
            session.flush()
            session.add(Series(study_id=row_id(study), series_uid="1.2.3.1", modality="MR"))
        study.last_image, study.images = came, WorkState.WAITING
        series = session.exec(select(Series)).one()
        there = len(session.exec(select(Instance)).all())
        for number in range(there, there + count):
            session.add(
                Instance(
                    sop_instance_uid=f"1.2.3.1.{number}",
                    sop_class_uid="1.2",
                    transfer_syntax_uid="1.2",
                    series_id=series.id,
                    sha256=str(number),
                    file=str(number),
                    bytes=1,
                    received=came,
                    calling_ae="PACS",
                    address="127.0.0.1",
                    state=ObjectState.STORED,
                )
            )
        session.add(study)
        return row_id(study)


@pytest.fixture
def archive() -> Iterator[Peer]:
    """Give an archive that has eleven objects of the study 1.2.3, and an earlier one and others of its patient."""
    studies = (
        study_answer(StudyDescription="MRI lumbar spine"),
        study_answer(StudyInstanceUID="1.2.4", StudyDate="20250101", StudyDescription="Lumbar spine MRI"),
        study_answer(StudyInstanceUID="1.2.5", StudyDate="20240101", StudyDescription="MRI lumbar spine"),
        study_answer(StudyInstanceUID="1.2.6", StudyDate="20250201", StudyDescription="MRI head with contrast"),
        study_answer(StudyInstanceUID="1.2.7", StudyDate="20260401", StudyDescription="MRI lumbar spine"),
        study_answer(StudyInstanceUID="1.2.8", StudyDescription="MRI lumbar spine", PatientID="P2"),
    )
    with deciding_archive([answering(*studies)]) as peer:
        yield peer


def site(folder: Path, peer: Peer, **fetch: Any) -> Settings:
    return Settings(
        data=folder, peers=(peer,), dicom=DicomSettings(study_quiet_seconds=60), fetch=FetchSettings(**fetch)
    )


def read(engine: Engine, settings: Settings, now: datetime) -> list[int]:
    """Let the clock look once, and give the studies that are to be read."""
    asked: list[int] = []
    look_up(engine, settings, now)
    ask_for_readings(engine, lambda _kind, subject, _work: asked.append(subject), settings, now)
    return asked


def minutes(count: float) -> datetime:
    return CAME + timedelta(minutes=count)


def test_a_study_waits_for_what_its_archive_has_more(engine: Engine, tmp_path: Path, archive: Peer) -> None:
    settings = site(tmp_path, archive)
    study = add_images(engine, 9)
    assert read(engine, settings, minutes(2)) == []
    page = browse(settings, engine, lambda: minutes(3))
    assert "decided has 11 objects of it, and 9 have come" in page.get("/studies").text

    add_images(engine, 2, minutes(4))

    assert read(engine, settings, minutes(4.5)) == []
    assert read(engine, settings, minutes(5.1)) == [study]


def test_our_own_structured_report_in_the_archive_is_not_missed(engine: Engine, tmp_path: Path, archive: Peer) -> None:
    study = add_images(engine, 10)
    with writing(engine) as session:
        document = Document(
            study_id=study, accepts="trial", inputs="0", sop_instance_uid="2.25.9", file="f", sha256="0", created=CAME
        )
        session.add(document)
        session.flush()
        delivery = Delivery(document_id=row_id(document), destination="pacs", next_attempt=CAME, delivered=CAME)
        session.add(delivery)

    assert read(engine, site(tmp_path, archive), minutes(2)) == [study]


def test_it_does_not_wait_for_ever_and_its_page_says_what_is_missing(
    engine: Engine, tmp_path: Path, archive: Peer
) -> None:
    settings = site(tmp_path, archive, wait_for_rest_minutes=5)
    study = add_images(engine, 9)
    assert read(engine, settings, minutes(2)) == []
    assert read(engine, settings, minutes(5.9)) == []

    assert read(engine, settings, minutes(6.1)) == [study]

    with reading(engine) as session:
        link = session.get_one(Study, study).link
    page = browse(settings, engine, lambda: minutes(7))
    assert "decided has 11 objects of it, and 9 have come." in page.get(f"/studies/{link}").text


def test_a_study_waits_for_no_archive_that_is_away_or_knows_nothing_of_it(engine: Engine, tmp_path: Path) -> None:
    study = add_images(engine, 9)
    away = Peer(name="away", ae_title="AWAY", port=free_port(), may=("query",))
    assert read(engine, site(tmp_path, away), minutes(2)) == [study]

    add_images(engine, 1, minutes(3))
    with deciding_archive([answering()]) as empty:
        assert read(engine, site(tmp_path, empty), minutes(5)) == [study]


def test_a_study_is_counted_once_after_each_time_that_images_came(engine: Engine, tmp_path: Path) -> None:
    asked = []

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(1)
        yield 0xFF00, study_answer()

    add_images(engine, 9)
    with deciding_archive([(evt.EVT_C_FIND, find)]) as archive:
        for minute in (0.5, 2, 3, 4):
            read(engine, site(tmp_path, archive), minutes(minute))

    assert len(asked) == 1


def test_what_a_person_says_is_complete_waits_for_nothing(engine: Engine, tmp_path: Path, archive: Peer) -> None:
    study = add_images(engine, 9)
    with writing(engine) as session:
        row = session.get_one(Study, study)
        row.complete_since = minutes(0.1)
        session.add(row)

    assert read(engine, site(tmp_path, archive), minutes(0.2)) == [study]


def test_earlier_studies_of_the_same_patient_and_part_are_fetched_the_newest_first(
    engine: Engine, tmp_path: Path, archive: Peer
) -> None:
    study = add_images(engine, 11)
    read(engine, site(tmp_path, archive, priors=2), minutes(2))
    read(engine, site(tmp_path, archive, priors=2), minutes(3))

    with reading(engine) as session:
        fetches = session.exec(select(Fetch)).all()
    assert [(each.wanted, each.prior_of) for each in fetches] == [("1.2.4", study), ("1.2.5", study)]


def test_no_priors_are_asked_for_unless_set(engine: Engine, tmp_path: Path, archive: Peer) -> None:
    add_images(engine, 11)
    read(engine, site(tmp_path, archive), minutes(2))

    with reading(engine) as session:
        assert session.exec(select(Fetch)).all() == []


def test_a_prior_is_written_up_only_where_somebody_asks(engine: Engine, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    study = add_images(engine, 11)
    with writing(engine) as session:
        row = session.get_one(Study, study)
        row.images, row.document = WorkState.DONE, WorkState.WAITING
        fetch = Fetch(by=STUDY_UID, wanted="1.2.3", origin=FetchOrigin.PRIOR, next_attempt=CAME, created=CAME)
        session.add_all([row, fetch])

    def written() -> list[Work]:
        asked: list[Work] = []
        ask_for_documents(engine, lambda kind, _subject, _work: asked.append(kind), settings, minutes(60 * 24 * 30))
        return asked

    assert written() == []
    with writing(engine) as session:
        row = session.get_one(Study, study)
        row.complete_since, row.document_not_before = CAME, None
        session.add(row)
    assert written() == [Work.WRITE]


def test_parts_of_the_body_are_told_by_the_words_that_name_them() -> None:
    assert is_of_the_same_part("MRI lumbar spine", "Spine, lumbar, with contrast")
    assert not is_of_the_same_part("MRI lumbar spine with contrast", "MRI head with contrast")
    assert not is_of_the_same_part("", "MRI lumbar spine")
