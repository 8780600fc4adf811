"""The reports of the store as texts, for models that are fitted on them."""

from collections.abc import Iterator

from sqlalchemy import Engine
from sqlmodel import col, select

from service.store.database import reading
from service.store.tables import Report

CHUNK = 500


def stored_texts(engine: Engine) -> Iterator[str]:
    """Give the text of each report's current version, the oldest first."""
    current = select(Report.text).where(col(Report.superseded_by).is_(None)).order_by(col(Report.id))
    with reading(engine) as session:
        yield from session.exec(current.execution_options(yield_per=CHUNK))
