"""Cohort exports by their schedule, while the clock runs; what is missed while it is down waits for its next time."""

from apscheduler.schedulers.base import BaseScheduler
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import Engine
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.cohort_files import Cohort, load_cohorts
from service.errors import UnusableCohort
from service.store.columns import utc_now


def schedule_exports(scheduler: BaseScheduler, engine: Engine, settings: Settings, log: FilteringBoundLogger) -> None:
    """Put every cohort that has a schedule on the clock; a folder with an unusable file schedules none and is noted."""

    def export(cohort: Cohort) -> None:
        from service.exports import export_cohort  # tables take 20 MB, which an idle clock need not hold

        try:
            run = export_cohort(engine, settings.data, cohort, utc_now())
            log.info("cohort exported", cohort=cohort.name, rows=run.rows)
        except Exception as error:  # noqa: BLE001  # the edge of the process: other cohorts go on
            log.error("cohort failed", cohort=cohort.name, error=type(error).__name__)

    try:
        cohorts = load_cohorts(settings.exports.cohorts)
    except UnusableCohort as error:
        log.error("no cohort is scheduled", reason=str(error))
        return
    for cohort in cohorts:
        if cohort.schedule:
            scheduler.add_job(
                export,
                CronTrigger.from_crontab(cohort.schedule, timezone="UTC"),
                args=(cohort,),
                id=f"cohort {cohort.name}",
                coalesce=True,
                max_instances=1,
                misfire_grace_time=None,
            )
