"""What the `work` role does: label a report, read a study's images, write a structured report, deliver it.

Each function may run twice for the same id, since a step that was killed runs again; each writes once. What becomes of
a failure is decided in `guard`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from sqlalchemy import Engine
from sqlmodel import Session
from structlog.typing import FilteringBoundLogger

from config.conditions import Condition
from config.settings import Settings
from pipeline.images.reader import ImageReader
from pipeline.images.reading import read_study
from pipeline.reports.labelling import Labeller, UnlabelledReport, label_reports
from pipeline.reports.labelling import Report as LabelledText
from pipeline.values import ReportLabels
from service.batching import Batcher, Batches
from service.documents import DocumentWriter, write_documents
from service.guard import Edge, Kept, guarded
from service.numbering import is_read_anew, numbering_of
from service.outbox import Outbox, deliver
from service.results import report_changed, results_changed
from service.store.columns import utc_now
from service.store.database import reading, writing
from service.store.findings import Subject, record_findings
from service.store.objects import ObjectStore
from service.store.states import UNDELIVERED, DeliveryState, WorkState
from service.store.tables import Delivery, Report, Study
from service.study_images import are_removed, image_files, images_digest
from service.work_ids import reading_id
from service.workflows import AT_ONCE, Perform, Work


@dataclass(frozen=True)
class Asked:
    """A report to be labelled; `starts` is how often that was begun before."""

    report_id: int
    text: str
    starts: int = 0


@dataclass(frozen=True)
class Workshop:
    """Everything that the work needs, loaded once."""

    engine: Engine
    store: ObjectStore
    settings: Settings
    labels: Batcher[Asked, ReportLabels | UnlabelledReport]
    images: ImageReader
    conditions: tuple[str, ...]
    documents: DocumentWriter
    log: FilteringBoundLogger


def batch_labels(
    engine: Engine, labeller: Labeller, conditions: tuple[Condition, ...]
) -> Batcher[Asked, ReportLabels | UnlabelledReport]:
    """Let reports that wait at the same time share a batch of the language model.

    One that was begun before goes alone: if it is what ended the process, it takes no other with it.
    """

    def label(batch: Sequence[Asked]) -> Sequence[ReportLabels | UnlabelledReport]:
        return label_reports(labeller, [LabelledText(str(each.report_id), each.text) for each in batch], conditions)

    def count_starts(batch: Sequence[Asked]) -> None:
        with writing(engine) as session:
            for each in batch:
                session.get_one(Report, each.report_id, with_for_update=True).labels_starts += 1

    return Batcher(label, Batches(AT_ONCE[Work.LABEL], lambda asked: asked.starts > 0, count_starts))


def performers(workshop: Workshop) -> dict[Work, Perform]:
    """Give the function for each kind of work."""
    edge = Edge(workshop.engine, workshop.log)
    kinds = {
        Work.LABEL: (label_report, Kept(Report, ("superseded_by",), _label_failed, "labels_starts", counts=False)),
        Work.READ: (read_images, Kept(Study, ("last_image", "images_attempt"), _reading_failed, "images_starts")),
        Work.WRITE: (write_report, Kept(Study, ("results",), _writing_failed, "document_starts")),
        Work.DELIVER: (
            deliver_document,
            Kept(Delivery, ("attempts",), _delivery_failed, again="spinelabel outbox retry"),
        ),
    }
    return {work: guarded(edge, partial(perform, workshop), kept) for work, (perform, kept) in kinds.items()}


def label_report(workshop: Workshop, report_id: int, work_id: str) -> None:
    """Label one version of a report and make its findings current."""
    with reading(workshop.engine) as session:
        report = session.get_one(Report, report_id)
    if report.superseded_by is not None or report.labels not in {WorkState.WAITING, WorkState.QUEUED}:
        return
    labelled = workshop.labels.ask(Asked(report_id, report.text, report.labels_starts))
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
        removed = are_removed(session, study_id)
        numbering = numbering_of(session, study)
    if removed:
        _leave_unread(workshop, study)
        return
    paths = [workshop.store.path(file) for file in files]
    result = read_study(workshop.images, paths, workshop.conditions, numbering)
    # Named by what was read, which may be more than was there when this was asked for.
    work = reading_id(study_id, digest, study.images_attempt, workshop.settings)
    with writing(workshop.engine) as session:
        current = session.get_one(Study, study_id)
        if current.images_attempt != study.images_attempt:
            return  # another reading was asked for meanwhile, as by a person who numbers the levels
        record_findings(session, Subject(study_id=study_id), result.findings, work=work, now=utc_now())
        current.images_digest, current.series_read = digest, result.series_uid
        current.numbering_doubt, current.levels_reason = numbering.doubt, result.levels_reason
        current.is_disowned = False
        current.discs = [asdict(disc) for disc in result.discs]
        current.images_reason = "; ".join(dict.fromkeys((result.reason, result.levels_reason)))
        if current.last_image == study.last_image:
            current.images = WorkState.DONE
        session.add(current)
        results_changed(session, study_id)


def _leave_unread(workshop: Workshop, study: Study) -> None:
    """Keep the findings of a study of which only late images are left to read, since they are not the whole study."""
    with writing(workshop.engine) as session:
        current = session.get_one(Study, study.id)
        if current.last_image == study.last_image:
            current.images = WorkState.DONE
        # Once the rest is there again, all of it is read, under another id than when it was read before.
        current.images_digest, current.images_attempt = None, current.images_attempt + 1
        current.images_reason = (
            "An image came after the pixels of earlier ones were removed (storage.keep_images_days). "
            "The findings stay as they are; send the whole study again to have it read again."
        )
        session.add(current)


def write_report(workshop: Workshop, study_id: int, _work_id: str) -> None:
    """Write the structured reports of a study, once its levels are numbered as its reports are."""
    with writing(workshop.engine) as session:
        if is_read_anew(session, session.get_one(Study, study_id)):
            return
    write_documents(workshop.documents, study_id, utc_now())


def deliver_document(workshop: Workshop, delivery_id: int, _work_id: str) -> None:
    """Try to deliver one document to one destination."""
    deliver(Outbox(workshop.engine, workshop.store, workshop.settings), delivery_id, utc_now())


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
    if delivery.state not in UNDELIVERED:
        return
    delivery.state, delivery.answer = DeliveryState.REFUSED, reason
    delivery.attempts += 1
    session.add(delivery)
