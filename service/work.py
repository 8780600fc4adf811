"""What the `work` role does: label a report, read a study's images, write a structured report, deliver it.

Each function may run twice for the same id, since a step that was killed runs again; each writes once. What fails is
written on its row with a reason, shown on the page, and can be tried again; if even that fails, the step is run again.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import Engine
from sqlmodel import Session
from structlog.typing import FilteringBoundLogger

from config.conditions import Condition
from config.errors import SpinelabelError
from config.settings import Settings
from pipeline.images.reading import ImageReader, read_study
from pipeline.reports.labelling import Labeller, UnlabelledReport, label_reports
from pipeline.reports.labelling import Report as LabelledText
from pipeline.values import ReportLabels
from service.batching import Batcher
from service.candidates import report_changed, results_changed
from service.documents import DocumentWriter, write_documents
from service.outbox import Outbox, deliver
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.findings import Subject, record_findings
from service.store.objects import ObjectStore
from service.store.states import UNDELIVERED, DeliveryState, WorkState
from service.store.tables import Delivery, Report, Study
from service.study_images import image_files, images_digest
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
    kinds = {
        Work.LABEL: _Kind(label_report, lambda session, row: session.get_one(Report, row).superseded_by, _label_failed),
        Work.READ: _Kind(read_images, lambda session, row: session.get_one(Study, row).last_image, _reading_failed),
        Work.WRITE: _Kind(write_report, lambda session, row: session.get_one(Study, row).results, _writing_failed),
        Work.DELIVER: _Kind(deliver_document, _undelivered_attempts, _delivery_failed),
    }
    return {work: _guarded(workshop, kind) for work, kind in kinds.items()}


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
        report_changed(session, report_id)


def read_images(workshop: Workshop, study_id: int, _work_id: str) -> None:
    """Find and read the discs of a study and make its findings current."""
    with reading(workshop.engine) as session:
        study = session.get_one(Study, study_id)
        digest = images_digest(session, study_id)
        files = image_files(session, study_id)
    result = read_study(workshop.images, [workshop.store.path(file) for file in files], workshop.conditions)
    # Named by what was read, which may be more than was there when this was asked for.
    work = f"read-{study_id}-{digest}-{study.images_attempt}"
    with writing(workshop.engine) as session:
        current = session.get_one(Study, study_id)
        record_findings(session, Subject(study_id=study_id), result.findings, work=work, now=utc_now())
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


@dataclass(frozen=True)
class _Kind:
    """A kind of work: what it does, what of its row it started from, and how its failure is written there.

    `fail` changes nothing where the row is no more what it was at the start, since newer work is on its way.
    """

    perform: Callable[[Workshop, int, str], None]
    seen: Callable[[Session, int], object]
    fail: Callable[[Session, int, str], None]


def _guarded(workshop: Workshop, kind: _Kind) -> Perform:
    def guarded(subject: int, work_id: str) -> None:
        with reading(workshop.engine) as session:
            seen = kind.seen(session, subject)
        try:
            kind.perform(workshop, subject, work_id)
        except Exception as error:  # noqa: BLE001  # the edge of a workflow step: the reason goes onto the row
            known = isinstance(error, SpinelabelError)
            workshop.log.error("work failed", work=work_id, error=type(error).__name__)
            reason = str(error) if known else f"It failed unexpectedly ({type(error).__name__})."
            with writing(workshop.engine) as session:
                if kind.seen(session, subject) == seen:
                    kind.fail(session, subject, f"{reason} Use `spinelabel retry` once its cause is mended.")
        else:
            workshop.log.info("work done", work=work_id)

    return guarded


def _undelivered_attempts(session: Session, delivery_id: int) -> int | None:
    delivery = session.get_one(Delivery, delivery_id)
    return delivery.attempts if delivery.state in UNDELIVERED else None


def _label_failed(session: Session, report_id: int, reason: str) -> None:
    report = session.get_one(Report, report_id)
    report.labels, report.labels_reason = WorkState.FAILED, reason
    session.add(report)
    report_changed(session, report_id)


def _reading_failed(session: Session, study_id: int, reason: str) -> None:
    study = session.get_one(Study, study_id)
    study.images, study.images_reason = WorkState.FAILED, reason
    session.add(study)
    results_changed(session, study_id)


def _writing_failed(session: Session, study_id: int, reason: str) -> None:
    study = session.get_one(Study, study_id)
    study.document, study.document_reason = WorkState.FAILED, reason
    session.add(study)


def _delivery_failed(session: Session, delivery_id: int, reason: str) -> None:
    delivery = session.get_one(Delivery, delivery_id)
    delivery.state, delivery.answer = DeliveryState.REFUSED, reason
    delivery.attempts += 1
    session.add(delivery)
