"""The structured report of a study: gathers what it renders, has it written, keeps it and puts it on its way."""

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import Literal

from pydicom import Dataset, dcmread, dcmwrite
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from config.settings import Settings
from integrations.sr.acceptance import accepted_findings
from integrations.sr.document import write_sr
from integrations.sr.values import Installation, PreviousSr, ReportReference, SrContent, SrInstance, SrStudy
from pipeline.images.errors import NotAnImage
from pipeline.images.files import read_received
from pipeline.values import Finding
from service.completion import NotYet, document_due
from service.progress import study_progress
from service.store.database import reading, writing
from service.store.findings import current_findings, to_findings
from service.store.objects import ObjectStore
from service.store.room import take_room
from service.store.states import UNDELIVERED, DeliveryState, WorkState
from service.store.tables import Delivery, Document, Message, Report, Study, row_id
from service.study_images import cited_files

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
    """What a study's structured report is written from; `shown` are the numbers of its findings."""

    study_id: int
    results: int
    shown: tuple[int, ...]
    findings: tuple[Finding, ...]
    report: ReportReference | None
    series_read: str | None
    image_files: tuple[str, ...]

    def inputs(self, replaced: int | None) -> str:
        """Give the digest of what a document rests on: the same findings after another report are another document."""
        return hashlib.sha256(repr((self.study_id, self.shown, replaced)).encode()).hexdigest()


def write_documents(writer: DocumentWriter, study_id: int, now: datetime) -> None:
    """Write what each destination gets of a study's present results, unless it was written before.

    Raises:
        SrError: the identifiers of the images do not allow a report.
    """
    with reading(writer.engine) as session:
        study = session.get_one(Study, study_id)
        # Asked again, since much may have happened since this was asked for.
        due = document_due(study_progress(session, study), writer.settings.pairing, now)
        material = _gather(session, study)
    if isinstance(due, NotYet):
        _wait(writer, material, due)
        return
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


def _wait(writer: DocumentWriter, material: "_Material", due: NotYet) -> None:
    with writing(writer.engine) as session:
        study = session.get_one(Study, material.study_id)
        if study.results == material.results:
            study.document, study.document_not_before = WorkState.WAITING, due.not_before
            session.add(study)


def _gather(session: Session, study: Study) -> _Material:
    study_id = row_id(study)
    # Of several reports about one study the latest counts, finding by finding.
    latest = {(row.condition, row.level, row.source): row for row in current_findings(session, study_id)}
    report_ids = [row.report_id for row in latest.values() if row.report_id is not None]
    reported = session.exec(
        select(Report, Message).join(Message).where(col(Report.id).in_(report_ids)).order_by(col(Report.id).desc())
    ).first()
    read_from = {uid for uid in (study.series_read, *(row.series_uid for row in latest.values())) if uid is not None}
    return _Material(
        study_id=study_id,
        results=study.results,
        shown=tuple(sorted(row_id(row) for row in latest.values())),
        findings=tuple(to_findings(session, list(latest.values()))),
        report=_reference(*reported) if reported else None,
        series_read=study.series_read,
        image_files=cited_files(session, study_id, read_from),
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
    newest = (
        select(Document)
        .where(Document.study_id == material.study_id, Document.accepts == accepts)
        .order_by(col(Document.id).desc())
    )
    with reading(writer.engine) as session:
        previous = session.exec(newest).first()
    if previous is not None and previous.inputs == material.inputs(previous.predecessor):
        return ""
    accepted = accepted_findings(material.findings, accepts)
    if all(finding.answer is None for finding in accepted.findings):
        if previous is not None:
            with writing(writer.engine) as session:
                _stop(session, row_id(previous), "Nothing is left of what it says.")
        return _nothing_to_say(material.findings, accepted.left_out, previous)
    inputs = material.inputs(previous.id if previous else None)
    written = write_sr(
        SrStudy(_images(writer.store, material), material.series_read, writer.settings.dicom.charset),
        SrContent(accepted.findings, accepted.left_out, material.report),
        SrInstance(_sop_instance_uid(writer.installation, accepts, inputs), now, _cited(writer, previous)),
        writer.installation,
    )
    content = _encoded(written)
    sha256 = hashlib.sha256(content).hexdigest()
    document = Document(
        study_id=material.study_id,
        accepts=accepts,
        inputs=inputs,
        sop_instance_uid=str(written.SOPInstanceUID),
        file=writer.store.place_bytes(content, sha256),
        sha256=sha256,
        predecessor=previous.id if previous else None,
        created=now,
    )
    with writing(writer.engine) as session:
        session.add(document)
        take_room(session, len(content))
        session.flush()
        session.add_all(Delivery(document_id=row_id(document), destination=peer, next_attempt=now) for peer in peers)
        if previous is not None:
            _stop(session, row_id(previous), "A newer structured report took its place.")
    return ""


def _stop(session: Session, document_id: int, reason: str) -> None:
    """Send a document no more that another has replaced, or that has nothing left to say."""
    for delivery in session.exec(select(Delivery).where(Delivery.document_id == document_id)):
        if delivery.state in {*UNDELIVERED, DeliveryState.CANCELLED}:  # nobody may revive what is outdated
            delivery.state, delivery.answer = DeliveryState.REPLACED, reason
            session.add(delivery)


def _nothing_to_say(findings: Sequence[Finding], left_out: str, previous: Document | None) -> str:
    if previous is not None:
        return "Nothing is left of what the last structured report says. Remove that report at the PACS by hand."
    if left_out:
        return f"No structured report is sent. {left_out}"
    reasons = dict.fromkeys(finding.reason for finding in findings if finding.reason)
    return " ".join(["No structured report is written, since there is nothing to say.", *reasons])


def _images(store: ObjectStore, material: _Material) -> tuple[Dataset, ...]:
    """Read the headers of the images that the report cites: the series that was read, or else one image.

    From them the report takes patient and study as the objects say, also where ADT has merged or renamed the patient
    since. The archive gets the same ADT and updates what it holds (IHE Patient Information Reconciliation); an object
    whose patient differs from that of its study is refused, held back, or splits the study.
    """
    readable = _headers(store, material.image_files)
    return tuple(islice(readable, 1)) if material.series_read is None else tuple(readable)


def _headers(store: ObjectStore, files: Sequence[str]) -> Iterator[Dataset]:
    """Read headers; one that no reader of ours takes was not read for findings either, and costs no report."""
    for file in files:
        with suppress(NotAnImage):
            yield read_received(store.path(file), stop_before_pixels=True)


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
