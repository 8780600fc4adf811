"""Whether a destination keeps what it took: what it is asked, what it may say, and what a person sees of it."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset
from pynetdicom.events import Event
from sqlalchemy import Engine

from config.commitment_settings import CommitmentSettings
from config.settings import DicomSettings, Peer
from integrations.dicom.commitment import CommitmentReport, read_report
from integrations.dicom.sender import Delivered
from pipeline.training.drawn_studies import drawn_study
from service.outbox import Outbox, deliver, send_again
from service.store.database import writing
from service.store.states import CommitmentState, DeliveryState
from service.store.tables import Delivery, Document, Study
from tests.peers.committing import INSTANCE, PUSH, Archive, report_of
from tests.service.browsing import browse, link, text
from tests.service.confirming import Site, delivering_site
from tests.service.rows import NOW
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def image() -> Dataset:
    return drawn_study(1).datasets[0]


@pytest.fixture
def site(engine: Engine, tmp_path: Path, image: Dataset, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give a site whose outbox delivers without a network; its asking goes to a PACS made of pynetdicom."""
    monkeypatch.setattr("service.outbox.send_objects", lambda *_: [Delivered(0, "")])
    pacs = Archive()
    return delivering_site(engine, tmp_path, image, pacs, pacs.settings())


def reports_here(reason: int | None = None, status: list[int] | None = None) -> Callable[[Event, Dataset], None]:
    """Report on the association of the request, once that has been answered."""

    def on_request(event: Event, action: Dataset) -> None:
        def report() -> None:
            said, _ = event.assoc.send_n_event_report(report_of(action, reason), 2 if reason else 1, PUSH, INSTANCE)
            if status is not None and "Status" in said:
                status.append(int(said.Status))

        threading.Timer(0.3, report).start()

    return on_request


def test_what_the_peer_says_it_keeps_on_the_association_of_the_request_is_kept(site: Site, image: Dataset) -> None:
    statuses: list[int] = []
    site.pacs.on_request = reports_here(status=statuses)
    with site.pacs.listening():
        site.deliver()
        assert site.delivery().state == DeliveryState.DELIVERED
        site.tend()
        wait_until(lambda: statuses, "the answer to the report")

    (asked,) = site.pacs.asked
    (item,) = asked.ReferencedSOPSequence
    assert (item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) == (image.SOPClassUID, image.SOPInstanceUID)
    assert statuses == [0x0000]
    assert site.delivery().state == DeliveryState.KEPT
    assert [row.state for row in site.rows()] == [CommitmentState.ENDED]


@pytest.mark.parametrize(
    ("reason", "state"), [(None, DeliveryState.KEPT), (0x0112, DeliveryState.NOT_KEPT)], ids=["kept", "not kept"]
)
def test_a_report_on_a_new_association_counts_and_counts_once(
    site: Site, reason: int | None, state: DeliveryState
) -> None:
    receiver = site.receiver()
    us = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    with site.pacs.listening():
        site.deliver()
        site.tend()
        assert [row.state for row in site.rows()] == [CommitmentState.ASKED]
        report = report_of(site.pacs.asked[0], reason)
        statuses = [site.pacs.report(us, report, 2 if reason else 1) for _ in range(2)]
    receiver.stop()

    assert statuses == [0x0000, 0x0000]
    assert site.delivery().state == state
    if reason is not None:
        assert "0112H no such object instance" in site.delivery().answer
        assert "spinelabel outbox retry 1" in site.delivery().answer


@pytest.mark.parametrize(
    ("title", "uid"),
    [
        pytest.param("OTHER", "", id="another peer"),
        pytest.param("NOBODY", "", id="nobody we know"),
        pytest.param("PACS", "1.2.3.4", id="an unknown transaction"),
    ],
)
def test_a_report_that_is_no_answer_of_that_peer_changes_nothing(site: Site, title: str, uid: str) -> None:
    receiver = site.receiver()
    us = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    with site.pacs.listening():
        site.deliver()
        site.tend()
        status = site.pacs.report(us, report_of(site.pacs.asked[0], None, uid), 1, title)
    receiver.stop()

    assert status == 0x0115
    assert site.delivery().state == DeliveryState.DELIVERED


def test_what_is_not_kept_is_sent_and_asked_about_again_when_a_person_says_so(site: Site) -> None:
    site.pacs.on_request = reports_here(0x0110)
    with site.pacs.listening():
        site.deliver()
        site.tend()
        wait_until(lambda: site.delivery().state == DeliveryState.NOT_KEPT, "the report")
        with writing(site.engine) as session:
            assert send_again(session, None, NOW) == 1
        site.pacs.on_request = reports_here()
        site.deliver(NOW + timedelta(hours=1))
        site.tend(NOW + timedelta(hours=1))
        wait_until(lambda: site.delivery().state == DeliveryState.KEPT, "the second report")

    assert len({row.transaction_uid for row in site.rows()}) == 2


def test_a_peer_that_says_nothing_is_asked_again_with_growing_patience_and_then_that_is_said(site: Site) -> None:
    asked_at = []
    with site.pacs.listening():
        site.deliver()
        for hour in range(50):
            before = len(site.pacs.asked)
            Site.tend(_hasty(site), NOW + timedelta(hours=hour))
            asked_at += [hour] * (len(site.pacs.asked) - before)

    assert asked_at == [0, 6, 18]
    assert len({str(asked.TransactionUID) for asked in site.pacs.asked}) == 3
    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert "pacs was asked 3 times whether it keeps it and has not said" in site.delivery().answer

    assert site.confirmations.hear("PACS", _all_kept(site, 0))  # late, and to the first request

    assert site.delivery().state == DeliveryState.KEPT


def test_a_late_failure_of_an_earlier_sending_does_not_count(site: Site) -> None:
    with site.pacs.listening():
        site.deliver()
        _hasty(site).tend()
        with writing(site.engine) as session:
            delivery = session.get_one(Delivery, 1)
            delivery.state, delivery.delivered = DeliveryState.DELIVERED, NOW + timedelta(hours=1)
            session.add(delivery)

    report = report_of(site.pacs.asked[0], 0x0112)
    assert site.confirmations.hear("PACS", read_report(report))
    assert site.delivery().state == DeliveryState.DELIVERED


def test_a_peer_that_offers_no_storage_commitment_leaves_it_unconfirmed_in_plain_words(site: Site) -> None:
    site.pacs.offers = False
    with site.pacs.listening():
        site.deliver()
        site.tend()

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert site.delivery().answer.startswith("pacs does not offer storage commitment")
    assert "That it is kept is not confirmed." in site.delivery().answer


def test_a_peer_that_refuses_to_be_asked_is_quoted(site: Site) -> None:
    site.pacs.status = 0x0124
    with site.pacs.listening():
        site.deliver()
        site.tend()

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert "0124H" in site.delivery().answer


def test_a_request_whose_answer_was_lost_is_repeated_under_its_transaction_uid(site: Site) -> None:
    site.pacs.status = 0x0110  # busy
    with site.pacs.listening():
        site.deliver()
        site.tend()
        assert [row.state for row in site.rows()] == [CommitmentState.WAITING]
        site.pacs.status = 0x0131  # it has the first request after all
        _hasty(site).tend(NOW + timedelta(minutes=1))

    assert [row.state for row in site.rows()] == [CommitmentState.ASKED]
    assert len({str(asked.TransactionUID) for asked in site.pacs.asked}) == 1


def test_a_peer_that_is_away_is_asked_once_for_each_pause_and_that_is_said_when_its_time_is_over(site: Site) -> None:
    dicom = DicomSettings(commitment=CommitmentSettings(answer_hours=1))
    settings = site.settings.model_copy(update={"dicom": dicom})
    hurried = Site(site.pacs, settings, replace(site.confirmations, settings=settings))
    hurried.deliver()
    for minute in range(0, 60 * 8, 2):
        hurried.tend(NOW + timedelta(minutes=minute))

    assert len(site.rows()) == 3
    assert sum(row.attempts for row in site.rows()) < 40  # in 240 rounds
    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert "pacs could not be asked" in site.delivery().answer


def test_several_reports_are_asked_about_in_one_request(site: Site, image: Dataset) -> None:
    for number in (2, 3):
        with writing(site.engine) as session:
            document = session.get_one(Document, 1)
            values = document.model_dump(exclude={"id"})
            session.add(Document(**values | {"sop_instance_uid": f"1.2.{number}", "inputs": str(number)}))
            session.flush()
            session.add(Delivery(document_id=number, destination="pacs", next_attempt=NOW))
        deliver(Outbox(site.engine, site.confirmations.store, site.settings), number - 1, NOW)
    with site.pacs.listening():
        _hasty(site).tend()

    assert len(site.pacs.asked) == 1
    assert [len({row.transaction_uid for row in site.rows()}), len(site.rows())] == [1, 2]


@pytest.mark.parametrize("may", [("send",), ("send", "query")])
def test_a_peer_that_may_not_commit_is_not_asked(site: Site, may: tuple[str, ...]) -> None:
    settings = site.settings.model_copy(update={"peers": (site.pacs.settings("pacs", *may),)})

    deliver(Outbox(site.engine, site.confirmations.store, settings), 1, NOW)

    assert site.rows() == []
    assert site.delivery().state == DeliveryState.DELIVERED


def test_the_study_page_and_the_lists_tell_how_it_went(site: Site) -> None:
    page = browse(site.settings, site.engine, lambda: NOW + timedelta(hours=1))
    site.pacs.on_request = reports_here(0x0112)
    with site.pacs.listening():
        site.deliver()
        site.tend()
        wait_until(lambda: site.delivery().state == DeliveryState.NOT_KEPT, "the report")

    study = text(page, f"/studies/{link(site.engine, Study)}")
    assert "pacs: not kept" in study
    assert "pacs does not keep it" in study
    assert "0112H no such object instance" in text(page, "/waiting")
    assert _lists_one(page, "for a person")
    assert 'spinelabel_commitments{asked_by="we",peer="pacs",state="ended"} 1.0' in page.get("/metrics").text

    assert site.confirmations.hear("PACS", _all_kept(site, 0))
    assert "pacs: not kept" in text(page, f"/studies/{link(site.engine, Study)}")  # it was said, and once


def test_a_destination_that_does_not_confirm_is_one_item_for_a_person(site: Site) -> None:
    page = browse(site.settings, site.engine, lambda: NOW + timedelta(hours=1))
    site.pacs.offers = False
    with site.pacs.listening():
        site.deliver()
        site.tend()

    assert text(page, "/waiting").count("Not confirmed as kept") == 1
    assert "pacs has it, but that it keeps it is not confirmed" in text(page, f"/studies/{link(site.engine, Study)}")
    assert _lists_one(page, "delivered")


def _lists_one(page: TestClient, which: str) -> bool:
    return "CANARYACC1" in page.get("/studies", params={"which": which}).text


def _hasty(site: Site) -> Site:
    """Give the same site, which does not wait on the association of a request."""
    return replace(site, confirmations=replace(site.confirmations, wait_seconds=0))


def _all_kept(site: Site, number: int) -> CommitmentReport:
    return read_report(report_of(site.pacs.asked[number]))
