"""The history of states: each change is a row, written in the transaction that makes it.

The page's timelines are made of these rows, and the log has one event for each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, inspect
from sqlalchemy.orm import Session, UOWTransaction
from sqlmodel import SQLModel

from service.store.columns import utc_now
from service.store.commitment_tables import Commitment
from service.store.fetch_tables import Fetch
from service.store.tables import Change, Delivery, Report, Study, row_id


@dataclass(frozen=True)
class _Watched:
    """A column of states whose changes are kept, with the column that says why."""

    table: type[Study | Report | Delivery | Fetch | Commitment]
    state: str
    reason: str
    kind: str
    from_the_first: bool = True


WATCHED = (
    _Watched(Study, "images", "images_reason", "images"),
    _Watched(Study, "document", "document_reason", "document", from_the_first=False),
    _Watched(Report, "labels", "labels_reason", "labels"),
    _Watched(Report, "pairing", "pairing_reason", "pairing"),
    _Watched(Delivery, "state", "answer", "delivery"),
    _Watched(Fetch, "state", "answer", "fetch"),
    _Watched(Commitment, "state", "answer", "commitment"),
)


def keep_changes(session: Session, _flushing: UOWTransaction) -> None:
    """Write a row for each state that this flush changes; hears SQLAlchemy's `after_flush`."""
    flushed = [*((row, True) for row in session.new), *((row, False) for row in session.dirty)]
    changes = [
        _change(watched.kind, row_id(row), getattr(row, watched.state), getattr(row, watched.reason))
        for watched in WATCHED
        for row, is_new in flushed
        if isinstance(row, watched.table) and _has_changed(row, watched, is_new=is_new)
    ]
    _write(session, changes)


def note_change(session: Session, kind: str, subject: int, state: str, reason: str) -> None:
    """Write down a change that no watched column shows, such as of a patient's identity."""
    _write(session, [_change(kind, subject, state, reason)])


def note_new_rows(session: Session, table: type[SQLModel], rows: Iterable[tuple[int, Mapping[str, Any]]]) -> None:
    """Write down the first states of rows, by their numbers, that plain statements have made."""
    _write(
        session,
        [
            _change(watched.kind, subject, row[watched.state], row[watched.reason])
            for subject, row in rows
            for watched in WATCHED
            if watched.table is table and watched.from_the_first
        ],
    )


def _change(kind: str, subject: int, state: Any, reason: str) -> dict[str, Any]:
    return {"at": utc_now(), "kind": kind, "subject": subject, "state": str(state), "reason": reason}


def _write(session: Session, changes: list[dict[str, Any]]) -> None:
    if changes:
        session.connection().execute(insert(Change), changes)
        session.info.setdefault("changes", []).extend(changes)


def _has_changed(row: Any, watched: _Watched, *, is_new: bool) -> bool:
    if is_new:
        return watched.from_the_first
    attributes = inspect(row).attrs
    return bool(attributes[watched.state].history.has_changes() or attributes[watched.reason].history.has_changes())
