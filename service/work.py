"""What the `work` role does: label a report, read a study's images, write a structured report, deliver it.

Each function may run twice for the same id, since a step that was killed runs again; each writes once. None lets an
error out: what fails is written on its row with a reason, shown on the page, and can be tried again.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select
from structlog.typing import FilteringBoundLogger

from config.conditions import Condition
from config.errors import SpinelabelError
from config.settings import Settings
from pipeline.images.reading import ImageReader, read_study
from pipeline.reports.labelling import Labeller, UnlabelledReport, label_reports
from pipeline.reports.labelling import Report as LabelledText
from pipeline.values import ReportLabels
from service.batching import Batcher
from service.candidates import paired_studies, results_changed
from service.documents import DocumentWriter, write_documents
from service.outbox import Outbox, deliver
from service.receiving import NOT_IMAGES
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.findings import Subject, record_findings
from service.store.objects import ObjectStore
from service.store.states import DeliveryState, ObjectState, WorkState
from service.store.tables import Delivery, Instance, Report, Series, Study
from service.sweep import images_digest
from service.workflows import AT_ONCE, Perform, Work


@dataclass(frozen=True)
class Workshop:
    """Everything that the work needs, loaded once."""

    engine: Engine
    store: ObjectStore
    settings: Settings
    labels: Batcher[LabelledText, ReportLabels | UnlabelledReport]
    images: ImageReader
    conditions: tuple[str, ...]
    documents: DocumentWriter
    log: FilteringBoundLogger


def batch_labels(
    labeller: Labeller, conditions: tuple[Condition, ...]
) -> Batcher[LabelledText, ReportLabels | UnlabelledReport]:
    """Let reports that wait at the same time share a batch of the language model."""
    return Batcher(lambda reports: label_reports(labeller, reports, conditions), AT_ONCE[Work.LABEL])


def performers(workshop: Workshop) -> dict[Work, Perform]:
    """Give the function for each kind of work."""
    return {
        Work.LABEL: _guarded(workshop, label_report, _label_failed),
        Work.READ: _guarded(workshop, read_images, _reading_failed),
        Work.WRITE: _guarded(workshop, write_report, _writing_failed),
        Work.DELIVER: _guarded(workshop, deliver_document, _delivery_failed),
    }


def label_report(workshop: Workshop, report_id: int, work_id: str) -> None:
    """Label one version of a report and make its findings current."""
    with reading(workshop.engine) as session:
        report = session.get_one(Report, report_id)
    if report.superseded_by is not None or report.labels not in {WorkState.WAITING, WorkState.QUEUED}:
        return
    labelled = workshop.labels.ask(LabelledText(str(report_id), report.text))
    with writing(workshop.engine) as session:
        report = session.get_one(Report, report_id)
        if report.superseded_by is not None:
            return
        if isinstance(labelled, UnlabelledReport):
            report.labels, report.labels_reason = WorkState.FAILED, labelled.reason
        else:
            record_findings(session, Subject(report_id=report_id), labelled.findings, work=work_id, now=utc_now())
            report.labels, report.labels_reason = WorkState.DONE, ""
        session.add(report)
        _results_changed(session, report_id)


def read_images(workshop: Workshop, study_id: int, work_id: str) -> None:
    """Find and read the discs of a study and make its findings current."""
    with reading(workshop.engine) as session:
        study = session.get_one(Study, study_id)
        digest = images_digest(session, study_id)
        files = session.exec(
            select(Instance.file)
            .join(Series)
            .where(Series.study_id == study_id, Instance.state == ObjectState.STORED)
            .where(col(Series.modality).not_in(NOT_IMAGES))
            .order_by(col(Instance.id))
        ).all()
    result = read_study(workshop.images, [workshop.store.path(file) for file in files], workshop.conditions)
    with writing(workshop.engine) as session:
        current = session.get_one(Study, study_id)
        record_findings(session, Subject(study_id=study_id), result.findings, work=work_id, now=utc_now())
        current.images_digest, current.series_read = digest, result.series_uid
        current.discs = [asdict(disc) for disc in result.discs]
        current.images_reason = "; ".join(dict.fromkeys((result.reason, result.levels_reason)))
        if current.last_image == study.last_image:
            current.images = WorkState.DONE
        session.add(current)
        results_changed(session, study_id)


def write_report(workshop: Workshop, study_id: int, _work_id: str) -> None:
    """Write the structured reports of a study."""
    write_documents(workshop.documents, study_id, utc_now())


def deliver_document(workshop: Workshop, delivery_id: int, _work_id: str) -> None:
    """Try to deliver one document to one destination."""
    deliver(Outbox(workshop.engine, workshop.store, workshop.settings), delivery_id, utc_now())


Fail = Callable[[Session, int, str, datetime], None]


def _guarded(workshop: Workshop, perform: Callable[[Workshop, int, str], None], fail: Fail) -> Perform:
    def guarded(subject: int, work_id: str) -> None:
        try:
            perform(workshop, subject, work_id)
        except Exception as error:  # noqa: BLE001  # the edge of a workflow step: the reason goes onto the row
            known = isinstance(error, SpinelabelError)
            workshop.log.error("work failed", work=work_id, error=type(error).__name__)
            reason = str(error) if known else f"It failed unexpectedly ({type(error).__name__}); see the log."
            with writing(workshop.engine) as session:
                fail(session, subject, reason, utc_now())
        else:
            workshop.log.info("work done", work=work_id)

    return guarded


def _label_failed(session: Session, report_id: int, reason: str, _now: datetime) -> None:
    report = session.get_one(Report, report_id)
    report.labels, report.labels_reason = WorkState.FAILED, reason
    session.add(report)
    _results_changed(session, report_id)


def _reading_failed(session: Session, study_id: int, reason: str, _now: datetime) -> None:
    study = session.get_one(Study, study_id)
    study.images, study.images_reason = WorkState.FAILED, reason
    session.add(study)
    results_changed(session, study_id)


def _writing_failed(session: Session, study_id: int, reason: str, _now: datetime) -> None:
    study = session.get_one(Study, study_id)
    study.document, study.document_reason = WorkState.FAILED, reason
    session.add(study)


def _delivery_failed(session: Session, delivery_id: int, reason: str, _now: datetime) -> None:
    delivery = session.get_one(Delivery, delivery_id)
    delivery.state, delivery.answer = DeliveryState.REFUSED, reason
    delivery.attempts += 1
    session.add(delivery)


def _results_changed(session: Session, report_id: int) -> None:
    for study_id in paired_studies(session, report_id):
        results_changed(session, study_id)
