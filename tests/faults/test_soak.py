"""A day of traffic by a clock that is moved on: nothing is lost, nothing comes twice, nothing grows."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hl7.client import MLLPClient
from pydicom import dcmread
from sqlalchemy import func
from sqlmodel import col, select

from config.settings import Peer
from service.ledger import account
from service.store.columns import utc_now
from service.store.database import reading
from service.store.integrity import check_integrity
from service.store.states import DeliveryState, MessageState, ObjectState, PairingState
from service.store.tables import Delivery, Document, FindingRow, Instance, Message, Report
from tests.faults import soak_traffic as traffic
from tests.faults.soak_site import Held, Site, running_site
from tests.peers.dicom import free_port, running_storescp, storescu

HOURS = 24
STUDIES_AN_HOUR = 32
AWAY = range(7, 11)
"""The hours in which the PACS that takes the structured reports is away."""
FIRST_HOURS = 6
GROWTH = 12e6
"""What a role may hold more at the end than after the first hours, in bytes: caches and statistics, no leak."""


class Hospital:
    """Sends the traffic, and counts what was acknowledged."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site = site
        self.folder = folder
        self.acknowledged: Counter[bytes] = Counter()
        self.objects = 0
        self.late: dict[int, list[Path]] = {}
        self.messages: dict[int, list[bytes]] = {}

    def live(self, hour: int) -> None:
        """Send what an hour brings, studies and messages at the same time."""
        studies = [traffic.Study(number) for number in range(hour * STUDIES_AN_HOUR, (hour + 1) * STUDIES_AN_HOUR)]
        images = {study: traffic.write_study(study, self.folder) for study in studies}
        changed = {study: traffic.write_changed(study, self.folder) for study in studies if study.is_changed}
        with ThreadPoolExecutor(6) as senders:
            sent = [senders.submit(self._send_study, study, images[study], hour) for study in studies]
            if late := self.late.pop(hour, []):
                sent.append(senders.submit(self._send, late))
            # On one connection, as an engine sends them, so that none overtakes another of its study.
            told = [message for study in studies for message in traffic.first_messages(study)]
            told += [*self.messages.pop(hour, []), *traffic.stray_messages(hour)]
            sent.append(senders.submit(self._tell, told))
            for done in sent:
                done.result(300)
        self.late.setdefault(hour + 1, []).extend(changed.values())

    def send_rest(self, hour: int) -> None:
        """Send what the last hour left for later."""
        self._send(self.late.pop(hour))
        self._tell(self.messages.pop(hour))

    def _send_study(self, study: traffic.Study, images: Sequence[Path], hour: int) -> None:
        now, later = (images[: -traffic.LATE], images[-traffic.LATE :]) if study.is_late else (images, ())
        self._send(now)
        if study.is_sent_twice:
            self._send(images)
        if study.is_corrected:
            self.messages.setdefault(hour + 1, []).append(traffic.report(study, "C", f"{study.number}C", 40))
        self.late.setdefault(hour + 1, []).extend(later)

    def _send(self, images: Sequence[Path]) -> None:
        us = Peer(name="us", ae_title="SPINELABEL", port=self.site.port("receive"))
        sent = storescu(us, *images)
        assert sent.returncode == 0, sent.stderr[-500:]
        self.objects += len(images)

    def _tell(self, messages: Sequence[bytes]) -> None:
        with MLLPClient("127.0.0.1", self.site.port("listen")) as engine:
            for message in messages:
                answer = engine.send_message(message)
                self.acknowledged[message] += 1
                assert b"\rMSA|A" in answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("soak")


@pytest.fixture(scope="module")
def held() -> dict[int, dict[str, Held]]:
    """What each role held after each hour."""
    return {}


@pytest.fixture(scope="module")
def day(folder: Path, held: dict[int, dict[str, Held]]) -> Iterator[Hospital]:
    """Give a hospital after a day, whose last late things have come too."""
    pacs = Peer(name="pacs", ae_title="STORESCP", port=free_port())
    (folder / "sent").mkdir()
    with ExitStack() as stack:
        site = stack.enter_context(running_site(folder, pacs))
        hospital = Hospital(site, folder / "sent")
        began = time.monotonic()
        for hour in range(HOURS + 1):
            hospital.live(hour) if hour < HOURS else hospital.send_rest(hour)
            site.move_clock(timedelta(hours=1))
            with ExitStack() as open_hours:
                if hour not in AWAY:
                    options = ("--fork", "--unique-filenames")
                    open_hours.enter_context(running_storescp(folder / "pacs", *options, port=pacs.port))
                site.work_off()
            held[hour] = {role: site.held(role) for role in site.processes}
            print(f"hour {hour}: {time.monotonic() - began:.0f} s, {site.done}, {held[hour]}")  # noqa: T201
        yield hospital


@pytest.mark.long
@pytest.mark.timeout(1300)
def test_every_object_acknowledged_is_in_the_store_once(day: Hospital) -> None:
    site = day.site
    with reading(site.engine) as session:
        states = Counter(session.exec(select(Instance.state)))
        twice = session.exec(
            select(Instance.sop_instance_uid)
            .where(Instance.state == ObjectState.STORED)
            .group_by(col(Instance.sop_instance_uid))
            .having(func.count() > 1)
        ).all()
    studies = [traffic.Study(number) for number in range(HOURS * STUDIES_AN_HOUR)]
    found = check_integrity(site.engine, site.workshop.store.root, utc_now())
    with reading(site.engine) as session:
        ledger = account(session)

    assert day.objects >= len(studies) * traffic.IMAGES
    assert states == {
        ObjectState.STORED: len(studies) * traffic.IMAGES,
        ObjectState.CONFLICT: sum(study.is_changed for study in studies),
    }
    assert twice == []
    assert (found.missing, found.damaged, found.unnamed, found.foreign) == ((), (), (), ())
    assert ledger.is_closed, ledger


@pytest.mark.long
def test_every_message_acknowledged_is_in_the_log_once_and_each_study_has_its_last_report(day: Hospital) -> None:
    with reading(day.site.engine) as session:
        kept = Counter(session.exec(select(Message.raw)))
        states = Counter(session.exec(select(Message.state)))
        current = session.exec(select(Report).where(col(Report.superseded_by).is_(None))).all()
    paired = [report for report in current if report.pairing == PairingState.PAIRED]

    assert kept == day.acknowledged
    assert states[MessageState.REPEATED] == HOURS * STUDIES_AN_HOUR
    assert len({report.accession for report in current}) == len(current)
    assert len(paired) == HOURS * STUDIES_AN_HOUR
    for report in paired:
        study = traffic.Study(int(report.accession.removeprefix("SOAKACC")))
        assert report.text.startswith("Report C" if study.is_corrected else "Report F")


@pytest.mark.long
def test_every_study_has_its_last_structured_report_at_the_pacs_and_none_came_twice(
    day: Hospital, folder: Path
) -> None:
    at_pacs = Counter(str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for path in _files(folder))
    with reading(day.site.engine) as session:
        delivered = session.exec(
            select(Document.sop_instance_uid).join(Delivery).where(Delivery.state == DeliveryState.DELIVERED)
        ).all()
        states = Counter(session.exec(select(Delivery.state)))
        newest = session.exec(select(func.max(Document.id)).group_by(col(Document.study_id))).all()
        last = session.exec(select(Delivery.state).where(col(Delivery.document_id).in_(newest))).all()
        findings = session.exec(
            select(FindingRow.study_id, FindingRow.report_id).where(col(FindingRow.superseded).is_(None))
        ).all()

    assert at_pacs == Counter(delivered)
    assert set(states) <= {DeliveryState.DELIVERED, DeliveryState.REPLACED}
    assert Counter(last) == {DeliveryState.DELIVERED: HOURS * STUDIES_AN_HOUR}
    assert len(findings) == len(set(findings))


@pytest.mark.long
def test_no_role_holds_more_at_the_end_of_the_day_than_after_its_first_hours(
    day: Hospital, held: dict[int, dict[str, Held]]
) -> None:
    for role in day.site.processes:
        first, last = held[FIRST_HOURS][role], held[HOURS][role]
        assert last.memory - first.memory < GROWTH, (role, first, last)
        assert last.files <= first.files + 2, (role, first, last)
        assert last.threads <= first.threads + 2, (role, first, last)


@pytest.mark.long
def test_the_logs_of_the_day_tell_of_no_fault_and_of_no_patient(day: Hospital, folder: Path) -> None:
    for role in day.site.processes:
        log = (folder / f"{role}.log").read_text()
        assert "Traceback" not in log
        assert "SOAK0" not in log
        assert "Soak^" not in log


def _files(folder: Path) -> list[Path]:
    return [path for path in (folder / "pacs").iterdir() if path.is_file()]
