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

import threading
import traceback
from collections import Counter
from typing import Protocol, cast

from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import DicomSettings
from integrations.dicom.arrivals import (
    Arrival,
    Intake,
    ReceivedObject,
    RefusedObject,
    StoreOutcome,
)
from integrations.dicom.association import (
    MAX_PDU_BYTES,
    ReceivingServer,
    prepare_pynetdicom,
    reject_unreadable_titles,
    requested_titles,
    store_request,
)
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

_NOT_WRITTEN = "The object could not be stored; see the receiver's log"
_REJECTIONS: dict[tuple[int | None, int | None], str] = {
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (3, 2): "too many associations",
}  # source, diagnostic: PS3.8, table 9-21


class EventLog(Protocol):
    """What is used of a structlog logger."""

    def warning(self, event: str, **fields: object) -> object:
        """Note something that a person may want to act on."""


class Receiver:
    """A running Storage SCP, made by `start_receiver`; `port` is the one it listens on."""

    def __init__(self, settings: DicomSettings, intake: Intake, log: EventLog, network_timeout_seconds: float) -> None:
        self._settings = settings
        self._intake = intake
        self._log = log
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server = self._listen(network_timeout_seconds)
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

    def _listen(self, network_timeout_seconds: float) -> ReceivingServer:
        ae = AE(self._settings.ae_title)
        ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
        ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
        ae.add_supported_context(Verification)
        ae.maximum_pdu_size = MAX_PDU_BYTES
        ae.maximum_associations = self._settings.max_associations
        ae.network_timeout = network_timeout_seconds
        ae.require_called_aet = True
        ae.require_calling_aet = list(self._settings.calling)
        host, port = self._settings.host, self._settings.port
        try:
            server = ae.make_server(
                (host, port),
                evt_handlers=[
                    (evt.EVT_REQUESTED, self._reject_unreadable_titles),
                    (evt.EVT_REJECTED, self._note_rejection),
                    (evt.EVT_C_STORE, self._answer),
                ],
                server_class=ReceivingServer,
                incoming=self._intake.incoming,
                note_fault=self._note_fault,
            )
        except OSError as error:
            raise ReceiverNotStarted(
                f"Cannot listen on {host}:{port}: {error.strerror}. Free it, or change dicom.host and dicom.port."
            ) from error
        return cast(ReceivingServer, server)

    def _answer(self, event: Event) -> Dataset | int:
        _, data_set = store_request(event)
        try:
            outcome = self._take(data_set, event)
        except Refusal as refusal:
            status = f"{refusal.status:04X}"
            self._count(status)
            self._log.warning("object refused", status=status, reason=refusal.comment, address=_address(event))
            return _status(refusal.status, refusal.comment)
        finally:
            data_set.discard()
        self._count(outcome.value)
        return 0x0000

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
            raise OutOfResources(_NOT_WRITTEN) from error

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

    def _reject_unreadable_titles(self, event: Event) -> None:
        if reject_unreadable_titles(event):
            self._note_rejection(event)

    def _note_rejection(self, event: Event) -> None:
        answer = cast(A_ASSOCIATE, event.assoc.acceptor.primitive)
        called, calling = requested_titles(event)
        self._log.warning(
            "association rejected",
            reason=_REJECTIONS.get((answer.result_source, answer.diagnostic), "other"),
            called=ascii(called.decode("latin_1")),
            calling=ascii(calling.decode("latin_1")),
            address=_address(event),
        )


def start_receiver(
    settings: DicomSettings, intake: Intake, log: EventLog, *, network_timeout_seconds: float = 60
) -> Receiver:
    """Listen for associations, in threads of this process.

    Only associations that call `settings.ae_title` are let in, and, if `settings.calling` lists any, only from those
    titles. Every storage SOP class is taken, unknown and private ones too, in every transfer syntax. pynetdicom's own
    log is switched off for the whole process, since it may quote what passes. Clear the folder with `clear_incoming`
    first.

    Args:
        settings: port 0 takes a free port.
        intake: where objects go.
        log: gets refusals and rejections, without a patient's data.
        network_timeout_seconds: how long a peer may be silent, within an object or between objects.

    Raises:
        ReceiverNotStarted: the address or port cannot be listened on.
    """
    prepare_pynetdicom()
    return Receiver(settings, intake, log, network_timeout_seconds)


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


def _status(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status = status
    answer.ErrorComment = comment
    return answer


def _address(event: Event) -> str:
    return str(event.assoc.requestor.address)


def _places(error: Exception) -> list[str]:
    """Where an exception came from, innermost last; its text stays out, since it may quote a patient's data."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return [f"{frame.name}:{frame.lineno}" for frame in frames]
