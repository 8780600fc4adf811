"""A workshop whose models do nothing, for tests of what happens around them."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from config.settings import Settings
from service.batching import Batcher, Batches
from service.log import configure_log
from service.store.objects import ObjectStore
from service.work import Workshop


def idle_workshop(engine: Engine, folder: Path) -> Workshop:
    nothing: Any = None
    return Workshop(
        engine=engine,
        store=ObjectStore(folder),
        settings=Settings(data=folder),
        labels=Batcher(lambda asked: [nothing for _ in asked], Batches(1)),
        images=nothing,
        conditions=(),
        documents=nothing,
        log=configure_log("work"),
    )
