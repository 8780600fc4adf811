"""Performers of work at their edges: failures, and what arrives while they run."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from pipeline.values import Finding, Source, StudyReading
from service import work
from service.errors import TryAgain
from service.guard import MOST_STARTS
from service.second_tries import try_again
from service.store.database import reading, writing
from service.store.states import WorkState
from service.store.tables import FindingRow, Study
from service.work import Workshop, performers
from service.workflows import Work
from tests.service.rows import NOW, add_study, finding
from tests.service.workshops import idle_workshop


@pytest.fixture
def workshop(engine: Engine, tmp_path: Path) -> Workshop:
    return idle_workshop(engine, tmp_path)


def found(*findings: Finding) -> StudyReading:
    return StudyReading("1.2", "the only one", True, "counted up from the sacrum", (), findings)


def read_until_it_ends(workshop: Workshop) -> None:
    """Read as the workflow does, again while it may pass."""
    for _ in range(MOST_STARTS):
        try:
            performers(workshop)[Work.READ](1, "read-1")
        except TryAgain:
            continue
        return


def images(engine: Engine) -> tuple[WorkState, str]:
    with reading(engine) as session:
        study = session.get_one(Study, 1)
        return study.images, study.images_reason


def late_image(engine: Engine) -> None:
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        study.last_image, study.images = NOW + timedelta(seconds=30), WorkState.WAITING
        session.add(study)


def test_a_failure_is_written_down_with_what_to_do(
    engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_study(engine)
    monkeypatch.setattr(work, "read_study", lambda *_: 1 / 0)

    read_until_it_ends(workshop)

    state, reason = images(engine)
    assert state == WorkState.FAILED
    assert "ZeroDivisionError" in reason
    assert "spinelabel retry" in reason


def test_a_failure_does_not_hide_an_image_that_came_meanwhile(
    engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_study(engine)

    def fail(*_: object) -> StudyReading:
        late_image(engine)
        raise ZeroDivisionError

    monkeypatch.setattr(work, "read_study", fail)
    read_until_it_ends(workshop)

    assert images(engine)[0] == WorkState.WAITING


def test_an_image_that_came_while_others_were_read_is_read_next(
    engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_study(engine)

    def read(*_: object) -> StudyReading:
        late_image(engine)
        return found(finding(source=Source.IMAGE))

    monkeypatch.setattr(work, "read_study", read)
    performers(workshop)[Work.READ](1, "read-1")

    assert images(engine)[0] == WorkState.WAITING


def test_reading_that_runs_twice_writes_once(
    engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_study(engine)
    monkeypatch.setattr(work, "read_study", lambda *_: found(finding(level="L5-S1", source=Source.IMAGE)))

    for _ in range(2):
        performers(workshop)[Work.READ](1, "read-1")

    with reading(engine) as session:
        rows = session.exec(select(FindingRow).where(FindingRow.source == "image")).all()
    assert [(row.level, row.superseded is None) for row in rows] == [("L4-L5", False), ("L5-S1", True)]


def test_what_failed_is_asked_for_under_a_new_id_when_a_person_says_so(
    engine: Engine, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_study(engine)
    monkeypatch.setattr(work, "read_study", lambda *_: 1 / 0)
    read_until_it_ends(workshop)

    with writing(engine) as session:
        assert try_again(session) == 1

    with reading(engine) as session:
        study = session.get_one(Study, 1)
    assert (study.images, study.images_attempt, study.images_starts) == (WorkState.WAITING, 1, 0)
    assert study.document == WorkState.WAITING
