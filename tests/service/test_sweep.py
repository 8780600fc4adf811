"""What the sweep asks for, and that it never asks twice for what is done."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Peer, Settings
from service.completion import Due, StudyProgress, reading_due
from service.second_tries import complete_study
from service.store.database import reading, writing
from service.store.states import DeliveryState, WorkState
from service.store.tables import Delivery, Document, Pairing, Report, Study
from service.sweep import AT_A_TIME, sweep
from service.work_ids import writing_id
from service.workflows import Work
from tests.service.rows import NOW, add_study

QUIET = timedelta(seconds=60)
SETTINGS = Settings(peers=(Peer(name="pacs", ae_title="PACS"),))


class Asked:
    """Stands in for the queue of work, and remembers what it was asked."""

    def __init__(self) -> None:
        self.work: list[tuple[Work, int, str]] = []

    def enqueue(self, kind: Work, subject: int, work_id: str) -> None:
        self.work.append((kind, subject, work_id))

    def kinds(self) -> list[Work]:
        return [kind for kind, _, _ in self.work]


def change(engine: Engine, **values: object) -> None:
    with writing(engine) as session:
        study = session.get_one(Study, 1)
        for name, value in values.items():
            setattr(study, name, value)
        session.add(study)


def swept(engine: Engine, now: datetime) -> Asked:
    asked = Asked()
    sweep(engine, asked.enqueue, SETTINGS, now)
    return asked


@pytest.mark.parametrize(
    ("after", "kinds"),
    [
        pytest.param(QUIET - timedelta(seconds=1), [], id="before the quiet time is over"),
        pytest.param(QUIET, [Work.READ], id="after it"),
    ],
)
def test_a_study_is_read_when_it_has_been_quiet(engine: Engine, after: timedelta, kinds: list[Work]) -> None:
    add_study(engine)
    change(engine, images=WorkState.WAITING)

    assert swept(engine, NOW + after).kinds() == kinds


def test_what_was_asked_for_is_not_asked_for_again(engine: Engine) -> None:
    add_study(engine)
    change(engine, images=WorkState.WAITING)

    assert swept(engine, NOW + QUIET).kinds() == [Work.READ]
    assert swept(engine, NOW + QUIET).kinds() == []


def test_a_sweep_that_died_after_asking_asks_for_the_same_work(engine: Engine) -> None:
    add_study(engine)
    change(engine, images=WorkState.WAITING)
    died = Asked()

    def die(kind: Work, subject: int, work_id: str) -> None:
        died.enqueue(kind, subject, work_id)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(engine, die, SETTINGS, NOW + QUIET)

    assert swept(engine, NOW + QUIET).work == died.work


def test_images_that_were_read_already_are_not_read_again(engine: Engine) -> None:
    add_study(engine)
    change(engine, images=WorkState.WAITING)
    swept(engine, NOW + QUIET)
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of a study without objects
    change(engine, images=WorkState.WAITING, images_digest=empty)

    assert swept(engine, NOW + QUIET).kinds() == []
    with reading(engine) as session:
        assert session.get_one(Study, 1).images == WorkState.DONE


def test_a_late_image_restarts_the_quiet_time(engine: Engine) -> None:
    add_study(engine)
    change(engine, images=WorkState.WAITING, last_image=NOW + timedelta(seconds=59))

    assert swept(engine, NOW + QUIET).kinds() == []
    assert swept(engine, NOW + QUIET + timedelta(seconds=59)).kinds() == [Work.READ]


def test_a_report_is_labelled_when_it_arrives_whether_or_not_it_has_a_study(engine: Engine) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.get_one(Report, 1).labels = WorkState.WAITING

    assert swept(engine, NOW).kinds() == [Work.LABEL]


def test_a_held_report_is_not_labelled(engine: Engine) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.get_one(Report, 1).labels = WorkState.HELD

    assert swept(engine, NOW).kinds() == []


def test_a_structured_report_is_asked_for_once_for_each_change_of_results(engine: Engine) -> None:
    add_study(engine)
    change(engine, document=WorkState.WAITING, results=1)
    first = swept(engine, NOW)
    change(engine, document=WorkState.WAITING, results=2)

    assert first.kinds() == swept(engine, NOW).kinds() == [Work.WRITE]
    assert swept(engine, NOW).kinds() == []


@pytest.mark.parametrize(
    ("state", "after", "kinds"),
    [
        pytest.param(DeliveryState.WAITING, timedelta(0), [Work.DELIVER], id="due"),
        pytest.param(DeliveryState.WAITING, timedelta(seconds=-1), [], id="not due yet"),
        pytest.param(DeliveryState.REFUSED, timedelta(0), [], id="refused, so that a person decides"),
        pytest.param(DeliveryState.DELIVERED, timedelta(0), [], id="delivered"),
    ],
)
def test_a_delivery_is_tried_when_it_is_due(
    engine: Engine, state: DeliveryState, after: timedelta, kinds: list[Work]
) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1.2", file="f", sha256="0", created=NOW)
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", state=state, next_attempt=NOW))

    assert swept(engine, NOW + after).kinds() == kinds


def test_studies_that_wait_do_not_hide_one_that_is_ready(engine: Engine) -> None:
    for number in range(1, AT_A_TIME + 2):
        add_study(engine, number)
    with writing(engine) as session:
        for study in session.exec(select(Study)):
            study.document, study.results = WorkState.WAITING, 1
            study.review_reason = "" if study.id == AT_A_TIME + 1 else "two patient IDs"
            session.add(study)

    asked = [*swept(engine, NOW).work, *swept(engine, NOW).work]

    assert asked == [(Work.WRITE, AT_A_TIME + 1, writing_id(AT_A_TIME + 1, 1, SETTINGS))]


def test_a_study_that_waits_is_thought_of_again_when_its_wait_is_over_or_its_results_change(engine: Engine) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.delete(session.exec(select(Pairing)).one())
    change(engine, document=WorkState.WAITING)

    assert swept(engine, NOW).kinds() == []
    assert swept(engine, NOW + timedelta(hours=71)).kinds() == []
    assert swept(engine, NOW + timedelta(hours=72)).kinds() == [Work.WRITE]


@pytest.mark.parametrize("age", [0, 30, 59, 60, 61, 120])
@pytest.mark.parametrize("complete", [None, 0, 30, 60, 90])
def test_a_study_is_read_exactly_when_the_rules_say_that_its_images_are_complete(
    engine: Engine, age: int, complete: int | None
) -> None:
    add_study(engine)
    last_image = NOW - timedelta(seconds=age)
    complete_since = None if complete is None else NOW - timedelta(seconds=complete)
    change(engine, images=WorkState.WAITING, last_image=last_image, complete_since=complete_since)
    progress = StudyProgress(WorkState.WAITING, last_image, [], "", complete_since=complete_since)

    asked = swept(engine, NOW).kinds()

    assert asked == ([Work.READ] if isinstance(reading_due(progress, SETTINGS.dicom, NOW), Due) else [])


def test_calling_a_study_complete_asks_for_its_structured_report(engine: Engine) -> None:
    add_study(engine)
    with writing(engine) as session:
        session.delete(session.exec(select(Pairing)).one())
    change(engine, document=WorkState.WAITING)
    assert swept(engine, NOW).kinds() == []

    with writing(engine) as session:
        assert complete_study(session, "CANARYACC1", NOW) == ""

    assert swept(engine, NOW).kinds() == [Work.WRITE]


def test_without_its_conditions_file_what_needs_none_goes_on_and_the_rest_waits_for_it(
    engine: Engine, tmp_path: Path
) -> None:
    add_study(engine)
    change(engine, images=WorkState.WAITING)
    with writing(engine) as session:
        session.add(
            Document(study_id=1, accepts="trial", inputs="0", sop_instance_uid="1.2", file="f", sha256="0", created=NOW)
        )
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", next_attempt=NOW))
    without = SETTINGS.model_copy(update={"conditions": tmp_path / "none.yaml"})
    asked = Asked()

    sweep(engine, asked.enqueue, without, NOW + QUIET)

    assert asked.kinds() == [Work.DELIVER]
    assert swept(engine, NOW + QUIET).kinds() == [Work.READ]
