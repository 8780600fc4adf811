"""The clock: the sweep several times a second, upkeep, storage commitment, exports by schedule, housekeeping."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial

from sqlalchemy import Engine
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.committing import commitment_rounds
from service.heartbeat import Presence
from service.housekeeping import housekeeping_rounds
from service.log import change_log
from service.lookups import look_up
from service.schedule import Exporter, run_due_exports
from service.set_back import put_right
from service.store.columns import utc_now
from service.store.database import open_database
from service.store.objects import ObjectStore
from service.sweep import sweep
from service.upkeep import tend
from service.wanted_studies import want_studies_of_reports
from service.workflows import PendingWork

Job = tuple[Callable[[], None], timedelta]

SWEEP_EVERY = timedelta(seconds=0.3)
TEND_EVERY = timedelta(seconds=15)
WANT_EVERY = timedelta(seconds=2)
COMMIT_EVERY = timedelta(seconds=1)
EXPORT_EVERY = timedelta(seconds=5)
SWEEP_OVERDUE = timedelta(seconds=60)


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event, presence: Presence) -> None:
    """Run the clock until `stop` is set."""
    engine = open_database(settings.data, change_log(log))
    pending = PendingWork(settings.data)
    last_sweep = [time.monotonic()]

    def sweep_once() -> None:
        sweep(engine, pending.enqueue, settings, utc_now())
        last_sweep[0] = time.monotonic()

    exporter = Exporter(engine, settings, log)
    store = ObjectStore(settings.data)

    def want_once() -> None:
        wanted = want_studies_of_reports(engine, settings, utc_now())
        if wanted:
            log.info("studies asked for", studies=wanted)

    def look_up_once() -> None:
        look_up(engine, settings, utc_now())

    def export_once() -> None:
        run_due_exports(exporter, utc_now())

    jobs = (
        (sweep_once, SWEEP_EVERY),
        (_tending(engine, pending, log), TEND_EVERY),
        (want_once, WANT_EVERY),
        (look_up_once, WANT_EVERY),
        (export_once, EXPORT_EVERY),
        *housekeeping_rounds(engine, store, settings, log),
        *((commit_once, COMMIT_EVERY) for commit_once in commitment_rounds(engine, store, settings)),
    )
    start_jobs(jobs, log, stop)
    presence.up(0, lambda: time.monotonic() - last_sweep[0] < SWEEP_OVERDUE.total_seconds())
    log.info("started")
    stop.wait()  # an export may take hours; what is cut short is done by the next start


def _tending(engine: Engine, pending: PendingWork, log: FilteringBoundLogger) -> Callable[[], None]:
    def tend_once() -> None:
        made_due = put_right(engine, utc_now())
        if made_due:
            log.warning("clock set back", made_due=made_due)
        tended = tend(engine, pending, utc_now())
        if tended.taken_over or tended.asked_again:
            log.warning("work taken up again", taken_over=tended.taken_over, asked_again=tended.asked_again)

    return tend_once


def start_jobs(jobs: Sequence[Job], log: FilteringBoundLogger, stop: threading.Event) -> None:
    """Run each job now and then every so often, one round at a time, however late it is, until `stop` is set.

    The pauses are by the clock that only goes forward, since the other may be set back by hours.
    """
    for job, every in jobs:
        # A thread for each, so that a peer that does not answer never holds up the sweep.
        rounds = partial(_run_rounds, _at_the_edge(job, log), every.total_seconds(), stop)
        threading.Thread(target=rounds, name=job.__name__, daemon=True).start()


def _run_rounds(job: Callable[[], None], every: float, stop: threading.Event) -> None:
    due = time.monotonic()
    while not stop.wait(max(0.0, due - time.monotonic())):
        job()
        due = max(due + every, time.monotonic())


def _at_the_edge(job: Callable[[], None], log: FilteringBoundLogger) -> Callable[[], None]:
    """Let a job's failure be said and the next round try again."""

    def guarded() -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001  # the edge of the process
            log.error("job failed", job=job.__name__, error=type(error).__name__)

    return guarded
