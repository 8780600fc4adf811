"""The sweep: finds rows whose next step is due and asks for it. It tolerates repeats and being killed anywhere.

Work is asked for first and the row marked afterwards: a kill in between asks once more for the same id, which changes
nothing.
"""

import os
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import col, select

from config.settings import Settings
from service.completion import Due, document_due
from service.destinations import due_deliveries
from service.fetches import due_fetches
from service.hinted import is_held, is_told_of
from service.progress import studies_progress
from service.rest import images_due
from service.store.database import reading, writing
from service.store.fetch_tables import Fetch
from service.store.states import DeliveryState, FetchState, WorkState
from service.store.tables import Delivery, Report, Study, row_id
from service.study_images import images_digest
from service.work_ids import delivery_id, fetch_id, label_id, reading_id, writing_id
from service.workflows import Work

Enqueue = Callable[[Work, int, str], None]
AT_A_TIME = 200


def sweep(engine: Engine, enqueue: Enqueue, settings: Settings, now: datetime) -> None:
    """Ask for every step that is due.

    Where the conditions file cannot be read `work` is down and says so; only what needs no conditions is asked for.
    """
    ask_for_deliveries(engine, enqueue, settings, now)
    ask_for_fetches(engine, enqueue, settings, now)
    if not os.access(settings.conditions, os.R_OK):
        return
    ask_for_readings(engine, enqueue, settings, now)
    ask_for_labels(engine, enqueue, settings)
    ask_for_documents(engine, enqueue, settings, now)


def ask_for_readings(engine: Engine, enqueue: Enqueue, settings: Settings, now: datetime) -> None:
    """Ask for the images of complete studies to be read, unless just these images were read before."""
    quiet = timedelta(seconds=settings.dicom.study_quiet_seconds)
    with reading(engine) as session:
        waiting = session.exec(
            select(Study)
            .where(Study.images == WorkState.WAITING)
            .where(
                (col(Study.last_image) <= col(Study.complete_since))
                | (((col(Study.last_image) <= now - quiet) | is_told_of()) & ~is_held(settings.dicom, now))
            )
            .limit(AT_A_TIME)
        ).all()
        progress = studies_progress(session, waiting)
        complete = [
            (row_id(study), study, images_digest(session, row_id(study)))
            for study in waiting
            if isinstance(images_due(session, study, progress[row_id(study)], settings, now), Due)
        ]
    for study_id, study, digest in complete:
        seen = digest == study.images_digest
        if not seen:
            enqueue(Work.READ, study_id, reading_id(study_id, digest, study.images_attempt, settings))
        # An image that arrived meanwhile has moved last_image on, and the study waits for its quiet time again; a
        # person who numbered levels meanwhile has asked for another reading.
        state = WorkState.DONE if seen else WorkState.QUEUED
        with writing(engine) as session:
            current = session.get_one(Study, study_id, with_for_update=True)
            unchanged = (current.last_image, current.images_attempt) == (study.last_image, study.images_attempt)
            if current.images == WorkState.WAITING and unchanged:
                current.images = state
                session.add(current)


def ask_for_labels(engine: Engine, enqueue: Enqueue, settings: Settings) -> None:
    """Ask for the current versions of reports to be labelled."""
    with reading(engine) as session:
        waiting = session.exec(
            select(Report.id, Report.text, Report.labels_attempt)
            .where(Report.labels == WorkState.WAITING, col(Report.superseded_by).is_(None))
            .limit(AT_A_TIME)
        ).all()
    for report_id, text, attempt in waiting:
        if report_id is not None:
            enqueue(Work.LABEL, report_id, label_id(report_id, text, attempt, settings))
            with writing(engine) as session:
                current = session.get_one(Report, report_id, with_for_update=True)
                if current.labels == WorkState.WAITING:
                    current.labels = WorkState.QUEUED
                    session.add(current)


def ask_for_documents(engine: Engine, enqueue: Enqueue, settings: Settings, now: datetime) -> None:
    """Ask for the structured reports of studies whose results changed and which wait for nothing more."""
    with reading(engine) as session:
        changed = session.exec(
            select(Study)
            .where(Study.document == WorkState.WAITING)
            .where(col(Study.document_not_before).is_(None) | (col(Study.document_not_before) <= now))
            .limit(AT_A_TIME)
        ).all()
        progress = studies_progress(session, changed)
        decided = [
            (row_id(study), study.results, document_due(progress[row_id(study)], settings.pairing, now))
            for study in changed
        ]
    for study_id, results, decision in decided:
        if isinstance(decision, Due):
            enqueue(Work.WRITE, study_id, writing_id(study_id, results, settings))
        with writing(engine) as session:
            current = session.get_one(Study, study_id, with_for_update=True)
            if current.results == results and current.document == WorkState.WAITING:
                if isinstance(decision, Due):
                    current.document = WorkState.QUEUED
                else:
                    current.document_not_before = decision.not_before
                session.add(current)


def ask_for_deliveries(engine: Engine, enqueue: Enqueue, settings: Settings, now: datetime) -> None:
    """Ask for every delivery whose time has come."""
    with reading(engine) as session:
        due = due_deliveries(session, [peer.name for peer in settings.peers], now, AT_A_TIME)
    for delivery in due:
        enqueue(Work.DELIVER, row_id(delivery), delivery_id(row_id(delivery), delivery.attempts, delivery.next_attempt))
        with writing(engine) as session:
            current = session.get_one(Delivery, row_id(delivery), with_for_update=True)
            if current.state == DeliveryState.WAITING and current.attempts == delivery.attempts:
                current.state = DeliveryState.QUEUED
                session.add(current)


def ask_for_fetches(engine: Engine, enqueue: Enqueue, settings: Settings, now: datetime) -> None:
    """Ask for every study whose time to be fetched has come."""
    with reading(engine) as session:
        due = due_fetches(session, settings, now)
    for fetch in due:
        enqueue(Work.FETCH, row_id(fetch), fetch_id(row_id(fetch), fetch.attempts, fetch.next_attempt))
        with writing(engine) as session:
            current = session.get_one(Fetch, row_id(fetch), with_for_update=True)
            if current.state == FetchState.WAITING and current.attempts == fetch.attempts:
                current.state = FetchState.QUEUED
                session.add(current)
