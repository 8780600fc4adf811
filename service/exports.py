"""One run of a cohort: rows under pseudonyms, a data dictionary, a manifest and a README, made aside and renamed."""

import hashlib
import json
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Engine, Row, Select, select
from sqlmodel import col
from sqlmodel import select as select_rows

from integrations.deidentify import UnusableDate, age_at_study, describe, pseudonym, shifted_date
from service.cohort_columns import SCHEMA, data_dictionary
from service.cohort_files import Cohort
from service.installation import SOFTWARE
from service.secret_files import PSEUDONYM_KEY
from service.store.database import reading, writing
from service.store.made_once import made_once
from service.store.states import RunState
from service.store.tables import CohortRun, FindingRow, Pairing, Patient, ProvenanceRow, Report, Study
from service.whole_folders import written_aside

MANIFEST = "manifest.json"
SEXES = frozenset({"F", "M", "O"})
"""Patient's Sex (DICOM PS3.3 C.7.1.1); anything else is left out, since it may be anything."""


@dataclass(frozen=True)
class Run:
    """What a run made."""

    folder: Path
    rows: int
    files: tuple[str, ...]


def export_cohort(engine: Engine, data: Path, cohort: Cohort, now: datetime) -> Run:
    """Run a cohort now, into a folder of its own under `data/exports`; no partial run is ever visible."""
    folder = data / "exports" / cohort.name / now.strftime("%Y-%m-%dT%H%M%S.%fZ")
    _write_folder(engine, data, cohort, now, folder)
    with writing(engine) as session:
        session.add(_row_of(data, cohort, now, folder))
    return _run_in(folder)


def export_slot(engine: Engine, data: Path, cohort: Cohort, now: datetime, slot: datetime) -> Run | None:
    """Run a cohort for a slot of its schedule, of which there is one run; None where another had done it.

    Its folder is named for the slot: one that is there already was complete before its run was killed, and counts.
    """
    folder = data / "exports" / cohort.name / slot.strftime("%Y-%m-%dT%H%MZ")
    if not folder.exists():
        with suppress(FileExistsError):  # another runner of this slot was done before
            _write_folder(engine, data, cohort, now, folder)
    row = _row_of(data, cohort, now, folder)
    row.slot = slot
    return _run_in(folder) if record_slot(engine, row) else None


def record_slot(engine: Engine, run: CohortRun) -> bool:
    """Write what became of a run for a slot; tells whether it counts, which of two only the first that is done does."""
    with writing(engine) as session:
        found = select_rows(CohortRun).where(CohortRun.cohort == run.cohort, col(CohortRun.slot) == run.slot)
        before = session.exec(found).one_or_none()
        if before is None:
            session.add(run)
            return True
        if before.state == RunState.DONE:
            return False
        for name in ("started", "folder", "rows", "manifest_sha256", "state", "reason"):
            setattr(before, name, getattr(run, name))
        before.attempts += 1
        session.add(before)
        return True


def _row_of(data: Path, cohort: Cohort, now: datetime, folder: Path) -> CohortRun:
    manifest = (folder / MANIFEST).read_bytes()
    return CohortRun(
        cohort=cohort.name,
        started=now,
        folder=str(folder.relative_to(data)),
        rows=int(json.loads(manifest)["rows"]),
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
    )


def _run_in(folder: Path) -> Run:
    rows = int(json.loads((folder / MANIFEST).read_bytes())["rows"])
    return Run(folder, rows, tuple(sorted(path.name for path in folder.iterdir())))


def _write_folder(engine: Engine, data: Path, cohort: Cohort, now: datetime, folder: Path) -> None:
    with written_aside(folder) as aside:
        key = made_once(data / PSEUDONYM_KEY, lambda: secrets.token_bytes(32))
        with reading(engine) as session:
            rows = [_row(key, found) for found in session.execute(_findings(cohort))]
        # In the order of arrival, the shifted dates of neighbours would give the true ones away.
        frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("study", "source", "condition", "level")
        files = _write_tables(frame, cohort, aside)
        _write_manifest(cohort, now, frame.height, files, aside)


def _findings(cohort: Cohort) -> Select[FindingRow, ProvenanceRow, Study, Patient, Report | None]:
    """Select the current findings of a cohort: of images by their study, of reports by each study paired with them."""
    found = (
        select(FindingRow, ProvenanceRow, Study, Patient, Report)
        .join(ProvenanceRow)
        .outerjoin(Report, col(FindingRow.report_id) == Report.id)
        .outerjoin(Pairing, col(Pairing.report_id) == Report.id)
        .join(Study, (col(Study.id) == FindingRow.study_id) | (col(Study.id) == Pairing.study_id))
        .join(Patient, col(Patient.id) == Study.patient_id)
        .where(col(FindingRow.superseded).is_(None), col(Study.review_reason) == "")
        .order_by(col(Study.id), col(FindingRow.id))
    )
    if cohort.conditions:
        found = found.where(col(FindingRow.condition).in_(cohort.conditions))
    if cohort.sources:
        found = found.where(col(FindingRow.source).in_(cohort.sources))
    return found


def _row(key: bytes, found: Row[FindingRow, ProvenanceRow, Study, Patient, Report | None]) -> dict[str, Any]:
    finding, made_by, study, patient, report = found
    identity = patient.identifier or f"of study {study.study_uid}"
    studied = _date(study.study_date)
    born = _date(patient.birth_date)
    return {
        "patient": pseudonym(key, "patient", f"{patient.authority}|{identity}"),
        "study": pseudonym(key, "study", study.study_uid),
        "study_date": _shifted(key, identity, studied) if studied else None,
        "age": age_at_study(born, studied) if born and studied else None,
        "sex": patient.sex if patient.sex in SEXES else None,
        "accession": pseudonym(key, "accession", study.accession) if study.accession else None,
        "report_version": report.version if report else None,
        "condition": finding.condition,
        "level": finding.level,
        "source": finding.source,
        "state": finding.state,
        "answer": finding.answer,
        "probability": finding.probability,
        "log_odds": finding.log_odds,
        "threshold": finding.threshold,
        "standing": finding.standing,
        "reviewed": False,
        "reviewer_answer": None,
        "evidence": None,
        "model": made_by.model,
        "prompt": made_by.prompt,
        "definition_version": made_by.definition_version,
        "calibration": made_by.calibration,
        "software": made_by.software,
        "created": _shifted(key, identity, finding.created.date()),
        "superseded": None,
    }


def _shifted(key: bytes, identity: str, day: date) -> date | None:
    """Shift a study's date; a placeholder at the end of the calendar is left out."""
    try:
        return shifted_date(key, identity, day)
    except UnusableDate:
        return None


def _date(value: str) -> date | None:
    try:
        return datetime.strptime(value, "%Y%m%d").date()  # a date has no zone
    except ValueError:
        return None


def _write_tables(frame: pl.DataFrame, cohort: Cohort, folder: Path) -> tuple[str, ...]:
    if "parquet" in cohort.formats:
        frame.write_parquet(folder / "findings.parquet")
    if "csv" in cohort.formats:
        frame.write_csv(folder / "findings.csv")
    data_dictionary().write_csv(folder / "data-dictionary.csv")
    return (*(f"findings.{form}" for form in cohort.formats), "data-dictionary.csv")


def _write_manifest(cohort: Cohort, now: datetime, rows: int, files: tuple[str, ...], folder: Path) -> None:
    manifest = json.dumps(
        {
            "cohort": cohort.model_dump(),
            "run": now.isoformat(),
            "software": SOFTWARE,
            "rows": rows,
            "de_identification": describe(),
            "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
        },
        indent=2,
    )
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    (folder / "README.md").write_text(_readme(cohort, rows), encoding="utf-8")


def _readme(cohort: Cohort, rows: int) -> str:
    return (
        f"# {cohort.name}\n\n{cohort.description}. {rows} findings, one a row; `data-dictionary.csv` explains each "
        "column and `manifest.json` says what was done to identities.\n\n"
        "`standing` says how far a finding can be trusted: `demonstration` and `uncalibrated` findings show that the "
        "path works and say nothing about a patient. Labels are made by machine and have not been reviewed.\n"
    )
