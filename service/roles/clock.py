"""The clock: the sweep several times a second, and cohort exports by their schedule."""

import threading
from datetime import timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.endpoints import publish_endpoint
from service.schedule import schedule_exports
from service.store.columns import utc_now
from service.store.database import open_database
from service.sweep import sweep
from service.workflows import Enqueuer

SWEEP_EVERY = timedelta(seconds=0.3)


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event) -> None:
    """Run the clock until `stop` is set."""
    engine = open_database(settings.data)
    enqueuer = Enqueuer(settings.data)

    def sweep_once() -> None:
        try:
            sweep(engine, enqueuer.enqueue, settings, utc_now())
        except Exception as error:  # noqa: BLE001  # the edge of the process: the next sweep tries again
            log.error("sweep failed", error=type(error).__name__)

    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(sweep_once, "interval", seconds=SWEEP_EVERY.total_seconds(), coalesce=True, max_instances=1)
    schedule_exports(scheduler, engine, settings, log)
    scheduler.start()
    publish_endpoint(settings.data, "clock", 0)
    log.info("started")
    stop.wait()
    scheduler.shutdown()
