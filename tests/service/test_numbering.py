"""Levels that a person or a report numbers otherwise than the images were."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from integrations.hl7.status import Status
from pipeline.images.numbering import Numbering
from pipeline.values import StudyReading
from service import work
from service.numbering import number_by_hand
from service.store.database import reading, writing
from service.store.states import WorkState
from service.store.tables import Report, Study
from service.work import Workshop, performers
from service.workflows import Work
from tests.service.rows import DISC, add_study
from tests.service.workshops import idle_workshop

LUMBARISED = Numbering(doubt='the report speaks of "lumbarisation"')


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


def test_what_a_person_says_of_levels_is_read_with(
    engine: Engine, workshop: Workshop, numberings: list[Numbering]
) -> None:
    with writing(engine) as session:
        number_by_hand(session, "CANARYACC1", "L4-L5")
    assert state(engine) == (WorkState.WAITING, 1)

    performers(workshop)[Work.READ](1, "read-2")

    assert numberings[-1] == Numbering(lowest="L4-L5")
