"""What procedure steps and notifications are answered (PS3.4, Annexes F and R)."""

from collections.abc import Iterator

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from sqlmodel import col, select

from integrations.dicom.hint_service import MOST_BYTES
from service.store.database import open_database, reading
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.upgrade import upgrade_database
from tests.peers.announcing import announcing, changed_step, new_step, notification
from tests.service.announced import Site, running_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    upgrade_database(folder)
    engine = open_database(folder)
    with running_site(engine, folder) as running:
        yield running
    engine.dispose()


@pytest.fixture
def step_uid() -> str:
    return generate_uid()


@pytest.fixture
def notice_uid() -> str:
    return generate_uid()


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
def test_a_step_that_has_ended_stays_as_it_is(site: Site, step_uid: str, status: str) -> None:
    with announcing(site.peer) as scanner:
        scanner.create(step_uid, new_step(site.study_uid))
        scanner.change(step_uid, changed_step(status, site.uids))
        answer = scanner.change(step_uid, changed_step("IN PROGRESS", []))

    assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
    assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"
    named = select(NamedInstance).join(StudyHint).where(StudyHint.sop_instance_uid == step_uid)
    with reading(site.engine) as session:
        assert session.exec(select(StudyHint.status).where(StudyHint.sop_instance_uid == step_uid)).all() == [status]
        assert len(session.exec(named).all()) == len(site.uids)


def test_wrong_order_is_answered_by_the_standard(site: Site, step_uid: str, notice_uid: str) -> None:
    with announcing(site.peer) as scanner:
        assert scanner.change(step_uid, changed_step("COMPLETED", site.uids)).Status == 0x0112
        assert scanner.create(step_uid, new_step(site.study_uid)).Status == 0x0000
        assert scanner.create(step_uid, new_step(site.study_uid)).Status == 0x0111
        assert scanner.notify(notice_uid, notification(site.study_uid, site.uids)).Status == 0x0000
        assert scanner.notify(notice_uid, notification(site.study_uid, site.uids)).Status == 0x0111
        assert scanner.change(notice_uid, changed_step("COMPLETED")).Status == 0x0112


def test_a_step_without_a_uid_is_given_one(site: Site) -> None:
    with announcing(site.peer) as scanner:
        assert scanner.create(None, new_step(site.study_uid)).Status == 0x0000
        assert scanner.change(scanner.answered[-1], changed_step("COMPLETED", [])).Status == 0x0000


def without(data_set: Dataset, keyword: str) -> Dataset:
    delattr(data_set, keyword)
    return data_set


@pytest.mark.parametrize(
    ("step", "status", "place"),
    [
        pytest.param(new_step("1.2.3", status="COMPLETED"), 0x0106, "(0040,0252)", id="begins completed"),
        pytest.param(new_step("1.2.3", status=None), 0x0120, "(0040,0252)", id="no status"),
        pytest.param(new_step("1.2.3", status=""), 0x0121, "(0040,0252)", id="empty status"),
        pytest.param(new_step(), 0x0121, "(0040,0270)", id="no scheduled step"),
        pytest.param(without(new_step(), "ScheduledStepAttributesSequence"), 0x0120, "(0040,0270)", id="no sequence"),
        pytest.param(new_step(""), 0x0121, "(0020,000D)", id="empty study"),
        pytest.param(new_step("CANARYUID"), 0x0106, "(0020,000D)", id="study is no UID"),
    ],
)
def test_a_new_step_that_lacks_what_we_need_is_refused_by_the_name_of_the_attribute(
    site: Site, step_uid: str, notice_uid: str, step: Dataset, status: int, place: str
) -> None:
    with announcing(site.peer) as scanner:
        answer = scanner.create(step_uid, step)
        assert scanner.create(notice_uid, new_step(site.study_uid)).Status == 0x0000  # the association goes on

    assert answer.Status == status
    assert place in answer.ErrorComment
    assert "CANARY" not in f"{answer.ErrorComment}{site.log.lines}"


def test_other_wrong_values_are_refused(site: Site, step_uid: str, notice_uid: str) -> None:
    no_series = without(notification(site.study_uid, []), "ReferencedSeriesSequence")
    with announcing(site.peer) as scanner:
        scanner.create(step_uid, new_step(site.study_uid))

        assert scanner.change(step_uid, changed_step("FINISHED")).Status == 0x0106
        assert scanner.change(step_uid, changed_step("COMPLETED", ["none"])).Status == 0x0106
        assert scanner.create("1.2.x", new_step(site.study_uid)).Status == 0x0117
        assert scanner.notify(notice_uid, no_series).Status == 0x0120
        assert scanner.notify(notice_uid, notification("", [])).Status == 0x0121


def test_who_may_not_announce_is_refused(site: Site, step_uid: str, notice_uid: str) -> None:
    with announcing(site.peer, "OTHER") as other:
        assert other.create(step_uid, new_step(site.study_uid)).Status == 0x0124
        assert other.notify(notice_uid, notification(site.study_uid, site.uids)).Status == 0x0124

    with reading(site.engine) as session:
        assert (
            session.exec(select(StudyHint).where(col(StudyHint.sop_instance_uid).in_([step_uid, notice_uid]))).all()
            == []
        )


def test_what_is_too_long_is_refused(site: Site, step_uid: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_BYTES == 32 * 1024 * 1024
    monkeypatch.setattr("integrations.dicom.hint_service.MOST_BYTES", 100)

    with announcing(site.peer) as scanner:
        assert scanner.create(step_uid, new_step(site.study_uid)).Status == 0x0213
