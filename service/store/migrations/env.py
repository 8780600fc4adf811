"""Alembic's entry: migrate on the connection that `upgrade_database` hands over."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import AutoString, SQLModel

from service.store import columns, commitment_tables, hint_tables, tables  # noqa: F401  # tables fill the metadata


def render_plainly(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Write our column types as what they store, so that a migration never changes with the code."""
    if kind != "type":
        return False
    if isinstance(item, columns.UtcTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, columns.StateText | AutoString):
        return "sa.String()"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    render_item=render_plainly,
)
with context.begin_transaction():
    context.run_migrations()
