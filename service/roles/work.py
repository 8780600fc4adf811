"""The models at work."""

import os
import threading

import torch
from structlog.typing import FilteringBoundLogger

from config.conditions import load_conditions
from config.settings import Settings
from pipeline.images.detectors.folders import remove_left_behind
from pipeline.images.reader import load_image_reader
from pipeline.reports.site_labeller import load_site_labeller
from service.documents import DocumentWriter
from service.fetching import fetch_performer, open_fetcher
from service.guard import forgive_stop
from service.heartbeat import Presence
from service.installation import SOFTWARE, load_installation
from service.log import change_log
from service.store.database import open_database
from service.store.objects import ObjectStore
from service.store.states import RoleState
from service.work import Workshop, batch_labels, performers
from service.workflows import Work, start_workflows

NICENESS = 10


def run(settings: Settings, log: FilteringBoundLogger, stop: threading.Event, presence: Presence) -> None:
    """Load the models, then do what is asked for until `stop` is set.

    Raises:
        SpinelabelError: a model or the conditions file cannot be used.
    """
    remove_left_behind(settings.data)
    # The roles that answer others come first on the processor, and one core stays free of the models' threads.
    os.nice(NICENESS)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))
    presence.say(RoleState.LOADING, "The models are being loaded.")
    conditions = load_conditions(settings.conditions)
    engine, store = open_database(settings.data, change_log(log)), ObjectStore(settings.data)
    labeller = load_site_labeller(settings.reports, settings.data, SOFTWARE)
    installation = load_installation(settings.data, settings.dicom.ae_title, conditions)
    workshop = Workshop(
        engine=engine,
        store=store,
        settings=settings,
        labels=batch_labels(engine, labeller, conditions),
        images=load_image_reader(settings.images, settings.data, SOFTWARE),
        conditions=tuple(condition.name for condition in conditions),
        documents=DocumentWriter(engine, store, settings, installation),
        log=log,
    )
    fetching = fetch_performer(open_fetcher(engine, settings, log), log)
    finish = start_workflows(settings.data, presence.host, {**performers(workshop), Work.FETCH: fetching})
    presence.up(0, lambda: True)
    log.info("started")
    stop.wait()
    finish()
    forgive_stop(engine)
