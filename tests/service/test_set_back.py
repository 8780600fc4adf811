"""A clock that was ahead and is set right: what waits goes on, and nothing of it is touched where no clock was set."""

from copy import deepcopy
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Peer, Settings
from service.destinations import pause
from service.set_back import SLACK, put_right
from service.store.database import reading, writing
from service.store.tables import Delivery, DestinationRow, Document, Schedule, Study
from service.sweep import ask_for_deliveries
from tests.service.rows import NOW, add_study
from tests.service.test_late_halves import QUIET, Hospital

DAY = timedelta(days=1)
SETTINGS = Settings(peers=(Peer(name="pacs", ae_title="PACS"),))


def add_delivery(engine: Engine, *, attempts: int, ahead: timedelta) -> None:
    """Put a document on its way that is due when the clock is so far on."""
    study_id, _ = add_study(engine)
    with writing(engine) as session:
        document = Document(
            study_id=study_id, accepts="trial", inputs="0", sop_instance_uid="1.2", file="a", sha256="a", created=NOW
        )
        session.add(document)
        session.flush()
        session.add(Delivery(document_id=1, destination="pacs", attempts=attempts, next_attempt=NOW + ahead))


def is_silent(engine: Engine, unanswered: int, ahead: timedelta) -> None:
    with writing(engine) as session:
        at = NOW + ahead
        session.add(DestinationRow(name="pacs", unanswered=unanswered, silent_since=at, next_attempt=at))


def asked(engine: Engine) -> list[int]:
    numbers: list[int] = []
    ask_for_deliveries(engine, lambda _kind, subject, _id: numbers.append(subject), SETTINGS, NOW)
    return numbers


@pytest.mark.parametrize("back", [timedelta(hours=1), DAY], ids=["an hour", "a day"])
def test_a_report_that_was_never_sent_goes_at_once(engine: Engine, back: timedelta) -> None:
    add_delivery(engine, attempts=0, ahead=back)
    assert asked(engine) == []

    assert put_right(engine, NOW) == 1

    assert asked(engine) == [1]


def test_a_pacs_that_was_away_is_tried_again_and_not_left_alone_for_a_day(engine: Engine) -> None:
    add_delivery(engine, attempts=1, ahead=DAY + pause(1))
    is_silent(engine, 1, DAY + pause(1))
    assert asked(engine) == []

    put_right(engine, NOW)

    assert asked(engine) == [1]


def test_a_pause_that_a_right_clock_wrote_is_kept_with_all_that_waits(engine: Engine) -> None:
    add_delivery(engine, attempts=0, ahead=pause(99))
    is_silent(engine, 99, pause(99))

    assert put_right(engine, NOW) == 0

    with reading(engine) as session:
        assert session.get_one(Delivery, 1).next_attempt == NOW + pause(99)


def test_a_clock_that_differs_by_less_than_the_clocks_of_two_machines_may_changes_nothing(engine: Engine) -> None:
    add_delivery(engine, attempts=0, ahead=SLACK)
    with writing(engine) as session:
        session.get_one(Study, 1).last_image = NOW + SLACK

    assert put_right(engine, NOW) == 0


def test_a_schedule_that_began_by_a_clock_that_was_ahead_begins_now(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Schedule(cohort="nightly", cron="0 2 * * *", time_zone="UTC", since=NOW + DAY))

    put_right(engine, NOW)

    with reading(engine) as session:
        assert session.exec(select(Schedule.since)).one() == NOW


@pytest.fixture
def hospital(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hospital:
    return Hospital(engine, tmp_path, monkeypatch)


def test_a_study_that_came_by_a_clock_that_was_ahead_is_written_up_after_its_quiet_time(
    hospital: Hospital, engine: Engine
) -> None:
    hospital.now = NOW + DAY
    hospital.send_report()
    hospital.send_images(0, 1)
    hospital.now = NOW
    hospital.let_pass(QUIET)
    assert hospital.written() == []

    put_right(engine, hospital.now)
    hospital.let_pass(QUIET)

    assert len(hospital.written()) == 1


def test_an_image_that_comes_while_others_are_read_is_read_too_though_the_clock_was_set_back_before_it(
    hospital: Hospital, engine: Engine
) -> None:
    hospital.now = NOW + DAY
    hospital.send_images(0)
    before = last_image(engine)
    hospital.now = NOW
    of_another_series = deepcopy(hospital.images[1])
    of_another_series.SeriesInstanceUID = generate_uid()

    hospital.send([of_another_series])

    assert last_image(engine) == NOW != before  # by which the reading that is under way knows that it is not all


def last_image(engine: Engine) -> object:
    with reading(engine) as session:
        return session.exec(select(Study.last_image)).one()
