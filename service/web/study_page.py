"""The page of one study: where it is, what happened, what was found, what was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from config.settings import Settings
from pipeline.values import restricted_by
from service.destinations import Outlook
from service.fetches import prior_of
from service.hinted import hinted_studies
from service.rest import compare
from service.store.findings import current_findings, to_findings
from service.store.states import ObjectState
from service.store.tables import Delivery, Document, FindingRow, Instance, Patient, ProvenanceRow, Series, Study, row_id
from service.web.lines import Standing, delivery_outlooks, study_standings
from service.web.open_items import conflict_remedy
from service.web.study_picture import has_picture, how_named
from service.web.timeline import Event, study_timeline


@dataclass(frozen=True)
class SeriesLine:
    """A series with the number of its objects; `is_read` marks the one whose discs were read."""

    modality: str
    description: str
    objects: int
    is_read: bool


@dataclass(frozen=True)
class DocumentLine:
    """A structured report with where it went."""

    document: Document
    deliveries: list[tuple[Delivery, Outlook]]


@dataclass(frozen=True)
class StudyPage:
    """Everything that the page of a study shows; `calibrations` by the number of a finding's provenance.

    `how_named` says how the discs were named, and `restricted_by` names the programs, with their licences, that limit
    what may be done with the findings. `missing` says what an archive has more of it, or what peers named and has not
    come, and `prior_of` names the study that this one was fetched for. `conflicts` says what came again with other
    content.
    """

    study: Study
    patient: Patient
    standing: Standing
    series: list[SeriesLine]
    events: list[Event]
    findings: list[FindingRow]
    calibrations: dict[int, str]
    restricted_by: list[str]
    documents: list[DocumentLine]
    has_picture: bool
    how_named: str
    missing: str
    prior_of: Study | None
    conflicts: str


def study_page(session: Session, settings: Settings, link: str, now: datetime) -> StudyPage | None:
    """Gather the page of the study with a link; None where there is no such study."""
    found = session.exec(select(Study, Patient).join(Patient).where(Study.link == link)).one_or_none()
    if found is None:
        return None
    study, patient = found
    number = row_id(study)
    findings = current_findings(session, number)
    compared = compare(session, study)
    hinted = hinted_studies(session, [study])[number]
    return StudyPage(
        study=study,
        patient=patient,
        standing=study_standings(session, settings, [study], now)[number],
        series=_series(session, study),
        events=study_timeline(session, number),
        findings=findings,
        calibrations=_calibrations(session, findings),
        restricted_by=restricted_by(to_findings(session, findings)),
        documents=_documents(session, settings, number),
        has_picture=has_picture(session, study),
        how_named=how_named(study),
        missing=" ".join(filter(None, (compared.sentence if compared else "", hinted.sentence))),
        prior_of=prior_of(session, study),
        conflicts=_conflicts(session, study),
    )


def _conflicts(session: Session, study: Study) -> str:
    """Say how many objects came again with other content, what differs and what to do; empty where none did."""
    found = (
        select(func.count(), func.max(Instance.reason))
        .join(Series, col(Series.id) == Instance.series_id)
        .where(Series.study_id == study.id, Instance.state == ObjectState.CONFLICT)
    )
    count, reason = session.exec(found).one()
    return f"{count} objects came again. {reason} {conflict_remedy(study)}" if count else ""


def _series(session: Session, study: Study) -> list[SeriesLine]:
    counted = (
        select(Series, func.count())
        .join(Instance)
        .where(Series.study_id == study.id)
        .group_by(col(Series.id))
        .order_by(col(Series.id))
    )
    return [
        SeriesLine(series.modality, series.description, count, series.series_uid == study.series_read)
        for series, count in session.exec(counted)
    ]


def _calibrations(session: Session, findings: Sequence[FindingRow]) -> dict[int, str]:
    """Give what set the thresholds of findings, by its name before its digest, where anything did."""
    made_by = {finding.provenance_id for finding in findings}
    rows = session.exec(select(ProvenanceRow).where(col(ProvenanceRow.id).in_(made_by)))
    return {row_id(row): row.calibration.partition("@")[0] for row in rows if row.calibration}


def _documents(session: Session, settings: Settings, study_id: int) -> list[DocumentLine]:
    lines: dict[int, DocumentLine] = {}
    found = select(Document, Delivery).outerjoin(Delivery).where(Document.study_id == study_id)
    rows = session.exec(found.order_by(col(Document.id).desc(), col(Delivery.id))).all()
    outlooks = delivery_outlooks(session, settings, [delivery for _, delivery in rows if delivery is not None])
    for document, delivery in rows:
        line = lines.setdefault(row_id(document), DocumentLine(document, []))
        if delivery is not None:
            line.deliveries.append((delivery, outlooks[row_id(delivery)]))
    return list(lines.values())
