"""Cohort exports by their schedule, decided from rows, so that a restart neither repeats nor loses a run.

The last slot since the last run is due, however many were missed: one run catches up.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select
from structlog.typing import FilteringBoundLogger

from config.errors import SpinelabelError
from config.settings import Settings
from service.calendar import due_slot
from service.cohort_files import Cohort, read_cohorts
from service.errors import UnusableCohort
from service.pauses import doubling_pause
from service.store.database import reading, writing
from service.store.faults import named_faults
from service.store.states import RunState
from service.store.tables import CohortRun, Schedule

FIRST_PAUSE = timedelta(minutes=1)


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
    _say_once(exporter, {str(fault) for fault in faults})
    usable = {cohort.name for cohort in cohorts}
    for fault in faults:
        if fault.cohort not in usable:
            _note_unusable(exporter, fault, now)
    for cohort in cohorts:
        slot = slot_to_run(exporter.engine, cohort, now)
        if slot is not None:
            _run(exporter, cohort, slot, now)


def _say_once(exporter: Exporter, sentences: set[str]) -> None:
    for sentence in sorted(sentences - exporter.said):
        exporter.log.error("cohort not scheduled", reason=sentence)
    exporter.said.clear()
    exporter.said.update(sentences)


def _run(exporter: Exporter, cohort: Cohort, slot: datetime, now: datetime) -> None:
    from service.exports import export_slot  # tables take 20 MB, which an idle clock need not hold

    data = exporter.settings.data
    try:
        with named_faults(data / "exports" / cohort.name):
            run = export_slot(exporter.engine, data, cohort, now, slot)
    except Exception as error:  # noqa: BLE001  # other cohorts go on
        exporter.log.error("cohort failed", cohort=cohort.name, error=type(error).__name__)
        known = isinstance(error, SpinelabelError)
        why = str(error) if known else f"It failed unexpectedly ({type(error).__name__})."
        _record_failure(exporter, cohort.name, slot, f"{why} It is tried again by itself until its next time.", now)
        return
    if run is not None:
        exporter.log.info("cohort exported", cohort=cohort.name, rows=run.rows)


def _note_unusable(exporter: Exporter, fault: UnusableCohort, now: datetime) -> None:
    """Write down that a cohort misses its slot, by its last usable schedule, since its file cannot be used any more."""
    with reading(exporter.engine) as session:
        schedule = _schedule(session, fault.cohort)
        slot = _due(session, schedule, now) if schedule else None
        if slot is None or _failed(session, fault.cohort, slot) is not None:
            return
    _record_failure(exporter, fault.cohort, slot, f"{fault} It runs once the file is mended.", now)


def _record_failure(exporter: Exporter, cohort: str, slot: datetime, reason: str, now: datetime) -> None:
    from service.exports import record_slot

    failed = CohortRun(cohort=cohort, started=now, folder="", rows=0, manifest_sha256="", slot=slot)
    failed.state, failed.reason = RunState.FAILED, reason
    record_slot(exporter.engine, failed)


def slot_to_run(engine: Engine, cohort: Cohort, now: datetime) -> datetime | None:
    """Give the slot for which a cohort is to be run now, or None.

    A schedule that is new, was changed or was put back begins now: what lies before it is not caught up.
    """
    with reading(engine) as session:
        schedule = _schedule(session, cohort.name)
        known = (schedule.cron, schedule.time_zone) if schedule else (None, cohort.time_zone)
        if known == (cohort.schedule, cohort.time_zone):
            slot = _due(session, schedule, now) if schedule else None
            failed = slot and _failed(session, cohort.name, slot)
            rests = failed and failed.started <= now < failed.started + pause(failed.attempts)
            return None if rests else slot
    _keep_schedule(engine, cohort, now)
    return None


def pause(attempts: int) -> timedelta:
    """Give how long a run that failed so often rests; it doubles from a minute to an hour."""
    return doubling_pause(FIRST_PAUSE, attempts)


def _keep_schedule(engine: Engine, cohort: Cohort, now: datetime) -> None:
    with writing(engine) as session:
        row = _schedule(session, cohort.name)
        if cohort.schedule is None:
            if row is not None:
                session.delete(row)
            return
        row = row or Schedule(cohort=cohort.name, cron="", time_zone="", since=now)
        row.cron, row.time_zone, row.since = cohort.schedule, cohort.time_zone, now
        session.add(row)


def _schedule(session: Session, cohort: str) -> Schedule | None:
    return session.exec(select(Schedule).where(Schedule.cohort == cohort)).one_or_none()


def _due(session: Session, schedule: Schedule, now: datetime) -> datetime | None:
    """Give the slot that has come since the last run, or since the schedule began where that is later."""
    done = select(func.max(CohortRun.slot)).where(CohortRun.cohort == schedule.cohort, CohortRun.state == RunState.DONE)
    last = session.exec(done).one()
    since = max(last, schedule.since) if last else schedule.since
    return due_slot(schedule.cron, ZoneInfo(schedule.time_zone), since, now)


def _failed(session: Session, cohort: str, slot: datetime) -> CohortRun | None:
    return session.exec(select(CohortRun).where(CohortRun.cohort == cohort, col(CohortRun.slot) == slot)).one_or_none()
