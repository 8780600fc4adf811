"""Studies that a modality or an archive tells of, through the receiver and into the sweep."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from sqlalchemy import Engine
from sqlmodel import col, select

from config.hint_settings import HintSettings
from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.hint_service import MOST_BYTES, hint_services
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import send_objects
from service.hints import KEEP_HINTS, Hints, forget_hints
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.database import DATABASE, reading
from service.store.hint_tables import NamedInstance, StudyHint
from service.store.objects import ObjectStore
from service.store.states import WorkState
from service.store.tables import Study
from service.sweep import ask_for_readings
from tests.integrations.dicom.conftest import HeardLog
from tests.odd.dicom.make_cases import write_case
from tests.peers.announcing import announcing, changed_step, new_step, notification
from tests.service.browsing import browse, link, text

STEP, NOTICE = "1.2.9.1", "1.2.9.2"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("plain")
    write_case("plain", folder)
    return sorted(folder.rglob("*.dcm"))


@pytest.fixture(scope="module")
def headers(plain: list[Path]) -> list[Dataset]:
    return [dcmread(path, stop_before_pixels=True) for path in plain]


@dataclass(frozen=True)
class Site:
    """Our receiver with what it stores, for a modality and an archive that may announce."""

    peer: Peer
    settings: Settings
    engine: Engine
    log: HeardLog
    files: list[Path]
    headers: list[Dataset]

    @property
    def study_uid(self) -> str:
        return str(self.headers[0].StudyInstanceUID)

    @property
    def uids(self) -> list[str]:
        return [str(header.SOPInstanceUID) for header in self.headers]

    def receive(self, files: list[Path] | None = None) -> None:
        send_objects(files or self.files, self.peer, "MODALITY")

    def read(self, after: timedelta = timedelta(0)) -> int:
        """Let the clock look so long from now, and give how many studies are to be read."""
        asked: list[int] = []
        ask_for_readings(self.engine, lambda _kind, study, _work: asked.append(study), self.settings, utc_now() + after)
        return len(asked)

    def page(self, after: timedelta = timedelta(0)) -> str:
        now = utc_now() + after
        pages = browse(self.settings, self.engine, lambda: now)
        return text(pages, f"/studies/{link(self.engine, Study)}")


@pytest.fixture
def site(engine: Engine, tmp_path: Path, plain: list[Path], headers: list[Dataset]) -> Iterator[Site]:
    peers = (
        Peer(name="scanner", ae_title="MODALITY", may=("send", "announce")),
        Peer(name="pacs", ae_title="ARCHIVE", may=("send", "announce")),
        Peer(name="other", ae_title="OTHER", may=("send",)),
    )
    dicom = DicomSettings(port=0, study_quiet_seconds=60, hints=HintSettings(hold_hours=2))
    settings, log = Settings(data=tmp_path, peers=peers, dicom=dicom), HeardLog()
    store = ObjectStore(tmp_path)
    receiving = Receiving(engine, store, settings)
    receiver = start_receiver(
        dicom,
        Intake(store.incoming, receiving.persist, receiving.keep_refused),
        log,
        settings.peers,
        hint_services(Hints(engine, settings).door(), log),
    )
    us = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    try:
        yield Site(us, settings, engine, log, plain, headers)
    finally:
        receiver.stop()


SOON = timedelta(seconds=1)
QUIET = timedelta(seconds=65)


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


@pytest.mark.parametrize("status", ["COMPLETED", "DISCONTINUED"])
def test_a_step_that_has_ended_stays_as_it_is(site: Site, status: str) -> None:
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step(status, site.uids))
        answer = scanner.change(STEP, changed_step("IN PROGRESS", []))

    assert (answer.Status, answer.ErrorID) == (0x0110, 0xA710)
    assert answer.ErrorComment == "Performed Procedure Step Object may no longer be updated"
    with reading(site.engine) as session:
        assert session.exec(select(StudyHint)).one().status == status
        assert len(session.exec(select(NamedInstance)).all()) == len(site.uids)


def test_wrong_order_is_answered_by_the_standard(site: Site) -> None:
    with announcing(site.peer) as scanner:
        assert scanner.change(STEP, changed_step("COMPLETED", site.uids)).Status == 0x0112
        assert scanner.create(STEP, new_step(site.study_uid)).Status == 0x0000
        assert scanner.create(STEP, new_step(site.study_uid)).Status == 0x0111
        assert scanner.notify(NOTICE, notification(site.study_uid, site.uids)).Status == 0x0000
        assert scanner.notify(NOTICE, notification(site.study_uid, site.uids)).Status == 0x0111
        assert scanner.change(NOTICE, changed_step("COMPLETED")).Status == 0x0112


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
    site: Site, step: Dataset, status: int, place: str
) -> None:
    with announcing(site.peer) as scanner:
        answer = scanner.create(STEP, step)
        assert scanner.create("1.2.9.7", new_step(site.study_uid)).Status == 0x0000  # the association goes on

    assert answer.Status == status
    assert place in answer.ErrorComment
    assert "CANARY" not in f"{answer.ErrorComment}{site.log.lines}"


def test_other_wrong_values_are_refused(site: Site) -> None:
    no_series = without(notification(site.study_uid, []), "ReferencedSeriesSequence")
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))

        assert scanner.change(STEP, changed_step("FINISHED")).Status == 0x0106
        assert scanner.change(STEP, changed_step("COMPLETED", ["none"])).Status == 0x0106
        assert scanner.create("1.2.x", new_step(site.study_uid)).Status == 0x0117
        assert scanner.notify(NOTICE, no_series).Status == 0x0120
        assert scanner.notify(NOTICE, notification("", [])).Status == 0x0121


def test_who_may_not_announce_is_refused(site: Site) -> None:
    with announcing(site.peer, "OTHER") as other:
        assert other.create(STEP, new_step(site.study_uid)).Status == 0x0124
        assert other.notify(NOTICE, notification(site.study_uid, site.uids)).Status == 0x0124

    with reading(site.engine) as session:
        assert session.exec(select(StudyHint)).all() == []


def test_what_is_too_long_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_BYTES == 32 * 1024 * 1024
    monkeypatch.setattr("integrations.dicom.hint_service.MOST_BYTES", 100)

    with announcing(site.peer) as scanner:
        assert scanner.create(STEP, new_step(site.study_uid)).Status == 0x0213


def test_what_cannot_be_written_down_is_not_answered_with_success(site: Site) -> None:
    with sqlite3.connect(site.settings.data / DATABASE) as database:
        database.execute("drop table named_instance")
        database.execute("drop table study_hint")

    with announcing(site.peer) as scanner:
        assert scanner.create(STEP, new_step(site.study_uid)).Status == 0x0110


def test_hints_are_forgotten_after_their_time(site: Site) -> None:
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
        scanner.change(STEP, changed_step("COMPLETED", site.uids))
    now: datetime = utc_now()

    assert forget_hints(site.engine, now + KEEP_HINTS - SOON) == 0
    assert forget_hints(site.engine, now + KEEP_HINTS + SOON) == 1
    with reading(site.engine) as session:
        assert session.exec(select(col(NamedInstance.id))).all() == []


def test_a_person_who_says_complete_overrules_a_step_in_progress(site: Site) -> None:
    site.receive()
    with announcing(site.peer) as scanner:
        scanner.create(STEP, new_step(site.study_uid))
    with sqlite3.connect(site.settings.data / DATABASE) as database:
        database.execute("update study set complete_since = ?", (f"{utc_now():%Y-%m-%d %H:%M:%S.%f}",))

    assert site.read(SOON) == 1
    with reading(site.engine) as session:
        assert session.exec(select(Study)).one().images == WorkState.QUEUED
