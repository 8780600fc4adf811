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
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE, evt
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from config.settings import DicomSettings
from integrations.dicom.arrivals import Intake
from integrations.dicom.association import (
    MAX_PDU_BYTES,
    ReceivingServer,
    prepare_pynetdicom,
    reject_unreadable_titles,
    requested_titles,
    store_request,
)
from integrations.dicom.errors import ReceiverNotStarted
from integrations.dicom.part10 import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    FileMeta,
)
from integrations.dicom.taking import Door, EventLog, answer_store, places

_REJECTIONS: dict[tuple[int | None, int | None], str] = {
    (1, 3): "calling AE title not recognized",
    (1, 7): "called AE title not recognized",
    (3, 2): "too many associations",
}  # source, diagnostic: PS3.8, table 9-21


@dataclass(frozen=True)
class FurtherService:
    """A service besides storage, in either role: its SOP class, and pynetdicom's handlers of its requests."""

    sop_class: UID
    transfer_syntaxes: tuple[UID, ...]
    handlers: tuple[tuple[Any, Any], ...]


class Receiver:
    """A running Storage SCP, made by `start_receiver`; `port` is the one it listens on."""

    def __init__(
        self,
        settings: DicomSettings,
        intake: Intake,
        log: EventLog,
        network_timeout_seconds: float,
        services: Sequence[FurtherService] = (),
    ) -> None:
        self._settings = settings
        self._intake = intake
        self._log = log
        self._door = Door(intake, settings.charset, log)
        self._services = services
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
        for service in self._services:
            ae.add_supported_context(service.sop_class, list(service.transfer_syntaxes), scu_role=True, scp_role=True)
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
                    *(handler for service in self._services for handler in service.handlers),
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
        request, data_set = store_request(event)
        meta = FileMeta(
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=str(request.AffectedSOPInstanceUID),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            source_ae=event.assoc.requestor.ae_title.strip(),
        )
        outcome, answer = answer_store(self._door, data_set, meta, _address(event))
        self._count(outcome)
        return answer

    def _note_fault(self, error: Exception) -> None:
        self._log.warning("association ended by a fault", error=type(error).__name__, at=places(error))

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
    settings: DicomSettings,
    intake: Intake,
    log: EventLog,
    *,
    network_timeout_seconds: float = 60,
    services: Sequence[FurtherService] = (),
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
        services: what is offered besides storage.

    Raises:
        ReceiverNotStarted: the address or port cannot be listened on.
    """
    prepare_pynetdicom()
    return Receiver(settings, intake, log, network_timeout_seconds, services)


def _address(event: Event) -> str:
    return str(event.assoc.requestor.address)
