"""Whether the installation is ready to work: roles, database and disk, each with a sentence where it is not."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from config.settings import Settings
from service.heartbeat import is_silent
from service.roles import ROLES
from service.store.database import reading
from service.store.room import GIGABYTE, bytes_in_use
from service.store.states import RoleState
from service.store.tables import RoleRow

FULL_GB = 0.01
"""Less than this is full, whatever the settings keep free."""
ALMOST = 0.99
"""Share of its limit beyond which the store has no room for the next objects."""


@dataclass(frozen=True)
class Check:
    """One thing that has to be well; `reason` says what is not, or is empty."""

    name: str
    is_well: bool
    reason: str = ""


def readiness(engine: Engine, settings: Settings, now: datetime) -> list[Check]:
    """Check the database, the disk and each role."""
    try:
        with reading(engine) as session:
            rows = session.exec(select(RoleRow).order_by(col(RoleRow.beat))).all()
            used = bytes_in_use(session) / GIGABYTE
    except SQLAlchemyError as error:
        return [Check("database", is_well=False, reason=f"It does not answer ({type(error).__name__}).")]
    roles = [_check_role(role, [row for row in rows if row.role == role], now) for role in ROLES]
    return [Check("database", is_well=True), check_disk(settings), *_check_limit(settings, used), *roles]


def check_disk(settings: Settings) -> Check:
    """Check that the disk of the store has as much free as the settings keep free."""
    there = next(folder for folder in (settings.data, *settings.data.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free / 1e9
    keep = settings.storage.keep_free_gb
    if free >= max(keep, FULL_GB):
        return Check("disk", is_well=True)
    return Check(
        "disk",
        is_well=False,
        reason=f"{free:.1f} GB are free, fewer than storage.keep_free_gb ({keep:g}). Objects are refused; free some.",
    )


def _check_limit(settings: Settings, used: float) -> list[Check]:
    """Check that the store is not about to pass its limit, where it has one; `used` is in GB."""
    limit = settings.storage.limit_gb
    if limit is None:
        return []
    if used <= ALMOST * limit:
        return [Check("store", is_well=True)]
    reason = (
        f"It holds {used:.3g} GB, almost storage.limit_gb ({limit:g}). Objects are refused; raise it or remove some."
    )
    return [Check("store", is_well=False, reason=reason)]


def _check_role(role: str, rows: Sequence[RoleRow], now: datetime) -> Check:
    """Check a role, which is well where it is up on any machine."""
    if any(row.state == RoleState.UP and not is_silent(row, now) for row in rows):
        return Check(role, is_well=True)
    if not rows:
        return Check(role, is_well=False, reason="It has never been started. Run `spinelabel serve`.")
    newest = rows[-1]
    if is_silent(newest, now):
        seconds = abs(now - newest.beat).total_seconds()
        said = f"It has not answered for {seconds:.0f} s. Its log says why; its supervisor starts it again."
    elif newest.state == RoleState.STOPPED:
        said = "It was stopped. Run `spinelabel serve`."
    else:
        said = f"It is {newest.state}. {newest.reason}".strip()
    return Check(role, is_well=False, reason=said)
