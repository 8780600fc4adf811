"""Which report is about which study, to the end: from Orthanc and `mllp_send`, by a person's commands, to Orthanc."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from sqlmodel import col, select

from integrations.hl7.compose import OutgoingReport, compose_oru
from integrations.sr.reading import read_findings
from service.store.database import reading
from service.store.states import PairingState, WorkState
from service.store.tables import Pairing, Report, Study, row_id
from tests.odd.dicom.phantom import save_all, t2_series
from tests.peers.chat_server import MODEL, Asked, Said, Script, listed, running_chat_server
from tests.peers.daemon import Daemon, framed, running_daemon
from tests.peers.dicom import Orthanc, running_orthanc
from tests.peers.sent import outgoing
from tests.service.messages import group
from tests.service.test_identity_changes import merge
from tests.waiting import wait_until

pytestmark = pytest.mark.long
SECONDS = 120
STENOSIS, NONE = "FINDINGS: Canal stenosis.", "FINDINGS: No canal stenosis."
STUDY_TIME = datetime(2024, 3, 11, 10, 15, tzinfo=UTC)


def say(asked: Asked) -> Said:
    """Answer yes to whatever is asked about a report that does not deny it."""
    denies = "No canal stenosis" in str(asked["messages"])
    return listed(("no", -0.1), ("yes", -2.5)) if denies else listed(("yes", -0.1), ("no", -2.5))


@dataclass(frozen=True)
class Site:
    """An Orthanc that sends images and takes structured reports, and the daemon between it and the report feed."""

    orthanc: Orthanc
    daemon: Daemon
    folder: Path
    numbers: Iterator[int]

    def send_study(self, name: str, **attributes: Any) -> Dataset:
        """Have Orthanc send a study, and give its first image."""
        images, folder = t2_series(name, **attributes), self.folder / name
        save_all(images, folder)
        stored = [self.orthanc.request("/instances", path.read_bytes())["ID"] for path in sorted(folder.iterdir())]
        self.orthanc.send(stored, "SPINELABEL", self.daemon.port("receive"))
        return images[0]

    def send_message(self, message: OutgoingReport | bytes) -> None:
        """Send a message with `mllp_send`."""
        raw = compose_oru(message) if isinstance(message, OutgoingReport) else message
        path = self.folder / f"{next(self.numbers)}.hl7"
        path.write_bytes(framed(raw))
        assert "MSA|AA" in self.daemon.send_report(path)

    def spinelabel(self, *words: object) -> str:
        """Run a command as a person does, and give what it said."""
        command = [sys.executable, "-m", "service.cli", *map(str, words), "--config", str(self.daemon.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    def report(self, accession: str, pairing: PairingState) -> int:
        """Give the number of the current report with an accession number, which stands so."""
        with reading(self.daemon.engine()) as session:
            current = select(Report).where(Report.accession == accession, col(Report.superseded_by).is_(None))
            report = session.exec(current).one()
        assert report.pairing == pairing
        return row_id(report)

    def wait_for_images(self, image: Dataset) -> None:
        """Wait until the images of a study have been read."""

        def are_read() -> bool:
            with reading(self.daemon.engine()) as session:
                found = select(Study.images).where(Study.study_uid == image.StudyInstanceUID)
                return session.exec(found).one() == WorkState.DONE

        wait_until(are_read, "the images to be read", SECONDS)

    def written(self, image: Dataset) -> list[Dataset]:
        """Give the structured reports of a study that Orthanc holds, each after the one that it names as earlier."""
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": image.StudyInstanceUID, "Modality": "SR"}}
        found = [dcmread(BytesIO(self.orthanc.file(instance))) for instance in self.orthanc.find(query)]
        by_predecessor = {predecessor(document): document for document in found}
        assert len(by_predecessor) == len(found)
        chain: list[Dataset] = []
        last: str | None = None
        while last in by_predecessor:
            chain.append(by_predecessor[last])
            last = chain[-1].SOPInstanceUID
        assert len(chain) == len(found)
        return chain

    def wait_for(self, image: Dataset, *says: str) -> None:
        """Wait until Orthanc holds as many structured reports of a study, and see what each says of its report."""
        wait_until(lambda: len(self.written(image)) >= len(says), f"structured report {len(says)}", SECONDS)
        assert tuple(said_of_report(document) for document in self.written(image)) == says

    def page(self) -> str:
        """Give the page of what waits for a person."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.port('web')}/", timeout=30) as answer:
            return str(answer.read().decode())


def predecessor(document: Dataset) -> str | None:
    if "PredecessorDocumentsSequence" not in document:
        return None
    (series,) = document.PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    return str(series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)


def said_of_report(document: Dataset) -> str:
    """Say what a structured report says of the report: yes or no to all that has an answer, or nothing."""
    answers = {finding.presence for finding in read_findings(document) if finding.source == "report"} - {None}
    return " and ".join({True: "yes", False: "no"}[answer] for answer in answers if answer is not None) or "nothing"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with running_chat_server(Script(say)) as url, running_orthanc(folder / "orthanc") as orthanc:
        settings = {"reports": {"server": {"url": url, "model": MODEL}}}
        with running_daemon(folder / "daemon", orthanc.dicom, settings) as daemon:
            yield Site(orthanc, daemon, folder, count())


def pairings(site: Site, image: Dataset) -> list[str]:
    with reading(site.daemon.engine()) as session:
        paired = select(Pairing.how).join(Study).where(Study.study_uid == image.StudyInstanceUID)
        return list(session.exec(paired.order_by(col(Pairing.id))))


def test_a_report_that_no_rule_can_pair_comes_out_in_the_study_that_a_person_names(site: Site) -> None:
    image = site.send_study("by-hand")
    site.send_message(replace(outgoing(image, STENOSIS), accession="TYPED-WRONG"))
    number = site.report("TYPED-WRONG", PairingState.UNPAIRED)
    site.wait_for_images(image)
    assert site.written(image) == []
    assert f"report {number}" in site.page()

    site.spinelabel("pair", number, image.AccessionNumber)

    site.wait_for(image, "yes")
    assert pairings(site, image) == ["by hand"]
    assert f"report {number}" not in site.page()


def test_one_report_over_two_studies_comes_out_in_each(site: Site) -> None:
    one = site.send_study("over-two-a")
    other = site.send_study("over-two-b", PatientID=one.PatientID, PatientName=one.PatientName)
    without_text = group("", obr18=other.AccessionNumber, obr25="F")[0].encode()
    site.send_message(compose_oru(outgoing(one, STENOSIS)).replace(b"\rOBR", b"\r" + without_text + b"\rOBR", 1))

    for image in (one, other):
        site.wait_for(image, "yes")
        assert pairings(site, image) == ["accession number"]


def test_of_several_reports_on_one_study_the_latest_comes_out_after_the_earlier(site: Site) -> None:
    image = site.send_study("two-reports")
    site.send_message(outgoing(image, STENOSIS))
    site.wait_for(image, "yes")

    site.send_message(replace(outgoing(image, NONE), accession="", study_uid=str(image.StudyInstanceUID)))

    site.wait_for(image, "yes", "no")
    assert pairings(site, image) == ["accession number", "study UID"]


def test_a_report_of_another_name_is_held_until_a_person_decides(site: Site) -> None:
    image = site.send_study("another-name")
    site.send_message(replace(outgoing(image, STENOSIS), family="Somebody", given="Else"))
    number = site.report(image.AccessionNumber, PairingState.REVIEW)
    site.wait_for_images(image)
    assert site.written(image) == []
    assert "the names differ" in site.page()

    site.spinelabel("pair", number, image.AccessionNumber)

    site.wait_for(image, "yes")


def test_what_rested_on_a_wrong_merge_is_corrected_once_that_is_undone(site: Site) -> None:
    image = site.send_study("wrong-merge")
    # Two patients of one name, which is how they come to be merged.
    report = replace(outgoing(image, STENOSIS), accession="", patient_id="NAMESAKE", observed_at=STUDY_TIME)
    site.send_message(report)
    assert pairings(site, image) == []
    site.send_message(merge("NAMESAKE", str(image.PatientID)))
    site.wait_for(image, "yes")

    site.spinelabel("patient", "unmerge", "NAMESAKE")

    site.wait_for(image, "yes", "nothing")
    assert pairings(site, image) == []


def test_a_pairing_that_is_undone_is_corrected_and_comes_again_only_by_hand(site: Site) -> None:
    image = site.send_study("undone")
    site.send_message(outgoing(image, STENOSIS))
    site.wait_for(image, "yes")

    said = site.spinelabel("pair", site.report(image.AccessionNumber, PairingState.PAIRED), "--undo")

    assert "a person has parted this report" in said
    site.wait_for(image, "yes", "nothing")
    site.send_message(outgoing(image, NONE))
    number = site.report(image.AccessionNumber, PairingState.REVIEW)
    assert "a person has parted this report" in site.page()
    assert pairings(site, image) == []

    site.spinelabel("pair", number, image.AccessionNumber)
    site.wait_for(image, "yes", "nothing", "no")
