"""Where what is stored contradicts itself: files against rows, rows against each other, rows against what they hold.

Each mismatch is named with what to do; what can be set right without losing anything brings its repair along.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, text
from sqlmodel import col, select

from service.exports import MANIFEST
from service.ledger import account
from service.receiving import Receiving
from service.store.database import reading, writing
from service.store.integrity import Integrity
from service.store.room import bytes_in_use, take_room
from service.store.states import RunState
from service.store.tables import CohortRun, FindingRow, Message
from service.unnamed_files import SETTLED_AFTER, Settled, abandoned, settle

DAMAGED = "damaged"
"""The folder beside the store in which damaged files are set aside."""


@dataclass(frozen=True)
class Mismatch:
    """A contradiction: what it is of, what is wrong and what to do, and how to set it right where that is safe."""

    what: str
    sentence: str
    repair: Callable[[], str] | None = None


def mismatched_files(receiving: Receiving, found: Integrity) -> Iterator[Mismatch]:
    """Name each file that does not agree with the rows; `found` is what reading all of them gave."""
    for file in found.missing:
        yield Mismatch(f"file {file}", "It is not there. Have its object sent again, or restore a backup.")
    for file in found.damaged:
        sentence = "It is not what was stored. A repair sets it aside; then have its object sent again."
        yield Mismatch(f"file {file}", sentence, lambda file=file: _set_aside(receiving, file))  # type: ignore[misc]
    for file in found.unnamed:
        sentence = "No row names it. A repair takes it as received, or removes what we had not sent yet."
        yield Mismatch(f"file {file}", sentence, lambda file=file: _settled(receiving, file))  # type: ignore[misc]
    for file in found.foreign:
        yield Mismatch(f"file {file}", "It is none of the store's. Find out whose it is, and move it away.")


def _set_aside(receiving: Receiving, file: str) -> str:
    """Move a damaged file away, so that its content is stored anew when it comes again."""
    aside = receiving.store.root.with_name(DAMAGED)
    aside.mkdir(mode=0o700, exist_ok=True)
    path = receiving.store.path(file)
    shutil.move(path, aside / path.name)
    return f"It lies in {aside} now. Have its object sent again."


def _settled(receiving: Receiving, file: str) -> str:
    settled = settle(receiving, file)
    if settled == Settled.LEFT:
        return "It cannot be read and stays. Find out whose it is, and move it away."
    return f"It is {settled}."


def mismatched_rows(receiving: Receiving, now: datetime) -> Iterator[Mismatch]:
    """Name what rows, and what was left aside, say that cannot be; nothing is changed unless a repair is called."""
    for path in abandoned(receiving.store.incoming, now - SETTLED_AFTER):
        sentence = "A killed process left it; nobody was told that it is kept. A repair removes it."
        yield Mismatch(f"incoming file {path.name}", sentence, lambda path=path: _discard(path))  # type: ignore[misc]
    for look in (_byte_count, _references, _messages, _findings, _exports, _ledger):
        yield from look(receiving)


def _discard(path: Path) -> str:
    path.unlink(missing_ok=True)
    return "It is removed."


def _byte_count(receiving: Receiving) -> Iterator[Mismatch]:
    """Hold the count of the store's bytes, which its limit goes by, against its files."""
    with reading(receiving.engine) as session:
        counted = bytes_in_use(session)
    there = _bytes_there(receiving)
    if counted != there:
        sentence = f"{counted} bytes are counted, and {there} are there. A repair counts anew."
        yield Mismatch("count of stored bytes", sentence, lambda: _count_anew(receiving))


def _count_anew(receiving: Receiving) -> str:
    with writing(receiving.engine) as session:
        take_room(session, _bytes_there(receiving) - bytes_in_use(session))
    return "They are counted anew."


def _bytes_there(receiving: Receiving) -> int:
    return sum(path.stat().st_size for path in receiving.store.root.rglob("*") if path.is_file())


def _references(receiving: Receiving) -> Iterator[Mismatch]:
    with reading(receiving.engine) as session:
        for table, number, parent, _ in session.connection().execute(text("pragma foreign_key_check")):
            yield Mismatch(f"{table} {number}", f"It refers to a row of {parent} that is not there. Restore a backup.")


def _messages(receiving: Receiving) -> Iterator[Mismatch]:
    with reading(receiving.engine) as session:
        every = (
            select(Message.id, Message.raw, Message.sha256).order_by(col(Message.id)).execution_options(yield_per=500)
        )
        for number, raw, sha256 in session.exec(every):
            if hashlib.sha256(raw).hexdigest() != sha256:
                yield Mismatch(f"message {number}", "Its bytes are not those that were received. Restore a backup.")


def _findings(receiving: Receiving) -> Iterator[Mismatch]:
    """Find reports and studies with current findings of two pieces of work; the later was to supersede the earlier."""
    twice = (
        select(FindingRow.report_id, FindingRow.study_id)
        .where(col(FindingRow.superseded).is_(None))
        .group_by(col(FindingRow.report_id), col(FindingRow.study_id))
        .having(func.count(func.distinct(FindingRow.work)) > 1)
    )
    with reading(receiving.engine) as session:
        for report, study in session.exec(twice):
            what = f"report {report}" if report is not None else f"study {study}"
            yield Mismatch(what, "Findings of two pieces of work are current. Have it tried again.")


def _exports(receiving: Receiving) -> Iterator[Mismatch]:
    data = receiving.settings.data
    with reading(receiving.engine) as session:
        runs = session.exec(select(CohortRun).where(CohortRun.state == RunState.DONE).order_by(col(CohortRun.id))).all()
    for run in runs:
        manifest = data / run.folder / MANIFEST  # whoever moved the folder away knows that
        if manifest.exists() and hashlib.sha256(manifest.read_bytes()).hexdigest() != run.manifest_sha256:
            yield Mismatch(
                f"export {run.folder}", "Its manifest is not the one that was written. Run the cohort again."
            )


def _ledger(receiving: Receiving) -> Iterator[Mismatch]:
    with reading(receiving.engine) as session:
        ledger = account(session)
    for name in ledger.unaccounted:
        what, sentence = name.split(": ", 1)
        yield Mismatch(what, f"{sentence[:1].upper()}{sentence[1:]}. Restore a backup, or have it sent again.")
