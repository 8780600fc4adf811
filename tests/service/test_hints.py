"""Studies that a modality or an archive tells of, through the receiver and into the sweep."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import Peer
from service.store.columns import utc_now
from service.store.database import DATABASE, reading, writing
from service.store.states import WorkState
from service.store.tables import Instance, Series, Study
from tests.peers.announcing import announcing, changed_step, new_step, notification
from tests.service.announced import NOTICE, STEP, Site, running_site
from tests.service.browsing import change, deliver
from tests.service.rows import add_study

SR_CLASS = "1.2.840.10008.5.1.4.1.1.88"
SOON = timedelta(seconds=1)
QUIET = timedelta(seconds=65)


@pytest.fixture
def site(engine: Engine, tmp_path: Path) -> Iterator[Site]:
    with running_site(engine, tmp_path) as running:
        yield running


def test_a_study_waits_for_its_quiet_time_where_nobody_tells_of_it(site: Site) -> None:
    site.receive()

    assert site.read(SOON) == 0
    assert site.read(QUIET) == 1


def test_a_study_is_complete_at_once_when_all_that_its_step_made_is_here(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        assert scanner.create(STEP, new_step(site.study_uid)).Status == 0x0000
        assert site.read(SOON) == 0
        assert scanner.change(STEP, changed_step("COMPLETED", site.uids)).Status == 0x0000

    assert site.read(SOON) == 1


def test_a_hint_may_come_before_the_images(site: Site) -> None:
    with announcing(site.peer, "ARCHIVE") as archive:
        assert archive.notify(NOTICE, notification(site.study_uid, site.uids)).Status == 0x0000
    site.receive(site.files[1:])
    assert site.read(SOON) == 0

    site.receive(site.files[:1])

    assert site.read(SOON) == 1


def test_a_step_in_progress_holds_its_study_past_the_quiet_time_but_not_for_ever(site: Site) -> None:
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
    site.receive()

    assert site.read(QUIET) == 0
    assert "waits for a procedure step that is in progress" in site.page(QUIET)
    assert site.read(timedelta(hours=1.9)) == 0
    assert site.read(timedelta(hours=2.1)) == 1


def test_another_step_in_progress_holds_a_study_of_which_one_is_completed(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.create("1.2.9.3", new_step(site.study_uid))
        scanner.change(STEP, changed_step("COMPLETED", site.uids))

        assert site.read(QUIET) == 0

        scanner.change("1.2.9.3", changed_step("DISCONTINUED"))

    assert site.read(SOON) == 1


def test_what_was_named_and_has_not_come_is_said_and_the_quiet_time_holds(site: Site) -> None:
    site.receive(site.files[2:])
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step("COMPLETED", site.uids))
    named = len(site.uids)

    assert site.read(SOON) == 0
    assert f"scanner named {named} objects of it, and 2 of them have not come." in site.page()
    assert site.read(QUIET) == 1


def test_a_late_image_reopens_a_study_and_the_last_one_that_was_named_completes_it(site: Site) -> None:
    site.receive(site.files[1:])
    with announcing(site.peer, "ARCHIVE") as archive:
        archive.notify(NOTICE, notification(site.study_uid, site.uids))
    assert site.read(QUIET) == 1

    site.receive(site.files[:1])

    assert site.read(SOON) == 1
    assert "have not come" not in site.page()


def test_images_that_nobody_named_have_their_quiet_time(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step("COMPLETED", site.uids[:3]))

    assert site.read(SOON) == 0
    assert site.read(QUIET) == 1


def test_a_discontinued_step_ends_the_hold_and_its_objects_count(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step("DISCONTINUED", site.uids))

    assert site.read(SOON) == 1


def test_the_objects_of_a_step_are_those_of_its_last_word(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step(None, [*site.uids, "1.2.3.99"]))
        scanner.change(STEP, changed_step("IN PROGRESS", site.uids))
        assert site.read(QUIET) == 0
        scanner.change(STEP, changed_step("COMPLETED"))

    assert site.read(SOON) == 1


def test_an_object_that_is_said_to_be_gone_is_not_waited_for(site: Site) -> None:
    site.receive(site.files[1:])
    with announcing(site.peer, "ARCHIVE") as archive:
        archive.notify(NOTICE, notification(site.study_uid, site.uids))
        assert site.read(SOON) == 0
        archive.notify("1.2.9.3", notification(site.study_uid, site.uids[1:], gone=site.uids[:1]))

    assert site.read(SOON) == 1


def test_hints_of_a_study_that_is_not_here_or_of_objects_of_another_do_no_harm(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        assert scanner.create(STEP, new_step("1.2.3.999")).Status == 0x0000
        assert scanner.change(STEP, changed_step("COMPLETED", site.uids)).Status == 0x0000
        assert scanner.notify(NOTICE, notification(site.study_uid, ["1.2.3.98"])).Status == 0x0000

    assert site.read(SOON) == 0
    assert site.read(QUIET) == 1


def test_a_step_of_two_studies_counts_for_both(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step("1.2.3.999", site.study_uid))
        assert site.read(QUIET) == 0
        scanner.change(STEP, changed_step("COMPLETED", site.uids))

    assert site.read(SOON) == 1


def test_the_page_tells_who_said_what_of_a_study(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step("COMPLETED", site.uids))
        scanner.notify(NOTICE, notification(site.study_uid, site.uids[:1]))

    page = site.page()
    assert f"scanner says that a procedure step is completed {len(site.uids)} objects" in page
    assert "scanner says which objects are available 1 object" in page


def test_a_person_who_says_complete_overrules_a_step_in_progress(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
    with sqlite3.connect(site.settings.data / DATABASE) as database:
        database.execute("update study set complete_since = ?", (f"{utc_now():%Y-%m-%d %H:%M:%S.%f}",))

    assert site.read(SOON) == 1
    with reading(site.engine) as session:
        assert session.exec(select(Study)).one().images == WorkState.QUEUED


def test_what_is_no_image_need_not_be_named_and_our_own_reports_are_not_missed(site: Site) -> None:
    site.receive()
    with writing(site.engine) as session:
        series = Series(study_id=1, series_uid="1.2.3.7", modality="SR")
        session.add(series)
        session.flush()
        values = session.exec(select(Instance)).all()[0].model_dump(exclude={"id"})
        values.update(sop_instance_uid="1.2.3.71", series_id=series.id, sop_class_uid=f"{SR_CLASS}.11")
        session.add(Instance(**values))
    deliver(site.engine)

    with announcing(site.peer, "ARCHIVE") as archive:
        archive.notify(NOTICE, notification(site.study_uid, [*site.uids, "2.25.1"]))

    assert site.read(SOON) == 1


def test_a_study_whose_named_objects_are_here_waits_for_no_archive(site: Site) -> None:
    asked = Peer(name="archive", ae_title="ASKED", may=("query",))
    settings = site.settings.model_copy(update={"peers": (*site.settings.peers, asked)})
    site.receive()
    assert replace(site, settings=settings).read(QUIET) == 0

    with announcing(site.peer, "ARCHIVE") as archive:
        archive.notify(NOTICE, notification(site.study_uid, site.uids))

    assert replace(site, settings=settings).read(QUIET) == 1


def test_studies_that_are_held_take_no_place_of_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
    other, _ = add_study(site.engine)
    change(site.engine, other, images=WorkState.WAITING)
    monkeypatch.setattr("service.sweep.AT_A_TIME", 1)

    assert site.read(QUIET) == 1


def test_what_cannot_be_written_down_is_not_answered_with_success(site: Site) -> None:
    with sqlite3.connect(site.settings.data / DATABASE) as database:
        database.execute("drop table named_instance")
        database.execute("drop table study_hint")

    with announcing(site.peer) as scanner:
        assert scanner.create(STEP, new_step(site.study_uid)).Status == 0x0110
