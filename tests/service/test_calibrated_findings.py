"""Findings by a site's own thresholds, from the labelling to the store, the page and the structured report."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydicom import dcmread
from sqlalchemy import Engine
from sqlmodel import select

from config.conditions import load_conditions
from config.report_settings import ReportSettings
from config.settings import Settings
from integrations.sr.reading import read_findings
from pipeline.calibration import Calibration
from pipeline.reports.labelling import Labeller
from pipeline.reports.prompts import load_prompt
from pipeline.reports.site_labeller import load_site_labeller
from service.documents import write_documents
from service.log import configure_log
from service.store.database import reading, writing
from service.store.findings import current_findings, to_findings
from service.store.objects import ObjectStore
from service.store.states import WorkState
from service.store.tables import Document, Report, Study
from service.work import Workshop, batch_labels, performers
from service.workflows import Work
from tests.pipeline.reports.fixed_engines import ReadingEngine
from tests.pipeline.reports.site_files import write_site_calibration
from tests.service.browsing import link, text
from tests.service.rows import NOW
from tests.service.test_documents import images, study, writer

__all__ = ["images", "study"]
STENOSIS = tuple(condition for condition in load_conditions() if condition.name == "stenosis")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, engine: Engine, study: tuple[int, int], tmp_path: Path) -> Calibration:
    """Label the study's report as the daemon does, with the thresholds of `reports.calibration`; gives those."""
    stand_in = Labeller(ReadingEngine(lambda _report, _question: 2.0), load_prompt("direct"), "test")
    monkeypatch.setattr("pipeline.reports.site_labeller.load_labeller", lambda *_: stand_in)
    calibration = write_site_calibration(tmp_path / "own.json", stand_in.answered_by, name="ours")
    settings = Settings(data=tmp_path, reports=ReportSettings(calibration=tmp_path / "own.json"))
    labeller = load_site_labeller(settings.reports, tmp_path, "test")
    with writing(engine) as session:
        report = session.get_one(Report, study[1])
        report.text, report.labels = "MRI LUMBAR SPINE\nFINDINGS: L4-5 canal narrowed.", WorkState.QUEUED
    nothing: Any = None
    workshop = Workshop(
        engine=engine,
        store=ObjectStore(tmp_path),
        settings=settings,
        labels=batch_labels(engine, labeller, STENOSIS),
        images=nothing,
        conditions=("stenosis",),
        documents=nothing,
        log=configure_log("work"),
    )
    performers(workshop)[Work.LABEL](study[1], "label-1")
    return calibration


def test_a_finding_in_the_store_says_calibrated_here_and_names_the_calibration(
    engine: Engine, study: tuple[int, int], own: Calibration
) -> None:
    with reading(engine) as session:
        found = to_findings(session, current_findings(session, study[0]))

    said = {one.level: (one.standing, one.provenance.calibration) for one in found if one.source == "report"}
    assert said[None] == ("calibrated here", own.name)
    assert said["L4-L5"] == ("uncalibrated", None)


def test_the_page_says_calibrated_here_and_names_the_calibration(
    engine: Engine, page: TestClient, own: Calibration
) -> None:
    assert "calibrated here, thresholds ours" in text(page, f"/studies/{link(engine, Study)}")


def test_the_structured_report_for_calibrated_parts_says_calibrated_here_and_names_the_calibration(
    engine: Engine, tmp_path: Path, study: tuple[int, int], own: Calibration
) -> None:
    write_documents(writer(engine, tmp_path, "calibrated"), study[0], NOW)

    with reading(engine) as session:
        document = session.exec(select(Document)).one()
    (found,) = read_findings(dcmread(ObjectStore(tmp_path).path(document.file)))
    assert (found.condition, found.level) == ("stenosis", None)
    assert found.parameters["standing"] == "calibrated here"
    assert found.parameters["calibration"] == own.name
