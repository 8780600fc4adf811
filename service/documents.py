"""The structured report of a study: gathers what it renders, has it written, keeps it and puts it on its way."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Literal

from pydicom import Dataset, dcmread, dcmwrite
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.sr.acceptance import accepted_findings
from integrations.sr.document import write_sr
from integrations.sr.values import Installation, PreviousSr, ReportReference, SrContent, SrInstance, SrStudy
from pipeline.values import Finding
from service.receiving import NOT_IMAGES
from service.store.database import reading, writing
from service.store.findings import current_findings, to_findings
from service.store.objects import ObjectStore
from service.store.states import ObjectState, WorkState
from service.store.tables import Delivery, Document, Instance, Message, Pairing, Report, Series, Study, row_id

Accepts = Literal["calibrated", "trial"]


@dataclass(frozen=True)
class DocumentWriter:
    """What it takes to write structured reports."""

    engine: Engine
    store: ObjectStore
    settings: Settings
    installation: Installation


@dataclass(frozen=True)
class _Material:
    """What a study's structured report is written from; `digest` tells one set of it from another."""

    study_id: int
    results: int
    digest: str
    findings: tuple[Finding, ...]
    report: ReportReference | None
    series_read: str | None
    image_files: tuple[str, ...]


def write_documents(writer: DocumentWriter, study_id: int, now: datetime) -> None:
    """Write what each destination gets of a study's present results, unless it was written before.

    Raises:
        SrError: the identifiers of the images do not allow a report.
    """
    with reading(writer.engine) as session:
        material = _gather(session, study_id)
    destinations: dict[Accepts, list[str]] = {}
    for destination in writer.settings.destinations:
        destinations.setdefault(destination.accepts, []).append(destination.peer)
    reasons = [_write_one(writer, material, accepts, peers, now) for accepts, peers in destinations.items()]
    if not destinations:
        reasons = ["No destination is configured, so no structured report is written."]
    with writing(writer.engine) as session:
        study = session.get_one(Study, study_id)
        study.document_reason = " ".join(filter(None, reasons))
        if study.results == material.results:
            study.document = WorkState.DONE
        session.add(study)


def _gather(session: Session, study_id: int) -> _Material:
    study = session.get_one(Study, study_id)
    rows = current_findings(session, study_id)
    # Of several reports about one study the latest counts, finding by finding.
    latest = {(row.condition, row.level, row.source): row for row in rows}
    reported = session.exec(
        select(Report, Message)
        .join(Message)
        .join(Pairing, col(Pairing.report_id) == Report.id)
        .where(Pairing.study_id == study_id, col(Report.superseded_by).is_(None))
        .order_by(col(Report.id).desc())
    ).first()
    images = (
        select(Instance.file)
        .join(Series)
        .where(Series.study_id == study_id, Instance.state == ObjectState.STORED)
        .where(col(Series.modality).not_in(NOT_IMAGES))
        .order_by(col(Instance.id))
    )
    if study.series_read:
        images = images.where(Series.series_uid == study.series_read)
    shown = sorted(row_id(row) for row in latest.values())
    return _Material(
        study_id=study_id,
        results=study.results,
        digest=hashlib.sha256(repr((study_id, shown)).encode()).hexdigest(),
        findings=tuple(to_findings(session, list(latest.values()))),
        report=_reference(*reported) if reported else None,
        series_read=study.series_read,
        image_files=tuple(session.exec(images)),
    )


def _reference(report: Report, message: Message) -> ReportReference:
    return ReportReference(
        control_id=message.control_id,
        filler_order_number=report.filler_number,
        placer_order_number=report.placer_number,
        accession_number=report.accession,
        status=report.status,
        sha256=message.sha256,
    )


def _write_one(
    writer: DocumentWriter, material: _Material, accepts: Accepts, peers: Sequence[str], now: datetime
) -> str:
    """Write one document; gives the reason where there is none to write."""
    of_study = (
        select(Document)
        .where(Document.study_id == material.study_id, Document.accepts == accepts)
        .order_by(col(Document.id).desc())
    )
    with reading(writer.engine) as session:
        if session.exec(of_study.where(Document.inputs == material.digest)).first():
            return ""
        previous = session.exec(of_study).first()
    accepted = accepted_findings(material.findings, accepts)
    if all(finding.answer is None for finding in accepted.findings):
        return _nothing_to_say(material.findings, accepted.left_out, previous)
    written = write_sr(
        SrStudy(_images(writer.store, material), material.series_read, writer.settings.dicom.charset),
        SrContent(accepted.findings, accepted.left_out, material.report),
        SrInstance(_sop_instance_uid(writer.installation, accepts, material.digest), now, _cited(writer, previous)),
        writer.installation,
    )
    content = _encoded(written)
    sha256 = hashlib.sha256(content).hexdigest()
    document = Document(
        study_id=material.study_id,
        accepts=accepts,
        inputs=material.digest,
        sop_instance_uid=str(written.SOPInstanceUID),
        file=writer.store.place_bytes(content, sha256),
        sha256=sha256,
        predecessor=previous.id if previous else None,
        created=now,
    )
    with writing(writer.engine) as session:
        session.add(document)
        session.flush()
        for peer in peers:
            session.add(Delivery(document_id=row_id(document), destination=peer, next_attempt=now))
    return ""


def _nothing_to_say(findings: Sequence[Finding], left_out: str, previous: Document | None) -> str:
    if previous is not None:
        return "Nothing is left of what the last structured report says. Remove that report at the PACS by hand."
    if left_out:
        return f"No structured report is sent. {left_out}"
    reasons = dict.fromkeys(finding.reason for finding in findings if finding.reason)
    return " ".join(["No structured report is written, since there is nothing to say.", *reasons])


def _images(store: ObjectStore, material: _Material) -> tuple[Dataset, ...]:
    """Read the headers of the images that the report cites: the series that was read, or else one image."""
    images = [dcmread(store.path(file), stop_before_pixels=True) for file in material.image_files[:1]]
    if material.series_read is not None:
        images += [dcmread(store.path(file), stop_before_pixels=True) for file in material.image_files[1:]]
    return tuple(images)


def _cited(writer: DocumentWriter, previous: Document | None) -> PreviousSr | None:
    if previous is None:
        return None
    replaced = dcmread(writer.store.path(previous.file))
    return PreviousSr(str(replaced.SeriesInstanceUID), str(replaced.SOPInstanceUID), int(replaced.InstanceNumber or 1))


def _encoded(written: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, written, enforce_file_format=True)
    return buffer.getvalue()


def _sop_instance_uid(installation: Installation, accepts: Accepts, digest: str) -> str:
    """Give the UID that these inputs always get, so that a report written again after a crash is the same instance."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'{installation.device_uid} {accepts} {digest}').int}"
