"""What the clock does a few times a day: pixels after their time, records of the past, files without a row."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine
from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from service.forgetting import forget
from service.receiving import Receiving
from service.retention import Retention, remove_old_images
from service.store.columns import utc_now
from service.store.objects import ObjectStore
from service.unnamed_files import settle_unnamed_files

RETAIN_EVERY = timedelta(hours=6)
SETTLE_EVERY = timedelta(days=1)
"""It goes through the whole store."""


def housekeeping_rounds(
    engine: Engine, store: ObjectStore, settings: Settings, log: FilteringBoundLogger
) -> tuple[tuple[Callable[[], None], timedelta], ...]:
    """Give each round with how often it is due; each is due at the start too."""
    retained = Retention(engine, store, settings.storage)
    receiving = Receiving(engine, store, settings)

    def retain_once() -> None:
        removed = remove_old_images(retained, utc_now())
        if removed.objects:
            log.info("images removed after their time", objects=removed.objects)
        if removed.unreadable:
            log.warning("images kept since they cannot be read", objects=removed.unreadable)

    def forget_once() -> None:
        forget(engine, utc_now())

    def settle_once() -> None:
        for outcome, files in settle_unnamed_files(receiving, utc_now()).items():
            log.warning("files without a row settled", outcome=outcome, files=files)

    return ((retain_once, RETAIN_EVERY), (forget_once, RETAIN_EVERY), (settle_once, SETTLE_EVERY))
