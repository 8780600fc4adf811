"""Levels that a person or a report numbers otherwise than the images were."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from config.conditions import load_conditions
from config.settings import Settings
from integrations.hl7.status import Status
from integrations.sr.values import Installation
from pipeline.images.errors import DetectorTooSlow
from pipeline.images.numbering import NO_LEVELS, NamedDisc, Numbering
from pipeline.values import StudyReading
from service import work
from service.documents import DocumentWriter
from service.errors import NoDiscs, PixelsRemoved
from service.numbering import number_by_hand
from service.results import results_changed
from service.second_tries import try_again
from service.store.database import reading, writing
from service.store.states import ObjectState, WorkState
from service.store.tables import FindingRow, Instance, Report, Series, Study
from service.sweep import ask_for_readings, sweep
from service.upkeep import tend
from service.work import Workshop, performers
from service.workflows import PendingWork, Work, prepare_workflows
from tests.service.rows import DISC, NOW, add_study, finding
from tests.service.workshops import idle_workshop

LUMBARISED = Numbering(doubt='the report speaks of "lumbarisation"')
LONG_AFTER = NOW + timedelta(days=30)
"""Long after the wait for the images (`pairing.wait_for_images_hours`) is over."""


FOUND = StudyReading("1.2", "the only one", True, "counted up from the sacrum", (DISC,), ())


@pytest.fixture
def workshop(engine: Engine, tmp_path: Path) -> Workshop:
    return idle_workshop(engine, tmp_path)


@pytest.fixture
def numberings(engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> list[Numbering]:
    """A study that was read once; gives the numbering of each reading. Writing its report does nothing."""
    seen: list[Numbering] = []

    def read(_reader: object, _paths: object, _conditions: object, numbering: Numbering) -> StudyReading:
        seen.append(numbering)
        return FOUND

    monkeypatch.setattr(work, "read_study", read)
    monkeypatch.setattr(work, "write_documents", lambda *_: None)
    add_study(engine)
    performers(workshop)[Work.READ](1, "read-1")
    return seen


def state(engine: Engine) -> tuple[WorkState, int]:
    with reading(engine) as session:
        study = session.get_one(Study, 1)
        return study.images, study.images_attempt


def say(engine: Engine, text: str) -> None:
    with writing(engine) as session:
        report = session.get_one(Report, 1)
        report.text = text
        session.add(report)


def test_a_report_that_numbers_otherwise_has_the_images_read_again_once(
    engine: Engine, workshop: Workshop, numberings: list[Numbering]
) -> None:
    say(engine, "Lumbarisation of S1.")

    performers(workshop)[Work.WRITE](1, "write-1")
    assert state(engine) == (WorkState.WAITING, 1)
    performers(workshop)[Work.READ](1, "read-2")
    performers(workshop)[Work.WRITE](1, "write-2")

    assert state(engine) == (WorkState.DONE, 1)
    assert numberings == [Numbering(), LUMBARISED]


def test_a_report_that_no_longer_says_so_gives_the_names_back(
    engine: Engine, workshop: Workshop, numberings: list[Numbering]
) -> None:
    say(engine, "Lumbarisation of S1.")
    performers(workshop)[Work.WRITE](1, "write-1")
    performers(workshop)[Work.READ](1, "read-2")
    say(engine, "Five lumbar vertebrae.")

    performers(workshop)[Work.WRITE](1, "write-3")
    performers(workshop)[Work.READ](1, "read-3")

    assert numberings[-1] == Numbering()


def test_a_report_that_was_withdrawn_gives_the_names_back(
    engine: Engine, workshop: Workshop, numberings: list[Numbering]
) -> None:
    say(engine, "Lumbarisation of S1.")
    performers(workshop)[Work.WRITE](1, "write-1")
    performers(workshop)[Work.READ](1, "read-2")
    with writing(engine) as session:
        report = session.get_one(Report, 1)
        report.status, report.labels = Status.CANCELLED.value, WorkState.HELD

    performers(workshop)[Work.WRITE](1, "write-3")
    performers(workshop)[Work.READ](1, "read-3")

    assert numberings == [Numbering(), LUMBARISED, Numbering()]


def document(engine: Engine) -> WorkState:
    with reading(engine) as session:
        return session.get_one(Study, 1).document


def real_writer(engine: Engine, workshop: Workshop) -> Workshop:
    """Give a workshop that writes structured reports, of which there is no destination."""
    installation = Installation("2.25.1", "SPINELABEL", "0", load_conditions())
    writer = DocumentWriter(engine, workshop.store, workshop.settings, installation)
    return replace(workshop, documents=writer)


@pytest.fixture
def doubtful(
    engine: Engine, workshop: Workshop, numberings: list[Numbering], monkeypatch: pytest.MonkeyPatch
) -> Workshop:
    """A study that was read and whose report, which came long before, says now that it numbers otherwise."""
    monkeypatch.undo()
    monkeypatch.setattr(work, "read_study", lambda *_: FOUND)
    say(engine, "Lumbarisation of S1.")
    with writing(engine) as session:
        results_changed(session, 1)
    return real_writer(engine, workshop)


def due(workshop: Workshop) -> list[Work]:
    asked: list[Work] = []
    sweep(workshop.engine, lambda kind, _subject, _work_id: asked.append(kind), workshop.settings, LONG_AFTER)
    return asked


@pytest.mark.usefixtures("numberings")
def test_nothing_is_written_until_disowned_levels_have_been_read_anew(
    engine: Engine, doubtful: Workshop, tmp_path: Path
) -> None:
    prepare_workflows(tmp_path)
    assert due(doubtful) == [Work.WRITE]

    performers(doubtful)[Work.WRITE](1, "write-1")

    assert tend(engine, PendingWork(tmp_path), LONG_AFTER).asked_again == 0
    assert due(doubtful) == [Work.READ]
    performers(doubtful)[Work.WRITE](1, "write-2")
    assert document(engine) == WorkState.WAITING
    performers(doubtful)[Work.READ](1, "read-2")
    assert due(doubtful) == [Work.WRITE]
    performers(doubtful)[Work.WRITE](1, "write-3")
    assert document(engine) == WorkState.DONE


@pytest.mark.parametrize("images", [WorkState.WAITING, WorkState.QUEUED, WorkState.FAILED])
def test_disowned_levels_are_not_written_while_late_images_are_read_either(
    engine: Engine, doubtful: Workshop, images: WorkState
) -> None:
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        study.images, study.images_digest = images, "without the late images"
    performers(doubtful)[Work.WRITE](1, "write-1")

    assert Work.WRITE not in due(doubtful)
    assert state(engine)[1] == 0  # no more than that reading is asked for


def test_disowned_levels_wait_for_a_person_where_they_cannot_be_read_anew(
    engine: Engine, doubtful: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> StudyReading:
        raise DetectorTooSlow("It", 1)

    performers(doubtful)[Work.WRITE](1, "write-1")
    monkeypatch.setattr(work, "read_study", fail)
    performers(doubtful)[Work.READ](1, "read-2")
    assert due(doubtful) == []

    monkeypatch.setattr(work, "read_study", lambda *_: FOUND)
    with writing(engine) as session:
        try_again(session)
    performers(doubtful)[Work.READ](1, "read-3")

    assert due(doubtful) == [Work.WRITE]


def name_levels(engine: Engine, lowest: str) -> None:
    with writing(engine) as session:
        number_by_hand(session, "CANARYACC1", lowest)


def test_what_a_person_says_of_levels_is_read_with_and_belongs_to_the_disc_that_was_the_lowest(
    engine: Engine, workshop: Workshop, numberings: list[Numbering]
) -> None:
    name_levels(engine, "L4-L5")
    assert state(engine) == (WorkState.WAITING, 1)

    performers(workshop)[Work.READ](1, "read-2")

    assert numberings[-1] == Numbering("L4-L5", NamedDisc("1.2", DISC.centre_mm))


@pytest.mark.parametrize("lowest", ["", NO_LEVELS])
@pytest.mark.usefixtures("numberings")
def test_what_a_person_says_of_all_levels_belongs_to_no_disc(engine: Engine, lowest: str) -> None:
    name_levels(engine, "L4-L5")
    name_levels(engine, lowest)

    with reading(engine) as session:
        study = session.get_one(Study, 1)
    assert (study.levels_by_hand, study.disc_by_hand) == (lowest, None)


@pytest.mark.usefixtures("numberings")
def test_what_a_person_disowned_is_not_written_before_it_is_read_anew(engine: Engine, workshop: Workshop) -> None:
    with writing(engine) as session:
        results_changed(session, 1)
    name_levels(engine, "L4-L5")

    assert due(workshop) == [Work.READ]
    performers(workshop)[Work.READ](1, "read-2")
    assert due(workshop) == [Work.WRITE]


def test_a_level_cannot_be_given_to_a_study_without_discs(engine: Engine) -> None:
    add_study(engine)

    with pytest.raises(NoDiscs, match="not read yet"):
        name_levels(engine, "L4-L5")


def test_a_study_whose_pixels_were_removed_is_not_named_and_the_person_is_told_what_to_do(
    engine: Engine, numberings: list[Numbering]
) -> None:
    with writing(engine) as session:
        session.add(Series(study_id=1, series_uid="1.2", modality="MR"))
        session.flush()
        session.add(
            Instance(
                sop_class_uid="1",
                transfer_syntax_uid="1",
                series_id=1,
                sha256="0",
                file="f",
                bytes=1,
                received=NOW,
                calling_ae="MR",
                address="127.0.0.1",
                state=ObjectState.HEADER,
            )
        )

    with pytest.raises(PixelsRemoved, match="Send all of it again"):
        name_levels(engine, "L4-L5")

    assert state(engine) == (WorkState.DONE, 0)
    assert len(numberings) == 1


def test_a_reading_that_a_person_overtook_is_left_and_made_again(
    engine: Engine, workshop: Workshop, numberings: list[Numbering], monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(*_: object) -> StudyReading:
        name_levels(engine, "L4-L5")
        return replace(FOUND, levels_reason="as if nobody had said anything", findings=(finding(level="L5-S1"),))

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(work, "read_study", overtaken)
        performers(workshop)[Work.READ](1, "read-2")
    with reading(engine) as session:
        study = session.get_one(Study, 1)
        found = session.exec(select(FindingRow.level).where(col(FindingRow.superseded).is_(None))).all()
    assert (study.images, study.levels_reason) == (WorkState.WAITING, "counted up from the sacrum")
    assert "L5-S1" not in found

    performers(workshop)[Work.READ](1, "read-3")

    assert state(engine) == (WorkState.DONE, 1)
    assert numberings[-1].lowest == "L4-L5"


@pytest.mark.usefixtures("numberings")
def test_a_reading_that_fails_after_a_person_overtook_it_is_made_again(
    engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> StudyReading:
        name_levels(engine, "L4-L5")
        raise DetectorTooSlow("It", 1)

    monkeypatch.setattr(work, "read_study", fail)
    performers(workshop)[Work.READ](1, "read-2")

    assert state(engine) == (WorkState.WAITING, 1)


@pytest.mark.usefixtures("numberings")
def test_a_person_who_names_levels_while_a_reading_is_asked_for_is_not_forgotten(engine: Engine) -> None:
    asked: list[str] = []

    def meanwhile(_kind: Work, _subject: int, work_id: str) -> None:
        asked.append(work_id)
        if len(asked) == 1:
            name_levels(engine, NO_LEVELS)

    name_levels(engine, "L4-L5")
    for _ in range(2):
        ask_for_readings(engine, meanwhile, Settings(), LONG_AFTER)

    assert len(set(asked)) == 2
    assert state(engine) == (WorkState.QUEUED, 2)
