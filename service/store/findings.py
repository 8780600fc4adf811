"""Findings in and out of their table. A finding is never overwritten: what replaces it supersedes it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from pipeline.values import Disc, Finding, Provenance, Source, Standing, State
from service.store.tables import FindingRow, Pairing, ProvenanceRow, row_id

_DISC = TypeAdapter(Disc)


@dataclass(frozen=True)
class Subject:
    """What findings are about: one version of a report, or the images of a study."""

    report_id: int | None = None
    study_id: int | None = None


def record_findings(
    session: Session, subject: Subject, findings: Sequence[Finding], *, work: str, now: datetime
) -> None:
    """Make these the current findings of a report or of a study's images; at once or not at all, and once.

    Nothing changes where `work` was recorded before, or where the current findings are the same.
    """
    if session.exec(select(FindingRow.id).where(FindingRow.work == work)).first() is not None:
        return
    current = _current_rows(session, _about(subject))
    if current and [_to_finding(session, row) for row in current] == list(findings):
        return
    for row in current:
        row.superseded = now
        session.add(row)
    for ordinal, finding in enumerate(findings):
        session.add(
            FindingRow(
                work=work,
                ordinal=ordinal,
                report_id=subject.report_id,
                study_id=subject.study_id,
                provenance_id=_provenance_id(session, finding.provenance),
                created=now,
                **_columns(finding),
            )
        )


def supersede_findings(session: Session, report_id: int, now: datetime) -> None:
    """Take a report's findings out of what is current, since the report was replaced or withdrawn."""
    for row in _current_rows(session, _about(Subject(report_id=report_id))):
        row.superseded = now
        session.add(row)


def current_findings(session: Session, study_id: int) -> list[FindingRow]:
    """Give the current findings of a study: those of its images, and those of the reports that are paired with it."""
    reports = select(Pairing.report_id).where(Pairing.study_id == study_id)
    return _current_rows(session, (col(FindingRow.study_id) == study_id) | col(FindingRow.report_id).in_(reports))


def to_findings(session: Session, rows: Sequence[FindingRow]) -> list[Finding]:
    """Give rows as the values that the other rooms share."""
    return [_to_finding(session, row) for row in rows]


def _about(subject: Subject) -> ColumnElement[bool]:
    if subject.report_id is not None:
        return col(FindingRow.report_id) == subject.report_id
    return col(FindingRow.study_id) == subject.study_id


def _current_rows(session: Session, which: ColumnElement[bool]) -> list[FindingRow]:
    return list(
        session.exec(select(FindingRow).where(which, col(FindingRow.superseded).is_(None)).order_by(col(FindingRow.id)))
    )


def _provenance_id(session: Session, provenance: Provenance) -> int:
    digest = hashlib.sha256(json.dumps(asdict(provenance), sort_keys=True).encode()).hexdigest()
    row = session.exec(select(ProvenanceRow).where(ProvenanceRow.digest == digest)).one_or_none()
    if row is None:
        row = ProvenanceRow(digest=digest, **asdict(provenance))
        session.add(row)
        session.flush()
    return row_id(row)


def _columns(finding: Finding) -> dict[str, Any]:
    yes, no = finding.logits or (None, None)
    return {
        "condition": finding.condition,
        "level": finding.level,
        "source": finding.source.value,
        "state": finding.state.value,
        "answer": finding.answer,
        "probability": finding.probability,
        "log_odds": finding.log_odds,
        "logit_yes": yes,
        "logit_no": no,
        "threshold": finding.threshold,
        "standing": finding.standing.value,
        "reason": finding.reason,
        "evidence": finding.evidence,
        "disc": asdict(finding.disc) if finding.disc else None,
        "series_uid": finding.series_uid,
    }


def _to_finding(session: Session, row: FindingRow) -> Finding:
    made_by = session.get_one(ProvenanceRow, row.provenance_id)
    return Finding(
        condition=row.condition,
        level=row.level,
        source=Source(row.source),
        state=State(row.state),
        answer=row.answer,
        probability=row.probability,
        log_odds=row.log_odds,
        logits=None if row.logit_yes is None or row.logit_no is None else (row.logit_yes, row.logit_no),
        threshold=row.threshold,
        standing=Standing(row.standing),
        reason=row.reason,
        evidence=row.evidence,
        disc=_to_disc(row.disc),
        provenance=Provenance(
            made_by.model,
            made_by.adapter,
            made_by.prompt,
            made_by.definition_version,
            made_by.calibration,
            made_by.input_sha256,
            made_by.software,
        ),
        series_uid=row.series_uid,
    )


def _to_disc(stored: dict[str, object] | None) -> Disc | None:
    return _DISC.validate_python(stored) if stored else None
