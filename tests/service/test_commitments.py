"""Storage commitment that peers ask of us, by a modality made of pynetdicom (case net-06 of tests/odd/dicom)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian
from sqlalchemy import Engine
from sqlmodel import select

from config.settings import DicomSettings, Peer, Settings
from integrations.dicom.arrivals import Intake
from integrations.dicom.commitment_service import commitment_service
from integrations.dicom.receiver import start_receiver
from integrations.dicom.sender import send_objects
from service.commitments import Commitments, report_to
from service.committing import commitment_door
from service.destinations import pause
from service.pauses import LONGEST_PAUSE
from service.receiving import Receiving
from service.store.columns import utc_now
from service.store.commitment_tables import Commitment, CommitmentReference
from service.store.database import reading, writing
from service.store.objects import ObjectStore
from service.store.states import CommitmentState, ObjectState
from service.store.tables import Instance, Study
from tests.integrations.dicom.conftest import HeardLog
from tests.odd.dicom.make_cases import write_case
from tests.peers.committing import CommittingPeer, Referenced, action, request
from tests.service.browsing import browse, link, text
from tests.waiting import wait_until

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
NEVER_SENT = "1.2.3.99"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("plain")
    write_case("plain", folder)
    return sorted(folder.rglob("*.dcm"))


@pytest.fixture(scope="module")
def images(plain: list[Path]) -> list[Referenced]:
    headers = [dcmread(path, stop_before_pixels=True) for path in plain]
    return [(str(header.SOPClassUID), str(header.SOPInstanceUID)) for header in headers]


@dataclass(frozen=True)
class Site:
    """Our receiver with what it stores, and a modality that may ask."""

    peer: Peer
    commitments: Commitments
    modality: CommittingPeer
    log: HeardLog

    def tend(self, now: datetime | None = None) -> None:
        """Do what the clock does every second."""
        report_to(self.commitments, self.modality.settings(), now or utc_now())

    def row(self) -> Commitment:
        with reading(self.commitments.engine) as session:
            return list(session.exec(select(Commitment)))[-1]

    def wait_until_due(self) -> None:
        wait_until(lambda: self.row().next_attempt <= utc_now(), "the report to be due")


@pytest.fixture
def site(engine: Engine, tmp_path: Path, plain: list[Path]) -> Iterator[Site]:
    """Give a site that has received `plain`."""
    yield from running_site(engine, tmp_path, plain)


def running_site(engine: Engine, folder: Path, files: list[Path]) -> Iterator[Site]:
    modality = CommittingPeer()
    settings = Settings(data=folder, peers=(modality.settings(), Peer(name="other", ae_title="OTHER")))
    store, log = ObjectStore(folder), HeardLog()
    receiving = Receiving(engine, store, settings)
    receiver = start_receiver(
        DicomSettings(port=0),
        Intake(store.incoming, receiving.persist, receiving.keep_refused),
        log,
        services=[commitment_service(commitment_door(engine, store, settings), log)],
    )
    peer = Peer(name="us", ae_title="SPINELABEL", port=receiver.port)
    send_objects(files, peer, "MODALITY")
    try:
        yield Site(peer, Commitments(engine, store, settings), modality, log)
    finally:
        receiver.stop()


def net_06(images: list[Referenced]) -> list[Referenced]:
    """Give the images of the case, the third under another class, and one that was never sent."""
    return [*images[:2], (CT_IMAGE, images[2][1]), *images[3:], (images[0][0], NEVER_SENT)]


def test_a_client_that_releases_at_once_is_told_on_an_association_that_we_open(
    site: Site, images: list[Referenced]
) -> None:
    with site.modality.listening():
        status, uid = site.modality.ask(site.peer, net_06(images))
        site.wait_until_due()
        site.tend()
        site.tend()

    (heard,) = site.modality.heard
    assert (status, heard.transaction_uid, heard.event_type) == (0x0000, uid, 2)
    assert heard.kept == [*images[:2], *images[3:]]
    assert heard.failed == [(images[2][1], 0x0119), (NEVER_SENT, 0x0112)]
    assert (heard.our_association, heard.called_from) == (False, "SPINELABEL")
    assert heard.roles == (False, True)
    assert str(ImplicitVRLittleEndian) in heard.syntaxes
    assert site.row().state == CommitmentState.ENDED
    assert site.row().answer.startswith("10 kept, 1 not (0112H no such object instance), 1 not (0119H")


def test_a_client_that_waits_is_told_on_its_own_association(site: Site, images: list[Referenced]) -> None:
    association = site.modality.associate(site.peer)

    status = request(association, action("1.2.3.4", images))
    wait_until(lambda: site.modality.heard, "the report")

    assert status.Status == 0x0000
    wait_until(lambda: site.row().state == CommitmentState.ENDED, "the row")
    association.abort()
    (heard,) = site.modality.heard
    assert (heard.our_association, heard.event_type, heard.kept, heard.failed) == (True, 1, images, [])
    with site.modality.listening():
        site.tend(utc_now() + timedelta(hours=1))
    assert len(site.modality.heard) == 1


def test_many_requests_on_an_association_that_waits_are_each_told_there(site: Site, images: list[Referenced]) -> None:
    association = site.modality.associate(site.peer)
    for number in range(5):
        assert request(association, action(f"1.2.3.{number + 1}", images)).Status == 0x0000

    wait_until(lambda: len(site.modality.heard) == 5, "the reports")

    association.abort()


def test_a_client_that_takes_no_report_on_its_association_is_called(site: Site, images: list[Referenced]) -> None:
    association = site.modality.associate(site.peer, hears=False)
    request(association, action("1.2.3.4", images))
    site.wait_until_due()
    with site.modality.listening():
        site.tend()
    association.release()

    assert [heard.our_association for heard in site.modality.heard] == [False]


def test_a_peer_that_leaves_the_roles_unanswered_is_told_all_the_same(site: Site, images: list[Referenced]) -> None:
    site.modality.ask(site.peer, images)
    site.wait_until_due()
    with site.modality.listening(answers_roles=False):
        site.tend()

    assert [heard.event_type for heard in site.modality.heard] == [1]


def test_a_port_that_is_closed_for_an_hour_is_tried_with_growing_pauses_also_by_another_process(
    site: Site, images: list[Referenced]
) -> None:
    site.modality.ask(site.peer, images)
    site.wait_until_due()
    start, attempts = utc_now(), []
    for second in range(0, 3600, 5):
        site.tend(start + timedelta(seconds=second))
        attempts.append(site.row().attempts)
    assert 8 <= attempts[-1] <= 12
    assert "It is tried again from" in site.row().answer

    again = replace(site, commitments=replace(site.commitments))  # nothing is kept but in the rows
    with site.modality.listening():
        again.tend(start + timedelta(hours=1) + LONGEST_PAUSE)

    assert [heard.event_type for heard in site.modality.heard] == [1]


def test_what_comes_while_a_peer_is_away_waits_with_the_rest_and_all_is_told_together(
    site: Site, images: list[Referenced]
) -> None:
    site.modality.ask(site.peer, images)
    site.wait_until_due()
    now = utc_now()
    for _ in range(6):
        now += LONGEST_PAUSE
        site.tend(now)
    now += timedelta(seconds=10)
    for _ in range(2):
        site.modality.ask(site.peer, images)
    with writing(site.commitments.engine) as session:
        for row in session.exec(select(Commitment).where(Commitment.attempts == 0)):
            row.next_attempt = now
            session.add(row)
    site.tend(now)
    with reading(site.commitments.engine) as session:
        assert {row.next_attempt for row in session.exec(select(Commitment))} == {now + pause(6)}

    with site.modality.listening():
        site.tend(now + pause(6))

    assert len(site.modality.heard) == 3


def test_the_page_of_the_study_tells_who_asked_and_what_was_said(site: Site, images: list[Referenced]) -> None:
    settings = site.commitments.settings
    page, asked = browse(settings, site.commitments.engine, utc_now), net_06(images)
    address = f"/studies/{link(site.commitments.engine, Study)}"
    site.modality.ask(site.peer, asked)
    site.wait_until_due()

    site.tend()
    assert f"modality asked us to commit to {len(asked)} objects" in text(page, address)
    assert "modality has not been told what we keep of them" in text(page, address)

    with site.modality.listening():
        site.tend(utc_now() + LONGEST_PAUSE)
    assert "modality was told what we keep of them 10 kept, 1 not (0112H" in text(page, address)
    assert 'asked_by="it",peer="modality",state="ended"} 1.0' in page.get("/metrics").text


def test_a_peer_that_cannot_be_reached_for_its_days_is_given_up_and_that_is_said(
    site: Site, images: list[Referenced]
) -> None:
    site.modality.ask(site.peer, images)

    site.tend(utc_now() + timedelta(days=7))

    assert site.row().state == CommitmentState.GIVEN_UP
    assert "could not be told what is kept" in site.row().answer


def test_the_same_transaction_while_the_first_is_open_is_refused_and_begins_anew_afterwards(
    site: Site, images: list[Referenced]
) -> None:
    _, uid = site.modality.ask(site.peer, images)

    assert site.modality.ask(site.peer, images, uid)[0] == 0x0131

    site.wait_until_due()
    with site.modality.listening():
        site.tend()
        assert site.modality.ask(site.peer, images, uid)[0] == 0x0000
        site.wait_until_due()
        site.tend()
    assert [heard.transaction_uid for heard in site.modality.heard] == [uid, uid]


def test_a_title_that_may_not_ask_is_refused_in_one_line_of_the_log(site: Site, images: list[Referenced]) -> None:
    for title in ("OTHER", "NOBODY"):
        status, _ = CommittingPeer(title).ask(site.peer, images)
        assert status == 0x0124

    assert [(event, fields["calling"], fields["status"]) for event, fields in site.log.lines] == [
        ("storage commitment refused", "'OTHER'", "0124"),
        ("storage commitment refused", "'NOBODY'", "0124"),
    ]
    with reading(site.commitments.engine) as session:
        assert session.exec(select(CommitmentReference)).first() is None


@pytest.mark.parametrize(
    ("uid", "references", "action_type", "instance", "status"),
    [
        pytest.param("1.2.3", [("1.2", "1.3")], 2, None, 0x0123, id="another action"),
        pytest.param("1.2.3", [("1.2", "1.3")], 1, "1.2.3.4", 0x0112, id="another instance"),
        pytest.param(None, [("1.2", "1.3")], 1, None, 0x0115, id="no Transaction UID"),
        pytest.param("../1", [("1.2", "1.3")], 1, None, 0x0115, id="a Transaction UID that is none"),
        pytest.param("1.2.3", [], 1, None, 0x0115, id="no references"),
        pytest.param("1.2.3", [("1.2", "")], 1, None, 0x0115, id="a reference without an instance"),
    ],
)
def test_a_request_that_means_nothing_is_refused_and_the_association_goes_on(
    site: Site,
    images: list[Referenced],
    uid: str | None,
    references: list[Referenced],
    action_type: int,
    instance: str | None,
    status: int,
) -> None:
    association = site.modality.associate(site.peer)

    answer = request(association, action(uid, references), action_type, *([instance] if instance else []))

    assert answer.Status == status
    assert len(answer.ErrorComment) <= 64
    assert request(association, action("1.2.3.5", images)).Status == 0x0000
    association.release()
    assert list(site.commitments.store.incoming.iterdir()) == []


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _turn_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [Path.unlink, _shorten, _turn_a_bit], ids=["gone", "shortened", "a bit turned"])
def test_what_the_disk_does_not_hold_as_it_came_is_not_committed_to(
    site: Site, images: list[Referenced], harm: Callable[[Path], None]
) -> None:
    with reading(site.commitments.engine) as session:
        first = session.exec(select(Instance).where(Instance.sop_instance_uid == images[0][1])).one()
    harm(site.commitments.store.path(first.file))

    site.modality.ask(site.peer, images)
    report = site.commitments.examine(1)

    assert [(failed.reference.sop_instance_uid, failed.reason) for failed in report.failed] == [(images[0][1], 0x0110)]


@pytest.mark.parametrize(
    ("state", "calling", "kept"),
    [
        pytest.param(ObjectState.CONFLICT, "MODALITY", False, id="this peer sent other content, which waits"),
        pytest.param(ObjectState.CONFLICT, "ANOTHER", True, id="another peer sent other content"),
        pytest.param(ObjectState.SAME_CONTENT, "MODALITY", True, id="the same in another transfer syntax"),
    ],
)
def test_what_came_again_is_committed_to_unless_its_content_is_in_doubt(
    site: Site, images: list[Referenced], state: ObjectState, calling: str, kept: bool
) -> None:
    with writing(site.commitments.engine) as session:
        first = session.exec(select(Instance).where(Instance.sop_instance_uid == images[0][1])).one()
        again = first.model_dump(exclude={"id"}) | {"sha256": "00", "state": state, "calling_ae": calling}
        session.add(Instance(**again))

    site.modality.ask(site.peer, images[:1])

    assert bool(site.commitments.examine(1).kept) is kept


def test_what_is_here_without_its_pixels_is_not_committed_to(site: Site, images: list[Referenced]) -> None:
    with writing(site.commitments.engine) as session:
        first = session.exec(select(Instance).where(Instance.sop_instance_uid == images[0][1])).one()
        first.state = ObjectState.HEADER
        session.add(first)

    site.modality.ask(site.peer, images[:1])

    assert [failed.reason for failed in site.commitments.examine(1).failed] == [0x0110]


def test_a_peer_that_will_not_hear_of_its_request_is_not_called_for_a_week(
    site: Site, images: list[Referenced]
) -> None:
    site.modality.status = 0x0112
    site.modality.ask(site.peer, images)
    site.wait_until_due()
    with site.modality.listening():
        site.tend()

    assert site.row().state == CommitmentState.GIVEN_UP
    assert "0112H" in site.row().answer
