"""Where studies arrive: Verification and Storage SCP (PS3.4, Annexes A and B).

What an object is answered:

| what happened | status | bytes kept by |
|---|---|---|
| `persist` gave an outcome (stored, known already, conflict) | 0000H | `persist` |
| a needed UID is missing, is none or, as `persist` may raise, contradicts the store | C000H | `keep_refused` |
| SOP class or instance differs from the command's | A900H | `keep_refused` |
| `persist` raised `OutOfResources`, or anything else failed | A700H | the sender, who may try again |

The association goes on after each of them. 0000H is given only after `persist` has come back.
"""

import errno
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import DicomSettings, Peer
from integrations.dicom.addresses import KnownAddresses
from integrations.dicom.admission import UNDECIDED, takes_class
from integrations.dicom.arrivals import (
    Arrival,
    Intake,
    ReceivedObject,
    RefusedObject,
    StoreOutcome,
)
from integrations.dicom.association import (
    ReceivingServer,
    Surroundings,
    prepare_pynetdicom,
    reject,
    requested_association,
    store_request,
)
from integrations.dicom.door import Door, rules_of
from integrations.dicom.errors import (
    ContradictsCommand,
    OutOfResources,
    ReceiverNotStarted,
    Refusal,
    UnusableIdentifier,
)
from integrations.dicom.header import InstanceHeader, read_header
from integrations.dicom.incoming import IncomingDataSet
from integrations.dicom.part10 import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from integrations.tls import handshake_fault, server_context

_NOT_WRITTEN = "The object could not be stored; see the receiver's log"
_FULL = "The disk of the receiver is full"
_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})


class EventLog(Protocol):
    """What is used of a structlog logger."""

    def warning(self, event: str, **fields: object) -> object:
        """Note something that a person may want to act on."""


class Receiver:
    """A running Storage SCP, made by `start_receiver`; `port` is the one it listens on."""

    def __init__(self, settings: DicomSettings, senders: Sequence[Peer], intake: Intake, log: EventLog) -> None:
        self._settings = settings
        self._door = Door(rules_of(settings, senders), KnownAddresses())
        self._intake = intake
        self._log = log
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = self._listen()
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="dicom-receiver", daemon=True
        )
        self._thread.start()

    def is_alive(self) -> bool:
        """Tell whether associations are still taken."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop listening and abort what is under way; senders keep what was not acknowledged."""
        self._server.shutdown()

    def counts(self) -> dict[str, int]:
        """Give how many objects had each outcome since the start; refusals count by their status, as in `A700`."""
        with self._lock:
            return dict(self._counts)

    def _listen(self) -> ReceivingServer:
        ae = AE(self._settings.ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.add_supported_context(Verification)
        ae.maximum_pdu_size = self._settings.max_pdu_bytes
        ae.maximum_associations = sys.maxsize  # `_decide` counts
        ae.network_timeout = self._settings.network_timeout_seconds
        tls = server_context(self._settings.tls) if self._settings.tls else None
        surroundings = Surroundings(
            incoming=self._intake.incoming,
            takes_class=partial(takes_class, unknown_classes=self._settings.unknown_classes),
            tls=tls,
            note_fault=self._note_fault,
            note_handshake=self._note_handshake,
        )
        host, port = self._settings.host, self._settings.port
        try:
            server = ae.make_server(
                (host, port),
                evt_handlers=[
                    (evt.EVT_REQUESTED, self._decide),
                    (evt.EVT_C_STORE, self._answer),
                ],
                server_class=ReceivingServer,
                surroundings=surroundings,
            )
        except OSError as error:
            raise ReceiverNotStarted(
                f"Cannot listen on {host}:{port}: {error.strerror}. Free it, or change dicom.host and dicom.port."
            ) from error
        return cast(ReceivingServer, server)

    def _answer(self, event: Event) -> Dataset:
        _, data_set = store_request(event)
        try:
            outcome = self._take(data_set, event)
        except Refusal as refusal:
            status = f"{refusal.status:04X}"
            self._count(status)
            self._log.warning(
                "object refused",
                status=status,
                reason=refusal.comment,
                calling=ascii(event.assoc.requestor.ae_title),
                address=_address(event),
            )
            return _status(refusal.status, refusal.comment)
        finally:
            data_set.discard()
        self._count(outcome.value)
        return _status(0x0000)

    def _take(self, data_set: IncomingDataSet, event: Event) -> StoreOutcome:
        """Hand an object to the intake; whatever goes wrong comes out as a refusal."""
        try:
            data_set.finish()
            arrival = _arrival(data_set, event)
            try:
                header = read_header(arrival.path, arrival.transfer_syntax_uid, self._settings.charset)
                _match_command(header, arrival)
                return self._intake.persist(ReceivedObject(**vars(arrival), header=header))
            except (UnusableIdentifier, ContradictsCommand) as refusal:
                self._keep(RefusedObject(**vars(arrival), refusal=refusal))
                raise
        except Refusal:
            raise
        except Exception as error:  # the edge of an association: the peer gets its answer, the association goes on
            self._log.warning("object not stored", error=type(error).__name__, at=_places(error))
            is_full = isinstance(error, OSError) and error.errno in _FULL_ERRORS
            raise OutOfResources(_FULL if is_full else _NOT_WRITTEN) from error

    def _keep(self, refused: RefusedObject) -> None:
        try:
            self._intake.keep_refused(refused)
        except Exception as error:  # noqa: BLE001  the answer is the refusal, whatever happens to our copy
            self._log.warning("refused object not kept", error=type(error).__name__, at=_places(error))

    def _note_fault(self, error: Exception) -> None:
        self._log.warning("association ended by a fault", error=type(error).__name__, at=_places(error))

    def _count(self, outcome: str) -> None:
        with self._lock:
            self._counts[outcome] += 1

    def _decide(self, event: Event) -> None:
        """Let an association in or reject it; pynetdicom would let in whatever raises here."""
        asked = requested_association(event)
        try:
            rejection = self._door.decide(asked, event.assoc)
        except Exception as error:  # noqa: BLE001
            self._note_fault(error)
            rejection = UNDECIDED
        if rejection is None:
            return
        self._log.warning(
            "association rejected",
            reason=rejection.sentence,
            called=ascii(asked.called.decode("latin_1")),
            calling=ascii(asked.calling.decode("latin_1")),
            address=_address(event),
        )
        reject(event, rejection)

    def _note_handshake(self, error: OSError, address: str) -> None:
        self._log.warning("connection refused", reason=handshake_fault(error), address=address)


def start_receiver(settings: DicomSettings, intake: Intake, log: EventLog, senders: Sequence[Peer] = ()) -> Receiver:
    """Listen for associations, in threads of this process.

    Who is let in is decided by `admission`. Every storage SOP class is taken, unknown and private ones too unless the
    settings leave them out, in every transfer syntax. pynetdicom's own log is switched off for the whole process, since
    it may quote what passes. Clear the folder with `clear_incoming` first.

    Args:
        settings: port 0 takes a free port.
        intake: where objects go.
        log: gets refusals and rejections, without a patient's data.
        senders: peers that may send, each from its own address.

    Raises:
        ReceiverNotStarted: the address or port cannot be listened on.
        UnusableCertificate: a file of the TLS settings cannot be used.
    """
    prepare_pynetdicom()
    return Receiver(settings, senders, intake, log)


def _arrival(data_set: IncomingDataSet, event: Event) -> Arrival:
    request, _ = store_request(event)
    return Arrival(
        path=data_set.path,
        sha256=data_set.sha256,
        size_bytes=data_set.size_bytes,
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        calling_ae=event.assoc.requestor.ae_title.strip(),
        address=_address(event),
    )


def _match_command(header: InstanceHeader, arrival: Arrival) -> None:
    if header.sop_class_uid != arrival.sop_class_uid:
        raise ContradictsCommand("SOP Class UID (0008,0016) differs from the command's")
    if header.sop_instance_uid != arrival.sop_instance_uid:
        raise ContradictsCommand("SOP Instance UID (0008,0018) differs from the command's")


def _status(status: int, comment: str | None = None) -> Dataset:
    answer = Dataset()
    answer.Status = status
    if comment is not None:
        answer.ErrorComment = comment
    return answer


def _address(event: Event) -> str:
    return str(event.assoc.requestor.address)


def _places(error: Exception) -> list[str]:
    """Where an exception came from, innermost last; its text stays out, since it may quote a patient's data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return [f"{frame.name}:{frame.lineno}" for frame in frames]
