"""A destination that never says whether it keeps a structured report is looked at by C-FIND before that is given up."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import Dataset
from sqlalchemy import Engine

from integrations.dicom.commitment import read_report
from integrations.dicom.sender import Delivered
from pipeline.training.drawn_studies import drawn_study
from service.asked_peers import FIRST_PAUSE
from service.store.commitment_tables import Commitment
from service.store.database import writing
from service.store.states import CommitmentState, DeliveryState
from service.store.tables import Delivery, Study
from tests.peers.archives import running_archive
from tests.peers.committing import Archive, action, report_of
from tests.peers.dicom import free_port
from tests.service.browsing import browse, link, text
from tests.service.confirming import Site, delivering_site
from tests.service.rows import NOW


@pytest.fixture(scope="module")
def image() -> Dataset:
    return drawn_study(1).datasets[0]


@pytest.fixture
def site(engine: Engine, tmp_path: Path, image: Dataset, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Give a site whose PACS offers no storage commitment and may be queried."""
    monkeypatch.setattr("service.outbox.send_objects", lambda *_: [Delivered(0xB000, "B000H coerced")])
    pacs = Archive(offers=False)
    return delivering_site(engine, tmp_path, image, pacs, pacs.settings("pacs", "send", "commit", "query"))


def answer_of(image: Dataset, **values: str) -> Dataset:
    answer = Dataset()
    answer.QueryRetrieveLevel = "IMAGE"
    answer.StudyInstanceUID, answer.SOPInstanceUID = image.StudyInstanceUID, image.SOPInstanceUID
    for keyword, value in values.items():
        setattr(answer, keyword, value)
    return answer


def test_what_a_peer_is_found_to_have_is_kept_and_the_outbox_says_how_that_is_known(site: Site, image: Dataset) -> None:
    site.pacs.has = [answer_of(image)]
    with site.pacs.listening():
        site.deliver()
        site.tend()
        site.tend()

    (sought,) = site.pacs.sought
    assert (sought.QueryRetrieveLevel, sought.SOPInstanceUID) == ("IMAGE", image.SOPInstanceUID)
    assert (sought.StudyInstanceUID, sought.SeriesInstanceUID) == (image.StudyInstanceUID, image.SeriesInstanceUID)
    assert site.delivery().state == DeliveryState.KEPT
    assert site.delivery().answer.startswith("B000H coerced pacs was found by C-FIND to have it. pacs does not offer")
    assert [row.state for row in site.rows()] == [CommitmentState.ENDED]
    page = browse(site.settings, site.engine, lambda: NOW + timedelta(hours=1))
    assert "pacs was found by C-FIND to have it" in text(page, f"/studies/{link(site.engine, Study)}")


def test_a_peer_that_answers_with_something_else_is_not_believed(site: Site, image: Dataset) -> None:
    site.pacs.has = [answer_of(image, SOPInstanceUID="1.2.3")]
    with site.pacs.listening():
        site.deliver()
        site.tend()

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert "A C-FIND does not find it there. That it is kept is not confirmed." in site.delivery().answer


def test_a_peer_that_refuses_the_question_is_quoted(site: Site) -> None:
    site.pacs.find_status = 0xA900
    with site.pacs.listening():
        site.deliver()
        site.tend()

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert "It does not answer a C-FIND: A900H" in site.delivery().answer


def test_a_peer_that_does_not_answer_the_question_rests_and_is_asked_until_its_time_is_over(
    site: Site, image: Dataset
) -> None:
    site.pacs.find_status = 0xA700
    with site.pacs.listening():
        site.deliver()
        site.tend()
        site.tend(NOW + FIRST_PAUSE / 2)
        assert (len(site.pacs.sought), site.delivery().state) == (1, DeliveryState.DELIVERED)

        site.tend(NOW + FIRST_PAUSE)
        assert (len(site.pacs.sought), site.delivery().state) == (2, DeliveryState.DELIVERED)

        site.tend(NOW + timedelta(hours=6))
        assert "It does not answer a C-FIND: A700H" in site.delivery().answer

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED


def test_a_report_that_does_not_name_it_is_no_answer_and_one_that_comes_late_counts(site: Site, image: Dataset) -> None:
    site.pacs.offers, site.pacs.find_status = True, 0xA700
    other = action("1.2.3.4", [("1.2", "1.2.3.5")])
    with site.pacs.listening():
        site.deliver()
        site.tend()
        uid = site.rows()[0].transaction_uid
        assert site.confirmations.hear("PACS", read_report(report_of(other, transaction_uid=uid)), NOW)
        site.tend()
    assert ([row.state for row in site.rows()], site.rows()[0].ended) == ([CommitmentState.SOUGHT], None)

    assert site.confirmations.hear("PACS", read_report(report_of(site.pacs.asked[0])), NOW)

    assert (site.delivery().state, site.delivery().answer) == (DeliveryState.KEPT, "B000H coerced")


def test_a_report_that_comes_while_the_peer_is_asked_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pacs.offers, site.pacs.status = True, 0x0124

    def report_meanwhile(*_: object) -> bool:
        site.confirmations.hear("PACS", read_report(report_of(site.pacs.asked[0])), NOW)
        return False

    monkeypatch.setattr("service.seeking.has_object", report_meanwhile)
    with site.pacs.listening():
        site.deliver()
        site.tend()

    assert (site.delivery().state, site.rows()[0].state) == (DeliveryState.KEPT, CommitmentState.ENDED)


def test_a_peer_that_may_be_queried_no_more_is_not_asked(site: Site) -> None:
    site.pacs.find_status = 0xA700
    with site.pacs.listening():
        site.deliver()
        site.tend()
        may_not = site.pacs.settings("pacs", "send", "commit")
        replace(site, settings=site.settings.model_copy(update={"peers": (may_not,)})).tend(NOW + FIRST_PAUSE)

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert len(site.pacs.sought) == 1


def test_orthanc_that_cannot_report_to_us_is_looked_at(engine: Engine, tmp_path: Path, image: Dataset) -> None:
    known = {"us": {"AET": "SPINELABEL", "Host": "127.0.0.1", "Port": free_port()}}  # nobody listens there
    with running_archive(tmp_path / "orthanc", DicomModalities=known) as orthanc:
        peer = orthanc.dicom.model_copy(update={"name": "pacs", "may": ("send", "commit", "query")})
        site = delivering_site(engine, tmp_path, image, Archive(), peer)
        site = replace(site, confirmations=replace(site.confirmations, wait_seconds=0))
        site.deliver()
        for hour in (0, 6, 18, 42):
            site.tend(NOW + timedelta(hours=hour))
        assert "pacs was found by C-FIND to have it. pacs was asked 3 times" in site.delivery().answer
        states = [row.state for row in site.rows()]
        assert states == [CommitmentState.GIVEN_UP, CommitmentState.GIVEN_UP, CommitmentState.ENDED]

        (kept,) = orthanc.instances()
        orthanc.request(f"/instances/{kept}", method="DELETE")
        with writing(engine) as session:
            session.get_one(Delivery, 1).state = DeliveryState.DELIVERED
            session.get_one(Commitment, 3).state = CommitmentState.SOUGHT
        site.tend(NOW + timedelta(hours=43))

    assert site.delivery().state == DeliveryState.NOT_CONFIRMED
    assert "A C-FIND does not find it there." in site.delivery().answer
