"""The main job on real parts: Orthanc holds a study and forwards it, `mllp_send` brings the report."""

import json
import re
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydicom import Dataset, dcmread
from sqlmodel import Session, select

from config.settings import load_settings
from integrations.deidentify import pseudonym
from integrations.sr.reading import SrFinding, read_findings
from pipeline.training.drawn_reports import drawn_report
from pipeline.training.drawn_studies import drawn_study
from service.cohort_files import EXAMPLE_COHORTS, find_cohort
from service.exports import export_cohort
from service.store.database import reading
from service.store.findings import current_findings
from service.store.tables import FindingRow, Instance, Message, Pairing, Report, Study, row_id
from tests.integrations.sr.judges import verdicts
from tests.peers.daemon import Daemon, running_daemon
from tests.peers.dicom import Orthanc, running_orthanc
from tests.peers.sent import write_images, write_message
from tests.waiting import wait_until

# A real lumbar series lies in a folder beside the project's, which a copy of the project may lack.
REAL_SERIES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "lumbar-t2"
CANARIES = {"PatientName": "CANARYFAMILY^CANARYGIVEN", "PatientID": "CANARYID", "AccessionNumber": "CANARYACC"}
CANARY_SENTENCE = "Canarysentence stands in no log."
LABELLING_SECONDS = 240


@dataclass(frozen=True)
class Hospital:
    """An Orthanc, and a daemon that writes back to it."""

    orthanc: Orthanc
    daemon: Daemon


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    folder = tmp_path_factory.mktemp("hospital")
    with running_orthanc(folder / "orthanc") as orthanc, running_daemon(folder / "daemon", orthanc.dicom) as daemon:
        yield Hospital(orthanc, daemon)


@dataclass(frozen=True)
class Outcome:
    """What one study came to: its number in the store, and the structured report as the PACS has it."""

    study_id: int
    study_uid: str
    report: Path
    images: tuple[Dataset, ...]


@pytest.fixture(scope="module")
def drawn(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    study = drawn_study(1, {"stenosis": ["L4-L5"], "spondylolisthesis": [], "cancer": []})
    text = drawn_report(1, {"stenosis": ("L4-L5",)}).text + "\n" + CANARY_SENTENCE
    for image in study.datasets:
        for keyword, value in CANARIES.items():
            setattr(image, keyword, value)
    return run(hospital, study.datasets, text, tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def real(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    if not REAL_SERIES.is_dir():
        pytest.skip("the real lumbar series is not beside the project")
    images = tuple(dcmread(path) for path in sorted(REAL_SERIES.glob("*.dcm")))
    for image in images:
        image.AccessionNumber = "REAL1"
    text = "MRI LUMBAR SPINE\n\nFINDINGS:\nNormal discs. No stenosis.\n\nCONCLUSION:\nNormal.\n" + CANARY_SENTENCE
    return run(hospital, images, text, tmp_path_factory.mktemp("real"))


def run(hospital: Hospital, images: tuple[Dataset, ...], text: str, folder: Path) -> Outcome:
    """Put a study into Orthanc, have it forwarded, send its report, and fetch the structured report from Orthanc."""
    daemon, orthanc = hospital.daemon, hospital.orthanc
    stored = [orthanc.request("/instances", path.read_bytes())["ID"] for path in write_images(images, folder)]
    orthanc.send(stored, "SPINELABEL", daemon.port("receive"))
    assert "MSA|AA" in daemon.send_report(write_message(images[0], text, folder))
    study_uid = str(images[0].StudyInstanceUID)
    (found,) = wait_until(lambda: reports_in(orthanc, study_uid), "the structured report in Orthanc", LABELLING_SECONDS)
    path = folder / "sr.dcm"
    path.write_bytes(orthanc.file(found))
    with reading(daemon.engine()) as session:
        study = session.exec(select(Study).where(Study.study_uid == study_uid)).one()
    return Outcome(row_id(study), study_uid, path, images)


def reports_in(orthanc: Orthanc, study_uid: str) -> list[str]:
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": study_uid, "Modality": "SR"}}
    return orthanc.find(query)


def stored_findings(session: Session, outcome: Outcome) -> list[FindingRow]:
    return current_findings(session, outcome.study_id)


def shown(finding: FindingRow | SrFinding) -> dict[str, Any]:
    """Give what a row and a group of the structured report must agree in; an abstention has no numbers there."""
    if isinstance(finding, SrFinding):
        presence, probability, threshold = finding.presence, finding.probability, finding.threshold
    else:
        settled = finding.state in {"present", "absent"}
        presence = finding.state == "present" if settled else None
        probability, threshold = (finding.probability, finding.threshold) if settled else (None, None)
    return {
        "condition": finding.condition,
        "level": finding.level,
        "source": str(finding.source),
        "presence": presence,
        "probability": probability,
        "threshold": threshold,
    }


@pytest.fixture(scope="module", params=["drawn", "real"])
def outcome(request: pytest.FixtureRequest) -> Outcome:
    found: Outcome = request.getfixturevalue(request.param)
    return found


def test_the_report_is_paired_by_its_accession_number(hospital: Hospital, outcome: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        assert session.exec(select(Pairing.how).where(Pairing.study_id == outcome.study_id)).all() == [
            "accession number"
        ]


def test_both_sources_have_findings_and_say_how_far_to_trust_them(hospital: Hospital, outcome: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        rows = stored_findings(session, outcome)

    assert {(row.source, row.standing) for row in rows} == {("report", "demonstration"), ("image", "demonstration")}
    assert len([row for row in rows if row.source == "report"]) == 8  # 5 conditions and 3 levels
    answered = [(row.answer, row.probability, row.threshold) for row in rows if row.probability is not None]
    assert all(answer == (probability >= (threshold or 0)) for answer, probability, threshold in answered)


def test_the_validators_accept_the_structured_report(outcome: Outcome, tmp_path: Path) -> None:
    complaints = verdicts(dcmread(outcome.report), tmp_path)

    assert [line for line in complaints if not line.startswith("Warning")] == []


def test_every_finding_reads_back_from_the_structured_report(hospital: Hospital, outcome: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        rows = stored_findings(session, outcome)

    found = read_findings(dcmread(outcome.report))

    def order(value: dict[str, Any]) -> str:
        return str(sorted(value.items(), key=str))

    assert sorted(map(shown, found), key=order) == sorted(map(shown, rows), key=order)


def test_a_region_surrounds_the_disc_that_was_read(hospital: Hospital, drawn: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        discs = {disc["level"]: disc for disc in session.get_one(Study, drawn.study_id).discs}

    regions = {found.level: found.region for found in read_findings(dcmread(drawn.report)) if found.region}

    assert set(regions) == {"L3-L4", "L4-L5", "L5-S1"}
    for level, region in regions.items():
        columns, rows = zip(*region.points[:-1], strict=True)
        middle = (sum(columns) / len(columns), sum(rows) / len(rows))
        assert region.sop_instance_uid == discs[level]["sop_instance_uid"]
        assert middle == pytest.approx((discs[level]["column"] + 0.5, discs[level]["row"] + 0.5), abs=1)


def test_the_export_agrees_with_the_rows(hospital: Hospital, outcome: Outcome) -> None:
    daemon = hospital.daemon
    run = export_cohort(daemon.engine(), daemon.data, find_cohort(EXAMPLE_COHORTS, "all-findings"), datetime.now(UTC))

    table = pl.read_parquet(run.folder / "findings.parquet")

    with reading(daemon.engine()) as session:
        rows = [(row.condition, row.level, row.source, row.probability) for row in stored_findings(session, outcome)]
    name = pseudonym((daemon.data / "pseudonym.key").read_bytes(), "study", outcome.study_uid)
    exported = table.filter(pl.col("study") == name).select("condition", "level", "source", "probability").rows()
    assert Counter(exported) == Counter(rows)


def test_levels_are_named_where_the_sacrum_is_seen(hospital: Hospital, drawn: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        discs = session.get_one(Study, drawn.study_id).discs

    assert [disc["level"] for disc in discs][-3:] == ["L3-L4", "L4-L5", "L5-S1"]


def test_levels_are_withheld_where_no_anchor_is_seen(hospital: Hospital, real: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        study = session.get_one(Study, real.study_id)
        of_levels = [row for row in stored_findings(session, real) if row.source == "image" and row.level]

    assert len(study.discs) >= 5
    assert {disc["level"] for disc in study.discs} == {None}
    assert {row.answer for row in of_levels} == {None}
    assert all("level" in row.reason for row in of_levels)


def test_objects_and_messages_are_kept_as_they_came(hospital: Hospital, outcome: Outcome) -> None:
    with reading(hospital.daemon.engine()) as session:
        instances = session.exec(select(Instance)).all()
        messages = session.exec(select(Message)).all()
        reports = session.exec(select(Report)).all()

    files = {instance.sop_instance_uid: hospital.daemon.data / "objects" / instance.file for instance in instances}
    assert all(dcmread(files[image.SOPInstanceUID]) == image for image in outcome.images)
    assert all(message.ack_code == "AA" for message in messages)
    assert all(CANARY_SENTENCE in report.text for report in reports)


def test_nothing_that_names_the_patient_is_in_a_log_or_a_file_name(hospital: Hospital, drawn: Outcome) -> None:
    canary = re.compile("canary", re.IGNORECASE)
    data = hospital.daemon.data

    assert canary.search(sqlite_text(data / "spinelabel.sqlite")), "the search does not find what is there"
    assert not canary.search(hospital.daemon.log.read_text())
    assert not canary.search(sqlite_text(data / "workflows.sqlite"))
    assert not [path for path in data.rglob("*") if canary.search(path.name)]
    assert not canary.search("".join(path.read_text() for path in (data / "run").iterdir()))


def test_what_monitoring_asks_names_no_patient(hospital: Hospital, drawn: Outcome) -> None:
    for address in ("healthz", "readyz", "metrics"):
        with urllib.request.urlopen(f"http://127.0.0.1:{hospital.daemon.port('web')}/{address}", timeout=30) as answer:
            assert "canary" not in answer.read().decode().lower()


def test_every_line_of_the_log_is_one_event_as_json(hospital: Hospital, drawn: Outcome) -> None:
    for line in hospital.daemon.log.read_text().splitlines():
        assert "event" in json.loads(line)


def sqlite_text(path: Path) -> str:
    with sqlite3.connect(path) as connection:
        return "\n".join(connection.iterdump())


def test_the_settings_of_a_site_are_enough_to_run_a_cohort_by_command(hospital: Hospital, drawn: Outcome) -> None:
    daemon = hospital.daemon
    settings = load_settings(daemon.config)
    folder = daemon.data.parent / "cohorts"
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text("name: mine\nsources: [image]\n")
    config = daemon.config.with_name("with-cohorts.yaml")
    config.write_text(daemon.config.read_text() + f"\nexports: {{cohorts: {folder}}}\n")

    command = [sys.executable, "-m", "service.cli", "cohort", "export", "mine", "--config", str(config)]
    subprocess.run(command, check=True, timeout=60)

    (run,) = (settings.data / "exports" / "mine").iterdir()
    assert set(pl.read_parquet(run / "findings.parquet")["source"]) == {"image"}
