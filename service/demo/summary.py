"""What happened in the demo: `summary.json`, and the same as a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlmodel import Session, col, select

from config.settings import Settings
from service.demo.cases import SEEN_ON_IMAGES, Case
from service.exports import Run
from service.store.database import open_database, reading
from service.store.findings import current_findings
from service.store.tables import FindingRow, Pairing, Study, row_id


@dataclass(frozen=True)
class Arrived:
    """A structured report at the stand-in PACS: its file, and the seconds from the first sending to it."""

    file: str
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What the demo sent, what came back by study UID, and the export; `out` is where the results lie."""

    out: Path
    settings: Settings
    cases: Sequence[Case]
    arrived: Mapping[str, Arrived]
    export: Run


def summarise(console: Console, outcome: Outcome) -> None:
    """Write `summary.json` and print what it says."""
    out, cases, export = outcome.out, outcome.cases, outcome.export
    with reading(open_database(outcome.settings.data)) as session:
        studies = [_study(session, case, outcome.arrived[case.study_uid]) for case in cases]
    agree = {source: _agreement(cases, studies, source) for source in ("report", "image")}
    summary = {"studies": studies, "export": {"rows": export.rows, "files": list(export.files)}, "agree": agree}
    (out / "summary.json").write_text(json.dumps(summary, indent=2), encoding="utf-8")
    for study in studies:
        console.print(_table(study))
    for source, counted in agree.items():
        if counted["of"]:
            console.print(f"{counted['agree']} of {counted['of']} known labels agree with the {source} findings.")
    console.print(
        "Both are a demonstration: the embedded language model was trained on invented reports only, the image "
        "classifier on drawn spines. They are no basis for a decision on a patient."
    )
    console.print(f"Structured reports: {out / 'sr'}\nExport of {export.rows} rows: {out / 'export'}")
    console.print(f"Summary: {out / 'summary.json'}\nLog of the daemon: {out / 'daemon.log'}")


def _study(session: Session, case: Case, arrived: Arrived) -> dict[str, Any]:
    study = session.exec(select(Study).where(Study.study_uid == case.study_uid)).one()
    rows = current_findings(session, row_id(study))
    pairing = session.exec(select(Pairing).where(Pairing.study_id == study.id).order_by(col(Pairing.id))).first()
    return {
        "study_uid": case.study_uid,
        "accession": case.accession,
        "report": case.report,
        "paired_by": pairing.how if pairing else None,
        "images": study.images_reason,
        "findings": [_finding(row) for row in rows],
        "sr": f"sr/{arrived.file}",
        "seconds": {"to_sr": round(arrived.seconds, 2)},
    }


def _finding(row: FindingRow) -> dict[str, Any]:
    names = ("condition", "level", "source", "state", "answer", "probability", "threshold", "standing", "reason")
    return {name: getattr(row, name) for name in names}


def _agreement(cases: Sequence[Case], studies: Sequence[dict[str, Any]], source: str) -> dict[str, int]:
    """Count how many known labels the yes/no answers of one source agree with, of those that it gave."""
    agree = of = 0
    for case, study in zip(cases, studies, strict=True):
        for finding in study["findings"]:
            known = case.truth.get((finding["condition"], finding["level"]))
            if finding["source"] != source or known is None or finding["answer"] is None:
                continue
            if source == "image" and finding["condition"] not in SEEN_ON_IMAGES:
                continue
            of += 1
            agree += finding["answer"] == known
    return {"agree": agree, "of": of}


def _table(study: dict[str, Any]) -> Table:
    table = Table(title=f"{study['accession']}, paired by {study['paired_by']}", title_justify="left")
    for heading in ("Condition", "Level", "Source", "State", "Probability", "Threshold", "Standing"):
        table.add_column(heading)
    for finding in study["findings"]:
        numbers = ("" if finding[name] is None else f"{finding[name]:.4f}" for name in ("probability", "threshold"))
        words = (finding["condition"], finding["level"] or "", finding["source"], finding["state"])
        table.add_row(*words, *numbers, finding["standing"])
    return table
