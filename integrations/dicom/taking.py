"""Taking one object in, however it came: the way from a data set on disk to the intake's answer."""

import errno
import traceback
from dataclasses import dataclass

from pydicom.dataset import Dataset

from integrations.dicom.answers import EventLog, status_answer
from integrations.dicom.arrivals import Arrival, Intake, ReceivedObject, RefusedObject, StoreOutcome
from integrations.dicom.errors import ContradictsCommand, OutOfResources, Refusal, UnusableIdentifier
from integrations.dicom.header import InstanceHeader, read_header
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import FileMeta

_NOT_WRITTEN = "The object could not be stored; see the receiver's log"
_FULL = "The disk of the receiver is full"
_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class WayIn:
    """Where objects come in: the intake that they go to, the site's character set, and the log."""

    intake: Intake
    charset: str
    log: EventLog


def answer_store(door: WayIn, data_set: IncomingDataSet, meta: FileMeta, address: str) -> tuple[str, Dataset | int]:
    """Take an object in, and give what became of it and the answer to its C-STORE.

    What became of it is a `StoreOutcome`, or the status of a refusal, as in `A700`.

    Args:
        door: where it goes.
        data_set: its bytes, all of which have come.
        meta: what its command and its presentation context say.
        address: the peer's IP address.
    """
    try:
        outcome = _take(door, data_set, meta, address)
    except Refusal as refusal:
        status = f"{refusal.status:04X}"
        door.log.warning(
            "object refused",
            status=status,
            reason=refusal.comment,
            calling=ascii(meta.source_ae),
            address=address,
        )
        return status, status_answer(refusal.status, refusal.comment)
    finally:
        data_set.discard()
    return outcome.value, 0x0000  # the bare status is what the receiver writes fastest


def _take(door: WayIn, data_set: IncomingDataSet, meta: FileMeta, address: str) -> StoreOutcome:
    """Hand an object to the intake; whatever goes wrong comes out as a refusal."""
    try:
        data_set.finish()
        arrival = _arrival(data_set, meta, address)
        try:
            header = read_header(arrival.path, arrival.transfer_syntax_uid, door.charset)
            _match_command(header, arrival)
            return door.intake.persist(ReceivedObject(**vars(arrival), header=header))
        except (UnusableIdentifier, ContradictsCommand) as refusal:
            _keep(door, RefusedObject(**vars(arrival), refusal=refusal))
            raise
    except Refusal:
        raise
    except Exception as error:  # the edge of an association: the peer gets its answer, the association goes on
        door.log.warning("object not stored", error=type(error).__name__, at=places(error))
        is_full = isinstance(error, OSError) and error.errno in _FULL_ERRORS
        raise OutOfResources(_FULL if is_full else _NOT_WRITTEN) from error


def _keep(door: WayIn, refused: RefusedObject) -> None:
    try:
        door.intake.keep_refused(refused)
    except Exception as error:  # noqa: BLE001  the answer is the refusal, whatever happens to our copy
        door.log.warning("refused object not kept", error=type(error).__name__, at=places(error))


def _arrival(data_set: IncomingDataSet, meta: FileMeta, address: str) -> Arrival:
    return Arrival(
        path=data_set.path,
        sha256=data_set.sha256,
        size_bytes=data_set.size_bytes,
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        calling_ae=meta.source_ae,
        address=address,
    )


def _match_command(header: InstanceHeader, arrival: Arrival) -> None:
    if header.sop_class_uid != arrival.sop_class_uid:
        raise ContradictsCommand("SOP Class UID (0008,0016) differs from the command's")
    if header.sop_instance_uid != arrival.sop_instance_uid:
        raise ContradictsCommand("SOP Instance UID (0008,0018) differs from the command's")


def places(error: Exception) -> list[str]:
    """Where an exception came from, innermost last; its text stays out, since it may quote a patient's data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return [f"{frame.name}:{frame.lineno}" for frame in frames]
