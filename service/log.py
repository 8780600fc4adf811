"""The daemon's log: one JSON line per event on standard error, never with a patient's data.

What goes in is an event's name, our own row numbers, AE titles, addresses, states and classes of errors.
"""

import logging
import sys
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger


class _Lines:
    """Writes lines where they can be written; a log whose disk is full costs its lines, nothing else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def configure_log(role: str) -> FilteringBoundLogger:
    """Set up the log of this process, and silence libraries that write identifiers of what they handle."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)
    # Not by level, which pydicom sets anew when it is imported.
    for library in ("pynetdicom", "pydicom", "hl7apy", "uvicorn.access", "dbos", "alembic", "apscheduler"):
        logger = logging.getLogger(library)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", module="pydicom")  # they quote values
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Lines(sys.stderr))),
    )
    log: FilteringBoundLogger = structlog.get_logger().bind(role=role)
    return log


def change_log(log: FilteringBoundLogger) -> Callable[[Mapping[str, Any]], None]:
    """Give what writes one event for each change of a state; its reason stays in the store, since it may quote."""

    def tell(change: Mapping[str, Any]) -> None:
        log.info("state changed", kind=change["kind"], row=change["subject"], state=change["state"])

    return tell
