"""What is looked at before going live, changing nothing: each with `ok` or what to do."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import func
from sqlmodel import select

from config.conditions import load_conditions, questions
from config.errors import SpinelabelError
from config.settings import LOOPBACK, Settings
from integrations.dicom.calling import Refused
from integrations.dicom.sender import Delivered, verify
from pipeline.images.detectors.external import load_external_detector
from pipeline.images.model_files import check_image_models
from pipeline.reports.adapter_folder import check_adapter_folder
from pipeline.reports.engines.chat_server import read_key, trusted
from pipeline.reports.model_folder import check_model_folder, converted_folder, packaged_weights
from pipeline.reports.site_calibration import check_site_calibration
from service.asked_peers import queried_peers
from service.cohort_files import read_cohorts
from service.endpoints import endpoint
from service.errors import UnusableStore
from service.health import Check, check_disk
from service.secret_files import check_secrets
from service.store.columns import utc_now
from service.store.database import DATABASE, look_at_database, reading
from service.store.rights import is_private
from service.store.tables import Instance, Message
from service.store.upgrade import schema_standing
from service.unexpected import unexpected

CLOCK_SLACK = timedelta(minutes=5)


@dataclass(frozen=True)
class _Listener:
    role: str
    host: str
    port: int


def check_installation(settings: Settings) -> Iterator[Check]:
    """Look at everything that needs no model: folder, disk, database, ports, files, destinations, clock."""
    yield look("data folder", lambda: _data_folder(settings.data))
    yield look("rights", lambda: _rights(settings))
    yield look("disk", lambda: _disk(settings))
    yield look("database", lambda: _database(settings.data))
    for listener in (
        _Listener("receive", settings.dicom.host, settings.dicom.port),
        _Listener("web", settings.web.host, settings.web.port),
    ):
        yield look(f"port of {listener.role}", lambda listener=listener: _port(settings.data, listener))  # type: ignore[misc]
    yield look("port of listen", lambda: _listen_port(settings))
    yield look("conditions", lambda: f"{len(load_conditions(settings.conditions))} conditions")
    yield look("cohorts", lambda: _cohorts(settings.exports.cohorts))
    yield look("language model", lambda: _language_model(settings))
    if (calibration := settings.reports.calibration) is not None:
        yield look("calibration", lambda: _calibration(settings, calibration))
    yield look("image models", lambda: _image_models(settings))
    if settings.images.detector.kind != "embedded":
        yield look("detector", lambda: load_external_detector(settings.images.detector, settings.data).name)
    for destination in settings.destinations:
        yield look(f"destination {destination.peer}", lambda name=destination.peer: _echo(settings, name))  # type: ignore[misc]
    sent_to = {destination.peer for destination in settings.destinations}
    for peer in [peer.name for peer in queried_peers(settings) if peer.name not in sent_to]:
        yield look(f"archive {peer}", lambda name=peer: _echo(settings, name))  # type: ignore[misc]
    if not settings.destinations:
        yield Check("destinations", is_well=False, reason="None is set, so no structured report is sent to anybody.")
    yield look("clock", lambda: _clock(settings))


class NotWellError(Exception):
    """What is wrong, and what to do."""


def look(name: str, at: Callable[[], str]) -> Check:
    """Run one look, which gives what is well and raises what is not; no fault of one costs the others."""
    try:
        return Check(name, is_well=True, reason=at())
    except (NotWellError, SpinelabelError) as error:
        return Check(name, is_well=False, reason=str(error))
    except OSError as error:
        return Check(name, is_well=False, reason=f"{error.filename or name}: {error.strerror}.")
    except Exception as error:  # noqa: BLE001  # its text could hold anything
        return Check(name, is_well=False, reason=f"It could not be looked at ({unexpected(error)}).")


def _data_folder(data: Path) -> str:
    there = next(folder for folder in (data, *data.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise NotWellError(f"{there} is a file. Name a folder in `data`.")
    _check_writable(there)
    if there != data:
        return f"{data} is made at the first start"
    for path in (data, *sorted(data.iterdir())):
        with suppress(FileNotFoundError):  # a running daemon makes and removes files beside its databases
            if path.stat().st_uid != os.geteuid():
                raise NotWellError(f"{path} belongs to another user. Run this, and the service, as its owner.")
            _check_writable(path)
    return f"{data}, with its exports in {data / 'exports'}"


def _rights(settings: Settings) -> str:
    data = settings.data
    if data.exists() and not is_private(data):
        raise NotWellError(
            f"{data} can be entered by others than its owner. Nobody else needs to: run `chmod -R go-rwx {data}`."
        )
    return f"{data} is its owner's alone; {check_secrets(settings)}"


def _check_writable(path: Path) -> None:
    if not os.access(path, os.W_OK) or os.statvfs(path).f_flag & os.ST_RDONLY:
        raise NotWellError(f"{path} cannot be written. Give it to the service's user, on a disk mounted for writing.")


def _disk(settings: Settings) -> str:
    found = check_disk(settings)
    if not found.is_well:
        raise NotWellError(found.reason)
    return f"it has the {settings.storage.keep_free_gb:g} GB free that storage.keep_free_gb asks for"


def _database(data: Path) -> str:
    standing = schema_standing(data)
    if standing == "newer":
        raise NotWellError("It was written by a newer release. Install that release, or restore a backup.")
    return {
        "absent": "it is made at the first start",
        "older": "its schema is brought forward at the next start",
        "present": "its schema is this release's",
    }[standing]


def _listen_port(settings: Settings) -> str:
    hl7 = settings.hl7
    found = _port(settings.data, _Listener("listen", hl7.host, hl7.port))
    if hl7.host not in LOOPBACK and not hl7.hosts and (hl7.tls is None or hl7.tls.authorities is None):
        raise NotWellError(
            "Anybody on the network may send reports. Name the senders in hl7.hosts or hl7.tls.authorities."
        )
    return found


def _port(data: Path, listener: _Listener) -> str:
    if listener.port and endpoint(data, listener.role) == listener.port:
        return f"{listener.port}, held by our own {listener.role} role"
    family = socket.AF_INET6 if ":" in listener.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listener.host, listener.port))
        except OSError as error:
            raise NotWellError(
                f"{listener.host}:{listener.port}: {os.strerror(error.errno or 0)}. Free it, or set another."
            ) from error
    return f"{listener.port or 'a free one'}"


def _cohorts(folder: Path) -> str:
    cohorts, faults = read_cohorts(folder)
    if faults:
        raise NotWellError(" ".join(str(fault) for fault in faults))
    return f"{len(cohorts)} in {folder}"


def _language_model(settings: Settings) -> str:
    if settings.reports.adapter is not None:
        check_adapter_folder(settings.reports.adapter)
    if server := settings.reports.server:
        if server.api_key_file:
            read_key(server.api_key_file)
        trusted(server.authorities)
        address = urlsplit(server.url)
        if address.scheme == "http" and address.hostname not in LOOPBACK:
            raise NotWellError(f"{server.url} is asked without TLS, so that others can read the reports. Use https.")
        return f"{server.model} at {server.url}, which --deep asks"
    if settings.reports.model != "embedded":
        check_model_folder(Path(settings.reports.model))
        return f"{settings.reports.model} has its files"
    weights, converted = packaged_weights(), converted_folder(settings.data)
    if not os.access(weights, os.R_OK):
        raise NotWellError(f"{weights} cannot be read. Make it readable for the service's user.")
    if not converted.exists():
        return "embedded; it is converted at the first start, which takes about 20 s"
    check_model_folder(converted)
    return "embedded"


def _calibration(settings: Settings, path: Path) -> str:
    found = check_site_calibration(path, settings.reports, settings.data)
    asked = [
        found.entry(found.answered_by, condition.name, level, condition.definition_version) is not None
        for condition, level in questions(load_conditions(settings.conditions))
    ]
    return f"{found.name}, {found.standing}: thresholds for {sum(asked)} of {len(asked)} questions"


def _image_models(settings: Settings) -> str:
    images = settings.images
    check_image_models(images, settings.data)
    encoder = images.encoder.name if images.encoder else "embedded"
    return f"detector: {images.detector.kind}; encoder: {encoder}; classifiers: {images.classifiers}"


def _echo(settings: Settings, name: str) -> str:
    answer = verify(settings.peer(name), settings.dicom.ae_title)
    if isinstance(answer, Delivered):
        return "it answers C-ECHO"
    said = answer.comment if isinstance(answer, Refused) else answer.reason
    raise NotWellError(f"{said}. Check its AE title, host and port, and that it knows ours.")


def _clock(settings: Settings) -> str:
    if not available_timezones():
        raise NotWellError("The system has no time zone database. Install its package, which is called tzdata.")
    now = utc_now()
    latest = _newest_received(settings.data)
    if latest is not None and latest > now + CLOCK_SLACK:
        raise NotWellError("It stands before the newest object or message received. Set it by NTP.")
    zone = settings.hl7.time_zone
    return f"{now:%Y-%m-%d %H:%M} UTC, {now.astimezone(ZoneInfo(zone)):%H:%M} in {zone}"


def _newest_received(data: Path) -> datetime | None:
    """Give when the newest object or message came; None where a database of this release holds none."""
    try:
        if schema_standing(data) != "present":
            return None
    except UnusableStore:  # said by the look at the database
        return None
    with reading(look_at_database(data / DATABASE)) as session:
        newest = [session.exec(select(func.max(row.received))).one() for row in (Instance, Message)]
    return max((at for at in newest if at is not None), default=None)
