"""Cohort exports by their schedule, decided from rows, so that a restart neither repeats nor loses a run.

The last slot since the last run is due, however many were missed: one run catches up.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.calendar import due_slot
from service.cohort_files import Cohort, read_cohorts
from service.store.database import reading, writing
from service.store.states import RunState
from service.store.tables import CohortRun, Schedule

LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True)
class Exporter:
    """What it takes to run exports on their schedule."""

    engine: Engine
    settings: Settings
    log: FilteringBoundLogger

    said: set[str] = field(default_factory=set)
    """Faults of cohort files that were logged, so that each is logged once."""


def run_due_exports(exporter: Exporter, now: datetime) -> None:
    """Run each cohort whose slot has come, one after the other; what fails is written down and tried again."""
    cohorts, faults = read_cohorts(exporter.settings.exports.cohorts)
    sentences = {str(fault) for fault in faults}
    for sentence in sorted(sentences - exporter.said):
        exporter.log.error("cohort not scheduled", reason=sentence)
    exporter.said.clear()
    exporter.said.update(sentences)
    for cohort in cohorts:
        slot = slot_to_run(exporter.engine, cohort, now)
        if slot is not None:
            _run(exporter, cohort, slot, now)


def _run(exporter: Exporter, cohort: Cohort, slot: datetime, now: datetime) -> None:
    from service.exports import export_slot, record_slot  # tables take 20 MB, which an idle clock need not hold

    try:
        run = export_slot(exporter.engine, exporter.settings.data, cohort, now, slot)
    except Exception as error:  # noqa: BLE001  # other cohorts go on
        exporter.log.error("cohort failed", cohort=cohort.name, error=type(error).__name__)
        failed = CohortRun(cohort=cohort.name, started=now, folder="", rows=0, manifest_sha256="", slot=slot)
        failed.state = RunState.FAILED
        failed.reason = f"It failed ({type(error).__name__}), and is tried again by itself."
        record_slot(exporter.engine, failed)
        return
    if run is not None:
        exporter.log.info("cohort exported", cohort=cohort.name, rows=run.rows)


def slot_to_run(engine: Engine, cohort: Cohort, now: datetime) -> datetime | None:
    """Give the slot for which a cohort is to be run now, or None.

    A schedule that is new or was changed begins now: what lies before it is not caught up.
    """
    if cohort.schedule is None:
        return None
    with reading(engine) as session:
        since = _since(session, cohort)
        slot = since and due_slot(cohort.schedule, ZoneInfo(cohort.time_zone), since, now)
        if slot is not None and not _is_paused(session, cohort, slot, now):
            return slot
    if since is None:
        with writing(engine) as session:
            row = session.exec(select(Schedule).where(Schedule.cohort == cohort.name)).one_or_none()
            row = row or Schedule(cohort=cohort.name, cron="", time_zone="", since=now)
            row.cron, row.time_zone, row.since = cohort.schedule, cohort.time_zone, now
            session.add(row)
    return None


def pause(attempts: int) -> timedelta:
    """Give how long a run that failed so often rests; it doubles from a minute to an hour."""
    return min(LONGEST_PAUSE, timedelta(minutes=2 ** min(attempts - 1, 10)))


def _since(session: Session, cohort: Cohort) -> datetime | None:
    """Give the time after which a slot is due: that of the last run, or of the schedule where that is later."""
    schedule = session.exec(select(Schedule).where(Schedule.cohort == cohort.name)).one_or_none()
    if schedule is None or (schedule.cron, schedule.time_zone) != (cohort.schedule, cohort.time_zone):
        return None
    done = select(func.max(CohortRun.slot)).where(CohortRun.cohort == cohort.name, CohortRun.state == RunState.DONE)
    last = session.exec(done).one()
    return max(last, schedule.since) if last else schedule.since


def _is_paused(session: Session, cohort: Cohort, slot: datetime, now: datetime) -> bool:
    failed = session.exec(
        select(CohortRun).where(CohortRun.cohort == cohort.name, col(CohortRun.slot) == slot)
    ).one_or_none()
    return failed is not None and now < failed.started + pause(failed.attempts)
