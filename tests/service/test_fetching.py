"""A report whose study is missing has it fetched: once, patiently, and with words for whoever has to mend something."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import evt
from sqlalchemy import Engine
from sqlmodel import col, select

from config.fetch_settings import FetchSettings
from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.sender import send_objects
from service.fetching import fetch_performer
from service.log import configure_log
from service.second_tries import try_again
from service.store.database import reading, writing
from service.store.fetch_tables import AskedPeer
from service.store.states import FetchOrigin, FetchState, PairingState
from service.store.tables import Instance, Message, Report, row_id
from service.wanted_studies import want_studies_of_reports
from tests.odd.dicom.make_cases import write_case
from tests.peers.archives import answering, deciding_archive, running_archive, running_dcmqrscp, study_answer
from tests.peers.dicom import free_port
from tests.service.browsing import browse
from tests.service.fetching import Site, receiving


@pytest.fixture
def site_with(engine: Engine, tmp_path: Path) -> Callable[..., Site]:
    """Give a site whose settings name some peers."""

    def make(*peers: Peer, port: int = 0, **fetch: Any) -> Site:
        settings = Settings(
            data=tmp_path,
            peers=peers,
            dicom=DicomSettings(port=port),
            fetch=FetchSettings(**{"wait_seconds": 60, "tries": 3, **fetch}),
        )
        return Site(engine, settings, datetime.now(UTC))

    return make


@pytest.fixture
def plain(tmp_path: Path) -> list[Path]:
    write_case("plain", tmp_path / "plain")
    return sorted((tmp_path / "plain").rglob("*.dcm"))


def accession_of(paths: list[Path]) -> str:
    return str(dcmread(paths[0], stop_before_pixels=True).AccessionNumber)


def counting(*answers: Dataset) -> tuple[list[float], tuple[Any, Callable[..., Any]]]:
    """Give a handler for C-FIND, and the list that grows with each question."""
    asked: list[float] = []
    event, answer = answering(*answers)

    def counted(question: Any) -> Iterator[tuple[int, Dataset | None]]:
        asked.append(1)
        return answer(question)  # type: ignore[no-any-return]

    return asked, (event, counted)


def test_a_missing_study_is_moved_from_orthanc_and_paired(
    site_with: Callable[..., Site], plain: list[Path], tmp_path: Path
) -> None:
    port = free_port()
    with running_archive(tmp_path / "orthanc", DicomModalities={"us": ["SPINELABEL", "127.0.0.1", port]}) as archive:
        send_objects(plain, archive.dicom, "SPINELABEL")
        site = site_with(archive.dicom, port=port)
        site.report("1", obr18=accession_of(plain))
        with receiving(site):
            site.go_on(30)
            assert site.fetches() == []
            site.go_on(31)

    (fetch,) = site.fetches()
    assert (fetch.state, fetch.attempts) == (FetchState.DONE, 1)
    assert fetch.answer == "orthanc sent 11 objects."
    with reading(site.engine) as session:
        assert len(session.exec(select(Instance)).all()) == 11


def test_a_missing_study_is_got_from_dcmqrscp_through_the_same_intake(
    site_with: Callable[..., Site], plain: list[Path], tmp_path: Path
) -> None:
    with running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(plain, archive, "SPINELABEL")
        site = site_with(archive.model_copy(update={"retrieve": ("move", "get")}), port=11112)
        site.report("1", obr18=accession_of(plain))
        site.go_on(61)

    (fetch,) = site.fetches()
    assert fetch.state == FetchState.DONE
    assert "A801H" in fetch.answer
    assert "archive sent 11 objects." in fetch.answer
    with reading(site.engine) as session:
        found = session.exec(select(Instance)).all()
    assert {each.calling_ae for each in found} == {"QRSCP"}
    assert len({each.sha256 for each in found}) == 11
    assert not list((site.settings.data / "incoming" / "fetched").iterdir())


def test_an_archive_that_does_not_know_our_title_is_named_with_what_to_enter_there(
    site_with: Callable[..., Site], plain: list[Path], tmp_path: Path
) -> None:
    with running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(plain, archive, "SPINELABEL")
        site = site_with(archive, port=11112)
        site.report("1", obr18=accession_of(plain))
        site.go_on(61)
        for _ in range(300):
            site.go_on(1)

    (fetch,) = site.fetches()
    assert fetch.state == FetchState.GIVEN_UP
    assert fetch.attempts == 3
    assert len(site.asked) == 3
    assert fetch.answer.startswith(
        "archive does not know our title as a move destination (A801H): "
        "enter SPINELABEL, host 127.0.0.1, port 11112 there."
    )
    assert "spinelabel retry" in fetch.answer


def test_a_move_that_is_aborted_is_tried_again_after_growing_pauses(site_with: Callable[..., Site]) -> None:
    def abort(event: Any) -> Iterator[object]:
        event.assoc.abort()
        yield "127.0.0.1", 1

    asked, find = counting(study_answer())
    with deciding_archive([find, (evt.EVT_C_MOVE, abort)]) as archive:
        site = site_with(archive)
        site.report("1", obr18="A1")
        site.go_on(61)
        for _ in range(59):
            site.go_on(1)
        assert len(asked) == 1
        for _ in range(120):
            site.go_on(1)
        assert len(asked) == 2

    (fetch,) = site.fetches()
    assert fetch.state == FetchState.WAITING
    assert "ended the association" in fetch.answer
    with reading(site.engine) as session:
        assert session.exec(select(Report)).one().pairing == PairingState.UNPAIRED


def test_one_request_goes_out_however_many_reports_name_the_study(site_with: Callable[..., Site]) -> None:
    asked, find = counting()
    with deciding_archive([find]) as archive:
        site = site_with(archive)
        for number in range(5):
            site.report(str(number), sender=f"RIS{number}".encode(), obr18="A1")
        with reading(site.engine) as session:
            assert len(session.exec(select(Report).where(col(Report.superseded_by).is_(None))).all()) == 5
        site.go_on(61)
        site.go_on(1)

    (fetch,) = site.fetches()
    assert fetch.answer.startswith("decided knows no such study.")
    assert len(asked) == 1


def test_an_archive_that_is_away_is_left_alone_whatever_waits_and_costs_no_try(site_with: Callable[..., Site]) -> None:
    away = Peer(name="away", ae_title="AWAY", port=free_port(), may=("query",))
    site = site_with(away)
    for number in range(4):
        site.report(str(number), obr18=f"A{number}")
    site.go_on(61)
    for _ in range(14):
        site.go_on(1)

    with reading(site.engine) as session:
        (row,) = session.exec(select(AskedPeer)).all()
    assert row.unanswered <= 2
    assert {fetch.attempts for fetch in site.fetches()} == {0}
    assert len(site.asked) <= 2


def test_the_next_archive_is_asked_where_the_first_has_nothing(
    site_with: Callable[..., Site], plain: list[Path], tmp_path: Path
) -> None:
    with deciding_archive([answering()]) as empty, running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(plain, archive, "SPINELABEL")
        site = site_with(empty, archive.model_copy(update={"retrieve": ("get",)}))
        site.report("1", obr18=accession_of(plain))
        site.go_on(61)

    assert site.fetches()[0].answer == "decided knows no such study. archive sent 11 objects."


def test_a_study_of_another_modality_and_one_that_is_offline_are_not_fetched(site_with: Callable[..., Site]) -> None:
    answers = {
        "A1": study_answer(ModalitiesInStudy="CT"),
        "A2": study_answer(AccessionNumber="A2", InstanceAvailability="OFFLINE"),
    }

    def find(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, answers[event.identifier.AccessionNumber]
        yield 0x0000, None

    with deciding_archive([(evt.EVT_C_FIND, find)]) as archive:
        site = site_with(archive)
        site.report("1", obr18="A1")
        site.report("2", obr18="A2")
        site.go_on(61)

    said = [fetch.answer for fetch in site.fetches()]
    assert said[0].startswith("decided has it, but with nothing of MR in it.")
    assert said[1].startswith("decided has it offline; have it recalled there.")


def test_nothing_is_asked_where_no_peer_may_be_queried(site_with: Callable[..., Site]) -> None:
    site = site_with(Peer(name="pacs", ae_title="PACS", port=free_port()))
    site.report("1", obr18="A1")
    site.go_on(1_000)

    assert site.fetches() == []


def test_a_number_that_would_match_others_is_given_up_with_the_reason(site_with: Callable[..., Site]) -> None:
    asked, find = counting()
    with deciding_archive([find]) as archive:
        site = site_with(archive)
        site.report("1", obr18="A*")
        want_studies_of_reports(site.engine, site.settings, site.now + timedelta(seconds=61))
        fetch_performer(site.fetcher(), configure_log("work"))(row_id(site.fetches()[0]), "fetch-1")

    (fetch,) = site.fetches()
    assert fetch.state == FetchState.GIVEN_UP
    assert "wildcard" in fetch.answer
    assert asked == []


def test_what_was_given_up_is_asked_for_again_when_a_person_says_so(site_with: Callable[..., Site]) -> None:
    asked, find = counting()
    with deciding_archive([find]) as archive:
        site = site_with(archive, tries=1)
        site.report("1", obr18="A1")
        site.go_on(61)
        assert site.fetches()[0].state == FetchState.GIVEN_UP
        with writing(site.engine) as session:
            assert try_again(session) == 1
        site.go_on(1)

    assert len(asked) == 2


def test_a_kill_after_the_study_came_fetches_it_no_second_time(
    site_with: Callable[..., Site], plain: list[Path], tmp_path: Path
) -> None:
    with running_dcmqrscp(tmp_path / "archive") as archive:
        send_objects(plain, archive, "SPINELABEL")
        site = site_with(archive.model_copy(update={"retrieve": ("get",)}))
        site.report("1", obr18=accession_of(plain))
        site.go_on(61)
        with writing(site.engine) as session:  # as if the answer had not been written down
            fetch = site.fetches()[0]
            fetch.state, fetch.origin = FetchState.WAITING, FetchOrigin.CAMPAIGN
            session.add(fetch)
        site.go_on(60)

    (fetch,) = site.fetches()
    assert (fetch.state, fetch.answer) == (FetchState.DONE, "All that archive has of it is here.")
    with reading(site.engine) as session:
        assert len(session.exec(select(Instance)).all()) == 11


def test_the_pages_say_why_a_study_is_not_fetched(site_with: Callable[..., Site]) -> None:
    _, find = counting()
    with deciding_archive([find]) as archive:
        site = site_with(archive)
        site.report("1", obr18="A1")
        site.go_on(61)
    page = browse(site.settings, site.engine, lambda: site.now)

    assert "decided knows no such study." in page.get("/unpaired").text
    assert "decided knows no such study." in page.get("/waiting").text
    assert 'spinelabel_fetches{origin="report",state="waiting"} 1.0' in page.get("/metrics").text
    with reading(site.engine) as session:
        link = session.exec(select(Message)).one().link
    assert "decided knows no such study." in page.get(f"/messages/{link}").text


def test_an_archive_that_is_away_is_among_what_waits_for_a_person(site_with: Callable[..., Site]) -> None:
    site = site_with(Peer(name="away", ae_title="AWAY", port=free_port(), may=("query",)))
    site.report("1", obr18="A1")
    site.go_on(61)

    assert "peer away, asked for studies" in browse(site.settings, site.engine, lambda: site.now).get("/waiting").text
